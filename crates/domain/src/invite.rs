//! Invites: a single-use way into an organisation.

use serde::{Deserialize, Serialize};

use crate::{
    EmailAddress, InviteId, OrganisationId, OrganisationRole, ScopeSet, Timestamp, WorkspaceId,
    WorkspaceRole,
};

/// An invite. Its token is not in it, only a digest.
#[derive(Clone, Debug, PartialEq)]
pub struct Invite {
    /// Its id.
    pub id: InviteId,
    /// Into which organisation.
    pub organisation_id: OrganisationId,
    /// Whom.
    pub email: EmailAddress,
    /// As what.
    pub role: OrganisationRole,
    /// Into which workspaces.
    pub workspaces: Vec<InvitedTo>,
    /// What the keys may do that are made for the person in those workspaces; none are made when
    /// nothing is said.
    pub key_scopes: Option<ScopeSet>,
    /// The digest of the token.
    pub digest: [u8; 32],
    /// Who invited: a person's or a key's id.
    pub invited_by: Option<uuid::Uuid>,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// When it was taken back.
    pub cancelled_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// A place in a workspace that an invite gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitedTo {
    /// The workspace.
    #[serde(rename = "id")]
    pub workspace: WorkspaceId,
    /// As what.
    pub role: WorkspaceRole,
}

/// How far an invite has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteStatus {
    /// It can be accepted.
    Pending,
    /// It was taken back.
    Cancelled,
    /// It was accepted.
    Accepted,
    /// Its time is over.
    Expired,
}

impl Invite {
    /// How far it has come at `now`.
    pub fn status(&self, now: Timestamp) -> InviteStatus {
        if self.accepted_at.is_some() {
            InviteStatus::Accepted
        } else if self.cancelled_at.is_some() {
            InviteStatus::Cancelled
        } else if self.expires_at <= now {
            InviteStatus::Expired
        } else {
            InviteStatus::Pending
        }
    }
}

impl InviteStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Cancelled, Self::Accepted, Self::Expired];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Cancelled => "cancelled",
            Self::Accepted => "accepted",
            Self::Expired => "expired",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == text)
    }
}
