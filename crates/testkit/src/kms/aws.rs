//! An account at an emulator: keys, users, roles.

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{emulator::Emulator, sign::Signer};

/// An account at one emulator, with what this product needs to be in it.
#[derive(Clone)]
pub struct Account {
    emulator: Emulator,
    base: String,
    admin: Signer,
    /// The access key of a user that may do with KMS keys what the product needs, and assume roles;
    /// nothing else.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
}

/// A key at an emulator.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its ARN.
    pub arn: String,
    /// Its id.
    pub id: String,
}

/// What kind of key to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// Symmetric, for encryption: the right one.
    #[default]
    Symmetric,
    /// The same, to be copied into other regions.
    MultiRegion,
    /// A key pair for encryption.
    Rsa,
    /// A key pair for signing.
    Signing,
    /// A symmetric key for message authentication codes.
    Hmac,
}

/// The region of everything that is made.
const REGION: &str = "us-east-1";

/// What the product's user may do: the five uses of keys, a look at them, and roles.
const ALLOWED: [&str; 8] = [
    "kms:GenerateDataKey",
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:DescribeKey",
    "sts:AssumeRole",
];

impl Account {
    /// This process's account at an emulator; prepared at the first call.
    ///
    /// # Panics
    /// When the emulator is not there or does not do as asked.
    pub async fn at(emulator: Emulator) -> Self {
        static MOTO: OnceCell<Account> = OnceCell::const_new();
        static LOCALSTACK: OnceCell<Account> = OnceCell::const_new();
        let cell = match emulator {
            Emulator::Moto => &MOTO,
            Emulator::LocalStack => &LOCALSTACK,
        };
        cell.get_or_init(|| Self::prepare(emulator)).await.clone()
    }

    async fn prepare(emulator: Emulator) -> Self {
        let base = emulator.url().await;
        let nobody =
            Signer { access_key_id: "test".to_owned(), secret_access_key: "test".to_owned() };
        let mut account = Self {
            emulator,
            base,
            admin: nobody,
            access_key_id: "test".to_owned(),
            secret_access_key: "test".to_owned(),
        };
        if emulator == Emulator::Moto {
            let everything = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            let (id, secret) = account.user("admin", &everything).await;
            let least = json!({"Effect": "Allow", "Action": ALLOWED, "Resource": "*"});
            (account.access_key_id, account.secret_access_key) = account.user("gate", &least).await;
            account.admin = Signer { access_key_id: id, secret_access_key: secret };
            // From here on signatures and permissions are checked.
            let reset = crate::client::post(format!("{}/moto-api/reset-auth", account.base));
            let answer = reset.body("0").send().await.expect("moto answers");
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        account
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// A user with that policy; its access key.
    pub async fn user(&self, name: &str, statement: &Value) -> (String, String) {
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        self.query("iam", "2010-05-08", &[("Action", "CreateUser"), ("UserName", name)]).await;
        let put = [
            ("Action", "PutUserPolicy"),
            ("UserName", name),
            ("PolicyName", "all"),
            ("PolicyDocument", &policy),
        ];
        self.query("iam", "2010-05-08", &put).await;
        let create = [("Action", "CreateAccessKey"), ("UserName", name)];
        let made = self.query("iam", "2010-05-08", &create).await;
        (element(&made, "AccessKeyId"), element(&made, "SecretAccessKey"))
    }

    /// A role that anybody may assume, with that statement as its policy; its ARN.
    pub async fn role(&self, name: &str, statement: &Value) -> String {
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"},
        ]});
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let create = [
            ("Action", "CreateRole"),
            ("RoleName", name),
            ("AssumeRolePolicyDocument", &trust.to_string()),
        ];
        let made = self.query("iam", "2010-05-08", &create).await;
        let put = [
            ("Action", "PutRolePolicy"),
            ("RoleName", name),
            ("PolicyName", "all"),
            ("PolicyDocument", &policy),
        ];
        self.query("iam", "2010-05-08", &put).await;
        element(&made, "Arn")
    }

    /// A new key.
    pub async fn key(&self, kind: KeyKind) -> Key {
        let (spec, usage) = match kind {
            KeyKind::Symmetric | KeyKind::MultiRegion => ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
            KeyKind::Rsa => ("RSA_2048", "ENCRYPT_DECRYPT"),
            KeyKind::Signing => ("ECC_NIST_P256", "SIGN_VERIFY"),
            KeyKind::Hmac => ("HMAC_256", "GENERATE_VERIFY_MAC"),
        };
        let is_multi = kind == KeyKind::MultiRegion;
        let asked = json!({"KeySpec": spec, "KeyUsage": usage, "MultiRegion": is_multi});
        let made = self.kms("CreateKey", &asked).await;
        let text = |name: &str| made["KeyMetadata"][name].as_str().expect("a key").to_owned();
        Key { arn: text("Arn"), id: text("KeyId") }
    }

    /// Gives a key another name; the alias' ARN.
    pub async fn alias(&self, name: &str, key: &Key) -> String {
        let asked = json!({"AliasName": format!("alias/{name}"), "TargetKeyId": key.id});
        self.kms("CreateAlias", &asked).await;
        key.arn.replace(&format!("key/{}", key.id), &format!("alias/{name}"))
    }

    /// Makes an alias mean another key.
    pub async fn move_alias(&self, name: &str, key: &Key) {
        let asked = json!({"AliasName": format!("alias/{name}"), "TargetKeyId": key.id});
        self.kms("UpdateAlias", &asked).await;
    }

    /// Disables a key.
    pub async fn disable(&self, key: &Key) {
        self.kms("DisableKey", &json!({"KeyId": key.id})).await;
    }

    /// Enables a key, also one that waited to be deleted.
    pub async fn enable(&self, key: &Key) {
        self.kms("EnableKey", &json!({"KeyId": key.id})).await;
    }

    /// Schedules a key's deletion.
    pub async fn schedule_deletion(&self, key: &Key) {
        self.kms("ScheduleKeyDeletion", &json!({"KeyId": key.id})).await;
    }

    /// Takes that back; the key stays disabled.
    pub async fn cancel_deletion(&self, key: &Key) {
        self.kms("CancelKeyDeletion", &json!({"KeyId": key.id})).await;
    }

    /// Gives a key new material; the old one still decrypts.
    pub async fn rotate(&self, key: &Key) {
        self.kms("RotateKeyOnDemand", &json!({"KeyId": key.id})).await;
    }

    async fn kms(&self, operation: &str, body: &Value) -> Value {
        let target = format!("TrentService.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", &*target)];
        let body = body.to_string();
        let call = self.admin.post(&self.base, ("kms", REGION), &headers, &body);
        let answer = call.send().await.expect("the emulator answers");
        let emulator = self.emulator;
        assert_eq!(answer.status, 200, "{emulator:?} {operation}: {}", answer.text());
        answer.json()
    }

    async fn query(&self, service: &str, version: &str, parameters: &[(&str, &str)]) -> String {
        let mut body = format!("Version={version}");
        for (name, value) in parameters {
            body.push_str(&format!("&{name}={}", percent(value)));
        }
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let call = self.admin.post(&self.base, (service, REGION), &headers, &body);
        let answer = call.send().await.expect("the emulator answers");
        assert_eq!(answer.status, 200, "{parameters:?}: {}", answer.text());
        answer.text()
    }
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).expect(name);
    rest.split_once(&format!("</{name}>")).expect(name).0.to_owned()
}
