//! Where use cases work: who asks, what they may do where, and the one way to write.
//!
//! A write is an act: [`Desk::act`] runs it in one transaction with the audit event that tells of
//! it and the outbox event that the data plane follows; the store lets nothing of a tenant's be
//! written otherwise. The answer waits until this node's data plane has caught up.

use portcullis_domain::{
    Actor, AuditAction, OrganisationId, Permit, Place, Reach, Scope, Slug, Workspace, WorkspaceId,
};
use portcullis_store::{Act, Entity, Note, Scene};

use crate::{Caller, ControlError, Parts, Result};

/// Where the use cases of one caller work.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) caller: &'a Caller,
}

impl<'a> Desk<'a> {
    pub(crate) fn actor(&self) -> &'a Actor {
        &self.caller.actor
    }

    pub(crate) fn organisation(&self) -> OrganisationId {
        self.caller.actor.organisation()
    }

    /// The organisation as a whole.
    pub(crate) fn here(&self) -> Place {
        Place::Organisation(self.organisation())
    }

    /// A workspace of it.
    pub(crate) fn within(&self, workspace: WorkspaceId) -> Place {
        Place::Workspace(self.organisation(), workspace)
    }

    pub(crate) fn permit(&self, scope: Scope, place: Place) -> Result<Permit> {
        Ok(self.actor().permit(scope, place)?)
    }

    /// A permit for something that was found there. If the place is not the actor's, the thing is
    /// as good as not found.
    pub(crate) fn permit_found(
        &self,
        scope: Scope,
        place: Place,
        noun: &'static str,
    ) -> Result<Permit> {
        self.permit(scope, place).map_err(|error| match error {
            ControlError::NotFound(_) => ControlError::NotFound(noun),
            other => other,
        })
    }

    /// Runs an act and waits until the data plane knows.
    pub(crate) async fn act<T, F>(&self, work: F) -> Result<T>
    where
        F: AsyncFnOnce(&mut Act) -> Result<T> + Clone,
    {
        let done = self.parts.db.act(&self.scene(), work).await?;
        self.parts.caught_up().await;
        Ok(done)
    }

    /// Adds a row.
    pub(crate) async fn create<T: Entity>(&self, permit: &Permit, row: &T) -> Result<()> {
        self.act(async |act| Ok(act.insert(permit, row).await?)).await
    }

    /// Changes a row that is still as it was read.
    pub(crate) async fn update<T: Entity>(
        &self,
        permit: &Permit,
        before: &T,
        after: T,
    ) -> Result<T> {
        self.update_as(AuditAction::Update, permit, before, after).await
    }

    /// As [`Self::update`], with a name for what is done.
    pub(crate) async fn update_as<T: Entity>(
        &self,
        action: AuditAction,
        permit: &Permit,
        before: &T,
        after: T,
    ) -> Result<T> {
        let write =
            async |act: &mut Act| Ok(act.update_as(action, permit, before, after.clone()).await?);
        self.act(write).await
    }

    /// Removes a row.
    pub(crate) async fn remove<T: Entity>(&self, permit: &Permit, row: &T) -> Result<()> {
        self.act(async |act| Ok(act.remove(permit, row).await.map(drop)?)).await
    }

    /// Tells the audit trail of an act that writes nothing, before its result is handed out.
    pub(crate) async fn note(&self, note: Note) -> Result<()> {
        self.parts.db.act(&self.scene(), async |act| Ok(act.note(note.clone()).await?)).await
    }

    /// The scene of this caller's acts.
    pub(crate) fn scene(&self) -> Scene {
        Scene {
            actor: self.caller.actor.audited(),
            origin: self.caller.origin.clone(),
            signer: self.parts.signer(),
        }
    }

    /// The workspace an act takes place in: a workspace's key means its own, whatever is named
    /// (admin reference §1); else the one named by id or slug; else the organisation's default, or
    /// the only one that a person belongs to.
    pub(crate) async fn workspace(&self, named: Option<&str>) -> Result<Workspace> {
        let named = named.filter(|text| !text.is_empty());
        let id = match (self.actor().home(), named) {
            (Some(own), _) => own,
            (None, Some(named)) => return self.named_workspace(named).await,
            (None, None) => match self.actor().standings() {
                _ if !self.actor().scopes_at(self.here()).is_empty() => {
                    let mut reader = self.parts.db.read().await?;
                    let organisation = reader.organisations().find(self.organisation()).await?;
                    let gone = ControlError::NotFound("organisation");
                    organisation.ok_or(gone)?.default_workspace
                }
                [only] => only.workspace,
                [] => return Err(ControlError::NotFound("workspace")),
                _ => {
                    let message = "name the workspace: you belong to several";
                    return Err(ControlError::invalid("workspace_id", message));
                }
            },
        };
        let mut reader = self.parts.db.read().await?;
        let workspace = reader.tenant(self.organisation()).workspaces().find(id).await?;
        workspace.ok_or(ControlError::NotFound("workspace"))
    }

    /// The workspace of that id or slug, if the actor has any business there.
    pub(crate) async fn named_workspace(&self, named: &str) -> Result<Workspace> {
        let mut reader = self.parts.db.read().await?;
        let mut tenant = reader.tenant(self.organisation());
        let mut workspaces = tenant.workspaces();
        let found = match (WorkspaceId::parse(named), Slug::parse(named)) {
            (Ok(id), _) => workspaces.find(id).await?,
            (_, Ok(slug)) => workspaces.find_by_slug(&slug).await?,
            _ => None,
        };
        let is_theirs =
            |workspace: &Workspace| !self.actor().scopes_at(self.within(workspace.id)).is_empty();
        found.filter(is_theirs).ok_or(ControlError::NotFound("workspace"))
    }

    /// Where a list with that scope looks; only into the named workspace, when one is named.
    pub(crate) async fn reach(&self, scope: Scope, named: Option<&str>) -> Result<Reach> {
        let reach = self.actor().reach(scope);
        if reach.is_nowhere() {
            return Err(ControlError::ScopeMissing(scope));
        }
        if self.actor().home().is_some() {
            return Ok(reach);
        }
        let Some(named) = named.filter(|text| !text.is_empty()) else { return Ok(reach) };
        let workspace = self.named_workspace(named).await?;
        if reach.holds(workspace.id) {
            Ok(Reach::Only(vec![workspace.id]))
        } else {
            Err(ControlError::ScopeMissing(scope))
        }
    }
}
