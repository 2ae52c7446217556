//! People: what they are where, and invites for those who are not there yet.

use std::collections::BTreeMap;

use portcullis_domain::{
    EmailAddress, Invite, InviteStatus, Member, Organisation, OrganisationRole, Secret, Workspace,
    WorkspaceId, WorkspaceRole,
};
use portcullis_store::{InviteFilter, Page};

use super::{ChangeKind, Fields, Run, document::UserDoc};
use crate::{ControlError, MemberFilter, NewInvite, Result};

/// What somebody is in workspaces, by slug.
type Places = BTreeMap<String, WorkspaceRole>;

impl Run<'_> {
    pub(super) async fn user(&mut self, there: &Organisation, doc: UserDoc) -> Result<()> {
        EmailAddress::parse(&doc.email)
            .map_err(|error| ControlError::invalid("email", error.to_string()))?;
        let member = self.member(there, &doc.email).await?;
        match (member, doc.absent) {
            (Some(member), true) => {
                if self.differs(ChangeKind::Removed, Fields::default()) {
                    let operator = self.operator(there.id);
                    self.control.members(&operator).delete(member.user_id).await?;
                }
                Ok(())
            }
            (Some(member), false) => self.change_member(there, &member, &doc).await,
            (None, is_absent) => {
                let invite = self.pending(there, &doc.email).await?;
                match (invite, is_absent) {
                    (Some(invite), true) => {
                        if self.differs(ChangeKind::Removed, Fields::default()) {
                            let operator = self.operator(there.id);
                            self.control.invites(&operator).delete(invite.id).await?;
                        }
                        Ok(())
                    }
                    (None, true) => Ok(()),
                    (invite, false) => self.invite(there, invite, &doc).await,
                }
            }
        }
    }

    pub(super) async fn member(&self, there: &Organisation, email: &str) -> Result<Option<Member>> {
        let filter = MemberFilter { role: None, email: Some(email.to_owned()) };
        let mut reader = self.control.0.db.read().await?;
        let list = reader.tenant(there.id).members().list(&filter, Page::first(1)).await?;
        Ok(list.items.into_iter().next())
    }

    async fn pending(&self, there: &Organisation, email: &str) -> Result<Option<Invite>> {
        let status = Some((InviteStatus::Pending, self.control.now()));
        let filter = InviteFilter { role: None, email: Some(email.to_owned()), status };
        let mut reader = self.control.0.db.read().await?;
        let list = reader.tenant(there.id).invites().list(&filter, Page::first(1)).await?;
        Ok(list.items.into_iter().next())
    }

    async fn change_member(
        &mut self,
        there: &Organisation,
        member: &Member,
        doc: &UserDoc,
    ) -> Result<()> {
        let mut places = Places::new();
        for place in &member.workspaces {
            if let Some(workspace) = self.slug_of(there, place.workspace_id).await? {
                places.insert(workspace.slug.to_string(), place.role);
            }
        }
        let mut fields = Fields::default();
        fields.field("role", &member.role, doc.role.as_ref());
        fields.field("workspaces", &places, doc.workspaces.as_ref());
        if fields.is_empty() || !self.differs(ChangeKind::Changed, fields) {
            return Ok(());
        }
        let operator = self.operator(there.id);
        if let Some(role) = doc.role.filter(|role| *role != member.role) {
            self.control.members(&operator).update(member.user_id, role).await?;
        }
        let Some(wanted) = &doc.workspaces else { return Ok(()) };
        let members = self.control.workspace_members(&operator);
        for (workspace, role) in wanted {
            match places.get(workspace) {
                Some(known) if known == role => {}
                Some(_) => members.update(workspace, member.user_id, *role).await?,
                None => members.create(workspace, vec![(member.user_id, *role)]).await?,
            }
        }
        for workspace in places.keys().filter(|workspace| !wanted.contains_key(*workspace)) {
            members.delete(workspace, member.user_id).await?;
        }
        Ok(())
    }

    /// Invites somebody, in place of an invite that says something else.
    async fn invite(
        &mut self,
        there: &Organisation,
        before: Option<Invite>,
        doc: &UserDoc,
    ) -> Result<()> {
        let known = before.as_ref().map(|before| before.role);
        let role = doc.role.or(known).unwrap_or(OrganisationRole::Member);
        let mut wanted = doc.workspaces.clone().unwrap_or_default();
        let mut fields = Fields::default();
        if let Some(before) = &before {
            let mut places = Places::new();
            for invited in &before.workspaces {
                if let Some(workspace) = self.slug_of(there, invited.workspace).await? {
                    places.insert(workspace.slug.to_string(), invited.role);
                }
            }
            fields.field("role", &before.role, Some(&role));
            fields.field("workspaces", &places, doc.workspaces.as_ref());
            if fields.is_empty() {
                return Ok(());
            }
            if doc.workspaces.is_none() {
                wanted = places;
            }
        } else {
            fields.made("invited as", role.name());
            for (workspace, role) in &wanted {
                fields.made(&format!("in {workspace}"), role.name());
            }
        }
        let kind = if before.is_some() { ChangeKind::Changed } else { ChangeKind::Made };
        if !self.differs(kind, fields) {
            return Ok(());
        }
        let operator = self.operator(there.id);
        let invites = self.control.invites(&operator);
        let mut key_scopes = None;
        if let Some(before) = before {
            invites.delete(before.id).await?;
            key_scopes = before.key_scopes;
        }
        let new = NewInvite {
            email: doc.email.clone(),
            role,
            workspaces: wanted.into_iter().collect(),
            key_scopes,
        };
        let (_, token) = invites.create(new).await?;
        let link = self.control.settings().invite_link(&token);
        self.around.hand_out(&format!("invite link of {}", doc.email), &Secret::new(link), None);
        Ok(())
    }

    async fn slug_of(
        &self,
        there: &Organisation,
        workspace: WorkspaceId,
    ) -> Result<Option<Workspace>> {
        let mut reader = self.control.0.db.read().await?;
        Ok(reader.tenant(there.id).workspaces().find(workspace).await?)
    }
}
