//! AWS KMS, through the official SDK.

mod failure;
mod guide;
mod http;
mod identity;
mod key;

use std::{sync::Arc, time::Duration};

use aws_sdk_kms::{
    Client,
    primitives::Blob,
    types::{DataKeySpec, KeyMetadata, KeySpec, KeyState, KeyUsageType},
};
use portcullis_domain::Secret;
use portcullis_vault::{
    EncryptionContext, GeneratedKey, Kms, KmsDescription, KmsError, KmsFailure, KmsFuture,
    KmsOperation, KmsSignIn, Wrapping,
    kms::{ConnectionSettings, KmsGuide, KmsParameter, KmsProvider, KmsSettingsError},
};
use tokio::sync::OnceCell;

pub use identity::{AwsIdentity, StaticCredentials};

use crate::{Entry, Surroundings, rest::check_endpoint, sign_in::SignIns};
use failure::failed;
use identity::Role;
use key::KeyName;

/// The entry in the slice.
pub(crate) struct Aws;

const NAME: &str = "aws";

static PROVIDER: KmsProvider = KmsProvider {
    name: NAME,
    title: "AWS KMS",
    help: "A symmetric encryption key in AWS Key Management Service, in any account and region.",
    parameters: &[
        KmsParameter {
            name: "key_arn",
            help: "the key's ARN or an alias' ARN; with a region also a key id or alias/name",
            example: "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            required: true,
            secret: false,
        },
        KmsParameter {
            name: "role_arn",
            help: "a role to assume before the key is used",
            example: "arn:aws:iam::111122223333:role/portcullis-kms",
            required: false,
            secret: false,
        },
        KmsParameter {
            name: "external_id",
            help: "what the role's trust policy asks for; the organisation's id by default",
            example: "0190b7a2-3f4c-7d8e-9a1b-2c3d4e5f6a7b",
            required: false,
            secret: false,
        },
        KmsParameter {
            name: "region",
            help: "the region, where the key is not named by an ARN",
            example: "eu-central-1",
            required: false,
            secret: false,
        },
        KmsParameter {
            name: "endpoint",
            help: "another address than the region's, a VPC endpoint for one",
            example: "https://vpce-0123456789abcdef0.kms.eu-central-1.vpce.amazonaws.com",
            required: false,
            secret: false,
        },
    ],
};

/// For one try; the SDK makes a second one after what may pass.
const ATTEMPT: Duration = Duration::from_secs(4);
/// For both, so that the vault's own bound is not the one that ends it.
const OPERATION: Duration = Duration::from_secs(9);

/// One key of AWS KMS.
struct AwsKms {
    surroundings: Arc<Surroundings>,
    /// The key as it was named, or its own ARN once that is known.
    key: KeyName,
    region: String,
    role: Option<Role>,
    endpoint: Option<String>,
    sign_ins: Arc<SignIns>,
    client: OnceCell<Client>,
}

impl Entry for Aws {
    fn provider(&self) -> &'static KmsProvider {
        &PROVIDER
    }

    fn connect(
        &self,
        surroundings: &Arc<Surroundings>,
        settings: &ConnectionSettings,
    ) -> Result<Arc<dyn Kms>, KmsSettingsError> {
        Ok(Arc::new(AwsKms::try_new(surroundings, settings)?))
    }

    fn guide<'a>(
        &'a self,
        surroundings: &'a Arc<Surroundings>,
        settings: &'a ConnectionSettings,
    ) -> KmsFuture<'a, KmsGuide> {
        Box::pin(guide::guide(surroundings, settings))
    }
}

impl AwsKms {
    fn try_new(
        surroundings: &Arc<Surroundings>,
        settings: &ConnectionSettings,
    ) -> Result<Self, KmsSettingsError> {
        let named = KeyName::parse(settings.require("key_arn")?)
            .map_err(|message| KmsSettingsError::new("key_arn", message))?;
        let region = key::region(&named, settings.get("region"))?;
        let key = match &settings.pinned_key {
            None => named,
            Some(arn) => {
                KeyName::parse(arn).map_err(|message| KmsSettingsError::new("key_arn", message))?
            }
        };
        let endpoint = settings
            .get("endpoint")
            .map(|url| check_endpoint(surroundings.egress.policy(), "endpoint", url));
        Ok(Self {
            surroundings: Arc::clone(surroundings),
            key,
            region,
            role: Role::of(settings)?,
            endpoint: endpoint.transpose()?,
            sign_ins: Arc::default(),
            client: OnceCell::new(),
        })
    }

    async fn client(&self) -> &Client {
        let made = async {
            let config = identity::config(
                &self.surroundings,
                &self.region,
                self.role.as_ref().map(|role| (role, Arc::clone(&self.sign_ins))),
            );
            let mut config = aws_sdk_kms::config::Builder::from(&config.await)
                .http_client(http::client(self.surroundings.egress.clone()))
                .retry_config(identity::retries())
                .timeout_config(identity::timeouts(ATTEMPT, OPERATION));
            // The environment's own setting is for the instance, not for an organisation's key.
            config.set_endpoint_url(self.endpoint.clone());
            Client::from_conf(config.build())
        };
        self.client.get_or_init(|| made).await
    }

    /// The key that the service says it used must be the one that was named.
    fn check_used(&self, operation: KmsOperation, used: Option<&str>) -> Result<(), KmsError> {
        match used {
            Some(used) if self.key.is_arn_of_key() && !self.key.is_same_key(used) => {
                let detail = format!("the service used {used}");
                Err(KmsError::new(operation, KmsFailure::WrongKey, detail))
            }
            _ => Ok(()),
        }
    }
}

impl Kms for AwsKms {
    fn name(&self) -> &'static str {
        NAME
    }

    fn key_id(&self) -> &str {
        self.key.text()
    }

    fn sign_ins(&self) -> Vec<KmsSignIn> {
        self.sign_ins.take()
    }

    fn opens(&self, wrapping: &Wrapping) -> bool {
        wrapping.kms == NAME && self.key.is_same_key(&wrapping.kms_key_id)
    }

    fn generate(&self, context: EncryptionContext) -> KmsFuture<'_, GeneratedKey> {
        const OPERATION: KmsOperation = KmsOperation::Generate;
        Box::pin(async move {
            let mut request = self
                .client()
                .await
                .generate_data_key()
                .key_id(self.key_id())
                .key_spec(DataKeySpec::Aes256);
            for (name, value) in context.pairs() {
                request = request.encryption_context(name, value);
            }
            let answer = request.send().await.map_err(|error| failed(OPERATION, &error))?;
            self.check_used(OPERATION, answer.key_id.as_deref())?;
            Ok(GeneratedKey {
                plaintext: secret(OPERATION, answer.plaintext)?,
                wrapped: blob(OPERATION, answer.ciphertext_blob)?,
            })
        })
    }

    fn wrap<'a>(
        &'a self,
        context: EncryptionContext,
        data_key: &'a Secret<Vec<u8>>,
    ) -> KmsFuture<'a, Vec<u8>> {
        const OPERATION: KmsOperation = KmsOperation::Wrap;
        Box::pin(async move {
            let plaintext = Blob::new(data_key.danger_expose().clone());
            let mut request =
                self.client().await.encrypt().key_id(self.key_id()).plaintext(plaintext);
            for (name, value) in context.pairs() {
                request = request.encryption_context(name, value);
            }
            let answer = request.send().await.map_err(|error| failed(OPERATION, &error))?;
            self.check_used(OPERATION, answer.key_id.as_deref())?;
            blob(OPERATION, answer.ciphertext_blob)
        })
    }

    fn unwrap<'a>(
        &'a self,
        context: EncryptionContext,
        wrapped: &'a [u8],
    ) -> KmsFuture<'a, Secret<Vec<u8>>> {
        const OPERATION: KmsOperation = KmsOperation::Unwrap;
        Box::pin(async move {
            let mut request = self
                .client()
                .await
                .decrypt()
                .key_id(self.key_id())
                .ciphertext_blob(Blob::new(wrapped));
            for (name, value) in context.pairs() {
                request = request.encryption_context(name, value);
            }
            let answer = request.send().await.map_err(|error| failed(OPERATION, &error))?;
            secret(OPERATION, answer.plaintext)
        })
    }

    fn rewrap<'a>(
        &'a self,
        context: EncryptionContext,
        from: &'a Wrapping,
    ) -> Option<KmsFuture<'a, Vec<u8>>> {
        const OPERATION: KmsOperation = KmsOperation::Rewrap;
        let source = KeyName::parse(&from.kms_key_id).ok()?;
        if from.kms != NAME || source.region() != Some(&*self.region) {
            return None;
        }
        Some(Box::pin(async move {
            let mut request = self
                .client()
                .await
                .re_encrypt()
                .source_key_id(source.text())
                .destination_key_id(self.key_id())
                .ciphertext_blob(Blob::new(&*from.bytes));
            for (name, value) in context.pairs() {
                request = request
                    .source_encryption_context(name, value.clone())
                    .destination_encryption_context(name, value);
            }
            let answer = request.send().await.map_err(|error| failed(OPERATION, &error))?;
            self.check_used(OPERATION, answer.key_id.as_deref())?;
            blob(OPERATION, answer.ciphertext_blob)
        }))
    }

    fn describe(&self) -> KmsFuture<'_, KmsDescription> {
        const OPERATION: KmsOperation = KmsOperation::Describe;
        Box::pin(async move {
            let request = self.client().await.describe_key().key_id(self.key_id());
            let answer = request.send().await.map_err(|error| failed(OPERATION, &error))?;
            let missing = || {
                let detail = "the answer does not describe a key";
                KmsError::new(OPERATION, KmsFailure::Unexpected, detail)
            };
            let key = answer.key_metadata.ok_or_else(missing)?;
            check_usable(&key)?;
            let key_id = key.arn.clone().ok_or_else(missing)?;
            let kind = if key.multi_region == Some(true) { ", multi-region" } else { "" };
            let place = match &self.endpoint {
                None => format!("region {}", self.region),
                Some(endpoint) => format!("region {}, at {endpoint}", self.region),
            };
            Ok(KmsDescription { key_id, origin: format!("AWS KMS, {place}{kind}") })
        })
    }
}

/// Whether the key is one that can be used, and used for this.
fn check_usable(key: &KeyMetadata) -> Result<(), KmsError> {
    let wrong =
        |failure, detail: String| Err(KmsError::new(KmsOperation::Describe, failure, detail));
    let state = key.key_state.as_ref();
    match state {
        None | Some(KeyState::Enabled) => {}
        Some(KeyState::Disabled) => {
            return wrong(KmsFailure::Disabled, "its state is Disabled".to_owned());
        }
        Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion) => {
            let when = key.deletion_date.map(|date| format!(", deletion {date}"));
            let detail = format!("its state is PendingDeletion{}", when.unwrap_or_default());
            return wrong(KmsFailure::PendingDeletion, detail);
        }
        Some(other) => {
            return wrong(KmsFailure::UnusableState, format!("its state is {other}"));
        }
    }
    match &key.key_usage {
        None | Some(KeyUsageType::EncryptDecrypt) => {}
        Some(other) => return wrong(KmsFailure::WrongUsage, format!("it is for {other}")),
    }
    match &key.key_spec {
        None | Some(KeySpec::SymmetricDefault) => Ok(()),
        Some(other) => wrong(KmsFailure::Asymmetric, format!("it is of the kind {other}")),
    }
}

fn blob(operation: KmsOperation, blob: Option<Blob>) -> Result<Vec<u8>, KmsError> {
    blob.map(Blob::into_inner).filter(|bytes| !bytes.is_empty()).ok_or_else(|| {
        let detail = "the answer lacks what was asked for";
        KmsError::new(operation, KmsFailure::Unexpected, detail)
    })
}

fn secret(operation: KmsOperation, answer: Option<Blob>) -> Result<Secret<Vec<u8>>, KmsError> {
    blob(operation, answer).map(Secret::new)
}
