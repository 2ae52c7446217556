//! HashiCorp Vault's and OpenBao's transit engine.
//!
//! The context is bound as associated data, so the key must be of an authenticated cipher (as all
//! of transit's symmetric ones are). A wrapped key is the engine's own text, `vault:v1:…`. Its
//! `rewrap` takes no associated data, so keys move by decrypting and encrypting.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use portcullis_domain::Secret;
use portcullis_vault::{
    EncryptionContext, GeneratedKey, Kms, KmsDescription, KmsError, KmsFailure, KmsFuture,
    KmsOperation, KmsSignIn, Wrapping,
    kms::{
        ConnectionSettings, DATA_KEY_LEN, KmsDocument, KmsGuide, KmsParameter, KmsProvider,
        KmsSettingsError,
    },
};
use serde_json::{Value, json};

use crate::{
    Entry, Surroundings,
    rest::{Answer, Payload, Token, check_endpoint, send, shown},
};

/// The entry in the slice.
pub(crate) struct Transit;

const NAME: &str = "vault-transit";

static PROVIDER: KmsProvider = KmsProvider {
    name: NAME,
    title: "HashiCorp Vault / OpenBao transit",
    help: "A symmetric key of the transit engine of HashiCorp Vault or OpenBao.",
    parameters: &[
        KmsParameter {
            name: "address",
            help: "the server's address",
            example: "https://vault.example.com:8200",
            required: true,
            secret: false,
        },
        KmsParameter {
            name: "key",
            help: "the key's name",
            example: "portcullis",
            required: true,
            secret: false,
        },
        KmsParameter {
            name: "mount",
            help: "where the engine is mounted; transit by default",
            example: "transit",
            required: false,
            secret: false,
        },
        KmsParameter {
            name: "namespace",
            help: "the namespace, where there are namespaces",
            example: "team-a",
            required: false,
            secret: false,
        },
        KmsParameter {
            name: "token",
            help: "a token; better a role_id and a secret_id",
            example: "hvs.CAES…",
            required: false,
            secret: true,
        },
        KmsParameter {
            name: "role_id",
            help: "the role of an AppRole",
            example: "db02de05-fa39-4855-059b-67221c5c2f63",
            required: false,
            secret: false,
        },
        KmsParameter {
            name: "secret_id",
            help: "the AppRole's secret",
            example: "6a174c20-f6de-a53c-74d2-6018fcceff64",
            required: false,
            secret: true,
        },
    ],
};

/// Key types that encrypt and bind associated data.
const CIPHERS: [&str; 4] =
    ["aes256-gcm96", "aes128-gcm96", "chacha20-poly1305", "xchacha20-poly1305"];

/// A token that nobody says the life of is looked after every hour.
const RENEW_S: u64 = 5400;
/// How long one serves whose renewal nobody answered; it is tried again before.
const RENEW_AGAIN_S: u64 = 90;

struct TransitKms {
    surroundings: Arc<Surroundings>,
    base: String,
    mount: String,
    key: String,
    key_id: String,
    namespace: Option<String>,
    login: Login,
    token: Token,
}

enum Login {
    Token(Secret<String>),
    AppRole { role_id: String, secret_id: Secret<String> },
}

impl Entry for Transit {
    fn provider(&self) -> &'static KmsProvider {
        &PROVIDER
    }

    fn connect(
        &self,
        surroundings: &Arc<Surroundings>,
        settings: &ConnectionSettings,
    ) -> Result<Arc<dyn Kms>, KmsSettingsError> {
        let base =
            check_endpoint(surroundings.egress.policy(), "address", settings.require("address")?)?;
        let key = path_part("key", settings.require("key")?)?;
        let mount = path_part("mount", settings.get("mount").unwrap_or("transit"))?;
        let namespace = settings.get("namespace").map(|text| path_part("namespace", text));
        let namespace = namespace.transpose()?;
        let login = login(settings)?;
        let within = namespace.as_ref().map(|name| format!("{name}/")).unwrap_or_default();
        Ok(Arc::new(TransitKms {
            surroundings: Arc::clone(surroundings),
            key_id: format!("{base}/{within}{mount}/{key}"),
            base,
            mount,
            key,
            namespace,
            login,
            token: Token::default(),
        }))
    }

    fn guide<'a>(
        &'a self,
        _: &'a Arc<Surroundings>,
        settings: &'a ConnectionSettings,
    ) -> KmsFuture<'a, KmsGuide> {
        let mount = settings.get("mount").unwrap_or("transit");
        let key = settings.get("key").unwrap_or("THE-KEY");
        let text = format!(
            "path \"{mount}/keys/{key}\" {{\n  capabilities = [\"read\"]\n}}\n\
             path \"{mount}/encrypt/{key}\" {{\n  capabilities = [\"update\"]\n}}\n\
             path \"{mount}/decrypt/{key}\" {{\n  capabilities = [\"update\"]\n}}\n"
        );
        let title = "Give the token or AppRole this policy".to_owned();
        let guide = KmsGuide { principal: None, documents: vec![KmsDocument { title, text }] };
        Box::pin(std::future::ready(Ok(guide)))
    }
}

impl TransitKms {
    /// Calls the engine as who we are; once more if our token has gone meanwhile.
    async fn call(
        &self,
        operation: KmsOperation,
        method: Method,
        path: &str,
        payload: Option<&Value>,
    ) -> Result<Answer, KmsError> {
        let url = format!("{}/v1/{}/{path}/{}", self.base, self.mount, self.key);
        for attempt in 0..2 {
            let token = self.token().await?;
            let mut headers = vec![
                ("x-vault-token", token.danger_expose().as_str()),
                ("x-vault-request", "true"),
            ];
            if let Some(namespace) = &self.namespace {
                headers.push(("x-vault-namespace", namespace));
            }
            let payload = payload.map_or(Payload::Nothing, Payload::Json);
            let egress = &self.surroundings.egress;
            let answer = send(egress, operation, method.clone(), &url, &headers, payload).await?;
            if answer.status == 200 {
                return Ok(answer);
            }
            let error = failed(operation, &answer);
            let is_stale = matches!(self.login, Login::AppRole { .. })
                && matches!(error.failure, KmsFailure::Denied | KmsFailure::CredentialsInvalid);
            if attempt > 0 || !is_stale {
                return Err(error);
            }
            self.token.forget().await;
        }
        let detail = "our login is not taken";
        Err(KmsError::new(operation, KmsFailure::CredentialsInvalid, detail))
    }

    async fn token(&self) -> Result<Secret<String>, KmsError> {
        let now = self.surroundings.clock.now();
        self.token
            .get(now, async {
                match &self.login {
                    Login::Token(token) => Ok((token.clone(), self.renewed(token).await)),
                    Login::AppRole { role_id, secret_id } => {
                        self.token.told(self.log_in(role_id, secret_id)).await
                    }
                }
            })
            .await
    }

    async fn log_in(
        &self,
        role_id: &str,
        secret_id: &Secret<String>,
    ) -> Result<(Secret<String>, u64), KmsError> {
        const OPERATION: KmsOperation = KmsOperation::Authenticate;
        let url = format!("{}/v1/auth/approle/login", self.base);
        let body = json!({"role_id": role_id, "secret_id": secret_id.danger_expose()});
        let answer = self.plain(OPERATION, &url, None, &body).await?;
        if answer.status != 200 {
            let mut error = failed(OPERATION, &answer);
            if answer.status == 400 {
                error.failure = KmsFailure::CredentialsInvalid;
            }
            return Err(error);
        }
        let token = answer.text(OPERATION, "/auth/client_token")?.to_owned();
        let seconds = answer.json.pointer("/auth/lease_duration").and_then(Value::as_u64);
        // Zero: it does not end.
        Ok((Secret::new(token), seconds.filter(|s| *s > 0).unwrap_or(RENEW_S)))
    }

    /// Prolongs a token's life where that can be done; how long it is looked after then.
    async fn renewed(&self, token: &Secret<String>) -> u64 {
        const OPERATION: KmsOperation = KmsOperation::Authenticate;
        let url = format!("{}/v1/auth/token/renew-self", self.base);
        let body = json!({});
        let renewal = async {
            let answer = self.plain(OPERATION, &url, Some(token), &body).await?;
            match answer.status {
                // Taken, but it is not one that can be renewed: it serves until its end.
                200 | 400 => {
                    Ok(answer.json.pointer("/auth/lease_duration").and_then(Value::as_u64))
                }
                _ => Err(failed(OPERATION, &answer)),
            }
        };
        match self.token.told(renewal).await {
            Ok(seconds) => seconds.filter(|s| *s > 0).unwrap_or(RENEW_S).min(RENEW_S),
            Err(error) if error.failure.is_outage() => RENEW_AGAIN_S,
            // Whether it still serves, the next call tells.
            Err(_) => RENEW_S,
        }
    }

    async fn plain(
        &self,
        operation: KmsOperation,
        url: &str,
        token: Option<&Secret<String>>,
        body: &Value,
    ) -> Result<Answer, KmsError> {
        let mut headers = vec![("x-vault-request", "true")];
        headers.extend(token.map(|token| ("x-vault-token", token.danger_expose().as_str())));
        if let Some(namespace) = &self.namespace {
            headers.push(("x-vault-namespace", namespace));
        }
        let egress = &self.surroundings.egress;
        send(egress, operation, Method::POST, url, &headers, Payload::Json(body)).await
    }

    async fn encrypt(
        &self,
        operation: KmsOperation,
        context: EncryptionContext,
        data_key: &Secret<Vec<u8>>,
    ) -> Result<Vec<u8>, KmsError> {
        let body = json!({
            "plaintext": STANDARD.encode(data_key.danger_expose()),
            "associated_data": STANDARD.encode(context.associated_data()),
        });
        let answer = self.call(operation, Method::POST, "encrypt", Some(&body)).await?;
        Ok(answer.text(operation, "/data/ciphertext")?.as_bytes().to_vec())
    }
}

impl Kms for TransitKms {
    fn name(&self) -> &'static str {
        NAME
    }

    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn sign_ins(&self) -> Vec<KmsSignIn> {
        self.token.sign_ins()
    }

    /// Old versions are closed by `min_decryption_version`.
    fn proves(&self, shown: &Wrapping, other: &Wrapping) -> bool {
        let version = |wrapping: &Wrapping| {
            wrapping.bytes.splitn(3, |byte| *byte == b':').nth(1).map(<[u8]>::to_vec)
        };
        version(shown) == version(other)
    }

    fn generate(&self, context: EncryptionContext) -> KmsFuture<'_, GeneratedKey> {
        // The engine's own `datakey` binds no associated data.
        let mut plaintext = vec![0; DATA_KEY_LEN];
        self.surroundings.dice.fill(&mut plaintext);
        let plaintext = Secret::new(plaintext);
        Box::pin(async move {
            let wrapped = self.encrypt(KmsOperation::Generate, context, &plaintext).await?;
            Ok(GeneratedKey { plaintext, wrapped })
        })
    }

    fn wrap<'a>(
        &'a self,
        context: EncryptionContext,
        data_key: &'a Secret<Vec<u8>>,
    ) -> KmsFuture<'a, Vec<u8>> {
        Box::pin(self.encrypt(KmsOperation::Wrap, context, data_key))
    }

    fn unwrap<'a>(
        &'a self,
        context: EncryptionContext,
        wrapped: &'a [u8],
    ) -> KmsFuture<'a, Secret<Vec<u8>>> {
        const OPERATION: KmsOperation = KmsOperation::Unwrap;
        Box::pin(async move {
            let text = std::str::from_utf8(wrapped).map_err(|_| {
                KmsError::new(OPERATION, KmsFailure::Corrupt, "it is not of transit's form")
            })?;
            let body = json!({
                "ciphertext": text,
                "associated_data": STANDARD.encode(context.associated_data()),
            });
            let answer = self.call(OPERATION, Method::POST, "decrypt", Some(&body)).await?;
            answer.bytes(OPERATION, "/data/plaintext").map(Secret::new)
        })
    }

    fn describe(&self) -> KmsFuture<'_, KmsDescription> {
        const OPERATION: KmsOperation = KmsOperation::Describe;
        Box::pin(async move {
            let answer = self.call(OPERATION, Method::GET, "keys", None).await?;
            let kind = answer.text(OPERATION, "/data/type")?;
            let wrong = |failure, detail: String| Err(KmsError::new(OPERATION, failure, detail));
            if kind.starts_with("rsa-") {
                return wrong(KmsFailure::Asymmetric, format!("it is of the kind {kind:.40}"));
            }
            if !CIPHERS.contains(&kind) {
                return wrong(KmsFailure::WrongUsage, format!("it is of the kind {kind:.40}"));
            }
            if answer.json.pointer("/data/derived") == Some(&Value::Bool(true)) {
                let detail = "it derives keys; make one without derivation";
                return wrong(KmsFailure::WrongUsage, detail.to_owned());
            }
            if answer.json.pointer("/data/soft_deleted") == Some(&Value::Bool(true)) {
                return wrong(KmsFailure::PendingDeletion, "it is soft-deleted".to_owned());
            }
            let version = answer.json.pointer("/data/latest_version").and_then(Value::as_u64);
            Ok(KmsDescription {
                key_id: self.key_id.clone(),
                origin: format!(
                    "transit at {}, {kind}, version {}",
                    self.base,
                    version.unwrap_or_default()
                ),
            })
        })
    }
}

fn failed(operation: KmsOperation, answer: &Answer) -> KmsError {
    let said = answer.json["errors"].as_array().into_iter().flatten();
    let said: Vec<&str> = said.filter_map(Value::as_str).collect();
    let said = said.join("; ");
    let mentions = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let failure = match answer.status {
        400 if mentions(&["key not found"]) => KmsFailure::NotFound,
        400 if mentions(&[
            "message authentication failed",
            "invalid ciphertext",
            "invalid prefix",
        ]) =>
        {
            KmsFailure::Corrupt
        }
        400 if mentions(&["disallowed by policy", "too old"]) => KmsFailure::UnusableState,
        400 if mentions(&["soft deleted", "soft-deleted"]) => KmsFailure::PendingDeletion,
        400 if mentions(&["non-AEAD", "not supported", "unsupported"]) => KmsFailure::WrongUsage,
        403 if mentions(&["invalid token", "bad token", "missing client token"]) => {
            KmsFailure::CredentialsInvalid
        }
        403 => KmsFailure::Denied,
        404 => KmsFailure::NotFound,
        429 => KmsFailure::Throttled,
        // Standbys, a sealed server, a server that is not there yet.
        472 | 473 | 500.. => KmsFailure::ServiceFault,
        _ => KmsFailure::Unexpected,
    };
    KmsError::new(operation, failure, shown(answer.status, &said))
}

fn login(settings: &ConnectionSettings) -> Result<Login, KmsSettingsError> {
    let secret = |text: &str| Secret::new(text.to_owned());
    let parts = (settings.get("token"), settings.get("role_id"), settings.get("secret_id"));
    match parts {
        (Some(token), None, None) if is_header(token) => Ok(Login::Token(secret(token))),
        (None, Some(role_id), Some(secret_id)) => {
            Ok(Login::AppRole { role_id: role_id.to_owned(), secret_id: secret(secret_id) })
        }
        (Some(_), None, None) => {
            Err(KmsSettingsError::new("token", "must be one line of visible characters"))
        }
        (None, Some(_), None) => Err(KmsSettingsError::new("secret_id", "is missing")),
        (None, None, Some(_)) => Err(KmsSettingsError::new("role_id", "is missing")),
        (None, None, None) => {
            Err(KmsSettingsError::new("token", "is missing: give it, or role_id and secret_id"))
        }
        (Some(_), _, _) => {
            Err(KmsSettingsError::new("token", "leave it out, or role_id and secret_id"))
        }
    }
}

fn is_header(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A name that becomes a part of a path: nothing that could lead elsewhere.
fn path_part(parameter: &'static str, text: &str) -> Result<String, KmsSettingsError> {
    let parts = text.trim_matches('/');
    let is_sound = (1..=128).contains(&parts.len())
        && parts.split('/').all(|part| {
            !matches!(part, "" | "." | "..")
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        });
    if is_sound {
        Ok(parts.to_owned())
    } else {
        let message = "must be letters, digits, hyphens, underscores, dots and single slashes";
        Err(KmsSettingsError::new(parameter, message))
    }
}
