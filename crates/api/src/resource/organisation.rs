//! `/admin/organisation`: the caller's organisation and its settings. The reference names them only
//! by their scopes.

use std::collections::BTreeMap;

use http::Method;
use portcullis_control::{Caller, OrganisationChange};
use portcullis_domain::{
    AuditAction, AuditResource, Feature, Organisation, RolePreset, RoleSettings, RoleSwitches,
    Scope,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::Json,
    ask::Ask,
    body::{NoBody, nullable},
    error::ApiError,
    resource::api_key::LevelBody,
    route::{Route, admin},
    schema,
};

pub(crate) fn routes() -> Vec<Route> {
    let audited = |action| (action, AuditResource::Organisation);
    let path = "/v1/admin/organisation";
    vec![
        admin(
            Method::GET,
            path,
            &[Scope::OrganisationSettingsRead],
            audited(AuditAction::Read),
            "Retrieve the organisation and its settings",
            retrieve,
        ),
        admin(
            Method::PUT,
            path,
            &[Scope::OrganisationSettingsUpdate],
            audited(AuditAction::Update),
            "Update the organisation and its settings",
            update,
        ),
    ]
}

/// What to change; what is left out stays.
#[derive(Deserialize, JsonSchema)]
struct OrganisationChangeBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: Option<String>,
    settings: Option<SettingsBody>,
}

#[derive(Deserialize, JsonSchema)]
struct SettingsBody {
    /// What the roles of workspaces may do; replaced as a whole.
    roles: Option<RolesBody>,
    /// Whether people may make API keys of their own.
    personal_api_keys: Option<bool>,
    /// Whether calls may name saved targets only: no config, credential, host or forwarded headers
    /// of the caller's.
    block_inline: Option<bool>,
    /// Who is written to about billing. Needs billing.manage.
    #[serde(default, deserialize_with = "nullable")]
    billing_contact: Option<Option<String>>,
}

/// What the roles of workspaces may do.
#[derive(Deserialize, Serialize, JsonSchema)]
struct RolesBody {
    /// Where members begin: `default`, or `strict`, in which they read only.
    #[serde(default)]
    preset: PresetBody,
    /// What is different for admins of workspaces.
    #[serde(default)]
    admin: SwitchesBody,
    /// What is different for managers of workspaces.
    #[serde(default)]
    manager: SwitchesBody,
    /// What is different for members of workspaces.
    #[serde(default)]
    member: SwitchesBody,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum PresetBody {
    #[default]
    Default,
    Strict,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
struct SwitchesBody {
    /// Features opened or closed up to a level: logs, log_metadata, analytics, prompts, configs,
    /// guardrails, virtual_keys, integrations, users, api_keys.
    #[serde(default)]
    #[schemars(schema_with = "schema::role_features")]
    features: BTreeMap<String, LevelBody>,
    /// Whether logs and analytics show only the calls of the person's own keys.
    #[serde(default)]
    own_data_only: bool,
}

/// The organisation.
#[derive(Serialize, JsonSchema)]
struct OrganisationShown {
    id: String,
    slug: String,
    name: String,
    default_workspace_id: String,
    settings: SettingsShown,
    created_at: String,
    last_updated_at: String,
    object: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct SettingsShown {
    roles: RolesBody,
    personal_api_keys: bool,
    block_inline: bool,
    billing_contact: Option<String>,
}

async fn retrieve(ask: Ask<Caller, NoBody>) -> Result<Json<OrganisationShown>, ApiError> {
    Ok(Json(shown(ask.control.organisation(&ask.who).retrieve().await?)))
}

async fn update(
    ask: Ask<Caller, OrganisationChangeBody>,
) -> Result<Json<OrganisationShown>, ApiError> {
    let body = ask.body;
    let mut change = OrganisationChange { name: body.name, ..OrganisationChange::default() };
    if let Some(settings) = body.settings {
        change.roles = settings.roles.map(roles).transpose()?;
        change.personal_api_keys = settings.personal_api_keys;
        change.block_inline = settings.block_inline;
        change.billing_contact = settings.billing_contact;
    }
    Ok(Json(shown(ask.control.organisation(&ask.who).update(change).await?)))
}

fn roles(body: RolesBody) -> Result<RoleSettings, ApiError> {
    Ok(RoleSettings {
        preset: match body.preset {
            PresetBody::Default => RolePreset::Default,
            PresetBody::Strict => RolePreset::Strict,
        },
        admin: switches(body.admin)?,
        manager: switches(body.manager)?,
        member: switches(body.member)?,
    })
}

fn switches(body: SwitchesBody) -> Result<RoleSwitches, ApiError> {
    let mut features = BTreeMap::new();
    for (name, level) in body.features {
        let feature = Feature::parse(&name).ok_or_else(|| {
            let known = Feature::OF_ROLES.map(Feature::name).join(", ");
            let message = "settings.roles: a feature is unknown; known are";
            ApiError::Malformed(format!("{message} {known}"))
        })?;
        features.insert(feature, level.into());
    }
    Ok(RoleSwitches { features, own_data_only: body.own_data_only })
}

fn shown(organisation: Organisation) -> OrganisationShown {
    let settings = organisation.settings;
    let RoleSettings { preset, admin, manager, member } = settings.roles;
    let show = |switches: RoleSwitches| {
        let features = switches.features.into_iter();
        SwitchesBody {
            features: features.map(|(f, level)| (f.name().to_owned(), level.into())).collect(),
            own_data_only: switches.own_data_only,
        }
    };
    OrganisationShown {
        id: organisation.id.to_string(),
        slug: organisation.slug.to_string(),
        name: organisation.name,
        default_workspace_id: organisation.default_workspace.to_string(),
        settings: SettingsShown {
            roles: RolesBody {
                preset: match preset {
                    RolePreset::Default => PresetBody::Default,
                    RolePreset::Strict => PresetBody::Strict,
                },
                admin: show(admin),
                manager: show(manager),
                member: show(member),
            },
            personal_api_keys: settings.personal_api_keys,
            block_inline: settings.block_inline,
            billing_contact: settings.billing_contact,
        },
        created_at: organisation.created_at.to_string(),
        last_updated_at: organisation.updated_at.to_string(),
        object: "organisation",
    }
}
