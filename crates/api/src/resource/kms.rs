//! `/admin/organisation/kms`: the organisation's own KMS key. Not in the reference.

use std::collections::BTreeMap;

use http::Method;
use portcullis_control::{Caller, KmsDetail};
use portcullis_domain::{AuditAction, AuditResource, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    answer::Json,
    ask::Ask,
    body::NoBody,
    error::ApiError,
    query::{Kind, Param},
    route::{Route, admin},
};

const KMS: &str = "/v1/admin/organisation/kms";
const READ: &[Scope] = &[Scope::OrganisationSettingsRead];
const UPDATE: &[Scope] = &[Scope::OrganisationSettingsUpdate];

const PROVIDER: Param = Param::new(
    "provider",
    Kind::Text,
    "The KMS. What it is told when a key is connected may be given as further parameters, as far \
     as it is known and no secret.",
);

pub(crate) fn routes() -> Vec<Route> {
    let audited = |action| (action, AuditResource::Kms);
    vec![
        admin(
            Method::GET,
            KMS,
            READ,
            audited(AuditAction::Read),
            "Retrieve how the organisation's KMS key stands",
            retrieve,
        ),
        admin(
            Method::PUT,
            KMS,
            UPDATE,
            audited(AuditAction::Update),
            "Connect a KMS key of the organisation's own",
            connect,
        ),
        admin(
            Method::DELETE,
            KMS,
            UPDATE,
            audited(AuditAction::Delete),
            "Go back to the instance's KMS key",
            disconnect,
        ),
        admin(
            Method::GET,
            "/v1/admin/organisation/kms/guide",
            READ,
            audited(AuditAction::Read),
            "Retrieve what has to be granted before a KMS key can be connected",
            guide,
        )
        .query(&[PROVIDER]),
        admin(
            Method::POST,
            "/v1/admin/organisation/kms/verify",
            UPDATE,
            audited(AuditAction::Read),
            "Check that the KMS key does all that is needed of it now",
            verify,
        ),
        admin(
            Method::POST,
            "/v1/admin/organisation/kms/rotate",
            UPDATE,
            (AuditAction::Rotate, AuditResource::DataKey),
            "Give the organisation a new data key and seal anew what older ones have sealed",
            rotate,
        ),
    ]
}

/// A KMS key to connect.
#[derive(Deserialize, JsonSchema)]
struct KmsConnectBody {
    /// Which KMS, by its name in `providers`.
    provider: String,
    /// What that KMS is told: its parameters in `providers`, each a text.
    #[serde(flatten)]
    parameters: Map<String, Value>,
}

/// How the organisation's KMS key stands.
#[derive(Serialize, JsonSchema)]
struct KmsShown {
    object: &'static str,
    /// The KMS that wraps the organisation's data keys.
    provider: String,
    /// The key in it.
    key_id: String,
    /// `default` while the instance's key serves, `active` while the organisation's own does;
    /// `rewrapping` and `resealing` while data keys or values move; `unavailable` while the KMS
    /// cannot be reached, `unusable` when it refuses.
    status: &'static str,
    /// Why the data keys cannot be had now.
    error: Option<KmsErrorShown>,
    /// When the key was found to do all that is needed.
    verified_at: Option<String>,
    progress: Vec<KmsProgress>,
    data_keys: Vec<KmsDataKey>,
    /// As they were given when the key was connected, secrets left out.
    #[serde(flatten)]
    parameters: BTreeMap<String, String>,
    /// What can be connected. Only when it is asked how the key stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    providers: Option<Vec<KmsProviderShown>>,
    /// The new data key. Only when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    data_key_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct KmsErrorShown {
    code: Option<&'static str>,
    message: String,
}

/// How far work in the background is.
#[derive(Serialize, JsonSchema)]
struct KmsProgress {
    /// `rewrap` or `reseal`.
    kind: &'static str,
    total: u64,
    done: u64,
    failed: u64,
    error: Option<String>,
    started_at: String,
    updated_at: String,
}

#[derive(Serialize, JsonSchema)]
struct KmsDataKey {
    id: String,
    status: &'static str,
    kms: String,
    kms_key_id: String,
    /// How many values it has sealed.
    uses: u64,
    created_at: String,
}

/// A KMS that can be connected, as a form would ask for it.
#[derive(Serialize, JsonSchema)]
struct KmsProviderShown {
    name: &'static str,
    title: &'static str,
    help: &'static str,
    parameters: Vec<KmsParameter>,
}

#[derive(Serialize, JsonSchema)]
struct KmsParameter {
    name: &'static str,
    help: &'static str,
    example: &'static str,
    required: bool,
    secret: bool,
}

/// What has to be granted.
#[derive(Serialize, JsonSchema)]
struct KmsGuideShown {
    object: &'static str,
    provider: String,
    /// Whom it has to be granted to, as the KMS calls them.
    principal: Option<String>,
    documents: Vec<KmsDocument>,
}

#[derive(Serialize, JsonSchema)]
struct KmsDocument {
    title: String,
    text: String,
    /// The text, where it is JSON.
    json: Option<Value>,
}

#[derive(Serialize, JsonSchema)]
struct KmsVerification {
    object: &'static str,
    status: &'static str,
    key_id: String,
    /// Where the key was made, as the KMS calls it.
    origin: String,
    verified_at: String,
}

async fn retrieve(ask: Ask<Caller, NoBody>) -> Result<Json<KmsShown>, ApiError> {
    let kms = ask.control.kms(&ask.who);
    let mut answer = shown(&kms.retrieve().await?);
    let providers = kms.providers().iter().map(|provider| KmsProviderShown {
        name: provider.name,
        title: provider.title,
        help: provider.help,
        parameters: provider
            .parameters
            .iter()
            .map(|parameter| KmsParameter {
                name: parameter.name,
                help: parameter.help,
                example: parameter.example,
                required: parameter.required,
                secret: parameter.secret,
            })
            .collect(),
    });
    answer.providers = Some(providers.collect());
    Ok(Json(answer))
}

async fn connect(ask: Ask<Caller, KmsConnectBody>) -> Result<Json<KmsShown>, ApiError> {
    let KmsConnectBody { provider, parameters } = &ask.body;
    Ok(Json(shown(&ask.control.kms(&ask.who).connect(provider, parameters).await?)))
}

async fn disconnect(ask: Ask<Caller, NoBody>) -> Result<Json<KmsShown>, ApiError> {
    Ok(Json(shown(&ask.control.kms(&ask.who).disconnect().await?)))
}

async fn guide(ask: Ask<Caller, NoBody>) -> Result<Json<KmsGuideShown>, ApiError> {
    let Some(provider) = ask.query.text(PROVIDER.name) else {
        return Err(ApiError::Malformed("provider: name the KMS".to_owned()));
    };
    let given = ask.query.pairs().filter(|(name, _)| *name != PROVIDER.name);
    let given = given.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    let guide = ask.control.kms(&ask.who).guide(provider, &given).await?;
    let documents = guide.documents.into_iter().map(|document| KmsDocument {
        title: document.title,
        json: serde_json::from_str(&document.text).ok(),
        text: document.text,
    });
    Ok(Json(KmsGuideShown {
        object: "kms_guide",
        provider: provider.to_owned(),
        principal: guide.principal,
        documents: documents.collect(),
    }))
}

async fn verify(ask: Ask<Caller, NoBody>) -> Result<Json<KmsVerification>, ApiError> {
    let (described, at) = ask.control.kms(&ask.who).verify().await?;
    Ok(Json(KmsVerification {
        object: "kms_verification",
        status: "ok",
        key_id: described.key_id,
        origin: described.origin,
        verified_at: at.to_string(),
    }))
}

async fn rotate(ask: Ask<Caller, NoBody>) -> Result<Json<KmsShown>, ApiError> {
    let (id, detail) = ask.control.kms(&ask.who).rotate().await?;
    Ok(Json(KmsShown { data_key_id: Some(id.to_string()), ..shown(&detail) }))
}

fn shown(detail: &KmsDetail) -> KmsShown {
    let keys = &detail.keys;
    let status = match (&detail.failure, keys.work.first(), keys.connection) {
        (Some(error), _, _) if !error.is_transient() => "unusable",
        (Some(_), _, _) => "unavailable",
        (None, Some(work), _) if work.kind.name() == "rewrap" => "rewrapping",
        (None, Some(_), _) => "resealing",
        (None, None, Some(_)) => "active",
        (None, None, None) => "default",
    };
    let progress = keys.work.iter().map(|work| KmsProgress {
        kind: work.kind.name(),
        total: work.total,
        done: work.done,
        failed: work.failed,
        error: work.error.clone(),
        started_at: work.started_at.to_string(),
        updated_at: work.updated_at.to_string(),
    });
    let data_keys = keys.data_keys.iter().map(|key| KmsDataKey {
        id: key.id.to_string(),
        status: key.state.name(),
        kms: key.kms.clone(),
        kms_key_id: key.kms_key_id.clone(),
        uses: key.uses,
        created_at: key.created_at.to_string(),
    });
    KmsShown {
        object: "organisation_kms",
        provider: keys.kms.clone(),
        key_id: keys.kms_key_id.clone(),
        status,
        error: detail.failure.as_ref().map(|error| KmsErrorShown {
            code: error.kms_failure().map(|failure| failure.code()),
            message: error.to_string(),
        }),
        verified_at: keys.verified_at.map(|at| at.to_string()),
        progress: progress.collect(),
        data_keys: data_keys.collect(),
        parameters: detail.parameters.iter().cloned().collect(),
        providers: None,
        data_key_id: None,
    }
}
