//! Providers: handles on integrations, one workspace's each. The same rows as virtual keys.

use portcullis_domain::{Actor, IntegrationId, Place, Scope, Slug, Timestamp, VirtualKey};
use portcullis_store::{List, Page};

use crate::{
    ControlError, Parts, Result, VirtualKeyDetail,
    integration::{check_name, handle_of, parse_slug},
    unchanged, virtual_key, workspace,
};

/// Use cases of providers.
pub struct Providers<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) actor: &'a Actor,
}

/// A provider to create.
pub struct NewProvider {
    /// Its name.
    pub name: String,
    /// The integration by id or slug.
    pub integration: String,
    /// The workspace by id or slug.
    pub workspace: Option<String>,
    /// Its slug; made from the name when not given.
    pub slug: Option<String>,
    /// A note for people.
    pub note: Option<String>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// What to change of a provider; `None` leaves a field as it is.
#[derive(Default)]
pub struct ProviderChange {
    /// Its name.
    pub name: Option<String>,
    /// A note for people.
    pub note: Option<String>,
    /// When it stops working; `Some(None)` takes the expiry away.
    pub expires_at: Option<Option<Timestamp>>,
}

impl Providers<'_> {
    /// Creates a provider of an integration that the workspace may use: its own, or one of the
    /// organisation's that it was let use before. To let it use another one of those is for whoever
    /// may change them.
    pub async fn create(&self, new: NewProvider) -> Result<VirtualKey> {
        let place = workspace::place(self.parts, self.actor, new.workspace.as_deref()).await?;
        let organisation = self.actor.organisation();
        let permit =
            self.actor.permit(Scope::ProvidersCreate, Place::Workspace(organisation, place.id))?;
        check_name(&new.name)?;
        let mut reader = self.parts.db.read().await?;
        let mut tenant = reader.tenant(organisation);
        let mut integrations = tenant.integrations();
        let found = match (IntegrationId::parse(&new.integration), Slug::parse(&new.integration)) {
            (Ok(id), _) => integrations.find(id).await?,
            (_, Ok(slug)) => integrations.find_by_slug(&slug).await?,
            _ => None,
        };
        drop(reader);
        let integration = found
            .filter(|found| found.workspace_id.is_none_or(|owner| owner == place.id))
            .ok_or(ControlError::NotFound("integration"))?;
        let slug = match new.slug.as_deref() {
            Some(slug) => parse_slug(slug, "slug")?,
            None => Slug::from_name(&new.name, integration.slug.as_str()),
        };
        let mut provider = handle_of(self.parts, &integration, place.id, slug);
        provider.name = new.name;
        provider.note = new.note;
        provider.expires_at = new.expires_at;
        self.parts
            .db
            .write(async |tx| -> Result<()> {
                // In the transaction, so that no withdrawal falls between look and write.
                if integration.workspace_id.is_none() {
                    let mut tenant = tx.tenant(organisation);
                    let known = tenant.virtual_keys().list_of_integration(integration.id).await?;
                    if !known.iter().any(|handle| handle.workspace_id == place.id) {
                        self.permit_grant()?;
                    }
                }
                Ok(tx.virtual_keys().insert(&permit, &provider).await?)
            })
            .await?;
        self.parts.caught_up().await;
        Ok(provider)
    }

    /// Whether the actor may let a workspace use the organisation's integrations. To one confined
    /// to a workspace these are known, so that it is told what is missing.
    fn permit_grant(&self) -> Result<()> {
        let scope = Scope::OrganisationIntegrationsUpdate;
        match self.actor.permit(scope, Place::Organisation(self.actor.organisation())) {
            Ok(_) => Ok(()),
            Err(_) => Err(ControlError::ScopeMissing(scope)),
        }
    }

    /// The providers the actor may list, newest first.
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
        self.actor.permit(Scope::ProvidersList, place)?;
        virtual_key::list(self.parts, organisation, workspace, page).await
    }

    /// One provider.
    pub async fn retrieve(&self, slug: &str, workspace: Option<&str>) -> Result<VirtualKeyDetail> {
        let scope = Scope::ProvidersRead;
        Ok(virtual_key::find(self.parts, self.actor, slug, workspace, scope, "provider").await?.0)
    }

    /// Changes a provider.
    pub async fn update(
        &self,
        slug: &str,
        workspace: Option<&str>,
        change: ProviderChange,
    ) -> Result<VirtualKey> {
        let scope = Scope::ProvidersUpdate;
        let found = virtual_key::find(self.parts, self.actor, slug, workspace, scope, "provider");
        let (detail, permit) = found.await?;
        let mut provider = detail.virtual_key;
        if let Some(name) = change.name {
            check_name(&name)?;
            provider.name = name;
        }
        if let Some(note) = change.note {
            provider.note = Some(note);
        }
        if let Some(expires_at) = change.expires_at {
            provider.expires_at = expires_at;
        }
        let loaded = provider.updated_at;
        provider.updated_at = self.parts.clock.now().max(loaded.plus_micros(1));
        self.parts
            .db
            .write(async |tx| -> Result<bool> {
                let mut tenant = tx.tenant(permit.organisation());
                let there = tenant.virtual_keys().find(provider.id).await?;
                unchanged(there.map(|there| there.updated_at), loaded, "provider")?;
                Ok(tx.virtual_keys().update(&permit, &provider).await?)
            })
            .await?;
        self.parts.caught_up().await;
        Ok(provider)
    }

    /// Deletes a provider. The integration stays.
    pub async fn delete(&self, slug: &str, workspace: Option<&str>) -> Result<()> {
        let scope = Scope::ProvidersDelete;
        let found = virtual_key::find(self.parts, self.actor, slug, workspace, scope, "provider");
        let (detail, permit) = found.await?;
        self.parts
            .db
            .write(async |tx| -> Result<bool> {
                Ok(tx.virtual_keys().remove(&permit, detail.virtual_key.id).await?)
            })
            .await?;
        self.parts.caught_up().await;
        Ok(())
    }
}
