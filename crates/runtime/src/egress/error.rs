//! How an outbound call fails.

use std::fmt;

use super::Refused;

/// An outbound call that failed. Neither form of its text carries the URL's path or query, header
/// values or bodies: those may hold secrets.
#[derive(Debug, thiserror::Error)]
pub struct EgressError {
    /// What went wrong.
    pub kind: EgressErrorKind,
    /// Whether the provider may have seen the request. `false` is certain: the call can be
    /// repeated without doing anything twice.
    pub sent: bool,
    /// The particulars, for logs.
    pub detail: String,
}

/// The ways in which an outbound call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressErrorKind {
    /// The policy forbids the destination.
    Refused(Refused),
    /// No connection could be made: no address, nobody listening, no sound certificate.
    Unreachable,
    /// The answer did not begin in time.
    Timeout,
    /// The connection or the answer broke off, or the request's own body did.
    Broken,
}

impl EgressError {
    pub(super) fn refused(reason: Refused) -> Self {
        Self { kind: EgressErrorKind::Refused(reason), sent: false, detail: String::new() }
    }

    pub(super) fn unreachable(detail: String) -> Self {
        Self { kind: EgressErrorKind::Unreachable, sent: false, detail }
    }

    pub(super) fn broken(sent: bool, detail: String) -> Self {
        Self { kind: EgressErrorKind::Broken, sent, detail }
    }
}

impl fmt::Display for EgressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            EgressErrorKind::Refused(reason) => write!(f, "the call was not made: {reason}")?,
            EgressErrorKind::Unreachable => f.write_str("no connection could be made")?,
            EgressErrorKind::Timeout => f.write_str("the answer did not begin in time")?,
            EgressErrorKind::Broken => f.write_str("the connection broke off")?,
        }
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Many wrappers repeat their cause's text.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
