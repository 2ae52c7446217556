//! Why a command failed: one text that says what to do.

use portcullis_control::ControlError;

use crate::{config::Config, settings::SettingsError};

/// A failure of a command.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn database(config: &Config, error: &portcullis_store::Error) -> Self {
        Self(format!("database {}: {error}", config.shown_database()))
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self(error.to_string())
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        match error.detail() {
            Some(detail) => Self(format!("{error}: {detail}")),
            None => Self(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
