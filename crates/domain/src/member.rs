//! What people are: members of organisations and of workspaces.

use crate::{OrganisationId, OrganisationRole, Timestamp, UserId, WorkspaceId, WorkspaceRole};

/// A person's place in an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// The person.
    pub user_id: UserId,
    /// What they are.
    pub role: OrganisationRole,
    /// Their e-mail address.
    pub email: String,
    /// Their first name.
    pub first_name: String,
    /// Their last name.
    pub last_name: String,
    /// Their places in workspaces; few.
    pub workspaces: Vec<WorkspaceMember>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// A person's place in a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceMember {
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The person.
    pub user_id: UserId,
    /// What they are.
    pub role: WorkspaceRole,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Member {
    /// First and last name, or the e-mail address of somebody who has none.
    pub fn display_name(&self) -> String {
        let name = format!("{} {}", self.first_name, self.last_name);
        match name.trim() {
            "" => self.email.clone(),
            name => name.to_owned(),
        }
    }

    /// What they are in a workspace. Owners and admins are admins everywhere.
    pub fn role_in(&self, workspace: WorkspaceId) -> Option<WorkspaceRole> {
        match self.role {
            OrganisationRole::Owner | OrganisationRole::Admin => Some(WorkspaceRole::Admin),
            OrganisationRole::Member => {
                let place = self.workspaces.iter().find(|place| place.workspace_id == workspace);
                place.map(|place| place.role)
            }
        }
    }
}
