//! Clients of services on this machine.

use std::{collections::BTreeMap, sync::Arc};

use portcullis_domain::{Clock, Dice, OrganisationId, Secret};
use portcullis_kms::{AwsIdentity, Factory, StaticCredentials, Surroundings};
use portcullis_runtime::{
    SystemClock, SystemDice,
    egress::{EgressPolicy, EgressSettings},
};
use portcullis_testkit::kms::Account;
use portcullis_vault::{
    EncryptionContext, Kms,
    kms::{ConnectionSettings, KmsFactory as _, KmsSettingsError},
};
use uuid::Uuid;

pub(crate) fn organisation() -> OrganisationId {
    OrganisationId::from_uuid(Uuid::from_u128(0x0190_b7a2_3f4c_7d8e_9a1b_2c3d_4e5f_6a7b))
}

pub(crate) fn context() -> EncryptionContext {
    EncryptionContext::sealed_fields(Some(organisation()))
}

/// A factory that may call this machine, as that user of AWS.
pub(crate) fn factory(aws: AwsIdentity) -> Factory {
    factory_with(aws, "127.0.0.1/32")
}

pub(crate) fn factory_with(aws: AwsIdentity, allow: &str) -> Factory {
    let policy = EgressPolicy::parse(allow).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let dice: Arc<dyn Dice> = Arc::new(SystemDice);
    Factory::new(Surroundings::new(policy, EgressSettings::default(), aws, clock, dice))
}

/// The product's user in that account.
pub(crate) fn gate(account: &Account) -> AwsIdentity {
    as_user(&account.access_key_id, &account.secret_access_key, account)
}

pub(crate) fn as_user(id: &str, secret: &str, account: &Account) -> AwsIdentity {
    AwsIdentity {
        credentials: Some(StaticCredentials {
            access_key_id: id.to_owned(),
            secret_access_key: Secret::new(secret.to_owned()),
            session_token: None,
        }),
        sts_endpoint: Some(account.url().to_owned()),
    }
}

pub(crate) fn settings(provider: &str, parameters: &[(&str, &str)]) -> ConnectionSettings {
    let parameters: BTreeMap<_, _> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Secret::new((*value).to_owned())))
        .collect();
    ConnectionSettings {
        provider: provider.to_owned(),
        organisation: Some(organisation()),
        parameters,
        pinned_key: None,
    }
}

/// A client of a key at `endpoint`.
pub(crate) fn aws(
    identity: AwsIdentity,
    key: &str,
    endpoint: &str,
) -> Result<Arc<dyn Kms>, KmsSettingsError> {
    factory(identity).connect(&settings("aws", &[("key_arn", key), ("endpoint", endpoint)]))
}
