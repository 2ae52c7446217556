//! Reading one tenant's rows, and the check every write of them makes.

use std::marker::PhantomData;

use portcullis_domain::{
    ApiKey, Environment, Integration, Invite, Member, OrganisationId, Permit, TokenIssuer,
    VirtualKey, Workspace, WorkspaceId, WorkspaceMember,
};

use crate::{AuditTrailOf, Error, LogsOf, Reader, Result, Rows};

/// The rows of one organisation. No other's can be reached through it, whatever ids are asked for.
pub struct Tenant<'r> {
    reader: &'r mut Reader,
    organisation: OrganisationId,
}

/// Which part of a list is wanted, newest first.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// How many to leave out at the beginning.
    pub skip: u32,
    /// How many to return at most.
    pub limit: u32,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct List<T> {
    /// The part.
    pub items: Vec<T>,
    /// How many the whole list has.
    pub total: u64,
}

impl Reader {
    /// What belongs to one organisation.
    pub fn tenant(&mut self, organisation: OrganisationId) -> Tenant<'_> {
        Tenant { reader: self, organisation }
    }
}

impl Tenant<'_> {
    /// Its workspaces.
    pub fn workspaces(&mut self) -> Rows<'_, Workspace> {
        self.rows()
    }

    /// The environments of its workspaces.
    pub fn environments(&mut self) -> Rows<'_, Environment> {
        self.rows()
    }

    /// Its people.
    pub fn members(&mut self) -> Rows<'_, Member> {
        self.rows()
    }

    /// The people of its workspaces.
    pub fn workspace_members(&mut self) -> Rows<'_, WorkspaceMember> {
        self.rows()
    }

    /// Its invites.
    pub fn invites(&mut self) -> Rows<'_, Invite> {
        self.rows()
    }

    /// Its issuer of tokens, if it has one.
    pub fn token_issuers(&mut self) -> Rows<'_, TokenIssuer> {
        self.rows()
    }

    /// Its API keys.
    pub fn api_keys(&mut self) -> Rows<'_, ApiKey> {
        self.rows()
    }

    /// Its integrations.
    pub fn integrations(&mut self) -> Rows<'_, Integration> {
        self.rows()
    }

    /// Its virtual keys.
    pub fn virtual_keys(&mut self) -> Rows<'_, VirtualKey> {
        self.rows()
    }

    /// Its logs.
    pub fn logs(&mut self) -> LogsOf<'_> {
        LogsOf { reader: self.reader, organisation: self.organisation }
    }

    /// Its audit trail.
    pub fn audit_trail(&mut self) -> AuditTrailOf<'_> {
        AuditTrailOf { reader: self.reader, organisation: self.organisation }
    }

    fn rows<T>(&mut self) -> Rows<'_, T> {
        Rows { reader: self.reader, organisation: self.organisation, noun: PhantomData }
    }
}

impl Page {
    /// The first `limit`.
    pub const fn first(limit: u32) -> Self {
        Self { skip: 0, limit }
    }
}

/// Whether a permit holds for a row of that organisation and workspace (`None`: of the
/// organisation as a whole).
pub(crate) fn check(
    permit: &Permit,
    organisation: OrganisationId,
    workspace: Option<WorkspaceId>,
) -> Result<()> {
    let holds = permit.organisation() == organisation
        && (permit.workspace().is_none() || permit.workspace() == workspace);
    if holds { Ok(()) } else { Err(Error::ForeignPlace) }
}
