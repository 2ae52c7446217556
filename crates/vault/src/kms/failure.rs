//! How key management services fail: one list of reasons for all of them, each with what to do.

use std::fmt;

/// A KMS did not do as asked. Its text holds no key material and no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {}: {detail}", failure.advice())]
pub struct KmsError {
    /// What was asked.
    pub operation: KmsOperation,
    /// The reason.
    pub failure: KmsFailure,
    /// What the service said.
    pub detail: String,
}

/// What a KMS is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KmsOperation {
    /// To prove who we are: obtaining or renewing credentials.
    Authenticate,
    /// To say what it knows of the key.
    Describe,
    /// To make a data key.
    Generate,
    /// To wrap a data key.
    Wrap,
    /// To unwrap a data key.
    Unwrap,
    /// To wrap a wrapped data key anew without showing it.
    Rewrap,
}

/// Why a KMS did not do as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KmsFailure {
    /// We may not use the key.
    Denied,
    /// The key is disabled.
    Disabled,
    /// The key is waiting to be deleted.
    PendingDeletion,
    /// The key's state forbids its use: its material is missing, its key store is disconnected.
    UnusableState,
    /// There is no such key.
    NotFound,
    /// The key is for something else, signing for one.
    WrongUsage,
    /// The key is a key pair where a symmetric key is needed.
    Asymmetric,
    /// The key lies in another region than the one asked.
    WrongRegion,
    /// The data key was wrapped under another key than the one that was named.
    WrongKey,
    /// The wrapped key does not open under this key and context.
    Corrupt,
    /// The service does not know the credentials that we present.
    CredentialsInvalid,
    /// The address is one that this service must not call.
    EndpointRefused,
    /// The service answers something that cannot be understood.
    Unexpected,
    /// There are no credentials to present.
    CredentialsMissing,
    /// Our credentials have expired and were not renewed yet.
    CredentialsExpired,
    /// The two clocks differ by so much that the service refuses our signature.
    ClockSkew,
    /// The service asks us to slow down.
    Throttled,
    /// The service has a fault of its own.
    ServiceFault,
    /// The service cannot be reached, or does not answer in time.
    Unreachable,
    /// Nobody waited for the answer any more.
    Abandoned,
}

impl KmsFailure {
    /// Every reason.
    pub const ALL: &'static [Self] = &[
        Self::Denied,
        Self::Disabled,
        Self::PendingDeletion,
        Self::UnusableState,
        Self::NotFound,
        Self::WrongUsage,
        Self::Asymmetric,
        Self::WrongRegion,
        Self::WrongKey,
        Self::Corrupt,
        Self::CredentialsInvalid,
        Self::EndpointRefused,
        Self::Unexpected,
        Self::CredentialsMissing,
        Self::CredentialsExpired,
        Self::ClockSkew,
        Self::Throttled,
        Self::ServiceFault,
        Self::Unreachable,
        Self::Abandoned,
    ];

    /// Whether waiting may help, so that data keys already unwrapped may be used for the grace. All
    /// other reasons are refusals: they drop the data keys at once. An answer that cannot be
    /// understood is no refusal.
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Unexpected
                | Self::CredentialsMissing
                | Self::CredentialsExpired
                | Self::ClockSkew
                | Self::Throttled
                | Self::ServiceFault
                | Self::Unreachable
                | Self::Abandoned
        )
    }

    /// Whether it is the key's own state that forbids every use of it.
    pub const fn is_state_of_key(self) -> bool {
        matches!(
            self,
            Self::Disabled | Self::PendingDeletion | Self::UnusableState | Self::NotFound
        )
    }

    /// Whether the service is away or overloaded: whatever else it is asked will fare the same.
    pub const fn is_outage(self) -> bool {
        matches!(self, Self::Throttled | Self::ServiceFault | Self::Unreachable)
    }

    /// A stable name, for the API, metrics and audit events.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Denied => "access_denied",
            Self::Disabled => "key_disabled",
            Self::PendingDeletion => "key_pending_deletion",
            Self::UnusableState => "key_state_invalid",
            Self::NotFound => "key_not_found",
            Self::WrongUsage => "key_usage_wrong",
            Self::Asymmetric => "key_asymmetric",
            Self::WrongRegion => "region_wrong",
            Self::WrongKey => "key_incorrect",
            Self::Corrupt => "ciphertext_invalid",
            Self::CredentialsInvalid => "credentials_invalid",
            Self::EndpointRefused => "endpoint_refused",
            Self::Unexpected => "answer_unexpected",
            Self::CredentialsMissing => "credentials_missing",
            Self::CredentialsExpired => "credentials_expired",
            Self::ClockSkew => "clock_skew",
            Self::Throttled => "throttled",
            Self::ServiceFault => "service_fault",
            Self::Unreachable => "unreachable",
            Self::Abandoned => "abandoned",
        }
    }

    /// What is wrong and what to do, in one line.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Denied => {
                "the KMS denies the use of the key; grant it in the key's policy and in the role's"
            }
            Self::Disabled => "the KMS key is disabled; enable it",
            Self::PendingDeletion => {
                "the KMS key is to be deleted; cancel its deletion and enable it"
            }
            Self::UnusableState => {
                "the KMS key cannot be used in its state; import its material or connect its key \
                 store"
            }
            Self::NotFound => "there is no such KMS key; check its name, account and region",
            Self::WrongUsage => {
                "the KMS key is not for encryption; create one for encrypting and decrypting"
            }
            Self::Asymmetric => "the KMS key is a key pair; a symmetric key is needed",
            Self::WrongRegion => {
                "the KMS key lies in another region; check the region and endpoint"
            }
            Self::WrongKey => {
                "the data key was wrapped under another KMS key than the one that is connected"
            }
            Self::Corrupt => {
                "the data key does not open under this KMS key; check that it is the one that \
                 wrapped it"
            }
            Self::CredentialsInvalid => {
                "the KMS does not know the credentials of this service; check what it is started \
                 with"
            }
            Self::EndpointRefused => {
                "the address must not be called from here; the operator can allow it (egress.allow)"
            }
            Self::Unexpected => {
                "the KMS answers something that cannot be understood; check its address"
            }
            Self::CredentialsMissing => {
                "this service has no credentials for the KMS; give it a role or keys"
            }
            Self::CredentialsExpired => "the credentials for the KMS have expired; renew them",
            Self::ClockSkew => {
                "the clocks of this machine and of the KMS differ; synchronise this machine's"
            }
            Self::Throttled => "the KMS is limiting our requests; it is asked again shortly",
            Self::ServiceFault => "the KMS has a fault of its own; it is asked again shortly",
            Self::Unreachable => "the KMS cannot be reached; check its address and the network",
            Self::Abandoned => "nobody waited for the KMS to answer any more",
        }
    }
}

impl KmsOperation {
    /// A stable name, for metrics and audit events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Describe => "describe",
            Self::Generate => "generate",
            Self::Wrap => "wrap",
            Self::Unwrap => "unwrap",
            Self::Rewrap => "rewrap",
        }
    }

    /// Every operation.
    pub const ALL: &'static [Self] = &[
        Self::Authenticate,
        Self::Describe,
        Self::Generate,
        Self::Wrap,
        Self::Unwrap,
        Self::Rewrap,
    ];
}

impl KmsError {
    /// An error of that operation.
    pub fn new(operation: KmsOperation, failure: KmsFailure, detail: impl fmt::Display) -> Self {
        Self { operation, failure, detail: detail.to_string() }
    }
}

impl fmt::Display for KmsOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::KmsFailure;

    #[test]
    fn every_reason_has_its_own_code_and_advice() {
        let codes: HashSet<_> = KmsFailure::ALL.iter().map(|failure| failure.code()).collect();
        let advice: HashSet<_> = KmsFailure::ALL.iter().map(|failure| failure.advice()).collect();
        assert_eq!((codes.len(), advice.len()), (KmsFailure::ALL.len(), KmsFailure::ALL.len()));
    }
}
