//! Services that cannot be run here, against exchanges written down from their references and, for
//! transit, from the server's source: what is sent, byte for byte, and what each error comes to.

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use portcullis_domain::{Clock, Dice, Secret};
use portcullis_kms::{AwsIdentity, Factory, Surroundings};
use portcullis_runtime::{
    SystemClock,
    egress::{EgressPolicy, EgressSettings},
};
use portcullis_testkit::kms::Replay;
use portcullis_vault::{
    EncryptionContext, Kms, KmsFailure,
    kms::{ConnectionSettings, KmsFactory as _, verify},
};
use serde_json::{Value, json};

use crate::support::{context, organisation};

/// Always the same throw, so that what is sent is known.
struct Sevens;

impl Dice for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// A service, how it is connected at that address, and its exchanges.
struct Service {
    name: &'static str,
    settings: fn(&str) -> Value,
    pinned: fn(&str) -> Option<String>,
    verify: &'static str,
    errors: &'static str,
}

const SERVICES: [Service; 3] = [
    Service {
        name: "vault-transit",
        settings: |url| {
            json!({
                "address": url, "mount": "team/transit", "key": "portcullis",
                "namespace": "team-a", "role_id": "db02de05", "secret_id": "6a174c20",
            })
        },
        pinned: |_| None,
        verify: include_str!("../../fixtures/vault-transit/verify.json"),
        errors: include_str!("../../fixtures/vault-transit/errors.json"),
    },
    Service {
        name: "google",
        settings: |url| {
            json!({
                "endpoint": url,
                "key": "projects/my-project/locations/europe-west3/keyRings/ring/cryptoKeys/portcullis",
                "service_account": account(url).0,
            })
        },
        pinned: |_| None,
        verify: include_str!("../../fixtures/google/verify.json"),
        errors: include_str!("../../fixtures/google/errors.json"),
    },
    Service {
        name: "azure",
        settings: |url| {
            json!({
                "key": format!("{url}/keys/portcullis"), "authority": url,
                "tenant_id": "72f988bf", "client_id": "11111111-2222", "client_secret": "8Q~x y",
            })
        },
        pinned: |url| Some(format!("{url}/keys/portcullis/0698c2156c1a4e1da5b6bab6f6422fd6")),
        verify: include_str!("../../fixtures/azure/verify.json"),
        errors: include_str!("../../fixtures/azure/errors.json"),
    },
];

fn factory() -> Factory {
    let policy = EgressPolicy::parse("127.0.0.1/32").unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (egress, aws) = (EgressSettings::default(), AwsIdentity::default());
    Factory::new(Surroundings::new(policy, egress, aws, clock, Arc::new(Sevens)))
}

fn settings(service: &Service, url: &str) -> ConnectionSettings {
    let factory = factory();
    let provider = factory.providers().iter().find(|known| known.name == service.name).unwrap();
    let given = (service.settings)(url);
    let mut settings =
        provider.read(Some(organisation()), given.as_object().unwrap()).ok().unwrap();
    settings.pinned_key = (service.pinned)(url);
    settings
}

fn client(service: &Service, url: &str) -> Arc<dyn Kms> {
    factory().connect(&settings(service, url)).unwrap()
}

/// A service account's key file, and its public key.
fn account(url: &str) -> (String, Vec<u8>) {
    static KEY: std::sync::OnceLock<(String, Vec<u8>)> = std::sync::OnceLock::new();
    let (pem, public) = KEY.get_or_init(|| {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let body = STANDARD.encode(der.as_ref());
        let head = format!("-----BEGIN {} KEY-----", "PRIVATE");
        let foot = format!("-----END {} KEY-----", "PRIVATE");
        (format!("{head}\n{body}\n{foot}\n"), pair.public_key().as_ref().to_vec())
    });
    let file = json!({
        "type": "service_account", "client_email": "gate@my-project.iam.gserviceaccount.com",
        "private_key_id": "abc123", "private_key": pem, "token_uri": format!("{url}/token"),
    });
    (file.to_string(), public.clone())
}

#[tokio::test]
async fn what_is_sent_is_what_the_references_ask_for() {
    for service in &SERVICES {
        let exchanges: Value = serde_json::from_str(service.verify).unwrap();
        let replay = Replay::of(&exchanges).await;
        let kms = client(service, replay.url());
        let described = verify(&*kms, context()).await;
        let described = described.unwrap_or_else(|error| panic!("{}: {error}", service.name));
        assert!(described.key_id.contains("portcullis"), "{described:?}");
        replay.finish();
    }
}

#[tokio::test]
async fn every_error_comes_to_its_reason_and_repeats_no_secret() {
    for service in &SERVICES {
        let whole: Vec<Value> = serde_json::from_str(service.verify).unwrap();
        let errors: Vec<Value> = serde_json::from_str(service.errors).unwrap();
        for error in errors {
            let mut exchanges = whole.clone();
            let unwrap = exchanges.last_mut().unwrap();
            unwrap["response"] = json!({"status": error[0], "body": error[1]});
            let refused = unwrap.clone();
            // A login that is not taken any more is tried once again.
            let is_login = service.name == "vault-transit" && error[0] == 403;
            if is_login {
                exchanges.extend([whole[0].clone(), refused]);
            }
            let replay = Replay::of(&Value::from(exchanges)).await;
            let kms = client(service, replay.url());
            let failed = verify(&*kms, context()).await.err().unwrap();
            assert_eq!(failed.failure.code(), error[2], "{} {error}: {failed}", service.name);
            let text = format!("{failed} {failed:?}");
            for secret in ["6a174c20", "hvs.approle", "ya29.token", "eyJ.token", "8Q~x y", "BwcHBw"]
            {
                assert!(!text.contains(secret), "{text}");
            }
            replay.finish();
        }
    }
}

#[tokio::test]
async fn keys_that_cannot_serve_are_refused_with_the_reason() {
    for (service, changes) in [
        (
            &SERVICES[0],
            vec![
                (json!({"data": {"type": "rsa-2048"}}), "key_asymmetric"),
                (json!({"data": {"type": "hmac"}}), "key_usage_wrong"),
                (json!({"data": {"type": "aes256-gcm96", "derived": true}}), "key_usage_wrong"),
                (
                    json!({"data": {"type": "aes256-gcm96", "soft_deleted": true}}),
                    "key_pending_deletion",
                ),
            ],
        ),
        (
            &SERVICES[1],
            vec![
                (json!({"purpose": "ASYMMETRIC_DECRYPT"}), "key_asymmetric"),
                (json!({"purpose": "MAC"}), "key_usage_wrong"),
                (
                    json!({"purpose": "ENCRYPT_DECRYPT", "primary": {"state": "DISABLED"}}),
                    "key_disabled",
                ),
                (
                    json!({"purpose": "ENCRYPT_DECRYPT", "primary": {"state": "DESTROY_SCHEDULED"}}),
                    "key_pending_deletion",
                ),
                (
                    json!({"purpose": "ENCRYPT_DECRYPT", "primary": {"state": "PENDING_GENERATION"}}),
                    "key_state_invalid",
                ),
            ],
        ),
        (
            &SERVICES[2],
            vec![
                (json!({"key": {"kty": "EC"}, "attributes": {"enabled": true}}), "key_usage_wrong"),
                (json!({"key": {"kty": "RSA"}, "attributes": {"enabled": false}}), "key_disabled"),
                (
                    json!({"key": {"kty": "RSA", "key_ops": ["sign"]}, "attributes": {}}),
                    "key_usage_wrong",
                ),
            ],
        ),
    ] {
        let whole: Vec<Value> = serde_json::from_str(service.verify).unwrap();
        for (body, expected) in changes {
            let mut described = whole[1].clone();
            described["response"]["body"] = body.clone();
            let replay = Replay::of(&json!([whole[0], described])).await;
            let kms = client(service, replay.url());
            let failed = verify(&*kms, context()).await.err().unwrap();
            assert_eq!(failed.failure.code(), expected, "{} {body}: {failed}", service.name);
            replay.finish();
        }
    }
}

#[tokio::test]
async fn a_login_that_is_refused_says_so() {
    for (service, body, status, expected) in [
        (
            &SERVICES[0],
            json!({"errors": ["invalid role or secret ID"]}),
            400,
            "credentials_invalid",
        ),
        (&SERVICES[0], json!({"errors": ["Vault is sealed"]}), 503, "service_fault"),
        (
            &SERVICES[1],
            json!({"error": "invalid_grant", "error_description":
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable \
                 timeframe. Check your iat and exp values in the JWT claim."}),
            400,
            "clock_skew",
        ),
        (
            &SERVICES[1],
            json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}),
            400,
            "credentials_invalid",
        ),
        (
            &SERVICES[2],
            json!({"error": "invalid_client", "error_description":
                "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"}),
            401,
            "credentials_invalid",
        ),
        (
            &SERVICES[2],
            json!({"error": "invalid_client", "error_description":
                "AADSTS7000222: The provided client secret keys for app are expired."}),
            401,
            "credentials_expired",
        ),
        (&SERVICES[2], json!({"error": "temporarily_unavailable"}), 503, "service_fault"),
    ] {
        let whole: Vec<Value> = serde_json::from_str(service.verify).unwrap();
        let mut login = whole[0].clone();
        login["response"] = json!({"status": status, "body": body});
        let replay = Replay::of(&json!([login])).await;
        let kms = client(service, replay.url());
        let failed = verify(&*kms, context()).await.err().unwrap();
        assert_eq!(failed.failure.code(), expected, "{}: {failed}", service.name);
        assert_eq!(failed.operation.name(), "authenticate");
        let told: Vec<_> = kms.sign_ins().into_iter().map(|sign_in| sign_in.outcome).collect();
        assert_eq!(told, [Err(failed.failure)], "{}", service.name);
        assert!(kms.sign_ins().is_empty());
        replay.finish();
    }
}

#[tokio::test]
async fn googles_claim_is_signed_by_the_service_account() {
    let exchanges: Value = serde_json::from_str(SERVICES[1].verify).unwrap();
    let replay = Replay::of(&exchanges).await;
    let kms = client(&SERVICES[1], replay.url());
    kms.describe().await.unwrap();
    let asked = replay.asked();
    let assertion = asked[0]["body"]["assertion"].as_str().unwrap();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let public = account(replay.url()).1;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public)
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    let part = |n: usize| -> Value {
        let text = signed.split('.').nth(n).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    assert_eq!(part(0), json!({"alg": "RS256", "typ": "JWT", "kid": "abc123"}));
    let claims = part(1);
    assert_eq!(claims["iss"], "gate@my-project.iam.gserviceaccount.com");
    assert_eq!(claims["aud"], format!("{}/token", replay.url()));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
}

#[tokio::test]
async fn azure_binds_the_context_though_its_service_does_not() {
    let service = &SERVICES[2];
    let exchanges: Value = serde_json::from_str(service.verify).unwrap();
    // Token, wrap, and three times unwrap.
    let unwrap = exchanges[4].clone();
    let played = json!([exchanges[0], exchanges[2], unwrap, unwrap, unwrap]);
    let replay = Replay::of(&played).await;
    let kms = client(service, replay.url());
    let data_key = Secret::new(vec![9; 32]);
    let wrapped = kms.wrap(context(), &data_key).await.unwrap();
    let opened = kms.unwrap(context(), &wrapped).await.ok().unwrap();
    assert_eq!(opened.danger_expose(), data_key.danger_expose());
    let other = EncryptionContext::sealed_fields(None);
    assert_eq!(
        kms.unwrap(other, &wrapped).await.err().unwrap().failure.code(),
        "ciphertext_invalid"
    );
    let mut flipped = wrapped.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let failed = kms.unwrap(context(), &flipped).await.err().unwrap();
    assert_eq!(failed.failure.code(), "ciphertext_invalid");
    // What is cut off does not reach the service.
    for len in 0..wrapped.len().min(40) {
        let failed = kms.unwrap(context(), &wrapped[..len.min(10)]).await.err().unwrap();
        assert_eq!(failed.failure.code(), "ciphertext_invalid");
    }
    replay.finish();
}

#[test]
fn settings_that_make_no_sense_or_lead_astray_are_refused_by_name() {
    let url = "http://127.0.0.1:9";
    for (service, name, value) in [
        (&SERVICES[0], "address", "http://vault.example.com"),
        (&SERVICES[0], "address", "https://10.0.0.1"),
        (&SERVICES[0], "key", "a/../b"),
        (&SERVICES[0], "mount", "a b"),
        (&SERVICES[0], "token", "both"),
        (&SERVICES[1], "key", "k"),
        (&SERVICES[1], "service_account", "{}"),
        (&SERVICES[1], "endpoint", "https://169.254.169.254"),
        (&SERVICES[2], "key", "https://vault.azure.net/secrets/x"),
        (&SERVICES[2], "key", "https://a.vault.azure.net/keys/a/b/c"),
        (&SERVICES[2], "tenant_id", "a/b"),
        (&SERVICES[2], "authority", "http://login.example.com"),
    ] {
        let mut settings = settings(service, url);
        settings.pinned_key = None;
        settings.parameters.insert(name.to_owned(), Secret::new(value.to_owned()));
        let refused = factory().connect(&settings).err();
        let refused = refused.unwrap_or_else(|| panic!("{}: {name} {value}", service.name));
        assert_eq!(refused.parameter, name, "{refused}");
    }
    // A key file that has the claim sent elsewhere.
    let file: BTreeMap<String, Value> = serde_json::from_str(&account(url).0).unwrap();
    let mut file = file;
    file.insert("token_uri".to_owned(), json!("https://169.254.169.254/token"));
    let mut settings = settings(&SERVICES[1], url);
    let text = serde_json::to_string(&file).unwrap();
    settings.parameters.insert("service_account".to_owned(), Secret::new(text));
    assert_eq!(factory().connect(&settings).err().unwrap().parameter, "service_account");
}

#[tokio::test]
async fn guides_name_the_key_and_what_to_grant() {
    for (service, words) in [
        (&SERVICES[0], vec!["path \"team/transit/decrypt/portcullis\"", "update"]),
        (&SERVICES[1], vec!["--keyring ring", "cryptoKeyEncrypterDecrypter", "cloudkms.viewer"]),
        (&SERVICES[2], vec!["11111111-2222", "Key Vault Crypto Service Encryption User"]),
    ] {
        let guide = factory().guide(&settings(service, "http://127.0.0.1:9")).await.unwrap();
        for word in words {
            assert!(guide.documents[0].text.contains(word), "{guide:?}");
        }
    }
}

#[tokio::test]
async fn a_token_of_transit_serves_though_its_renewal_fails() {
    const WITH_TOKEN: Service = Service {
        settings: |url| {
            json!({
                "address": url, "mount": "team/transit", "key": "portcullis",
                "namespace": "team-a", "token": "hvs.approle",
            })
        },
        ..SERVICES[0]
    };
    let refused = json!({"errors": ["lease is not renewable"]});
    for (status, body, told) in [
        (200, json!({"auth": {"lease_duration": 60}}), Ok(())),
        (400, refused.clone(), Ok(())),
        (503, refused.clone(), Err(KmsFailure::ServiceFault)),
        (403, refused, Err(KmsFailure::Denied)),
    ] {
        let mut exchanges: Vec<Value> = serde_json::from_str(WITH_TOKEN.verify).unwrap();
        exchanges.truncate(2);
        exchanges[0]["request"]["path"] = json!("/v1/auth/token/renew-self");
        exchanges[0]["request"]["body"] = json!({});
        exchanges[0]["response"] = json!({"status": status, "body": body});
        let replay = Replay::of(&json!(exchanges)).await;
        let kms = client(&WITH_TOKEN, replay.url());
        kms.describe().await.unwrap();
        let outcomes: Vec<_> = kms.sign_ins().into_iter().map(|one| one.outcome).collect();
        assert_eq!(outcomes, [told], "{status}");
        replay.finish();
    }
}
