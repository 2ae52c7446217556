//! Who we are to AWS: this process's own identity, and roles assumed with it.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, sts::AssumeRoleProvider};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use aws_sdk_kms::config::SharedCredentialsProvider;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use portcullis_domain::{OrganisationId, Secret};
use portcullis_vault::kms::{ConnectionSettings, KmsSettingsError};

use super::{failure::credentials_failed, http};
use crate::{Surroundings, sign_in::SignIns};

/// Who this process is to AWS.
#[derive(Clone, Default)]
pub struct AwsIdentity {
    /// Instead of the SDK's own chain: environment, profile, web identity, container, instance.
    pub credentials: Option<StaticCredentials>,
    /// Where roles are assumed, if not at the region's own address.
    pub sts_endpoint: Option<String>,
}

/// Credentials that do not change.
#[derive(Clone)]
pub struct StaticCredentials {
    /// The access key's id.
    pub access_key_id: String,
    /// The access key.
    pub secret_access_key: Secret<String>,
    /// The session's token, where there is a session.
    pub session_token: Option<Secret<String>>,
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) external_id: String,
}

/// The name under which our sessions show in the customer's trail.
const SESSION: &str = "portcullis";
/// The external id with which the operator's own role is assumed.
const INSTANCE: &str = "instance";

impl Role {
    /// The role of a connection. Its external id is the organisation's id unless another was
    /// given: with one that is the same for everybody, an organisation could have us assume a role
    /// that is meant for another.
    pub(super) fn of(settings: &ConnectionSettings) -> Result<Option<Self>, KmsSettingsError> {
        let external_id = settings.get("external_id");
        let Some(arn) = settings.get("role_arn") else {
            return match external_id {
                None => Ok(None),
                Some(_) => {
                    let message = "belongs to a role: give role_arn as well";
                    Err(KmsSettingsError::new("external_id", message))
                }
            };
        };
        if !is_role_arn(arn) {
            let message = "must be a role's ARN such as arn:aws:iam::111122223333:role/portcullis";
            return Err(KmsSettingsError::new("role_arn", message));
        }
        let external_id = match (external_id, settings.organisation) {
            // What another organisation's role asks for unless it chose something else.
            (Some(id), own) if is_anothers(id, own) => {
                let message = "is another organisation's id: leave it out, or give one of your own";
                return Err(KmsSettingsError::new("external_id", message));
            }
            (Some(id), _) if is_external_id(id) => id.to_owned(),
            (Some(_), _) => {
                let message = "must have 2 to 1224 letters, digits or _+=,.@:/-";
                return Err(KmsSettingsError::new("external_id", message));
            }
            (None, Some(organisation)) => organisation.to_string(),
            (None, None) => INSTANCE.to_owned(),
        };
        Ok(Some(Self { arn: arn.to_owned(), external_id }))
    }
}

/// A role, and what is to be told of its being assumed.
#[derive(Debug)]
struct Told {
    assumed: AssumeRoleProvider,
    sign_ins: Arc<SignIns>,
}

impl ProvideCredentials for Told {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let mut said = None;
            let assumed = async {
                self.assumed.provide_credentials().await.map_err(|error| {
                    let failed = credentials_failed(&error);
                    said = Some(error);
                    failed
                })
            };
            let noted = self.sign_ins.note(assumed).await;
            noted.map_err(|failed| said.unwrap_or_else(|| CredentialsError::unhandled(failed)))
        })
    }
}

/// The SDK's configuration for one region, with the credentials to use there.
pub(super) async fn config(
    surroundings: &Surroundings,
    region: &str,
    role: Option<(&Role, Arc<SignIns>)>,
) -> SdkConfig {
    let identity = &surroundings.aws;
    let region = Region::new(region.to_owned());
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http::client(surroundings.own.clone()))
        .region(region.clone())
        .retry_config(retries())
        .timeout_config(timeouts(Duration::from_secs(4), Duration::from_secs(9)));
    if let Some(fixed) = &identity.credentials {
        loader = loader.credentials_provider(fixed.credentials());
    }
    let base = loader.load().await;
    let Some((role, sign_ins)) = role else { return base };
    // The role is named by the organisation: the usual rules hold on the way to it.
    let mut sts = base.to_builder().http_client(http::client(surroundings.egress.clone()));
    if let Some(endpoint) = &identity.sts_endpoint {
        sts.set_endpoint_url(Some(endpoint.clone()));
    }
    let assumed = AssumeRoleProvider::builder(&role.arn)
        .session_name(SESSION)
        .external_id(&role.external_id)
        .region(region)
        .configure(&sts.build());
    let assumed = match base.credentials_provider() {
        Some(own) => assumed.build_from_provider(own).await,
        None => assumed.build().await,
    };
    let told = Told { assumed, sign_ins };
    base.to_builder().credentials_provider(SharedCredentialsProvider::new(told)).build()
}

/// Our own name to AWS, as a role's or user's ARN; `None` when it cannot be told.
pub(super) async fn principal(surroundings: &Surroundings, region: &str) -> Option<String> {
    let base = config(surroundings, region, None).await;
    let mut sts = aws_sdk_sts::config::Builder::from(&base)
        .http_client(http::client(surroundings.own.clone()));
    if let Some(endpoint) = &surroundings.aws.sts_endpoint {
        sts.set_endpoint_url(Some(endpoint.clone()));
    }
    let asked = aws_sdk_sts::Client::from_conf(sts.build()).get_caller_identity().send().await;
    let arn = asked.ok()?.arn?;
    Some(role_of_session(&arn).unwrap_or(arn))
}

/// `arn:aws:sts::1:assumed-role/NAME/SESSION` stands for the role `arn:aws:iam::1:role/NAME`.
fn role_of_session(arn: &str) -> Option<String> {
    let (head, rest) = arn.split_once(":assumed-role/")?;
    let role = rest.split('/').next()?;
    Some(format!("{}:role/{role}", head.replacen(":sts:", ":iam:", 1)))
}

pub(super) fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(200))
}

pub(super) fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(operation).build()
}

impl StaticCredentials {
    fn credentials(&self) -> Credentials {
        Credentials::new(
            &self.access_key_id,
            self.secret_access_key.danger_expose(),
            self.session_token.as_ref().map(|token| token.danger_expose().clone()),
            None,
            "portcullis",
        )
    }
}

fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts[..] else { return false };
    let name = resource.strip_prefix("role/").unwrap_or_default();
    partition.starts_with("aws")
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && (1..=512).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@/-".contains(&b))
}

fn is_external_id(text: &str) -> bool {
    (2..=1224).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b))
}

/// Whether a text could be an organisation's id, and is not that one's: ours are UUIDs of version
/// 7, which nobody draws as a secret. `instance` is what stands for the operator's own.
fn is_anothers(text: &str, own: Option<OrganisationId>) -> bool {
    let own_text = own.map_or_else(|| INSTANCE.to_owned(), |own| own.to_string());
    let uuid = OrganisationId::parse(text).map(|id| id.uuid());
    let is_one = text == INSTANCE || uuid.is_ok_and(|uuid| uuid.get_version_num() == 7);
    is_one && !text.eq_ignore_ascii_case(&own_text)
}

#[cfg(test)]
mod tests {
    use portcullis_domain::OrganisationId;

    use super::{is_anothers, is_external_id, is_role_arn, role_of_session};

    #[test]
    fn nobody_has_a_role_assumed_that_trusts_another_organisation() {
        let own = "0190b7a2-3f4c-7d8e-9a1b-2c3d4e5f6a7b";
        let other = "0190b7a2-3f4c-7d8e-9a1b-2c3d4e5f6a7c";
        let of = OrganisationId::parse(own).unwrap();
        for (text, of, expected) in [
            (own, Some(of), false),
            (&*own.to_uppercase(), Some(of), false),
            (other, Some(of), true),
            (&*other.to_uppercase(), Some(of), true),
            (&*other.replace('-', ""), Some(of), true),
            ("instance", Some(of), true),
            ("instance", None, false),
            (other, None, true),
            // Drawn by the customer.
            ("7f2c1a52-6c3e-4b0e-9d6c-0a1b2c3d4e5f", Some(of), false),
            ("our-secret", Some(of), false),
        ] {
            assert_eq!(is_anothers(text, of), expected, "{text} {of:?}");
        }
    }

    #[test]
    fn a_session_is_named_by_its_role() {
        let role = role_of_session("arn:aws:sts::111122223333:assumed-role/gate/i-0abc");
        assert_eq!(role.as_deref(), Some("arn:aws:iam::111122223333:role/gate"));
        assert_eq!(role_of_session("arn:aws:iam::111122223333:user/gate"), None);
    }

    #[test]
    fn roles_and_external_ids_are_checked() {
        assert!(is_role_arn("arn:aws:iam::111122223333:role/team/gate"));
        for bad in [
            "gate",
            "arn:aws:iam::111122223333:user/gate",
            "arn:aws:iam::1:role/gate",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam:eu:111122223333:role/gate",
        ] {
            assert!(!is_role_arn(bad), "{bad}");
        }
        assert!(is_external_id("a:b/c-1") && !is_external_id("a") && !is_external_id("a b"));
    }
}
