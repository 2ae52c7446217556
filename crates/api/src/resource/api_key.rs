//! `/api-keys`.

use std::collections::BTreeMap;

use http::Method;
use portcullis_control::{ApiKeyChange, Caller, ControlError, Grant, NewApiKey};
use portcullis_domain::{
    ActorKind, AddressRange, ApiKey, ApiKeyDefaults, ApiKeyId, ApiKeyKind, ApiKeyMadeBy,
    AuditAction, AuditResource, Level, Permissions, Scope, ScopeSet, Timestamp, UserId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    answer::{Done, Json, List, done, list},
    ask::Ask,
    body::{
        Metadata, MetadataBody, NoBody, Unenforced, instant, instant_schema, is_nothing, nothing,
        nullable,
    },
    error::ApiError,
    query::{CURRENT_PAGE, CURRENT_PAGE_CAMEL, PAGE_SIZE, PAGE_SIZE_CAMEL, Param, WORKSPACE_ID},
    resource::virtual_key::Status,
    route::{Route, admin},
    schema,
};

const LIST: &[Param] =
    &[WORKSPACE_ID, PAGE_SIZE, PAGE_SIZE_CAMEL, CURRENT_PAGE, CURRENT_PAGE_CAMEL];

// Which of the three counts depends on the key's type.
const LISTING: &[Scope] = &[
    Scope::OrganisationServiceApiKeysList,
    Scope::WorkspaceServiceApiKeysList,
    Scope::WorkspaceUserApiKeysList,
];
const READING: &[Scope] = &[
    Scope::OrganisationServiceApiKeysRead,
    Scope::WorkspaceServiceApiKeysRead,
    Scope::WorkspaceUserApiKeysRead,
];
const UPDATING: &[Scope] = &[
    Scope::OrganisationServiceApiKeysUpdate,
    Scope::WorkspaceServiceApiKeysUpdate,
    Scope::WorkspaceUserApiKeysUpdate,
];
const DELETING: &[Scope] = &[
    Scope::OrganisationServiceApiKeysDelete,
    Scope::WorkspaceServiceApiKeysDelete,
    Scope::WorkspaceUserApiKeysDelete,
];
const ROTATING: &[Scope] = &[
    Scope::OrganisationServiceApiKeysRotate,
    Scope::WorkspaceServiceApiKeysRotate,
    Scope::WorkspaceUserApiKeysRotate,
];

pub(crate) fn routes() -> Vec<Route> {
    use AuditAction::{Create, Delete, List, Read, Rotate, Update};
    let audited = |action| (action, AuditResource::ApiKey);
    let (all, one) = ("/v1/api-keys", "/v1/api-keys/{id}");
    let summary = "Create an API key";
    vec![
        admin(Method::GET, all, LISTING, audited(List), "List API keys", list_all).query(LIST),
        admin(
            Method::POST,
            "/v1/api-keys/organisation/service",
            &[Scope::OrganisationServiceApiKeysCreate],
            audited(Create),
            summary,
            |ask| create(ask, ApiKeyKind::OrganisationService),
        ),
        admin(
            Method::POST,
            "/v1/api-keys/workspace/service",
            &[Scope::WorkspaceServiceApiKeysCreate],
            audited(Create),
            summary,
            |ask| create(ask, ApiKeyKind::WorkspaceService),
        ),
        admin(
            Method::POST,
            "/v1/api-keys/workspace/user",
            &[Scope::WorkspaceUserApiKeysCreate],
            audited(Create),
            summary,
            |ask| create(ask, ApiKeyKind::WorkspaceUser),
        ),
        admin(Method::GET, one, READING, audited(Read), "Retrieve an API key", retrieve),
        admin(Method::PUT, one, UPDATING, audited(Update), "Update an API key", update),
        admin(Method::DELETE, one, DELETING, audited(Delete), "Delete an API key", delete),
        admin(
            Method::POST,
            "/v1/api-keys/{id}/rotate",
            ROTATING,
            audited(Rotate),
            "Give an API key a new secret",
            rotate,
        ),
    ]
}

/// A key to create. `type` and `sub-type` may come in the body too and are ignored there.
#[derive(Deserialize, JsonSchema)]
struct NewApiKeyBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: String,
    #[schemars(length(max = 2000))]
    description: Option<String>,
    /// The workspace, by id or slug.
    workspace_id: Option<String>,
    /// The environment of the workspace, by slug.
    environment: Option<String>,
    /// The person, for a user key.
    #[schemars(with = "Option<String>", extend("format" = "uuid"))]
    user_id: Option<UserId>,
    #[serde(flatten)]
    scopes: ScopeFields,
    defaults: Option<DefaultsBody>,
    /// Addresses and networks from which it may be used; from everywhere when empty.
    #[serde(default)]
    allowed_addresses: Vec<String>,
    #[serde(default, deserialize_with = "instant")]
    #[schemars(schema_with = "instant_schema")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(flatten)]
    unserved: Unserved,
    #[serde(flatten)]
    unenforced: Unenforced,
}

/// What to change of a key; what is left out stays.
#[derive(Deserialize, JsonSchema)]
struct ApiKeyChangeBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: Option<String>,
    #[schemars(length(max = 2000))]
    description: Option<String>,
    #[serde(flatten)]
    scopes: ScopeFields,
    defaults: Option<DefaultsBody>,
    allowed_addresses: Option<Vec<String>>,
    #[serde(default, deserialize_with = "instant")]
    #[schemars(schema_with = "instant_schema")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(flatten)]
    unserved: Unserved,
    #[serde(flatten)]
    unenforced: Unenforced,
}

/// What a key may do: one by one, or by features.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ScopeFields {
    /// Scopes, `completions.write` for one.
    #[schemars(schema_with = "schema::optional_scopes")]
    scopes: Option<Vec<String>>,
    /// Levels by feature, in place of scopes; a feature that is left out has its default.
    #[schemars(schema_with = "schema::permissions")]
    permissions: Option<BTreeMap<String, LevelBody>>,
}

/// How much of a feature is open.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LevelBody {
    Disabled,
    Read,
    Write,
    Delete,
}

/// What a key's calls get unless they say otherwise.
#[derive(Deserialize, JsonSchema)]
struct DefaultsBody {
    metadata: Option<MetadataBody>,
    /// The slug of a saved config.
    #[serde(default, deserialize_with = "nullable")]
    config_id: Option<Option<String>>,
    /// Slugs of guardrails that look at every request, besides the workspace's.
    #[schemars(length(max = 50), inner(regex(pattern = schema::SLUG)))]
    input_guardrails: Option<Vec<String>>,
    /// Slugs of guardrails that look at every answer, besides the workspace's.
    #[schemars(length(max = 50), inner(regex(pattern = schema::SLUG)))]
    output_guardrails: Option<Vec<String>>,
    allow_config_override: Option<bool>,
}

/// What the contract names and this version does not do.
#[derive(Deserialize, JsonSchema)]
struct Unserved {
    /// This version rotates keys on demand only.
    #[serde(default)]
    #[schemars(schema_with = "nothing")]
    rotation_policy: Value,
    /// Nobody is written to about budgets by this version.
    #[serde(default)]
    #[schemars(schema_with = "nothing")]
    alert_emails: Value,
}

#[derive(Deserialize, JsonSchema)]
struct RotateBody {
    /// How long the old secret stays valid: 0, or 30 minutes to 90 days.
    #[schemars(schema_with = "schema::overlap")]
    key_transition_period_ms: Option<i64>,
}

/// A key that was made, with its secret: the only time that it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ApiKeyMade {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) object: &'static str,
}

/// A rotated key with its new secret.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ApiKeyRotated {
    pub(crate) id: String,
    pub(crate) key: String,
    /// Until when the old secret works too.
    pub(crate) key_transition_expires_at: String,
    pub(crate) object: &'static str,
}

/// An API key. Its secret is not in it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ApiKeyShown {
    id: String,
    /// The masked key.
    key: String,
    name: String,
    description: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    organisation_id: String,
    workspace_id: Option<String>,
    environment_id: String,
    user_id: Option<String>,
    status: Status,
    created_at: String,
    last_updated_at: String,
    creation_mode: &'static str,
    rate_limits: Vec<Value>,
    usage_limits: Option<Value>,
    reset_usage: Option<f64>,
    scopes: Vec<&'static str>,
    /// What the scopes come to by feature.
    permissions: BTreeMap<&'static str, LevelBody>,
    defaults: DefaultsShown,
    allowed_addresses: Vec<String>,
    alert_emails: Vec<String>,
    expires_at: Option<String>,
    key_transition_expires_at: Option<String>,
    object: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct DefaultsShown {
    metadata: Metadata,
    config_id: Option<String>,
    input_guardrails: Vec<String>,
    output_guardrails: Vec<String>,
    allow_config_override: bool,
}

impl ScopeFields {
    /// `None` when nothing is said.
    pub(crate) fn parse(&self) -> Result<Option<Grant>, ApiError> {
        let scopes = self.scopes.as_ref().map(|scopes| {
            ScopeSet::parse(scopes.iter().map(String::as_str))
                .map_err(|error| ApiError::Malformed(format!("scopes: {error}")))
        });
        let permissions = self.permissions.as_ref().map(|levels| {
            let levels = levels.iter().map(|(name, level)| (name.as_str(), (*level).into()));
            Permissions::try_new(levels)
                .map_err(|error| ApiError::Malformed(format!("permissions: {error}")))
        });
        match (scopes.transpose()?, permissions.transpose()?) {
            // As a key is shown, it may also be written.
            (Some(scopes), Some(levels)) => {
                let says = |kind: ApiKeyKind| Permissions::of(&scopes, |s| kind.can_hold(s));
                if ApiKeyKind::ALL.into_iter().any(|kind| says(kind) == levels) {
                    Ok(Some(Grant::Scopes(scopes)))
                } else {
                    let message = "permissions: they say something else than scopes do; give one \
                                   of the two";
                    Err(ApiError::Malformed(message.to_owned()))
                }
            }
            (Some(scopes), None) => Ok(Some(Grant::Scopes(scopes))),
            (None, levels) => Ok(levels.map(Grant::Permissions)),
        }
    }
}

impl From<LevelBody> for Level {
    fn from(level: LevelBody) -> Self {
        match level {
            LevelBody::Disabled => Self::Disabled,
            LevelBody::Read => Self::Read,
            LevelBody::Write => Self::Write,
            LevelBody::Delete => Self::Delete,
        }
    }
}

impl From<Level> for LevelBody {
    fn from(level: Level) -> Self {
        match level {
            Level::Disabled => Self::Disabled,
            Level::Read => Self::Read,
            Level::Write => Self::Write,
            Level::Delete => Self::Delete,
        }
    }
}

impl DefaultsBody {
    fn parse(self) -> Result<ApiKeyDefaults, ApiError> {
        Ok(ApiKeyDefaults {
            metadata: self.metadata.map(MetadataBody::texts).transpose()?.unwrap_or_default(),
            config: self.config_id.flatten().filter(|config| !config.is_empty()),
            input_guardrails: self.input_guardrails.unwrap_or_default(),
            output_guardrails: self.output_guardrails.unwrap_or_default(),
            allow_config_override: self.allow_config_override.unwrap_or(true),
        })
    }
}

impl Unserved {
    fn refuse(&self) -> Result<(), ApiError> {
        if !is_nothing(&self.rotation_policy) {
            let message = "rotation_policy: this version rotates keys on demand only; leave it out";
            return Err(ApiError::Malformed(message.to_owned()));
        }
        if !is_nothing(&self.alert_emails) {
            let message = "alert_emails: this version writes to nobody about budgets; leave it out";
            return Err(ApiError::Malformed(message.to_owned()));
        }
        Ok(())
    }
}

async fn create(
    ask: Ask<Caller, NewApiKeyBody>,
    kind: ApiKeyKind,
) -> Result<Json<ApiKeyMade>, ApiError> {
    let body = ask.body;
    body.unenforced.refuse()?;
    body.unserved.refuse()?;
    let made_by = match ask.who.actor.kind() {
        ActorKind::User(..) => ApiKeyMadeBy::Person,
        _ => ApiKeyMadeBy::Api,
    };
    let new = NewApiKey {
        kind,
        name: body.name,
        description: body.description,
        workspace: body.workspace_id,
        environment: body.environment,
        user_id: body.user_id,
        grant: body.scopes.parse()?.unwrap_or_default(),
        defaults: body.defaults.map(DefaultsBody::parse).transpose()?.unwrap_or_default(),
        allowed_addresses: addresses(&body.allowed_addresses)?,
        made_by,
        expires_at: body.expires_at.flatten(),
    };
    let (key, token) = ask.control.api_keys(&ask.who).create(new).await?;
    let (id, key) = (key.id.to_string(), token.danger_expose().to_owned());
    Ok(Json(ApiKeyMade { id, key, object: "api-key" }))
}

async fn list_all(ask: Ask<Caller, NoBody>) -> Result<Json<List<ApiKeyShown>>, ApiError> {
    let (workspace, page) = (ask.query.text("workspace_id"), ask.query.page()?);
    let keys = ask.control.api_keys(&ask.who).list(workspace, page).await?;
    let now = ask.control.now();
    Ok(list(keys, |key| shown(key, now)))
}

async fn retrieve(ask: Ask<Caller, NoBody>) -> Result<Json<ApiKeyShown>, ApiError> {
    let key = ask.control.api_keys(&ask.who).retrieve(parse_id(ask.path("id"))?).await?;
    Ok(Json(shown(key, ask.control.now())))
}

async fn update(ask: Ask<Caller, ApiKeyChangeBody>) -> Result<Json<Done>, ApiError> {
    let id = parse_id(ask.path("id"))?;
    let body = ask.body;
    body.unenforced.refuse()?;
    body.unserved.refuse()?;
    let addresses = body.allowed_addresses.as_deref().map(addresses).transpose()?;
    let change = ApiKeyChange {
        name: body.name,
        description: body.description,
        grant: body.scopes.parse()?,
        defaults: body.defaults.map(DefaultsBody::parse).transpose()?,
        allowed_addresses: addresses,
        expires_at: body.expires_at,
    };
    ask.control.api_keys(&ask.who).update(id, change).await?;
    Ok(done())
}

async fn delete(ask: Ask<Caller, NoBody>) -> Result<Json<Done>, ApiError> {
    ask.control.api_keys(&ask.who).delete(parse_id(ask.path("id"))?).await?;
    Ok(done())
}

async fn rotate(ask: Ask<Caller, RotateBody>) -> Result<Json<ApiKeyRotated>, ApiError> {
    let id = parse_id(ask.path("id"))?;
    let keys = ask.control.api_keys(&ask.who);
    let rotated = keys.rotate(id, ask.body.key_transition_period_ms).await?;
    Ok(Json(ApiKeyRotated {
        id: id.to_string(),
        key: rotated.token.danger_expose().to_owned(),
        key_transition_expires_at: rotated.overlap_until.to_string(),
        object: "api-key",
    }))
}

/// An id that is none names nothing.
pub(crate) fn parse_id(text: &str) -> Result<ApiKeyId, ApiError> {
    ApiKeyId::parse(text).map_err(|_| ControlError::NotFound("API key").into())
}

fn addresses(texts: &[String]) -> Result<Vec<AddressRange>, ApiError> {
    let parsed = texts.iter().map(|text| AddressRange::parse(text)).collect::<Result<_, _>>();
    parsed.map_err(|error| ApiError::Malformed(format!("allowed_addresses: {error}")))
}

pub(crate) fn shown(key: ApiKey, now: Timestamp) -> ApiKeyShown {
    let permissions = Permissions::of(&key.scopes, |scope| key.kind.can_hold(scope));
    let transition = key.previous.as_ref().filter(|previous| now < previous.until);
    ApiKeyShown {
        id: key.id.to_string(),
        status: Status::of(key.is_expired(now)),
        permissions: permissions.iter().map(|(f, level)| (f.name(), level.into())).collect(),
        key_transition_expires_at: transition.map(|previous| previous.until.to_string()),
        workspace_id: key.kind.is_workspace_bound().then(|| key.workspace_id.to_string()),
        key: key.hint,
        name: key.name,
        description: key.description,
        kind: key.kind.name(),
        organisation_id: key.organisation_id.to_string(),
        environment_id: key.environment_id.to_string(),
        user_id: key.user_id.map(|id| id.to_string()),
        created_at: key.created_at.to_string(),
        last_updated_at: key.updated_at.to_string(),
        creation_mode: key.made_by.name(),
        rate_limits: Vec::new(),
        usage_limits: None,
        reset_usage: None,
        scopes: key.scopes.iter().map(Scope::name).collect(),
        defaults: DefaultsShown {
            metadata: key.defaults.metadata,
            config_id: key.defaults.config,
            input_guardrails: key.defaults.input_guardrails,
            output_guardrails: key.defaults.output_guardrails,
            allow_config_override: key.defaults.allow_config_override,
        },
        allowed_addresses: key.allowed_addresses.iter().map(ToString::to_string).collect(),
        alert_emails: Vec::new(),
        expires_at: key.expires_at.map(|at| at.to_string()),
        object: "api-key",
    }
}
