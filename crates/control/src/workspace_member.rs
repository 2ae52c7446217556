//! The people of a workspace.

use portcullis_domain::{
    Permit, Scope, ScopeSet, UserId, Workspace, WorkspaceMember, WorkspaceRole,
};
use portcullis_store::{Act, List, Page, WorkspaceMemberFilter};

use crate::{ControlError, Members, Result, WorkspaceMemberDetail, desk::Desk, workspace};

/// Use cases of the people of a workspace.
pub struct WorkspaceMembers<'a>(pub(crate) Desk<'a>);

const MAX_AT_ONCE: usize = 100;

impl WorkspaceMembers<'_> {
    /// Adds people of the organisation to a workspace.
    pub async fn create(
        &self,
        workspace: &str,
        people: Vec<(UserId, WorkspaceRole)>,
    ) -> Result<()> {
        let (workspace, permit) = self.workspace(workspace, Scope::WorkspaceUsersCreate).await?;
        if !(1..=MAX_AT_ONCE).contains(&people.len()) {
            return Err(ControlError::invalid("users", "name 1 to 100 people"));
        }
        for (_, role) in &people {
            self.check_grant(&workspace, *role)?;
        }
        let ids: Vec<UserId> = people.iter().map(|(id, _)| *id).collect();
        let mut reader = self.0.parts.db.read().await?;
        let mut tenant = reader.tenant(self.0.organisation());
        let known = tenant.members().of_ids(&ids).await?;
        drop(reader);
        if !ids.iter().all(|id| known.iter().any(|member| member.user_id == *id)) {
            return Err(ControlError::NotFound("user"));
        }
        let mint = self.0.parts.mint();
        let places: Vec<WorkspaceMember> = people
            .into_iter()
            .map(|(id, role)| workspace::place(mint, &workspace, id, role))
            .collect();
        let write = async |act: &mut Act| {
            for place in &places {
                act.insert(&permit, place).await.map_err(|error| match error {
                    portcullis_store::Error::Taken => {
                        let message = "one of them belongs to the workspace already";
                        ControlError::Conflict(message.to_owned())
                    }
                    other => other.into(),
                })?;
            }
            Ok(())
        };
        self.0.act(write).await
    }

    /// The people of a workspace, newest first.
    pub async fn list(
        &self,
        workspace: &str,
        filter: WorkspaceMemberFilter,
        page: Page,
    ) -> Result<List<WorkspaceMemberDetail>> {
        let (workspace, _) = self.workspace(workspace, Scope::WorkspaceUsersList).await?;
        let mut reader = self.0.parts.db.read().await?;
        let mut tenant = reader.tenant(self.0.organisation());
        let list = tenant.workspace_members().list(workspace.id, &filter, page).await?;
        drop(reader);
        Ok(List { items: self.details(list.items).await?, total: list.total })
    }

    /// Everybody in a workspace, for whoever may read it and its people.
    pub async fn all(&self, workspace: &Workspace) -> Result<Vec<WorkspaceMemberDetail>> {
        let place = self.0.within(workspace.id);
        if !self.0.actor().scopes_at(place).contains(Scope::WorkspaceUsersList) {
            return Ok(Vec::new());
        }
        let mut reader = self.0.parts.db.read().await?;
        let mut tenant = reader.tenant(self.0.organisation());
        let places = tenant.workspace_members().all_of(workspace.id).await?;
        drop(reader);
        self.details(places).await
    }

    /// One of them.
    pub async fn retrieve(&self, workspace: &str, user: UserId) -> Result<WorkspaceMemberDetail> {
        let (workspace, _) = self.workspace(workspace, Scope::WorkspaceUsersRead).await?;
        let place = self.load(&workspace, user).await?;
        let details = self.details(vec![place]).await?;
        details.into_iter().next().ok_or(ControlError::NotFound("user"))
    }

    /// Gives somebody another role in a workspace.
    pub async fn update(&self, workspace: &str, user: UserId, role: WorkspaceRole) -> Result<()> {
        let (workspace, permit) = self.workspace(workspace, Scope::WorkspaceUsersUpdate).await?;
        let write = async |act: &mut Act| {
            let before = self.find_below(act, &workspace, user).await?;
            self.check_grant(&workspace, role)?;
            let mut after = before.clone();
            after.role = role;
            act.update(&permit, &before, after).await?;
            Ok(())
        };
        self.0.act(write).await
    }

    /// Takes somebody out of a workspace, with the keys that stand for them there.
    pub async fn delete(&self, workspace: &str, user: UserId) -> Result<()> {
        let (workspace, permit) = self.workspace(workspace, Scope::WorkspaceUsersDelete).await?;
        let organisation = self.0.organisation();
        let write = async |act: &mut Act| {
            let place = self.find_below(act, &workspace, user).await?;
            let mut tenant = act.tenant(organisation);
            let keys = tenant.api_keys().all_of(Some(user), Some(workspace.id)).await?;
            for key in &keys {
                act.remove(&permit, key).await?;
            }
            act.remove(&permit, &place).await?;
            Ok(())
        };
        self.0.act(write).await
    }

    /// Nobody makes anybody more than they are.
    pub(crate) fn check_grant(&self, workspace: &Workspace, role: WorkspaceRole) -> Result<()> {
        match self.lacking(workspace, role)? {
            None => Ok(()),
            Some(scope) => Err(ControlError::invalid(
                "role",
                format!(
                    "'{}' holds the scope '{scope}', which cannot be granted by somebody who does \
                     not hold it",
                    role.name()
                ),
            )),
        }
    }

    /// Somebody's place, if neither what they are in the workspace nor what they are in the
    /// organisation is above whoever asks. As they are in this very transaction: they may have been
    /// made more a moment ago.
    async fn find_below(
        &self,
        act: &mut Act,
        workspace: &Workspace,
        user: UserId,
    ) -> Result<WorkspaceMember> {
        let mut tenant = act.tenant(self.0.organisation());
        let found = tenant.workspace_members().find_in(workspace.id, user).await?;
        let place = found.ok_or(ControlError::NotFound("user"))?;
        if let Some(member) = tenant.members().find(user).await? {
            Members(self.0).check_rank(member.role)?;
        }
        match self.lacking(workspace, place.role)? {
            None => Ok(place),
            Some(scope) => Err(ControlError::Outranked(scope)),
        }
    }

    fn lacking(&self, workspace: &Workspace, role: WorkspaceRole) -> Result<Option<Scope>> {
        let place = self.0.within(workspace.id);
        let snapshot = self.0.parts.live.current();
        let roles = snapshot.roles(self.0.organisation());
        let is_narrow = roles.is_some_and(|roles| roles.sees_own_data_only(role));
        let actor = self.0.actor();
        // A role that shows only one's own calls shows nobody else's.
        let held = if is_narrow { actor.scopes_at(place) } else { actor.gives_at(place) };
        Ok(self.scopes(role)?.without_set(&held).iter().next())
    }

    /// What a role of this organisation's workspaces may do.
    fn scopes(&self, role: WorkspaceRole) -> Result<ScopeSet> {
        let snapshot = self.0.parts.live.current();
        let roles = snapshot.roles(self.0.organisation());
        let gone = ControlError::NotFound("organisation");
        roles.map(|roles| *roles.workspace(role)).ok_or(gone)
    }

    async fn details(&self, places: Vec<WorkspaceMember>) -> Result<Vec<WorkspaceMemberDetail>> {
        let ids: Vec<UserId> = places.iter().map(|place| place.user_id).collect();
        let mut reader = self.0.parts.db.read().await?;
        let mut tenant = reader.tenant(self.0.organisation());
        let members = tenant.members().of_ids(&ids).await?;
        let mut details = Vec::with_capacity(places.len());
        for place in places {
            // Whoever left between the two reads is not there any more.
            let member = members.iter().find(|member| member.user_id == place.user_id);
            if let Some(member) = member.cloned() {
                let role = member.role_in(place.workspace_id).unwrap_or(place.role);
                let scopes = self.scopes(role)?;
                details.push(WorkspaceMemberDetail { place, member, scopes });
            }
        }
        Ok(details)
    }

    async fn load(&self, workspace: &Workspace, user: UserId) -> Result<WorkspaceMember> {
        let mut reader = self.0.parts.db.read().await?;
        let mut tenant = reader.tenant(self.0.organisation());
        let found = tenant.workspace_members().find_in(workspace.id, user).await?;
        found.ok_or(ControlError::NotFound("user"))
    }

    async fn workspace(&self, named: &str, scope: Scope) -> Result<(Workspace, Permit)> {
        let workspace = self.0.named_workspace(named).await?;
        let permit = self.0.permit_found(scope, self.0.within(workspace.id), "workspace")?;
        Ok((workspace, permit))
    }
}
