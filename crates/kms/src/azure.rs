//! Azure Key Vault and Managed HSM, over their REST API.
//!
//! The service wraps a key and nothing beside it: there is no associated data. So a fresh
//! intermediate key is wrapped there, and the data key under that, here, with the context as
//! associated data:
//!
//! ```text
//! 1 │ length 2 │ wrapped intermediate key │ nonce 12 │ data key, AES-256-GCM │ tag 16
//! ```

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use portcullis_domain::Secret;
use portcullis_vault::{
    EncryptionContext, GeneratedKey, Kms, KmsDescription, KmsError, KmsFailure, KmsFuture,
    KmsOperation, KmsSignIn,
    kms::{
        ConnectionSettings, DATA_KEY_LEN, KmsDocument, KmsGuide, KmsParameter, KmsProvider,
        KmsSettingsError,
    },
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    Entry, Surroundings,
    rest::{Answer, Payload, Token, access_token, check_endpoint, send, shown},
};

/// The entry in the slice.
pub(crate) struct Azure;

const NAME: &str = "azure";

static PROVIDER: KmsProvider = KmsProvider {
    name: NAME,
    title: "Azure Key Vault",
    help: "An RSA key in Azure Key Vault or Azure Managed HSM.",
    parameters: &[
        KmsParameter {
            name: "key",
            help: "the key's identifier, with or without a version",
            example: "https://my-vault.vault.azure.net/keys/portcullis",
            required: true,
            secret: false,
        },
        KmsParameter {
            name: "tenant_id",
            help: "the directory that knows the application",
            example: "72f988bf-86f1-41af-91ab-2d7cd011db47",
            required: true,
            secret: false,
        },
        KmsParameter {
            name: "client_id",
            help: "the application's id",
            example: "11111111-2222-3333-4444-555555555555",
            required: true,
            secret: false,
        },
        KmsParameter {
            name: "client_secret",
            help: "the application's secret",
            example: "8Q~…",
            required: true,
            secret: true,
        },
        KmsParameter {
            name: "authority",
            help: "where the directory is asked, in a cloud of its own",
            example: "https://login.microsoftonline.us",
            required: false,
            secret: false,
        },
    ],
};

const AUTHORITY: &str = "https://login.microsoftonline.com";
const API: &str = "api-version=7.4";
const FORMAT: u8 = 1;

struct AzureKms {
    surroundings: Arc<Surroundings>,
    /// Scheme and host, then `/keys/NAME` and perhaps `/VERSION`.
    key: String,
    /// What a token is asked for.
    scope: String,
    token_url: String,
    client_id: String,
    client_secret: Secret<String>,
    token: Token,
}

impl Entry for Azure {
    fn provider(&self) -> &'static KmsProvider {
        &PROVIDER
    }

    fn connect(
        &self,
        surroundings: &Arc<Surroundings>,
        settings: &ConnectionSettings,
    ) -> Result<Arc<dyn Kms>, KmsSettingsError> {
        let policy = surroundings.egress.policy();
        let key = settings.require("key")?.trim_end_matches('/');
        let wrong = || {
            let message = "must be https://VAULT.vault.azure.net/keys/NAME or …/NAME/VERSION";
            KmsSettingsError::new("key", message)
        };
        let (host, name) = key.split_once("/keys/").ok_or_else(wrong)?;
        // The service's answer names the version, never another host.
        let name = settings.pinned_key.as_deref().map_or(name, name_of);
        let host = check_endpoint(policy, "key", host)?;
        let parts: Vec<&str> = name.split('/').collect();
        let is_part = |part: &&str| {
            (1..=127).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if !(1..=2).contains(&parts.len()) || !parts.iter().all(is_part) {
            return Err(wrong());
        }
        let authority = settings.get("authority").unwrap_or(AUTHORITY);
        let authority = check_endpoint(policy, "authority", authority)?;
        let (tenant, client) = (id(settings, "tenant_id")?, id(settings, "client_id")?);
        Ok(Arc::new(AzureKms {
            surroundings: Arc::clone(surroundings),
            key: format!("{host}/keys/{name}"),
            scope: scope(&host),
            token_url: format!("{authority}/{tenant}/oauth2/v2.0/token"),
            client_id: client,
            client_secret: Secret::new(settings.require("client_secret")?.to_owned()),
            token: Token::default(),
        }))
    }

    fn guide<'a>(
        &'a self,
        _: &'a Arc<Surroundings>,
        settings: &'a ConnectionSettings,
    ) -> KmsFuture<'a, KmsGuide> {
        let key = settings.get("key").unwrap_or_default();
        let vault = key.split("://").nth(1).and_then(|rest| rest.split('.').next());
        let name = key.split("/keys/").nth(1).and_then(|rest| rest.split('/').next());
        let client = settings.get("client_id").unwrap_or("THE-APPLICATION");
        let text = format!(
            "az role assignment create --assignee {client} \
             --role \"Key Vault Crypto Service Encryption User\" \
             --scope $(az keyvault show --name {} --query id -o tsv)/keys/{}\n",
            vault.filter(|text| !text.is_empty()).unwrap_or("VAULT"),
            name.filter(|text| !text.is_empty()).unwrap_or("KEY"),
        );
        let title = "Let the application look at the key, wrap and unwrap".to_owned();
        let guide = KmsGuide {
            principal: settings.get("client_id").map(str::to_owned),
            documents: vec![KmsDocument { title, text }],
        };
        Box::pin(std::future::ready(Ok(guide)))
    }
}

impl AzureKms {
    async fn call(
        &self,
        operation: KmsOperation,
        verb: &str,
        payload: Option<&Value>,
    ) -> Result<Answer, KmsError> {
        let token = self.token().await?;
        let bearer = Secret::new(format!("Bearer {}", token.danger_expose()));
        let headers = [("authorization", bearer.danger_expose().as_str())];
        let url = format!("{}{verb}?{API}", self.key);
        let (method, payload) = match payload {
            None => (Method::GET, Payload::Nothing),
            Some(json) => (Method::POST, Payload::Json(json)),
        };
        let egress = &self.surroundings.egress;
        let answer = send(egress, operation, method, &url, &headers, payload).await?;
        if answer.status == 200 {
            return Ok(answer);
        }
        let error = failed(operation, &answer);
        if error.failure == KmsFailure::CredentialsInvalid {
            self.token.forget().await;
        }
        Err(error)
    }

    async fn token(&self) -> Result<Secret<String>, KmsError> {
        self.token
            .get(
                self.surroundings.clock.now(),
                self.token.told(async {
                    let form = [
                        ("client_id", self.client_id.as_str()),
                        ("client_secret", self.client_secret.danger_expose()),
                        ("grant_type", "client_credentials"),
                        ("scope", &self.scope),
                    ];
                    let egress = &self.surroundings.egress;
                    access_token(egress, &self.token_url, &form, token_failed).await
                }),
            )
            .await
    }

    /// One operation on a short key in the service.
    async fn turn(
        &self,
        operation: KmsOperation,
        verb: &str,
        value: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        // AES keys, of Managed HSM only, are refused by `describe`.
        let body = json!({"alg": "RSA-OAEP-256", "value": URL_SAFE_NO_PAD.encode(value)});
        let answer = self.call(operation, verb, Some(&body)).await?;
        // Without a version the newest is used; it is told here.
        let used = answer.text(operation, "/kid")?;
        let (used_name, own) = (name_of(used), name_of(&self.key));
        if used_name != own && !used_name.starts_with(&format!("{own}/")) {
            let detail = shown(200, &format!("the service used {used}"));
            return Err(KmsError::new(operation, KmsFailure::WrongKey, detail));
        }
        let value = answer.text(operation, "/value")?;
        let decoded = URL_SAFE_NO_PAD.decode(value.trim_end_matches('=')).map_err(|_| {
            KmsError::new(operation, KmsFailure::Unexpected, "the answer is not base64url")
        })?;
        Ok(Zeroizing::new(decoded))
    }

    async fn wrap_under(
        &self,
        operation: KmsOperation,
        context: EncryptionContext,
        data_key: &Secret<Vec<u8>>,
    ) -> Result<Vec<u8>, KmsError> {
        let broken =
            |detail: &str| KmsError::new(operation, KmsFailure::Unexpected, detail.to_owned());
        let mut between = Zeroizing::new([0; DATA_KEY_LEN]);
        self.surroundings.dice.fill(&mut *between);
        let wrapped = self.turn(operation, "/wrapkey", &*between).await?;
        let len = u16::try_from(wrapped.len()).map_err(|_| broken("a wrapped key is too long"))?;
        let mut nonce = [0; NONCE_LEN];
        self.surroundings.dice.fill(&mut nonce);
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(&wrapped);
        bytes.extend_from_slice(&nonce);
        let at = bytes.len();
        bytes.extend_from_slice(data_key.danger_expose());
        let tag = cipher(&*between)
            .and_then(|cipher| {
                let aad = Aad::from(context.associated_data());
                let nonce = Nonce::assume_unique_for_key(nonce);
                cipher.seal_in_place_separate_tag(nonce, aad, &mut bytes[at..]).ok()
            })
            .ok_or_else(|| broken("the cipher refused to wrap"))?;
        bytes.extend_from_slice(tag.as_ref());
        Ok(bytes)
    }

    async fn unwrap_from(
        &self,
        context: EncryptionContext,
        wrapped: &[u8],
    ) -> Result<Secret<Vec<u8>>, KmsError> {
        const OPERATION: KmsOperation = KmsOperation::Unwrap;
        let corrupt = |detail: &str| KmsError::new(OPERATION, KmsFailure::Corrupt, detail);
        let parts = || {
            let (len, rest) = wrapped.strip_prefix(&[FORMAT])?.split_first_chunk::<2>()?;
            let (between, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
            let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>()?;
            let at = rest.len().checked_sub(AES_256_GCM.tag_len())?;
            Some((between, nonce, rest.split_at(at)))
        };
        let (between, nonce, (ciphertext, tag)) =
            parts().ok_or_else(|| corrupt("its form is unknown"))?;
        let between = self.turn(OPERATION, "/unwrapkey", between).await?;
        let mut data_key = Zeroizing::new(vec![0; ciphertext.len()]);
        cipher(&between)
            .and_then(|cipher| {
                let aad = Aad::from(context.associated_data());
                let nonce = Nonce::assume_unique_for_key(*nonce);
                cipher.open_separate_gather(nonce, aad, ciphertext, tag, &mut data_key).ok()
            })
            .ok_or_else(|| corrupt("it was wrapped for another organisation, or changed"))?;
        Ok(Secret::new(std::mem::take(&mut *data_key)))
    }
}

impl Kms for AzureKms {
    fn name(&self) -> &'static str {
        NAME
    }

    fn key_id(&self) -> &str {
        &self.key
    }

    fn sign_ins(&self) -> Vec<KmsSignIn> {
        self.token.sign_ins()
    }

    fn generate(&self, context: EncryptionContext) -> KmsFuture<'_, GeneratedKey> {
        let mut plaintext = vec![0; DATA_KEY_LEN];
        self.surroundings.dice.fill(&mut plaintext);
        let plaintext = Secret::new(plaintext);
        Box::pin(async move {
            let wrapped = self.wrap_under(KmsOperation::Generate, context, &plaintext).await?;
            Ok(GeneratedKey { plaintext, wrapped })
        })
    }

    fn wrap<'a>(
        &'a self,
        context: EncryptionContext,
        data_key: &'a Secret<Vec<u8>>,
    ) -> KmsFuture<'a, Vec<u8>> {
        Box::pin(self.wrap_under(KmsOperation::Wrap, context, data_key))
    }

    fn unwrap<'a>(
        &'a self,
        context: EncryptionContext,
        wrapped: &'a [u8],
    ) -> KmsFuture<'a, Secret<Vec<u8>>> {
        Box::pin(self.unwrap_from(context, wrapped))
    }

    fn describe(&self) -> KmsFuture<'_, KmsDescription> {
        const OPERATION: KmsOperation = KmsOperation::Describe;
        Box::pin(async move {
            let answer = self.call(OPERATION, "", None).await?;
            let wrong = |failure, detail: String| Err(KmsError::new(OPERATION, failure, detail));
            if answer.json.pointer("/attributes/enabled") == Some(&Value::Bool(false)) {
                return wrong(KmsFailure::Disabled, "it is not enabled".to_owned());
            }
            let kind = answer.text(OPERATION, "/key/kty")?;
            if !matches!(kind, "RSA" | "RSA-HSM") {
                return wrong(KmsFailure::WrongUsage, format!("it is of the kind {kind:.40}"));
            }
            let operations = answer.json.pointer("/key/key_ops").and_then(Value::as_array);
            let may = |name: &str| operations.is_none_or(|all| all.iter().any(|one| one == name));
            if !may("wrapKey") || !may("unwrapKey") {
                let detail = "its operations do not include wrapKey and unwrapKey";
                return wrong(KmsFailure::WrongUsage, detail.to_owned());
            }
            let key_id = answer.text(OPERATION, "/key/kid")?.to_owned();
            Ok(KmsDescription { key_id, origin: format!("Azure Key Vault, {kind}") })
        })
    }
}

/// `NAME` or `NAME/VERSION` of a key's identifier.
fn name_of(key: &str) -> &str {
    key.split_once("/keys/").map_or("", |(_, name)| name)
}

fn cipher(key: &[u8]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

/// A token is for a kind of vault: the host without the vault's own name.
fn scope(host: &str) -> String {
    let domain = host.split("://").nth(1).and_then(|host| host.split_once('.'));
    match domain {
        Some((_, domain)) if domain.starts_with("vault.") || domain.starts_with("managedhsm.") => {
            format!("https://{domain}/.default")
        }
        _ => "https://vault.azure.net/.default".to_owned(),
    }
}

fn id(settings: &ConnectionSettings, name: &'static str) -> Result<String, KmsSettingsError> {
    let text = settings.require(name)?;
    let is_sound = (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    let message = "must be an id such as 11111111-2222-3333-4444-555555555555";
    if is_sound { Ok(text.to_owned()) } else { Err(KmsSettingsError::new(name, message)) }
}

fn failed(operation: KmsOperation, answer: &Answer) -> KmsError {
    let error = &answer.json["error"];
    let code = error.pointer("/innererror/code").or_else(|| error.get("code"));
    let code = code.and_then(Value::as_str).unwrap_or_default();
    let message = error["message"].as_str().unwrap_or_default();
    let failure = match (answer.status, code) {
        (403, "KeyDisabled" | "KeyNotYetValid" | "KeyExpired") => KmsFailure::Disabled,
        (403, "KeyOperationForbidden") => KmsFailure::WrongUsage,
        (403, _) => KmsFailure::Denied,
        (401, _) => KmsFailure::CredentialsInvalid,
        (409, _) | (_, "ObjectIsDeletedButRecoverable" | "ObjectIsBeingDeleted") => {
            KmsFailure::PendingDeletion
        }
        (404, _) => KmsFailure::NotFound,
        (400, _) if operation == KmsOperation::Unwrap => KmsFailure::Corrupt,
        (429, _) => KmsFailure::Throttled,
        (500.., _) => KmsFailure::ServiceFault,
        _ => KmsFailure::Unexpected,
    };
    KmsError::new(operation, failure, shown(answer.status, &format!("{code}: {message}")))
}

fn token_failed(answer: &Answer) -> KmsError {
    let said = answer.json["error_description"].as_str().unwrap_or_default();
    let failure = match (answer.status, answer.json["error"].as_str()) {
        (429, _) => KmsFailure::Throttled,
        (500.., _) => KmsFailure::ServiceFault,
        // The application's secret is past its end.
        (_, Some("invalid_client")) if said.starts_with("AADSTS7000222") => {
            KmsFailure::CredentialsExpired
        }
        (_, Some(_)) => KmsFailure::CredentialsInvalid,
        _ => KmsFailure::Unexpected,
    };
    // The first line: what follows are trace ids and instants.
    let said = said.lines().next().unwrap_or_default();
    KmsError::new(KmsOperation::Authenticate, failure, shown(answer.status, said))
}

#[cfg(test)]
mod tests {
    use super::scope;

    #[test]
    fn a_token_is_for_the_kind_of_vault() {
        assert_eq!(scope("https://a.vault.azure.net"), "https://vault.azure.net/.default");
        let hsm = "https://managedhsm.azure.net/.default";
        assert_eq!(scope("https://a.managedhsm.azure.net"), hsm);
        let china = "https://vault.azure.cn/.default";
        assert_eq!(scope("https://a.vault.azure.cn"), china);
        assert_eq!(scope("http://127.0.0.1:1"), "https://vault.azure.net/.default");
    }
}
