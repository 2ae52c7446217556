//! Google Cloud KMS, over its REST API.
//!
//! The context is bound as additional authenticated data. Every message carries CRC-32C checksums
//! both ways, as the service asks its clients to (Cloud KMS, "Data integrity guidelines").

use std::sync::Arc;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
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
    rest::{Answer, Payload, Token, access_token, check_endpoint, send, shown},
};

/// The entry in the slice.
pub(crate) struct Google;

const NAME: &str = "google";

static PROVIDER: KmsProvider = KmsProvider {
    name: NAME,
    title: "Google Cloud KMS",
    help: "A symmetric encryption key in Google Cloud KMS.",
    parameters: &[
        KmsParameter {
            name: "key",
            help: "the key's resource name",
            example: "projects/my-project/locations/europe-west3/keyRings/ring/cryptoKeys/portcullis",
            required: true,
            secret: false,
        },
        KmsParameter {
            name: "service_account",
            help: "the key file of a service account, as JSON",
            example: r#"{"type":"service_account","client_email":"…","private_key":"…"}"#,
            required: true,
            secret: true,
        },
        KmsParameter {
            name: "endpoint",
            help: "another address than the public one, a regional one for one",
            example: "https://cloudkms.europe-west3.rep.googleapis.com",
            required: false,
            secret: false,
        },
    ],
};

const ENDPOINT: &str = "https://cloudkms.googleapis.com";
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/cloudkms";
/// How long a signed claim is good for, in seconds.
const CLAIM_S: i64 = 600;

struct GoogleKms {
    surroundings: Arc<Surroundings>,
    base: String,
    key: String,
    account: Account,
    token: Token,
}

struct Account {
    email: String,
    key_id: String,
    signer: RsaKeyPair,
    token_uri: String,
}

impl Entry for Google {
    fn provider(&self) -> &'static KmsProvider {
        &PROVIDER
    }

    fn connect(
        &self,
        surroundings: &Arc<Surroundings>,
        settings: &ConnectionSettings,
    ) -> Result<Arc<dyn Kms>, KmsSettingsError> {
        let policy = surroundings.egress.policy();
        let base =
            check_endpoint(policy, "endpoint", settings.get("endpoint").unwrap_or(ENDPOINT))?;
        let key = settings.require("key")?;
        if !is_key(key) {
            let message = "must be projects/P/locations/L/keyRings/R/cryptoKeys/K";
            return Err(KmsSettingsError::new("key", message));
        }
        let account = Account::read(settings.require("service_account")?)?;
        // Written by whoever made the file: the rules of all addresses hold.
        let (host, _) = split_path(&account.token_uri);
        check_endpoint(policy, "service_account", host)?;
        Ok(Arc::new(GoogleKms {
            surroundings: Arc::clone(surroundings),
            base,
            key: key.to_owned(),
            account,
            token: Token::default(),
        }))
    }

    fn guide<'a>(
        &'a self,
        _: &'a Arc<Surroundings>,
        settings: &'a ConnectionSettings,
    ) -> KmsFuture<'a, KmsGuide> {
        let parts: Vec<&str> = settings.get("key").unwrap_or_default().split('/').collect();
        let (project, location, ring, key) = match parts[..] {
            ["projects", project, "locations", location, "keyRings", ring, "cryptoKeys", key] => {
                (project, location, ring, key)
            }
            _ => ("PROJECT", "LOCATION", "RING", "KEY"),
        };
        let grant = |role: &str| {
            format!(
                "gcloud kms keys add-iam-policy-binding {key} --project {project} \
                 --location {location} --keyring {ring} --role {role} \
                 --member serviceAccount:THE-SERVICE-ACCOUNT"
            )
        };
        let text = format!(
            "{}\n{}\n",
            grant("roles/cloudkms.cryptoKeyEncrypterDecrypter"),
            grant("roles/cloudkms.viewer")
        );
        let title = "Let the service account use the key and look at it".to_owned();
        let guide = KmsGuide { principal: None, documents: vec![KmsDocument { title, text }] };
        Box::pin(std::future::ready(Ok(guide)))
    }
}

impl Account {
    fn read(text: &str) -> Result<Self, KmsSettingsError> {
        let wrong = |message: &str| KmsSettingsError::new("service_account", message);
        let file: Value =
            serde_json::from_str(text).map_err(|_| wrong("must be the key file's JSON"))?;
        let member = |name: &str| file[name].as_str().filter(|text| !text.is_empty());
        let email = member("client_email").ok_or_else(|| wrong("lacks client_email"))?;
        let pem = member("private_key").ok_or_else(|| wrong("lacks private_key"))?;
        let body: String =
            pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        let der = STANDARD.decode(body).map_err(|_| wrong("private_key is no PEM"))?;
        let der = zeroize::Zeroizing::new(der);
        let signer = RsaKeyPair::from_pkcs8(&der)
            .map_err(|_| wrong("private_key is no RSA key of 2048 bits or more"))?;
        Ok(Self {
            email: email.to_owned(),
            key_id: member("private_key_id").unwrap_or_default().to_owned(),
            signer,
            token_uri: member("token_uri").unwrap_or(TOKEN_URI).to_owned(),
        })
    }

    /// A signed claim to be this account (RFC 7523).
    fn claim(&self, now_s: i64) -> Result<String, KmsError> {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": now_s,
            "exp": now_s + CLAIM_S,
        });
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let text = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.signer.public_modulus_len()];
        self.signer
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| {
                let detail = "the service account's key does not sign";
                KmsError::new(KmsOperation::Authenticate, KmsFailure::CredentialsInvalid, detail)
            })?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl GoogleKms {
    async fn call(
        &self,
        operation: KmsOperation,
        verb: &str,
        payload: Option<&Value>,
    ) -> Result<Answer, KmsError> {
        let token = self.token().await?;
        let bearer = Secret::new(format!("Bearer {}", token.danger_expose()));
        let headers = [("authorization", bearer.danger_expose().as_str())];
        let url = format!("{}/v1/{}{verb}", self.base, self.key);
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
        let now = self.surroundings.clock.now();
        self.token
            .get(
                now,
                self.token.told(async {
                    let claim = self.account.claim(now.micros() / 1_000_000)?;
                    let form = [
                        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                        ("assertion", &*claim),
                    ];
                    let egress = &self.surroundings.egress;
                    access_token(egress, &self.account.token_uri, &form, token_failed).await
                }),
            )
            .await
    }

    async fn encrypt(
        &self,
        operation: KmsOperation,
        context: EncryptionContext,
        data_key: &Secret<Vec<u8>>,
    ) -> Result<Vec<u8>, KmsError> {
        let (plaintext, aad) = (data_key.danger_expose(), context.associated_data());
        let body = json!({
            "plaintext": STANDARD.encode(plaintext),
            "plaintextCrc32c": crc32c(plaintext).to_string(),
            "additionalAuthenticatedData": STANDARD.encode(&aad),
            "additionalAuthenticatedDataCrc32c": crc32c(&aad).to_string(),
        });
        let answer = self.call(operation, ":encrypt", Some(&body)).await?;
        let arrived = |name: &str| answer.json[name] == Value::Bool(true);
        if !arrived("verifiedPlaintextCrc32c")
            || !arrived("verifiedAdditionalAuthenticatedDataCrc32c")
        {
            let detail = "what was sent did not arrive whole";
            return Err(KmsError::new(operation, KmsFailure::Unexpected, detail));
        }
        checked(operation, &answer, "ciphertext")
    }
}

impl Kms for GoogleKms {
    fn name(&self) -> &'static str {
        NAME
    }

    fn key_id(&self) -> &str {
        &self.key
    }

    fn sign_ins(&self) -> Vec<KmsSignIn> {
        self.token.sign_ins()
    }

    /// Which version wrapped what is not told, and versions are disabled one by one.
    fn proves(&self, _: &Wrapping, _: &Wrapping) -> bool {
        false
    }

    fn generate(&self, context: EncryptionContext) -> KmsFuture<'_, GeneratedKey> {
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
            let aad = context.associated_data();
            let body = json!({
                "ciphertext": STANDARD.encode(wrapped),
                "ciphertextCrc32c": crc32c(wrapped).to_string(),
                "additionalAuthenticatedData": STANDARD.encode(&aad),
                "additionalAuthenticatedDataCrc32c": crc32c(&aad).to_string(),
            });
            let answer = self.call(OPERATION, ":decrypt", Some(&body)).await?;
            checked(OPERATION, &answer, "plaintext").map(Secret::new)
        })
    }

    fn describe(&self) -> KmsFuture<'_, KmsDescription> {
        const OPERATION: KmsOperation = KmsOperation::Describe;
        Box::pin(async move {
            let answer = self.call(OPERATION, "", None).await?;
            let wrong = |failure, detail: String| Err(KmsError::new(OPERATION, failure, detail));
            match answer.text(OPERATION, "/purpose")? {
                "ENCRYPT_DECRYPT" => {}
                "ASYMMETRIC_DECRYPT" => {
                    return wrong(KmsFailure::Asymmetric, "its purpose is decryption".to_owned());
                }
                other => {
                    return wrong(KmsFailure::WrongUsage, format!("its purpose is {other:.40}"));
                }
            }
            let state = answer.text(OPERATION, "/primary/state")?;
            match of_state(state) {
                None => Ok(KmsDescription {
                    key_id: self.key.clone(),
                    origin: format!("Google Cloud KMS, {}", self.base),
                }),
                Some(failure) => wrong(failure, format!("its primary version is {state:.40}")),
            }
        })
    }
}

fn of_state(state: &str) -> Option<KmsFailure> {
    match state {
        "ENABLED" => None,
        "DISABLED" => Some(KmsFailure::Disabled),
        "DESTROY_SCHEDULED" | "DESTROYED" => Some(KmsFailure::PendingDeletion),
        _ => Some(KmsFailure::UnusableState),
    }
}

/// Bytes of the answer whose checksum is right.
fn checked(operation: KmsOperation, answer: &Answer, name: &str) -> Result<Vec<u8>, KmsError> {
    let bytes = answer.bytes(operation, &format!("/{name}"))?;
    // An integer of 64 bits is text in Google's JSON.
    let sum = answer.text(operation, &format!("/{name}Crc32c"))?;
    if sum == crc32c(&bytes).to_string() {
        Ok(bytes)
    } else {
        let detail = "the answer did not arrive whole";
        Err(KmsError::new(operation, KmsFailure::Unexpected, detail))
    }
}

fn failed(operation: KmsOperation, answer: &Answer) -> KmsError {
    let error = &answer.json["error"];
    let message = error["message"].as_str().unwrap_or_default();
    let state = ["DESTROY_SCHEDULED", "DESTROYED", "DISABLED"]
        .into_iter()
        .find(|state| message.contains(state))
        .and_then(of_state);
    let failure = match error["status"].as_str().unwrap_or_default() {
        "PERMISSION_DENIED" => KmsFailure::Denied,
        "UNAUTHENTICATED" => KmsFailure::CredentialsInvalid,
        "NOT_FOUND" => KmsFailure::NotFound,
        "FAILED_PRECONDITION" => state.unwrap_or(KmsFailure::UnusableState),
        "INVALID_ARGUMENT" if operation == KmsOperation::Unwrap => KmsFailure::Corrupt,
        "RESOURCE_EXHAUSTED" => KmsFailure::Throttled,
        "DEADLINE_EXCEEDED" => KmsFailure::Unreachable,
        "UNAVAILABLE" | "INTERNAL" | "ABORTED" => KmsFailure::ServiceFault,
        _ if answer.status >= 500 => KmsFailure::ServiceFault,
        _ => KmsFailure::Unexpected,
    };
    KmsError::new(operation, failure, shown(answer.status, message))
}

fn token_failed(answer: &Answer) -> KmsError {
    let said = answer.json["error_description"].as_str().unwrap_or_default();
    let failure = match (answer.status, answer.json["error"].as_str()) {
        (429, _) => KmsFailure::Throttled,
        (500.., _) => KmsFailure::ServiceFault,
        (_, Some("invalid_grant")) if said.contains("short-lived") => KmsFailure::ClockSkew,
        (_, Some(_)) => KmsFailure::CredentialsInvalid,
        _ => KmsFailure::Unexpected,
    };
    KmsError::new(KmsOperation::Authenticate, failure, shown(answer.status, said))
}

fn is_key(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let ["projects", project, "locations", location, "keyRings", ring, "cryptoKeys", key] =
        parts[..]
    else {
        return false;
    };
    // A project's name may carry its domain before a colon.
    let is_part = |part: &str| {
        (1..=128).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
            && !matches!(part, "." | "..")
    };
    [project, location, ring, key].into_iter().all(is_part)
}

/// An address's scheme and host, and its path.
fn split_path(url: &str) -> (&str, &str) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    url.split_at(end)
}

/// CRC-32C (Castagnoli), as RFC 3720 has it, bit by bit: the messages are short.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{crc32c, is_key, split_path};

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
    }

    #[test]
    fn names_of_keys_are_checked() {
        assert!(is_key("projects/p/locations/global/keyRings/r/cryptoKeys/k"));
        assert!(is_key("projects/example.com:p/locations/global/keyRings/r/cryptoKeys/k"));
        for bad in [
            "k",
            "projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
            "projects/p/locations/global/keyRings/r/cryptoKeys/",
            "projects/p/locations/../keyRings/r/cryptoKeys/k",
            "projects/p/locations/global/keyRings/r/cryptoKeys/k?x",
        ] {
            assert!(!is_key(bad), "{bad}");
        }
        assert_eq!(split_path("https://a.test/b/c"), ("https://a.test", "/b/c"));
    }
}
