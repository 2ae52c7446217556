//! Sessions of people who are signed in.

use crate::{OrganisationId, SessionId, Timestamp, UserId};

/// A session. The token that the browser holds is not in it, only its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id: stays the same while the token is replaced again and again.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The organisation the person is working in, if they belong to any.
    pub organisation_id: Option<OrganisationId>,
    /// The digest of the current token.
    pub digest: [u8; 32],
    /// The token before it, which requests that were under way may still bear.
    pub previous: Option<PreviousToken>,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// When it was used last; kept to about a minute.
    pub seen_at: Timestamp,
    /// When the token was made.
    pub rotated_at: Timestamp,
    /// From where it was used last.
    pub client: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
}

/// A session's replaced token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviousToken {
    /// Its digest.
    pub digest: [u8; 32],
    /// From when on its use ends the session: somebody has a copy.
    pub until: Timestamp,
}
