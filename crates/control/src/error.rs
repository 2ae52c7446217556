//! Why a use case failed.

use portcullis_domain::{Denied, Scope};
use portcullis_vault::{KmsError, VaultError};

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No such API key.
    #[error("Invalid API Key")]
    KeyUnknown,
    /// The API key has expired.
    #[error("API Key expired")]
    KeyExpired,
    /// The API key must not be used from where it was.
    #[error("the API key may not be used from this address")]
    AddressRefused,
    /// Nobody is signed in, or no longer.
    #[error("you are not signed in, or your session is over: sign in again")]
    NotSignedIn,
    /// E-mail address or password is wrong. Which of the two is not said.
    #[error("the e-mail address or the password is wrong")]
    SignInFailed,
    /// Too many attempts have failed.
    #[error("too many attempts: try again in {} seconds", wait_millis.div_ceil(1000))]
    TooManyAttempts {
        /// How long to wait.
        wait_millis: u64,
    },
    /// A request that a browser sends along with a session was not asked for by our own pages.
    #[error("the request does not bear this session's CSRF token")]
    Forged,
    /// The actor lacks a scope.
    #[error("the scope '{0}' is missing")]
    ScopeMissing(Scope),
    /// It is not for this caller, whatever scopes they hold.
    #[error("{0}")]
    Forbidden(&'static str),
    /// What is to be changed holds a scope that the actor lacks.
    #[error(
        "it holds the scope '{0}', which you lack: only somebody who holds it may change or \
         replace it"
    )]
    Outranked(Scope),
    /// There is no such thing, or it is another tenant's: nobody can tell which.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A field makes no sense.
    #[error("{field}: {message}")]
    Invalid {
        /// The field, as the API spells it.
        field: &'static str,
        /// What is wrong and what would be right.
        message: String,
    },
    /// A parameter of an extension makes no sense.
    #[error("{parameter}: {message}")]
    InvalidParameter {
        /// The parameter, as the API spells it.
        parameter: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// A key management service does not do as asked.
    #[error("{0}")]
    Kms(KmsError),
    /// It clashes with what is there.
    #[error("{0}")]
    Conflict(String),
    /// The database does not answer.
    #[error("the database cannot be used now; try again")]
    DatabaseUnavailable(#[source] portcullis_store::Error),
    /// The vault does not open.
    #[error("the vault cannot be used now: {0}")]
    VaultUnavailable(String),
    /// A bug or damaged data.
    #[error("internal error")]
    Internal(String),
}

/// A result of the control plane.
pub type Result<T, E = ControlError> = std::result::Result<T, E>;

impl ControlError {
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }

    /// What only our log may know.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::DatabaseUnavailable(error) => Some(format!("{error:?}")),
            Self::Internal(detail) => Some(detail.clone()),
            _ => None,
        }
    }

    /// Whether it was not permitted, rather than not possible.
    pub const fn is_denial(&self) -> bool {
        matches!(
            self,
            Self::KeyUnknown
                | Self::KeyExpired
                | Self::AddressRefused
                | Self::NotSignedIn
                | Self::Forged
                | Self::ScopeMissing(_)
                | Self::Forbidden(_)
                | Self::Outranked(_)
                | Self::NotFound(_)
        )
    }
}

impl From<portcullis_store::Error> for ControlError {
    fn from(error: portcullis_store::Error) -> Self {
        use portcullis_store::Error;
        match error {
            Error::Taken => Self::Conflict("the slug or name is taken; choose another".to_owned()),
            Error::Referenced => Self::Conflict("something else still uses it".to_owned()),
            Error::Stale => Self::Conflict(format!("{error}; read it again and repeat the change")),
            Error::Superseded => Self::Conflict(error.to_string()),
            Error::ForeignPlace | Error::Gone => Self::NotFound("resource"),
            // Only logs and the audit trail are searched under a bound.
            Error::TookTooLong => {
                Self::invalid("filter", "the search takes too long; narrow it, for example in time")
            }
            Error::Unavailable(_) | Error::Busy => Self::DatabaseUnavailable(error),
            Error::Url(_)
            | Error::NewerSchema { .. }
            | Error::Corrupt(_)
            | Error::Untold
            | Error::Refused { .. }
            | Error::Driver(_) => Self::Internal(format!("{error:?}")),
        }
    }
}

impl From<VaultError> for ControlError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Kms(error) => Self::Kms(error),
            other => Self::VaultUnavailable(other.to_string()),
        }
    }
}

impl From<Denied> for ControlError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::ScopeMissing(scope) => Self::ScopeMissing(scope),
            Denied::ForeignPlace => Self::NotFound("resource"),
        }
    }
}
