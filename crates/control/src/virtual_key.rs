//! Virtual keys: a credential and its handle, made and changed as one.

use portcullis_domain::{
    Actor, Integration, OrganisationId, Permit, Place, Scope, Slug, Timestamp, VirtualKey,
    WorkspaceId,
};
use portcullis_store::{List, Page};

use crate::{
    ControlError, CredentialChange, IntegrationChange, Integrations, NewIntegration, Parts, Result,
    integration::{check_name, handle_of, parse_slug},
    unchanged, workspace,
};

/// Use cases of virtual keys.
pub struct VirtualKeys<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) actor: &'a Actor,
}

/// A virtual key to create.
pub struct NewVirtualKey {
    /// The credential behind it. Its workspace is the virtual key's; `default_provider` does not
    /// count.
    pub integration: NewIntegration,
    /// A note for people.
    pub note: Option<String>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// What to change of a virtual key; `None` leaves a field as it is.
#[derive(Default)]
pub struct VirtualKeyChange {
    /// Its name.
    pub name: Option<String>,
    /// A note for people.
    pub note: Option<String>,
    /// When it stops working; `Some(None)` takes the expiry away.
    pub expires_at: Option<Option<Timestamp>>,
    /// The credential behind it.
    pub credential: CredentialChange,
}

/// A virtual key and the integration behind it.
pub struct VirtualKeyDetail {
    /// The virtual key.
    pub virtual_key: VirtualKey,
    /// The integration. Its credential stays sealed.
    pub integration: Integration,
}

impl VirtualKeys<'_> {
    /// Creates a virtual key.
    pub async fn create(&self, new: NewVirtualKey) -> Result<VirtualKey> {
        let named = new.integration.workspace.as_deref();
        let workspace = workspace::place(self.parts, self.actor, named).await?.id;
        let place = Place::Workspace(self.actor.organisation(), workspace);
        let permit = self.actor.permit(Scope::VirtualKeysCreate, place)?;
        let integration = self.integrations().build(&new.integration, Some(workspace)).await?;
        let mut key = handle_of(self.parts, &integration, workspace, integration.slug.clone());
        key.note = new.note;
        key.expires_at = new.expires_at;
        self.parts
            .db
            .write(async |tx| -> Result<()> {
                tx.integrations().insert(&permit, &integration).await?;
                tx.virtual_keys().insert(&permit, &key).await?;
                Ok(())
            })
            .await?;
        self.parts.caught_up().await;
        Ok(key)
    }

    /// The virtual keys the actor may list, newest first.
    pub async fn list(
        &self,
        workspace: Option<&str>,
        page: Page,
    ) -> Result<List<VirtualKeyDetail>> {
        let workspace = workspace::filter(self.parts, self.actor, workspace).await?;
        let organisation = self.actor.organisation();
        let place = match workspace {
            Some(workspace) => Place::Workspace(organisation, workspace),
            None => Place::Organisation(organisation),
        };
        self.actor.permit(Scope::VirtualKeysList, place)?;
        list(self.parts, organisation, workspace, page).await
    }

    /// One virtual key.
    pub async fn retrieve(&self, slug: &str, workspace: Option<&str>) -> Result<VirtualKeyDetail> {
        Ok(self.load(slug, workspace, Scope::VirtualKeysRead).await?.0)
    }

    /// Changes a virtual key, its credential included.
    pub async fn update(
        &self,
        slug: &str,
        workspace: Option<&str>,
        change: VirtualKeyChange,
    ) -> Result<()> {
        let (VirtualKeyDetail { mut virtual_key, integration }, permit) =
            self.load(slug, workspace, Scope::VirtualKeysUpdate).await?;
        if let Some(note) = change.note {
            virtual_key.note = Some(note);
        }
        if let Some(expires_at) = change.expires_at {
            virtual_key.expires_at = expires_at;
        }
        if let Some(name) = &change.name {
            check_name(name)?;
            virtual_key.name.clone_from(name);
        }
        let loaded = (virtual_key.updated_at, integration.updated_at);
        let later = |loaded: Timestamp| self.parts.clock.now().max(loaded.plus_micros(1));
        virtual_key.updated_at = later(loaded.0);
        let changes_credential =
            change.credential.key.is_some() || change.credential.settings.is_some();
        // A workspace's integration bears its virtual key's name; the organisation's has its own,
        // and is not to be changed through one workspace's handle without leave to do so.
        let (permit_for_integration, name) = match integration.workspace_id {
            Some(_) => (permit.clone(), change.name),
            None if changes_credential => {
                let organisation = Place::Organisation(self.actor.organisation());
                let scope = Scope::OrganisationIntegrationsUpdate;
                (self.actor.permit(scope, organisation)?, None)
            }
            None => (permit.clone(), None),
        };
        let changed = if changes_credential || name.is_some() {
            let change =
                IntegrationChange { name, description: None, credential: change.credential };
            let mut changed = self.integrations().changed(integration, change).await?;
            changed.updated_at = later(loaded.1);
            Some(changed)
        } else {
            None
        };
        self.parts
            .db
            .write(async |tx| -> Result<()> {
                let mut tenant = tx.tenant(permit.organisation());
                let there = tenant.virtual_keys().find(virtual_key.id).await?;
                unchanged(there.map(|there| there.updated_at), loaded.0, "virtual key")?;
                tx.virtual_keys().update(&permit, &virtual_key).await?;
                if let Some(integration) = &changed {
                    let mut tenant = tx.tenant(permit.organisation());
                    let there = tenant.integrations().find(integration.id).await?;
                    unchanged(there.map(|there| there.updated_at), loaded.1, "integration")?;
                    tx.integrations().update(&permit_for_integration, integration).await?;
                }
                Ok(())
            })
            .await?;
        self.parts.caught_up().await;
        Ok(())
    }

    /// Deletes a virtual key, and its credential unless something else uses it.
    pub async fn delete(&self, slug: &str, workspace: Option<&str>) -> Result<()> {
        let (detail, permit) = self.load(slug, workspace, Scope::VirtualKeysDelete).await?;
        let organisation = self.actor.organisation();
        self.parts
            .db
            .write(async |tx| -> Result<()> {
                tx.virtual_keys().remove(&permit, detail.virtual_key.id).await?;
                let integration = &detail.integration;
                let others = tx
                    .tenant(organisation)
                    .virtual_keys()
                    .list_of_integration(integration.id)
                    .await?;
                if integration.workspace_id.is_some() && others.is_empty() {
                    tx.integrations().remove(&permit, integration.id).await?;
                }
                Ok(())
            })
            .await?;
        self.parts.caught_up().await;
        Ok(())
    }

    async fn load(
        &self,
        slug: &str,
        workspace: Option<&str>,
        scope: Scope,
    ) -> Result<(VirtualKeyDetail, Permit)> {
        find(self.parts, self.actor, slug, workspace, scope, "virtual key").await
    }

    fn integrations(&self) -> Integrations<'_> {
        Integrations { parts: self.parts, actor: self.actor }
    }
}

/// A page of handles with what is behind them.
pub(crate) async fn list(
    parts: &Parts,
    organisation: OrganisationId,
    workspace: Option<WorkspaceId>,
    page: Page,
) -> Result<List<VirtualKeyDetail>> {
    let mut reader = parts.db.read().await?;
    let mut tenant = reader.tenant(organisation);
    let keys = tenant.virtual_keys().list(workspace, page).await?;
    let mut items = Vec::with_capacity(keys.items.len());
    for virtual_key in keys.items {
        let found = tenant.integrations().find(virtual_key.integration_id).await?;
        // A row that was deleted between the two reads is not there any more.
        if let Some(integration) = found {
            items.push(VirtualKeyDetail { virtual_key, integration });
        }
    }
    Ok(List { items, total: keys.total })
}

/// The handle of that slug in the workspace meant, with a permit for it.
pub(crate) async fn find(
    parts: &Parts,
    actor: &Actor,
    slug: &str,
    workspace: Option<&str>,
    scope: Scope,
    noun: &'static str,
) -> Result<(VirtualKeyDetail, Permit)> {
    let workspace = workspace::place(parts, actor, workspace).await?.id;
    let permit = actor.permit(scope, Place::Workspace(actor.organisation(), workspace))?;
    let slug: Slug = parse_slug(slug, "slug").map_err(|_| ControlError::NotFound(noun))?;
    let mut reader = parts.db.read().await?;
    let mut tenant = reader.tenant(actor.organisation());
    let found = tenant.virtual_keys().find_by_slug(workspace, &slug).await?;
    let virtual_key = found.ok_or(ControlError::NotFound(noun))?;
    let found = tenant.integrations().find(virtual_key.integration_id).await?;
    let integration = found.ok_or(ControlError::NotFound(noun))?;
    Ok((VirtualKeyDetail { virtual_key, integration }, permit))
}
