//! What `portcullis apply` reads. A field that is left out is left as it is; what is not named stays,
//! and `absent: true` takes something away.

use std::{collections::BTreeMap, path::PathBuf};

use portcullis_domain::{
    Feature, Level, OrganisationRole, RolePreset, RoleSettings, RoleSwitches, WorkspaceRole,
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The whole document.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The organisations, by slug.
    #[serde(default)]
    pub organisations: Vec<OrganisationDoc>,
}

/// An organisation as it is to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganisationDoc {
    /// Which one. One that is not there is made, with the first workspace as its default.
    pub slug: String,
    /// Its name.
    pub name: Option<String>,
    /// Its settings.
    #[serde(default)]
    pub settings: SettingsDoc,
    /// Whose signed tokens are taken for API keys.
    pub token_issuer: Option<IssuerDoc>,
    /// Its workspaces, by slug.
    #[serde(default)]
    pub workspaces: Vec<WorkspaceDoc>,
    /// Its people, by e-mail address. Whoever does not belong to it yet is invited.
    #[serde(default)]
    pub users: Vec<UserDoc>,
    /// Its integrations, by slug.
    #[serde(default)]
    pub integrations: Vec<IntegrationDoc>,
    /// Its own API keys, by name.
    #[serde(default)]
    pub api_keys: Vec<ApiKeyDoc>,
}

/// Settings of an organisation.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsDoc {
    /// What the roles of workspaces may do, as a whole.
    pub roles: Option<RolesDoc>,
    /// Whether people may make API keys of their own.
    pub personal_api_keys: Option<bool>,
    /// Whether calls may name saved targets only.
    pub block_inline: Option<bool>,
    /// Who is written to about billing; `null` is nobody.
    #[serde(default, deserialize_with = "given")]
    pub billing_contact: Option<Option<String>>,
}

/// What the roles of workspaces may do.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RolesDoc {
    preset: RolePreset,
    admin: SwitchesDoc,
    manager: SwitchesDoc,
    member: SwitchesDoc,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SwitchesDoc {
    features: BTreeMap<Feature, Level>,
    own_data_only: bool,
}

/// An issuer of tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerDoc {
    /// Where its keys are published.
    pub jwks_url: Option<String>,
    /// Its keys, as a JSON Web Key Set.
    pub jwks: Option<Value>,
    /// What `iss` must be; `null` is anything.
    #[serde(default, deserialize_with = "given")]
    pub issuer: Option<Option<String>>,
    /// What must be among `aud`; `null` is anything.
    #[serde(default, deserialize_with = "given")]
    pub audience: Option<Option<String>>,
    /// What its tokens can hold at most; nothing, for a new one of which nothing is said.
    pub scopes: Option<Vec<String>>,
    /// Take no tokens any more.
    #[serde(default)]
    pub absent: bool,
}

/// A workspace.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceDoc {
    /// Which one.
    pub slug: String,
    /// Its name; made from the slug for a new one.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What calls in it get.
    #[serde(default)]
    pub defaults: WorkspaceDefaultsDoc,
    /// Its environments, by slug.
    #[serde(default)]
    pub environments: Vec<EnvironmentDoc>,
    /// Its virtual keys, by slug.
    #[serde(default)]
    pub virtual_keys: Vec<VirtualKeyDoc>,
    /// Its API keys, by name.
    #[serde(default)]
    pub api_keys: Vec<ApiKeyDoc>,
    /// Delete it.
    #[serde(default)]
    pub absent: bool,
}

/// What calls in a workspace get.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceDefaultsDoc {
    /// Metadata.
    pub metadata: Option<BTreeMap<String, String>>,
    /// The saved config of its calls; `null` is none.
    #[serde(default, deserialize_with = "given")]
    pub config: Option<Option<String>>,
    /// Guardrails that look at every request.
    pub input_guardrails: Option<Vec<String>>,
    /// Guardrails that look at every answer.
    pub output_guardrails: Option<Vec<String>>,
    /// The saved config of people's own keys; `null` is none.
    #[serde(default, deserialize_with = "given")]
    pub user_api_key_config: Option<Option<String>>,
}

/// An environment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentDoc {
    /// Which one.
    pub slug: String,
    /// Its name.
    pub name: Option<String>,
    /// Whether keys belong to it when they name none.
    #[serde(default)]
    pub default: bool,
    /// Delete it.
    #[serde(default)]
    pub absent: bool,
}

/// A person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserDoc {
    /// Who.
    pub email: String,
    /// What they are in the organisation.
    pub role: Option<OrganisationRole>,
    /// What they are in its workspaces, by slug; all of them, when it is given.
    pub workspaces: Option<BTreeMap<String, WorkspaceRole>>,
    /// Take them out, or take their invite back.
    #[serde(default)]
    pub absent: bool,
}

/// An integration of the organisation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrationDoc {
    /// Which one.
    pub slug: String,
    /// Its name.
    pub name: Option<String>,
    /// The provider's name in the catalogue; it never changes.
    pub provider: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The provider's key.
    pub key: Option<SecretSource>,
    /// The provider's settings, as a whole. Where a secret belongs, `{env: …}` or `{file: …}` stands.
    pub settings: Option<Value>,
    /// The workspaces that may use it, by slug; all of them, when it is given.
    pub workspaces: Option<Vec<String>>,
    /// Delete it.
    #[serde(default)]
    pub absent: bool,
}

/// A virtual key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VirtualKeyDoc {
    /// Which one.
    pub slug: String,
    /// Its name.
    pub name: Option<String>,
    /// The provider's name in the catalogue; it never changes.
    pub provider: Option<String>,
    /// A note for people.
    pub note: Option<String>,
    /// The provider's key.
    pub key: Option<SecretSource>,
    /// The provider's settings, as a whole. Where a secret belongs, `{env: …}` or `{file: …}` stands.
    pub settings: Option<Value>,
    /// When it stops working (RFC 3339); `null` is never.
    #[serde(default, deserialize_with = "given")]
    pub expires_at: Option<Option<String>>,
    /// Delete it.
    #[serde(default)]
    pub absent: bool,
}

/// An API key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyDoc {
    /// Which one: names are not taken twice here.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The person it stands for, by e-mail address.
    pub user: Option<String>,
    /// The environment, by slug; it never changes.
    pub environment: Option<String>,
    /// What it may do, scope by scope.
    pub scopes: Option<Vec<String>>,
    /// What it may do, by levels of features.
    pub permissions: Option<BTreeMap<String, Level>>,
    /// Metadata that its calls get.
    pub metadata: Option<BTreeMap<String, String>>,
    /// The saved config that its calls get; `null` is none.
    #[serde(default, deserialize_with = "given")]
    pub config: Option<Option<String>>,
    /// Guardrails that look at every request, besides the workspace's.
    pub input_guardrails: Option<Vec<String>>,
    /// Guardrails that look at every answer, besides the workspace's.
    pub output_guardrails: Option<Vec<String>>,
    /// Whether its calls may name another config.
    pub allow_config_override: Option<bool>,
    /// From where it may be used; from everywhere when empty.
    pub allowed_addresses: Option<Vec<String>>,
    /// When it stops working (RFC 3339); `null` is never.
    #[serde(default, deserialize_with = "given")]
    pub expires_at: Option<Option<String>>,
    /// The file that a new key is written to, readable by its owner only; without it, it is printed.
    pub write_to: Option<PathBuf>,
    /// Delete it.
    #[serde(default)]
    pub absent: bool,
}

/// Where a secret is. It never stands in the document.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// In that variable of the environment.
    Env(String),
    /// In that file, whose last line break does not count.
    File(PathBuf),
}

impl From<RolesDoc> for RoleSettings {
    fn from(doc: RolesDoc) -> Self {
        let switches = |doc: SwitchesDoc| RoleSwitches {
            features: doc.features,
            own_data_only: doc.own_data_only,
        };
        Self {
            preset: doc.preset,
            admin: switches(doc.admin),
            manager: switches(doc.manager),
            member: switches(doc.member),
        }
    }
}

/// Tells `null` from nothing.
fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
