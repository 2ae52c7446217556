//! People, and what they are in an organisation and its workspaces.

use crate::{Timestamp, UserId};

/// A person. One person may belong to several organisations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their e-mail address, unique in the instance without regard to case.
    pub email: String,
    /// Their name.
    pub name: String,
    /// When they were added.
    pub created_at: Timestamp,
}

/// What a person is in an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganisationRole {
    /// Everything, including giving the organisation up.
    Owner,
    /// Everything else.
    Admin,
    /// What their workspaces allow.
    Member,
}

/// What a person is in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkspaceRole {
    /// Everything in the workspace.
    Admin,
    /// Everything but the workspace's own settings.
    Manager,
    /// Use.
    Member,
}

impl OrganisationRole {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Owner, Self::Admin, Self::Member].into_iter().find(|role| role.name() == text)
    }
}

impl WorkspaceRole {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Member => "member",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Admin, Self::Manager, Self::Member].into_iter().find(|role| role.name() == text)
    }
}
