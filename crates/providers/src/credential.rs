//! Provider credentials: the key, and the settings that go with it.

use std::{collections::BTreeMap, sync::OnceLock};

use http::{HeaderMap, HeaderValue};
use portcullis_domain::{ApiKeyToken, Fault, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{adapter, catalog::Provider};

/// What is needed to call a provider on somebody's behalf. It has no `Debug`.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Credential {
    /// The provider's key; some providers need none.
    #[serde(default, with = "exposed", skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret<String>>,
    /// The provider's settings.
    #[serde(default)]
    pub settings: Settings,
    /// The key as `authorization: Bearer` has it: made once for all calls.
    #[serde(skip)]
    bearer: OnceLock<Option<HeaderValue>>,
    /// An access token that this credential was signed in for. Never stored.
    #[serde(skip)]
    access_token: Option<Secret<String>>,
}

/// A provider's settings, by their names in the admin API (`IntegrationConfigurations`) and, with
/// hyphens, in `x-portkey-…` headers. Serialising it exposes its secrets, for the vault to seal.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Settings {
    /// The base URL to use instead of the provider's, version path included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_host: Option<String>,
    /// Headers to add to every request. Their values may be secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_headers: Option<BTreeMap<String, String>>,
    /// OpenAI: the organisation billed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openai_organization: Option<String>,
    /// OpenAI: the project billed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openai_project: Option<String>,
    /// Azure: `default` (API key) or `entra`; others are refused
    /// ([`azure_sign_in`](Self::azure_sign_in)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_auth_mode: Option<String>,
    /// Azure OpenAI: the resource, the first label of its host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_resource_name: Option<String>,
    /// Azure OpenAI: the deployments and the models they serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_deployment_config: Option<Vec<AzureDeployment>>,
    /// Azure OpenAI: the one deployment to use (header form).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_deployment_id: Option<String>,
    /// Azure: the API version (header form), or `v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_api_version: Option<String>,
    /// Azure: an Entra access token to use instead of a key.
    #[serde(default, with = "exposed", skip_serializing_if = "Option::is_none")]
    pub azure_ad_token: Option<Secret<String>>,
    /// Azure: the Entra tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_entra_tenant_id: Option<String>,
    /// Azure: the Entra application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_entra_client_id: Option<String>,
    /// Azure: the Entra application's secret.
    #[serde(default, with = "exposed", skip_serializing_if = "Option::is_none")]
    pub azure_entra_client_secret: Option<Secret<String>>,
    /// Azure: what a token of the Entra application is for, with `/.default` behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_entra_scope: Option<String>,
    /// Azure: the managed identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_managed_client_id: Option<String>,
    /// Azure AI Foundry: the resource's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_foundry_url: Option<String>,
    /// Workers AI: the account, a part of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers_ai_account_id: Option<String>,
    /// Hugging Face: the inference endpoint's base URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub huggingface_base_url: Option<String>,
    /// Snowflake: the account identifier, the beginning of its host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snowflake_account: Option<String>,
    /// Whatever else was given; kept for providers that come later.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A deployment of a model in an Azure OpenAI resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AzureDeployment {
    /// The name callers may use for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The API version to call it with, or `v1`.
    pub azure_api_version: String,
    /// Its name in the resource.
    pub azure_deployment_name: String,
    /// The model it serves, as callers name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_model_slug: Option<String>,
    /// Whether it serves models that no other deployment names.
    #[serde(default)]
    pub is_default: bool,
}

/// Bytes that are not a credential. It repeats none of them.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the stored credential is not JSON of the expected form (column {column}); save it again")]
pub struct MalformedCredential {
    column: usize,
}

/// The families of `x-portkey-…` headers that carry provider settings (data-plane reference §3).
const FAMILIES: &[&str] = &[
    "amz-",
    "amzn-",
    "aws-",
    "azure-",
    "custom-host",
    "fireworks-",
    "huggingface-",
    "openai-",
    "oracle-",
    "snowflake-",
    "stability-",
    "vertex-",
    "workers-ai-",
];

impl Credential {
    /// Of a key and the settings that go with it.
    pub fn new(key: Option<Secret<String>>, settings: Settings) -> Self {
        Self { key, settings, bearer: OnceLock::new(), access_token: None }
    }

    /// The key as a value of `authorization`, marked sensitive; `None` when no header can hold it,
    /// or when there is no key.
    pub(crate) fn bearer(&self) -> Option<&HeaderValue> {
        let bearer = self.bearer.get_or_init(|| {
            let key = self.key.as_ref()?.danger_expose();
            let mut value = HeaderValue::from_str(&format!("Bearer {key}")).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        bearer.as_ref()
    }

    /// The same, signed in: the token goes to the provider in place of a key.
    #[must_use]
    pub fn signed_in(&self, token: Secret<String>) -> Self {
        Self { access_token: Some(token), ..self.clone() }
    }

    /// The access token to send in place of a key: one that was signed in for, or was given.
    pub(crate) fn access_token(&self) -> Option<&str> {
        let token = self.access_token.as_ref().or_else(|| self.settings.ad_token())?;
        let token = token.danger_expose();
        Some(token.strip_prefix("Bearer ").unwrap_or(token))
    }

    /// Reads what the vault opened.
    pub fn parse(json: &[u8]) -> Result<Self, MalformedCredential> {
        // serde's message may quote what it read.
        serde_json::from_slice(json).map_err(|error| MalformedCredential { column: error.column() })
    }

    /// What the vault is to seal.
    pub fn to_json(&self) -> Secret<Vec<u8>> {
        Secret::new(serde_json::to_vec(self).expect("every part has a JSON form, keys are strings"))
    }

    /// Everything of it that nobody may see who does not know it: keys, tokens, and the values of
    /// its own headers, each also without `Bearer` before it. Texts of less than 8 bytes are none.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let settings = &self.settings;
        let secrets = [
            &self.key,
            &self.access_token,
            &settings.azure_ad_token,
            &settings.azure_entra_client_secret,
        ];
        let secrets = secrets.into_iter().flatten().map(|secret| secret.danger_expose());
        let own_headers = settings.custom_headers.iter().flatten().map(|(_, value)| value);
        secrets
            .chain(own_headers)
            .map(|text| text.strip_prefix("Bearer ").unwrap_or(text).trim())
            .filter(|text| text.len() >= 8)
    }

    /// A credential that came with the call: `bearer` is the provider key found in
    /// `Authorization`, else `x-api-key` counts; the settings come from `x-portkey-…` headers.
    pub fn from_headers(headers: &HeaderMap, bearer: Option<&str>) -> Self {
        let api_key = || {
            let text = headers.get("x-api-key")?.to_str().ok()?;
            // A key of ours must never be sent to a provider.
            (!ApiKeyToken::resembles(text)).then_some(text)
        };
        let key = bearer.or_else(api_key).map(|key| Secret::new(key.to_owned()));
        Self::new(key, Settings::from_headers(headers))
    }
}

impl Settings {
    /// These, with those that are given in place of their own.
    #[must_use]
    pub fn with(mut self, given: Self) -> Self {
        macro_rules! take { ($($setting:ident)*) => {
            // Every one is named, so that none can be forgotten.
            let Self { $($setting,)* extra } = given;
            $(self.$setting = $setting.or(self.$setting);)*
            self.extra.extend(extra);
        } }
        take!(custom_host custom_headers openai_organization openai_project azure_auth_mode
            azure_resource_name azure_deployment_config azure_deployment_id azure_api_version
            azure_ad_token azure_entra_tenant_id azure_entra_client_id azure_entra_client_secret
            azure_entra_scope azure_managed_client_id azure_foundry_url workers_ai_account_id
            huggingface_base_url snowflake_account);
        self
    }

    /// Whether a provider can be called with them: whether its address can be made of them, and its
    /// headers. Where calls may go is for egress to say.
    pub fn check(&self, provider: &Provider) -> Result<(), Fault> {
        adapter::check_settings(provider, self)
    }

    /// The base URLs that they name.
    pub fn hosts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let hosts = [
            ("custom_host", &self.custom_host),
            ("huggingface_base_url", &self.huggingface_base_url),
            ("azure_foundry_url", &self.azure_foundry_url),
        ];
        hosts.into_iter().filter_map(|(name, host)| Some((name, host.as_deref()?)))
    }

    /// The settings in `x-portkey-…` headers. Values that are not visible ASCII are ignored.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut map = Map::new();
        for (name, value) in headers {
            let Some(setting) = name.as_str().strip_prefix("x-portkey-") else { continue };
            let known = FAMILIES.iter().any(|family| setting.starts_with(family));
            if let (true, Ok(value)) = (known, value.to_str()) {
                map.insert(setting.replace('-', "_"), Value::String(value.to_owned()));
            }
        }
        // Lists have no header form: the one typed list would fail to read from a string.
        map.remove("azure_deployment_config");
        serde_json::from_value(Value::Object(map)).unwrap_or_default()
    }
}

/// How a secret is written into what the vault seals.
mod exposed {
    use portcullis_domain::Secret;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        secret: &Option<Secret<String>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(|secret| secret.danger_expose().as_str()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret<String>>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use portcullis_domain::Secret;

    use super::Credential;

    #[test]
    fn what_was_sealed_is_what_is_opened() {
        let json = br#"{"key":"sk-1","settings":{"custom_host":"https://a.example/v1",
            "azure_deployment_config":[{"azure_api_version":"v1","azure_deployment_name":"d"}],
            "aws_region":"eu-west-1"}}"#;
        let credential = Credential::parse(json).unwrap();
        let again = Credential::parse(credential.to_json().danger_expose()).unwrap();
        assert_eq!(again.key.unwrap().danger_expose(), "sk-1");
        assert_eq!(again.settings.custom_host.as_deref(), Some("https://a.example/v1"));
        assert_eq!(again.settings.azure_deployment_config.map(|list| list.len()), Some(1));
        assert_eq!(again.settings.extra["aws_region"], "eu-west-1");
    }

    #[test]
    fn every_secret_is_known() {
        let credential = Credential::parse(
            br#"{"key":"sk-123456","settings":{"azure_ad_token":"Bearer token-123",
                "azure_entra_client_secret":"entra-123","openai_project":"project-1",
                "custom_headers":{"x-key":"header-123","x-short":"short"}}}"#,
        )
        .unwrap();
        let secrets: Vec<_> = credential.secrets().collect();
        assert_eq!(secrets, ["sk-123456", "token-123", "entra-123", "header-123"]);
        let signed_in = credential.signed_in(Secret::new("signed-in-123".to_owned()));
        assert!(signed_in.secrets().any(|secret| secret == "signed-in-123"));
        let sealed = String::from_utf8(signed_in.to_json().danger_expose().clone()).unwrap();
        assert!(!sealed.contains("signed-in-123"));
    }

    #[test]
    fn the_error_quotes_nothing() {
        let error = Credential::parse(br#"{"key":{"sk-secret":1}}"#).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("sk-secret"));
    }

    #[test]
    fn headers_give_key_and_settings() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-portkey-azure-resource-name", "acme"),
            ("x-portkey-azure-ad-token", "token"),
            ("x-portkey-azure-deployment-config", "[]"),
            ("x-portkey-api-key", "pck_secret"),
            ("x-portkey-vertex-region", "eu"),
            ("x-api-key", "sk-ant-1"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let credential = Credential::from_headers(&headers, None);
        assert_eq!(credential.key.as_ref().unwrap().danger_expose(), "sk-ant-1");
        assert_eq!(credential.settings.azure_resource_name.as_deref(), Some("acme"));
        assert_eq!(credential.settings.azure_ad_token.as_ref().unwrap().danger_expose(), "token");
        assert_eq!(credential.settings.extra.keys().collect::<Vec<_>>(), ["vertex_region"]);
        let bearer = Credential::from_headers(&headers, Some("sk-2"));
        assert_eq!(bearer.key.unwrap().danger_expose(), "sk-2");
        headers.insert("x-api-key", HeaderValue::from_static("pck_ours"));
        assert!(Credential::from_headers(&headers, None).key.is_none());
    }
}
