//! How a credential signs in to Azure (`azure_auth_mode` and what goes with it; admin reference,
//! `IntegrationConfigurations`). Whatever of it cannot be honoured is an error.

use std::fmt;

use portcullis_domain::Secret;

use crate::{
    catalog::{AdapterKind, Provider},
    credential::Settings,
};

/// What a token is for where no `azure_entra_scope` is named: Azure's AI services.
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";

/// How a credential signs in.
pub enum AzureSignIn<'a> {
    /// By the resource's key.
    Key,
    /// By an access token that was given.
    Token,
    /// By an access token that has yet to be got, as an application of Entra.
    Entra(EntraApp<'a>),
}

/// An application that signs in by itself (OAuth 2.0 client credentials, RFC 6749 §4.4). Each part
/// has been checked.
pub struct EntraApp<'a> {
    /// The directory: an id or a domain name, in lower case, fit to be a segment of a path.
    pub tenant: String,
    /// The application's id, in lower case.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: &'a Secret<String>,
    /// What the token is for.
    pub scope: &'a str,
}

/// A setting that stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongSetting {
    /// Its name.
    pub setting: &'static str,
    /// What is wrong with it, to be read behind its name. It repeats nothing of its value.
    pub reason: &'static str,
}

impl fmt::Display for WrongSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' {}", self.setting, self.reason)
    }
}

const fn wrong<T>(setting: &'static str, reason: &'static str) -> Result<T, WrongSetting> {
    Err(WrongSetting { setting, reason })
}

impl Provider {
    /// Whether it is Azure's, and takes Azure's ways to sign in.
    pub fn signs_in_to_azure(&self) -> bool {
        self.kind == AdapterKind::AzureOpenAi || self.name == "azure-ai"
    }
}

impl Settings {
    /// How to sign in with them to Azure. Costs nothing where there is nothing to it.
    pub fn azure_sign_in(&self) -> Result<AzureSignIn<'_>, WrongSetting> {
        if given(&self.azure_managed_client_id).is_some() {
            return wrong("azure_managed_client_id", MANAGED);
        }
        if self.extra.contains_key("azure_workload_client_id") {
            return wrong("azure_workload_client_id", MANAGED);
        }
        match self.azure_auth_mode.as_deref() {
            None | Some("" | "default") => match (self.entra_setting(), self.ad_token()) {
                (Some(setting), _) => {
                    wrong(setting, "is used with the 'azure_auth_mode' 'entra' only: name that")
                }
                (None, Some(_)) => Ok(AzureSignIn::Token),
                (None, None) => Ok(AzureSignIn::Key),
            },
            Some("entra") => match (self.ad_token(), self.entra_setting()) {
                (Some(_), None) => Ok(AzureSignIn::Token),
                (Some(_), Some(_)) => wrong(
                    "azure_ad_token",
                    "cannot be combined with the settings of an Entra application: the token says \
                     who signs in already",
                ),
                (None, _) => self.entra_app().map(AzureSignIn::Entra),
            },
            Some("managed" | "workload") => wrong("azure_auth_mode", MANAGED),
            Some(_) => wrong("azure_auth_mode", "must be 'default' or 'entra'"),
        }
    }

    /// The access token that was given. A blank one is none.
    pub(crate) fn ad_token(&self) -> Option<&Secret<String>> {
        let token = self.azure_ad_token.as_ref();
        token.filter(|token| !token.danger_expose().trim().is_empty())
    }

    /// The first setting of an Entra application that is there.
    fn entra_setting(&self) -> Option<&'static str> {
        let given = [
            ("azure_entra_tenant_id", given(&self.azure_entra_tenant_id).is_some()),
            ("azure_entra_client_id", given(&self.azure_entra_client_id).is_some()),
            ("azure_entra_client_secret", self.azure_entra_client_secret.is_some()),
            ("azure_entra_scope", given(&self.azure_entra_scope).is_some()),
        ];
        given.into_iter().find(|(_, is_there)| *is_there).map(|(name, _)| name)
    }

    fn entra_app(&self) -> Result<EntraApp<'_>, WrongSetting> {
        const MISSING: &str = "is missing: the 'azure_auth_mode' 'entra' needs the application's tenant, id and \
             secret, or an access token in 'azure_ad_token'";
        let tenant = match given(&self.azure_entra_tenant_id) {
            None => return wrong("azure_entra_tenant_id", MISSING),
            Some(tenant) if is_tenant(tenant) => tenant.to_ascii_lowercase(),
            Some(_) => {
                let reason = "must be the directory's id or one of its domain names";
                return wrong("azure_entra_tenant_id", reason);
            }
        };
        let client_id = match given(&self.azure_entra_client_id) {
            None => return wrong("azure_entra_client_id", MISSING),
            Some(id)
                if id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') =>
            {
                id.to_ascii_lowercase()
            }
            Some(_) => return wrong("azure_entra_client_id", "must be the application's id"),
        };
        let client_secret = match &self.azure_entra_client_secret {
            None => return wrong("azure_entra_client_secret", MISSING),
            Some(secret) => match secret.danger_expose() {
                text if text.is_empty() => return wrong("azure_entra_client_secret", MISSING),
                text if text.len() > 1024 || text.chars().any(char::is_control) => {
                    let reason = "must be at most 1024 characters without line breaks";
                    return wrong("azure_entra_client_secret", reason);
                }
                _ => secret,
            },
        };
        let scope = match given(&self.azure_entra_scope) {
            None => SCOPE,
            Some(scope) if is_scope(scope) => scope,
            Some(_) => {
                let reason = "must be a resource with '/.default' behind it, such as \
                              'https://cognitiveservices.azure.com/.default'";
                return wrong("azure_entra_scope", reason);
            }
        };
        Ok(EntraApp { tenant, client_id, client_secret, scope })
    }
}

/// A setting that says something.
fn given(setting: &Option<String>) -> Option<&str> {
    setting.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// The identities of the machine and of its workload are the operator's, whoever's call it is.
const MANAGED: &str = "asks for an identity of the machine that the gateway runs on, which is not \
                       its callers' to use: use the 'azure_auth_mode' 'entra' with an application's \
                       tenant, id and secret, or 'default' with the resource's key";

/// Whether a text is a UUID or a domain name, and so one segment of a path as it stands.
fn is_tenant(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_scope(text: &str) -> bool {
    text.len() <= 256
        && text.bytes().all(|b| b.is_ascii_graphic())
        && text.strip_suffix("/.default").is_some_and(|resource| !resource.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{AzureSignIn, SCOPE};
    use crate::credential::Settings;

    const GUID: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

    fn told(settings: Value) -> Result<String, &'static str> {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        match settings.azure_sign_in() {
            Ok(AzureSignIn::Key) => Ok("key".to_owned()),
            Ok(AzureSignIn::Token) => Ok("token".to_owned()),
            Ok(AzureSignIn::Entra(app)) => {
                Ok(format!("{} {} {}", app.tenant, app.client_id, app.scope))
            }
            Err(wrong) => {
                assert!(wrong.to_string().starts_with(&format!("'{}' ", wrong.setting)));
                Err(wrong.setting)
            }
        }
    }

    fn app(change: Value) -> Value {
        let mut settings = json!({"azure_auth_mode": "entra", "azure_entra_tenant_id": GUID,
            "azure_entra_client_id": "c-1", "azure_entra_client_secret": "s~1"});
        for (name, value) in change.as_object().unwrap() {
            settings[name] = value.clone();
        }
        settings
    }

    #[test]
    fn each_mode_says_how_to_sign_in() {
        assert_eq!(told(json!({})), Ok("key".to_owned()));
        assert_eq!(told(json!({"azure_auth_mode": "default"})), Ok("key".to_owned()));
        assert_eq!(told(json!({"azure_ad_token": "t"})), Ok("token".to_owned()));
        let given = json!({"azure_auth_mode": "entra", "azure_ad_token": "t"});
        assert_eq!(told(given), Ok("token".to_owned()));
        assert_eq!(told(app(json!({}))), Ok(format!("{GUID} c-1 {SCOPE}")));
        // A blank token is none.
        for blank in ["", " "] {
            assert_eq!(told(json!({"azure_ad_token": blank})), Ok("key".to_owned()));
            let given = app(json!({"azure_ad_token": blank}));
            assert_eq!(told(given), Ok(format!("{GUID} c-1 {SCOPE}")));
        }
        // However they are spelt, it is one application.
        let own = app(json!({"azure_entra_client_id": "C-1",
            "azure_entra_tenant_id": "Contoso.OnMicrosoft.com",
            "azure_entra_scope": "api://x/.default"}));
        assert_eq!(told(own), Ok("contoso.onmicrosoft.com c-1 api://x/.default".to_owned()));
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        for mode in ["managed", "workload", "Entra", "iam"] {
            assert_eq!(told(json!({"azure_auth_mode": mode})), Err("azure_auth_mode"), "{mode}");
            assert_eq!(told(app(json!({"azure_auth_mode": mode}))), Err("azure_auth_mode"));
        }
        for setting in ["azure_managed_client_id", "azure_workload_client_id"] {
            assert_eq!(told(json!({setting: "x"})), Err(setting));
            assert_eq!(told(app(json!({setting: "x"}))), Err(setting));
        }
        for setting in
            ["azure_entra_tenant_id", "azure_entra_client_id", "azure_entra_client_secret"]
        {
            assert_eq!(told(json!({setting: "x"})), Err(setting), "without its mode");
            assert_eq!(told(app(json!({setting: null}))), Err(setting));
            assert_eq!(told(app(json!({setting: ""}))), Err(setting));
            assert_eq!(told(app(json!({setting: "a\r\nb"}))), Err(setting));
            assert_eq!(told(app(json!({setting: "x".repeat(2000)}))), Err(setting));
        }
        assert_eq!(told(app(json!({"azure_ad_token": "t"}))), Err("azure_ad_token"));
        for scope in ["https://x", "/.default", "https://a b/.default", "\u{e9}/.default"] {
            let given = app(json!({"azure_entra_scope": scope}));
            assert_eq!(told(given), Err("azure_entra_scope"), "{scope}");
        }
    }

    #[test]
    fn a_tenant_is_one_segment_of_a_path() {
        for tenant in
            ["..", ".", "a/b", "a?b", "a#b", "a%2fb", "a..b", ".a", "a.", "-a", "a@b", "a\\b", "é"]
        {
            let given = app(json!({"azure_entra_tenant_id": tenant}));
            assert_eq!(told(given), Err("azure_entra_tenant_id"), "{tenant}");
        }
    }
}
