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
    /// The actor lacks a scope.
    #[error("the API key lacks the scope '{0}'")]
    ScopeMissing(Scope),
    /// The API key to be changed holds a scope that the actor lacks.
    #[error(
        "that API key holds the scope '{0}', which yours lacks: only a key that holds it may \
         change or rotate it"
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
pub type Result<T> = std::result::Result<T, ControlError>;

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
}

impl From<portcullis_store::Error> for ControlError {
    fn from(error: portcullis_store::Error) -> Self {
        use portcullis_store::Error;
        match error {
            Error::Taken => Self::Conflict("the slug is taken; choose another".to_owned()),
            Error::Referenced => Self::Conflict("something else still uses it".to_owned()),
            Error::ForeignPlace => Self::NotFound("resource"),
            Error::Superseded => Self::Conflict(error.to_string()),
            // Only the logs are searched under a bound.
            Error::TookTooLong => {
                Self::invalid("filter", "the search takes too long; narrow it, for example in time")
            }
            Error::Unavailable(_) | Error::Busy => Self::DatabaseUnavailable(error),
            Error::Url(_)
            | Error::NewerSchema { .. }
            | Error::Corrupt(_)
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
