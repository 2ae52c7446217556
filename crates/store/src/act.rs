//! The unit of an administrative act: what is written, what the audit trail tells of it and what
//! the data plane is told are one transaction. Tenants' rows are written here and nowhere else, so
//! that none of the three can be forgotten.

use std::{ops::Deref, ops::DerefMut, sync::Arc};

use portcullis_domain::{
    AuditAction, AuditActor, AuditEvent, AuditOrigin, AuditOutcome, AuditResource, AuditSigner,
    OrganisationId, Permit, Scope, WorkspaceId,
};
use serde_json::Value as Json;

use crate::{
    Error, Reader, Result, Tx,
    entity::{self, Entity},
};

/// Who acts and from where, and who signs for it.
#[derive(Clone)]
pub struct Scene {
    /// Who.
    pub actor: AuditActor,
    /// From where.
    pub origin: AuditOrigin,
    /// Who signs.
    pub signer: Arc<dyn AuditSigner>,
}

/// A transaction in which somebody acts on what belongs to tenants.
pub struct Act {
    tx: Tx,
    scene: Scene,
    told: u32,
}

/// What else the audit trail is told: acts that write no tenant's row.
#[derive(Clone, Debug)]
pub struct Note {
    /// Whose trail; `None` for the instance's.
    pub organisation: Option<OrganisationId>,
    /// In which workspace.
    pub workspace: Option<WorkspaceId>,
    /// What was done.
    pub action: AuditAction,
    /// To what kind of thing.
    pub resource: AuditResource,
    /// To which one.
    pub resource_id: Option<String>,
    /// What people call it.
    pub resource_name: Option<String>,
    /// The scope that was used.
    pub scope: Option<Scope>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// What stood before; no secret.
    pub before: Option<Json>,
    /// What there is to say of it; no secret.
    pub after: Option<Json>,
}

impl Act {
    pub(crate) fn new(tx: Tx, scene: Scene) -> Self {
        Self { tx, scene, told: 0 }
    }

    /// The transaction, once the trail has been told of what was done in it.
    pub(crate) fn into_told(self) -> Result<Tx> {
        if self.told == 0 { Err(Error::Untold) } else { Ok(self.tx) }
    }

    pub(crate) fn into_tx(self) -> Tx {
        self.tx
    }

    /// The transaction for what belongs to no tenant: sessions, sign-in attempts, data keys.
    pub fn tx(&mut self) -> &mut Tx {
        &mut self.tx
    }

    /// Adds a row.
    pub async fn insert<T: Entity>(&mut self, permit: &Permit, row: &T) -> Result<()> {
        self.insert_as(AuditAction::Create, permit, row).await
    }

    /// As [`Self::insert`], for a row with settings that lie sealed in it; `settings` is what may be
    /// told of them: no secret.
    pub async fn insert_with<T: Entity>(
        &mut self,
        permit: &Permit,
        row: &T,
        settings: &Json,
    ) -> Result<()> {
        self.insert_told(AuditAction::Create, permit, row, Some(settings)).await
    }

    /// As [`Self::insert`], with a name for what is done.
    pub async fn insert_as<T: Entity>(
        &mut self,
        action: AuditAction,
        permit: &Permit,
        row: &T,
    ) -> Result<()> {
        self.insert_told(action, permit, row, None).await
    }

    async fn insert_told<T: Entity>(
        &mut self,
        action: AuditAction,
        permit: &Permit,
        row: &T,
        settings: Option<&Json>,
    ) -> Result<()> {
        entity::check(permit, row)?;
        let (sql, values) = entity::insert(row);
        self.tx.execute(sql, values).await?;
        self.changed(permit, action, None, Some(shown(row, settings)), row).await
    }

    /// Writes everything that may change of the row that `before` was read from, and hands back
    /// what is there now. Fails with [`Error::Stale`] when the row is not as it was read, and with
    /// [`Error::Gone`] when there is none.
    pub async fn update<T: Entity>(&mut self, permit: &Permit, before: &T, after: T) -> Result<T> {
        self.update_as(AuditAction::Update, permit, before, after).await
    }

    /// As [`Self::update`], for a row with settings that lie sealed in it; `settings` is what may be
    /// told of them before and after: no secret.
    pub async fn update_with<T: Entity>(
        &mut self,
        permit: &Permit,
        before: &T,
        after: T,
        settings: Option<&[Json; 2]>,
    ) -> Result<T> {
        self.update_told(AuditAction::Update, permit, before, after, settings).await
    }

    /// As [`Self::update`], with a name for what is done.
    pub async fn update_as<T: Entity>(
        &mut self,
        action: AuditAction,
        permit: &Permit,
        before: &T,
        after: T,
    ) -> Result<T> {
        self.update_told(action, permit, before, after, None).await
    }

    async fn update_told<T: Entity>(
        &mut self,
        action: AuditAction,
        permit: &Permit,
        before: &T,
        mut after: T,
        settings: Option<&[Json; 2]>,
    ) -> Result<T> {
        entity::check(permit, before)?;
        entity::check(permit, &after)?;
        after.set_version(self.tx.clock.now().max(before.version().plus_micros(1)));
        let (sql, values) = entity::update(before, &after);
        if self.tx.execute(sql, values).await? == 0 {
            return Err(if self.is_there(before).await? { Error::Stale } else { Error::Gone });
        }
        let [told_before, told_after] = [
            shown(before, settings.map(|[before, _]| before)),
            shown(&after, settings.map(|[_, after]| after)),
        ];
        self.changed(permit, action, Some(told_before), Some(told_after), &after).await?;
        Ok(after)
    }

    /// Removes the row that `row` was read from. `false` when it is not there any more. Fails with
    /// [`Error::Referenced`] while others refer to it.
    pub async fn remove<T: Entity>(&mut self, permit: &Permit, row: &T) -> Result<bool> {
        entity::check(permit, row)?;
        let (sql, values) = entity::delete(row);
        let is_removed = self.tx.execute(sql, values).await? > 0;
        if is_removed {
            self.changed(permit, AuditAction::Delete, Some(row.shown()), None, row).await?;
        } else {
            // The act was permitted and had nothing left to do; that too is told.
            let mut event = self.event(T::RESOURCE, AuditAction::Delete, row.organisation());
            event.resource_id = Some(row.audit_id());
            let reason = "it was not there any more".to_owned();
            event.outcome = AuditOutcome::Failed { status: None, reason };
            self.tell(event).await?;
        }
        Ok(is_removed)
    }

    /// Keeps from what is told from now on where it came from.
    pub fn leave_out_where_from(&mut self) {
        self.scene.origin.client = None;
        self.scene.origin.user_agent = None;
    }

    /// Tells the audit trail of what writes no row.
    pub async fn note(&mut self, note: Note) -> Result<()> {
        self.note_as(self.scene.actor.clone(), note).await
    }

    /// The same of what somebody else does, or tries.
    pub async fn note_as(&mut self, actor: AuditActor, note: Note) -> Result<()> {
        let event = AuditEvent {
            workspace: note.workspace,
            resource_id: note.resource_id,
            resource_name: note.resource_name,
            scope: note.scope,
            outcome: note.outcome,
            before: note.before,
            after: note.after,
            ..AuditEvent::new(note.organisation, actor, note.action, note.resource)
        };
        self.tell(AuditEvent { origin: self.scene.origin.clone(), ..event }).await
    }

    async fn changed<T: Entity>(
        &mut self,
        permit: &Permit,
        action: AuditAction,
        before: Option<Json>,
        after: Option<Json>,
        row: &T,
    ) -> Result<()> {
        if let Some(subject) = row.subject() {
            self.tx.announce(row.organisation(), subject).await?;
        }
        let mut event = self.event(T::RESOURCE, action, row.organisation());
        event.workspace = row.workspace();
        event.resource_id = Some(row.audit_id());
        event.resource_name = Some(row.audit_name());
        event.scope = permit.scope();
        event.before = before;
        event.after = after;
        self.tell(event).await
    }

    fn event(
        &self,
        resource: AuditResource,
        action: AuditAction,
        organisation: OrganisationId,
    ) -> AuditEvent {
        let actor = self.scene.actor.clone();
        let mut event = AuditEvent::new(Some(organisation), actor, action, resource);
        event.origin = self.scene.origin.clone();
        event
    }

    pub(crate) async fn tell(&mut self, event: AuditEvent) -> Result<()> {
        let signer = Arc::clone(&self.scene.signer);
        self.tx.audit_chains().append(&*signer, &event).await?;
        self.told += 1;
        Ok(())
    }

    async fn is_there<T: Entity>(&mut self, row: &T) -> Result<bool> {
        let (sql, values) = entity::look_for(row);
        Ok(self.tx.optional(sql, values).await?.is_some())
    }
}

/// What is told of a row, with its settings if they are known.
fn shown<T: Entity>(row: &T, settings: Option<&Json>) -> Json {
    let mut shown = row.shown();
    if let (Json::Object(members), Some(settings)) = (&mut shown, settings) {
        members.insert("settings".to_owned(), settings.clone());
    }
    shown
}

impl Note {
    /// A success in an organisation.
    pub fn new(
        organisation: Option<OrganisationId>,
        action: AuditAction,
        resource: AuditResource,
    ) -> Self {
        Self {
            organisation,
            workspace: None,
            action,
            resource,
            resource_id: None,
            resource_name: None,
            scope: None,
            outcome: AuditOutcome::Success,
            before: None,
            after: None,
        }
    }
}

/// Reads see what the act wrote.
impl Deref for Act {
    type Target = Reader;
    fn deref(&self) -> &Reader {
        &self.tx
    }
}

impl DerefMut for Act {
    fn deref_mut(&mut self) -> &mut Reader {
        &mut self.tx
    }
}
