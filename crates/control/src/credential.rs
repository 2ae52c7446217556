//! Credentials on their way into the vault.

use portcullis_domain::{Fault, IntegrationId, OrganisationId, Sealed, SealedPlace, Secret, mask};
use portcullis_providers::{
    AzureSignIn,
    catalog::{self, Provider},
    credential::{Credential, Settings},
};
use serde_json::{Map, Value};

use crate::{ControlError, Parts, Result, masking};

/// What to change of a credential; `None` leaves a part as it is.
#[derive(Default)]
pub struct CredentialChange {
    /// The provider's key.
    pub key: Option<Secret<String>>,
    /// The provider's settings.
    pub settings: Option<Settings>,
    /// Whether settings that are not among them stay.
    pub keeps_others: bool,
}

/// The provider of that name.
pub(crate) fn provider(name: &str, field: &'static str) -> Result<&'static Provider> {
    catalog::find(name).ok_or_else(|| {
        let known: Vec<&str> = catalog::all().iter().map(|provider| provider.name).collect();
        ControlError::invalid(
            field,
            format!("is not a known provider; known are {}", known.join(", ")),
        )
    })
}

/// The names by which providers are known, the older spellings of clients included.
pub fn provider_names() -> Vec<&'static str> {
    let names = catalog::all().iter().map(|provider| provider.name);
    names.chain(catalog::OLDER_NAMES.iter().map(|(older, _)| *older)).collect()
}

/// The masked key, to recognise a credential by.
pub(crate) fn hint(credential: &Credential) -> String {
    credential.key.as_ref().map(|key| mask(key.danger_expose())).unwrap_or_default()
}

/// The keyed digest of the key, by which whoever has it can find where it is used.
pub(crate) fn fingerprint(parts: &Parts, credential: &Credential) -> String {
    let key = credential.key.as_ref();
    key.map(|key| parts.pepper.fingerprint(key.danger_expose())).unwrap_or_default()
}

/// What the audit trail is told of its settings; no secret.
pub(crate) fn told(parts: &Parts, credential: &Credential) -> Value {
    let key = credential.key.as_ref().map(|key| key.danger_expose().as_str());
    masking::told(&credential.settings, key, |text| parts.pepper.fingerprint(text))
}

/// Checks what would only fail at the first call otherwise.
pub(crate) fn check(provider: &Provider, credential: &Credential) -> Result<()> {
    masking::refuse_masks(credential)?;
    let takes_a_token = check_azure(provider, &credential.settings)?;
    if let Some(key) = &credential.key {
        let key = key.danger_expose();
        // A line break would end the header that carries it.
        if key.len() > 16_384 || key.chars().any(char::is_control) {
            let message = "must be at most 16384 characters without line breaks";
            return Err(ControlError::invalid("key", message));
        }
    } else if credential.settings.custom_host.is_none() && !takes_a_token {
        // A host of one's own may need no key; the provider's own does.
        return Err(ControlError::invalid("key", format!("{} needs a key", provider.title)));
    }
    Ok(())
}

/// Checks whether a provider can be called with settings, and where they lead.
pub(crate) fn check_settings(
    parts: &Parts,
    provider: &Provider,
    settings: &Settings,
) -> Result<()> {
    for (setting, host) in settings.hosts() {
        // Forms send blanks; only a custom host is used whatever it says.
        if host.is_empty() && setting != "custom_host" {
            continue;
        }
        let refused = |why: String| ControlError::invalid(setting, format!("is refused: {why}"));
        parts.fetch.check_base(host).map_err(refused)?;
    }
    let unfit = |fault: Fault| ControlError::invalid("configurations", fault.public.into_owned());
    settings.check(provider).map_err(unfit)
}

/// Checks how a credential signs in to Azure; whether it does so by a token.
fn check_azure(provider: &Provider, settings: &Settings) -> Result<bool> {
    if !provider.signs_in_to_azure() {
        return match settings.azure_auth_mode.as_deref() {
            None | Some("" | "default") => Ok(false),
            Some(_) => {
                let message = format!("{} has no such way to sign in", provider.title);
                Err(ControlError::invalid("azure_auth_mode", message))
            }
        };
    }
    match settings.azure_sign_in() {
        Ok(AzureSignIn::Key) => Ok(false),
        Ok(AzureSignIn::Token | AzureSignIn::Entra(_)) => Ok(true),
        Err(wrong) => Err(ControlError::invalid(wrong.setting, wrong.reason)),
    }
}

/// Settings that do not decide where a credential is sent.
const HARMLESS: [&str; 12] = [
    "openai_organization",
    "openai_project",
    "azure_deployment_config",
    "azure_deployment_id",
    "azure_api_version",
    "azure_ad_token",
    "azure_auth_mode",
    "azure_entra_tenant_id",
    "azure_entra_client_id",
    "azure_entra_client_secret",
    "azure_entra_scope",
    "custom_headers",
];

/// What stays of a credential while its settings change.
#[derive(Clone, Copy)]
pub(crate) enum Kept {
    /// The key.
    Key,
    /// Settings, secrets among them.
    Settings,
}

/// Whether settings hold what may be a secret.
pub(crate) fn holds_secret(settings: &Settings) -> bool {
    let value = serde_json::to_value(settings).unwrap_or_default();
    masking::open_secret(&value, |_| false).is_some()
}

/// Refuses to point what is kept of a credential elsewhere: whoever may change a setting would get
/// hold of it. Whoever gives the key anew knows the key already, but not the secrets among settings. A setting that is not known to be harmless counts
/// as one that decides on the host, as those of providers that come later may.
pub(crate) fn check_destination(old: &Settings, new: &Settings, kept: Kept) -> Result<()> {
    let members = |settings: &Settings| match serde_json::to_value(settings) {
        Ok(Value::Object(members)) => members,
        // Settings are an object always; anything else would differ from every one.
        _ => Map::new(),
    };
    let (old, new) = (members(old), members(new));
    let changed = old
        .keys()
        .chain(new.keys())
        .find(|name| !HARMLESS.contains(&name.as_str()) && old.get(*name) != new.get(*name));
    changed.map_or(Ok(()), |setting| {
        let (field, message) = match kept {
            Kept::Key => (
                "key",
                format!("give the key again: with another {setting} it could be sent elsewhere"),
            ),
            Kept::Settings => (
                "configurations",
                format!(
                    "give the settings as a whole: with another {setting}, secrets among those \
                     that are stored could be sent elsewhere"
                ),
            ),
        };
        Err(ControlError::invalid(field, message))
    })
}

/// Seals a credential for its row.
pub(crate) async fn seal(
    parts: &Parts,
    organisation: OrganisationId,
    integration: IntegrationId,
    credential: &Credential,
) -> Result<Sealed> {
    let ring = parts.vault.key_ring(Some(organisation)).await?;
    ring.seal(&place(organisation, integration), credential.to_json().danger_expose())
        .map_err(|error| ControlError::VaultUnavailable(error.to_string()))
}

/// Opens a credential, to change a part of it.
pub(crate) async fn open(
    parts: &Parts,
    organisation: OrganisationId,
    integration: IntegrationId,
    sealed: &Sealed,
) -> Result<Credential> {
    let opened = parts.vault.open(&place(organisation, integration), sealed).await?;
    Credential::parse(opened.danger_expose())
        .map_err(|error| ControlError::Internal(error.to_string()))
}

fn place(organisation: OrganisationId, integration: IntegrationId) -> SealedPlace {
    SealedPlace {
        organisation: Some(organisation),
        table: "integrations",
        row: integration.uuid(),
        field: "credential",
    }
}
