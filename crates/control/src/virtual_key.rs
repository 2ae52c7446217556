//! Virtual keys: a sealed provider credential and its handle, made and changed as one.

use portcullis_domain::{
    AuditAction, Integration, OrganisationId, Permit, Reach, Scope, Slug, Timestamp, VirtualKey,
};
use portcullis_store::{Act, List, Page};
use serde_json::{Map, Value};

use crate::{
    ControlError, CredentialChange, IntegrationChange, Integrations, NewIntegration, Parts, Result,
    check, credential,
    desk::Desk,
    integration::{Built, handle_of},
    masking,
};

/// Use cases of virtual keys.
pub struct VirtualKeys<'a>(pub(crate) Desk<'a>);

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
        let workspace = self.0.workspace(named).await?.id;
        let permit = self.0.permit(Scope::VirtualKeysCreate, self.0.within(workspace))?;
        check::description(new.note.as_deref(), "note")?;
        let built = self.integrations().build(&new.integration, Some(workspace)).await?;
        let Built { integration, settings } = built;
        let slug = integration.slug.clone();
        let mut key = handle_of(self.0.parts, &integration, workspace, slug);
        key.note = new.note;
        key.expires_at = new.expires_at;
        // It would never be of use. One that is there may be ended so.
        if key.is_expired(self.0.parts.clock.now()) {
            return Err(ControlError::invalid("expires_at", "lies in the past"));
        }
        let write = async |act: &mut Act| {
            act.insert_with(&permit, &integration, &settings).await?;
            Ok(act.insert(&permit, &key).await?)
        };
        self.0.act(write).await?;
        Ok(key)
    }

    /// The virtual keys the actor may list, newest first.
    pub async fn list(
        &self,
        workspace: Option<&str>,
        page: Page,
    ) -> Result<List<VirtualKeyDetail>> {
        let reach = self.0.reach(Scope::VirtualKeysList, workspace).await?;
        list(self.0.parts, self.0.organisation(), &reach, page).await
    }

    /// One virtual key: to read it, or to copy its slug.
    pub async fn retrieve(&self, slug: &str, workspace: Option<&str>) -> Result<VirtualKeyDetail> {
        let scopes = [Scope::VirtualKeysRead, Scope::VirtualKeysCopy];
        Ok(self.load(slug, workspace, &scopes).await?.0)
    }

    /// The settings of a virtual key whose credential is its workspace's own, every secret in them
    /// masked, to whoever may read the key. Nothing of others, nor while the vault is closed: the key
    /// is shown all the same.
    pub async fn settings(&self, detail: &VirtualKeyDetail) -> Map<String, Value> {
        let VirtualKeyDetail { virtual_key, integration } = detail;
        let held = self.0.actor().scopes_at(self.0.within(virtual_key.workspace_id));
        let is_own = integration.workspace_id == Some(virtual_key.workspace_id);
        if !is_own || !held.contains(Scope::VirtualKeysRead) {
            return Map::new();
        }
        let (id, sealed) = (integration.id, &integration.credential);
        let opened = credential::open(self.0.parts, integration.organisation_id, id, sealed).await;
        match opened.map(|opened| masking::masked(&opened.settings)) {
            Ok(Value::Object(settings)) => settings,
            _ => Map::new(),
        }
    }

    /// Makes a second virtual key of the same credential, under a slug of its own.
    pub async fn duplicate(
        &self,
        slug: &str,
        workspace: Option<&str>,
        name: Option<String>,
        new_slug: Option<String>,
    ) -> Result<VirtualKey> {
        let (detail, permit) = self.load(slug, workspace, &[Scope::VirtualKeysDuplicate]).await?;
        let VirtualKeyDetail { virtual_key: original, integration } = detail;
        let name = name.unwrap_or_else(|| original.name.clone());
        check::name(&name, "name")?;
        let slug = match new_slug.as_deref() {
            Some(slug) => check::slug(slug, "slug")?,
            None => self.free_slug(&original).await?,
        };
        let mut copy = handle_of(self.0.parts, &integration, original.workspace_id, slug);
        copy.name = name;
        copy.note = original.note;
        copy.expires_at = original.expires_at;
        let write =
            async |act: &mut Act| Ok(act.insert_as(AuditAction::Duplicate, &permit, &copy).await?);
        self.0.act(write).await?;
        Ok(copy)
    }

    /// Changes a virtual key, its credential included.
    pub async fn update(
        &self,
        slug: &str,
        workspace: Option<&str>,
        change: VirtualKeyChange,
    ) -> Result<()> {
        let (VirtualKeyDetail { virtual_key: before, integration }, permit) =
            self.load(slug, workspace, &[Scope::VirtualKeysUpdate]).await?;
        let mut virtual_key = before.clone();
        if let Some(note) = change.note {
            check::description(Some(&note), "note")?;
            virtual_key.note = Some(note);
        }
        if let Some(expires_at) = change.expires_at {
            virtual_key.expires_at = expires_at;
        }
        if let Some(name) = &change.name {
            check::name(name, "name")?;
            virtual_key.name.clone_from(name);
        }
        let changes_credential =
            change.credential.key.is_some() || change.credential.settings.is_some();
        // A workspace's integration bears its virtual key's name; the organisation's has its own,
        // and is not to be changed through one workspace's handle without leave to do so.
        let (permit_for_integration, name) = match integration.workspace_id {
            Some(_) => (permit.clone(), change.name),
            None if changes_credential => {
                let scope = Scope::OrganisationIntegrationsUpdate;
                (self.0.permit(scope, self.0.here())?, None)
            }
            None => (permit.clone(), None),
        };
        let changed = if changes_credential || name.is_some() {
            let change =
                IntegrationChange { name, description: None, credential: change.credential };
            Some(self.integrations().changed(integration.clone(), change).await?)
        } else {
            None
        };
        let write = async |act: &mut Act| {
            act.update(&permit, &before, virtual_key.clone()).await?;
            if let Some(changed) = &changed {
                let (row, settings) = (changed.integration.clone(), changed.settings.as_ref());
                act.update_with(&permit_for_integration, &integration, row, settings).await?;
            }
            Ok(())
        };
        self.0.act(write).await
    }

    /// Deletes a virtual key, and its credential unless something else uses it.
    pub async fn delete(&self, slug: &str, workspace: Option<&str>) -> Result<()> {
        let (detail, permit) = self.load(slug, workspace, &[Scope::VirtualKeysDelete]).await?;
        let VirtualKeyDetail { virtual_key, integration } = detail;
        let organisation = self.0.organisation();
        let write = async |act: &mut Act| {
            act.remove(&permit, &virtual_key).await?;
            let mut tenant = act.tenant(organisation);
            let others = tenant.virtual_keys().list_of_integration(integration.id).await?;
            if integration.workspace_id.is_some() && others.is_empty() {
                act.remove(&permit, &integration).await?;
            }
            Ok(())
        };
        self.0.act(write).await
    }

    async fn load(
        &self,
        slug: &str,
        workspace: Option<&str>,
        scopes: &[Scope],
    ) -> Result<(VirtualKeyDetail, Permit)> {
        find(&self.0, slug, workspace, scopes, "virtual key").await
    }

    /// The original's slug with a number behind it that is not taken.
    async fn free_slug(&self, original: &VirtualKey) -> Result<Slug> {
        let mut reader = self.0.parts.db.read().await?;
        let mut tenant = reader.tenant(self.0.organisation());
        for number in 2..1000 {
            let candidate = original.slug.with_suffix(&number.to_string());
            let workspace = original.workspace_id;
            if tenant.virtual_keys().find_by_slug(workspace, &candidate).await?.is_none() {
                return check::slug(candidate.as_str(), "slug");
            }
        }
        Err(ControlError::Conflict("too many of that name; choose a slug".to_owned()))
    }

    fn integrations(&self) -> Integrations<'_> {
        Integrations(self.0)
    }
}

/// A page of handles with what is behind them.
pub(crate) async fn list(
    parts: &Parts,
    organisation: OrganisationId,
    reach: &Reach,
    page: Page,
) -> Result<List<VirtualKeyDetail>> {
    let mut reader = parts.db.read().await?;
    let mut tenant = reader.tenant(organisation);
    let keys = tenant.virtual_keys().list(reach, page).await?;
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

/// The handle of that slug in the workspace meant, with a permit for it by any of those scopes.
pub(crate) async fn find(
    desk: &Desk<'_>,
    slug: &str,
    workspace: Option<&str>,
    scopes: &[Scope],
    noun: &'static str,
) -> Result<(VirtualKeyDetail, Permit)> {
    let workspace = desk.workspace(workspace).await?.id;
    let place = desk.within(workspace);
    let held = scopes.iter().find(|scope| desk.actor().scopes_at(place).contains(**scope));
    let permit = desk.permit(*held.unwrap_or(&scopes[0]), place)?;
    let slug: Slug = check::slug(slug, "slug").map_err(|_| ControlError::NotFound(noun))?;
    let mut reader = desk.parts.db.read().await?;
    let mut tenant = reader.tenant(desk.organisation());
    let found = tenant.virtual_keys().find_by_slug(workspace, &slug).await?;
    let virtual_key = found.ok_or(ControlError::NotFound(noun))?;
    let found = tenant.integrations().find(virtual_key.integration_id).await?;
    let integration = found.ok_or(ControlError::NotFound(noun))?;
    Ok((VirtualKeyDetail { virtual_key, integration }, permit))
}
