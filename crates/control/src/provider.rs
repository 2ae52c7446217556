//! Providers: handles on integrations, one workspace's each. The same rows as virtual keys.

use portcullis_domain::{IntegrationId, Permit, Scope, Slug, Timestamp, VirtualKey};
use portcullis_store::{Act, List, Page};

use crate::{
    ControlError, Result, VirtualKeyDetail, check, desk::Desk, integration::handle_of, virtual_key,
};

/// Use cases of providers.
pub struct Providers<'a>(pub(crate) Desk<'a>);

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
        let place = self.0.workspace(new.workspace.as_deref()).await?;
        let organisation = self.0.organisation();
        let permit = self.0.permit(Scope::ProvidersCreate, self.0.within(place.id))?;
        check::name(&new.name, "name")?;
        check::description(new.note.as_deref(), "note")?;
        let mut reader = self.0.parts.db.read().await?;
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
            Some(slug) => check::slug(slug, "slug")?,
            None => Slug::from_name(&new.name, integration.slug.as_str()),
        };
        let mut provider = handle_of(self.0.parts, &integration, place.id, slug);
        provider.name = new.name;
        provider.note = new.note;
        provider.expires_at = new.expires_at;
        let write = async |act: &mut Act| {
            // In the transaction, so that no withdrawal falls between look and write.
            if integration.workspace_id.is_none() {
                let mut tenant = act.tenant(organisation);
                let known = tenant.virtual_keys().list_of_integration(integration.id).await?;
                if !known.iter().any(|handle| handle.workspace_id == place.id) {
                    self.permit_grant()?;
                }
            }
            Ok(act.insert(&permit, &provider).await?)
        };
        self.0.act(write).await?;
        Ok(provider)
    }

    /// Whether the actor may let a workspace use the organisation's integrations. To one confined
    /// to a workspace these are known, so that it is told what is missing.
    fn permit_grant(&self) -> Result<()> {
        let scope = Scope::OrganisationIntegrationsUpdate;
        let permit = self.0.permit(scope, self.0.here());
        permit.map(drop).map_err(|_| ControlError::ScopeMissing(scope))
    }

    /// The providers the actor may list, newest first.
    pub async fn list(
        &self,
        workspace: Option<&str>,
        page: Page,
    ) -> Result<List<VirtualKeyDetail>> {
        let reach = self.0.reach(Scope::ProvidersList, workspace).await?;
        virtual_key::list(self.0.parts, self.0.organisation(), &reach, page).await
    }

    /// One provider.
    pub async fn retrieve(&self, slug: &str, workspace: Option<&str>) -> Result<VirtualKeyDetail> {
        Ok(self.load(slug, workspace, Scope::ProvidersRead).await?.0)
    }

    /// Changes a provider.
    pub async fn update(
        &self,
        slug: &str,
        workspace: Option<&str>,
        change: ProviderChange,
    ) -> Result<VirtualKey> {
        let (detail, permit) = self.load(slug, workspace, Scope::ProvidersUpdate).await?;
        let mut provider = detail.virtual_key.clone();
        if let Some(name) = change.name {
            check::name(&name, "name")?;
            provider.name = name;
        }
        if let Some(note) = change.note {
            check::description(Some(&note), "note")?;
            provider.note = Some(note);
        }
        if let Some(expires_at) = change.expires_at {
            provider.expires_at = expires_at;
        }
        self.0.update(&permit, &detail.virtual_key, provider).await
    }

    /// Deletes a provider. The integration stays.
    pub async fn delete(&self, slug: &str, workspace: Option<&str>) -> Result<()> {
        let (detail, permit) = self.load(slug, workspace, Scope::ProvidersDelete).await?;
        self.0.remove(&permit, &detail.virtual_key).await
    }

    async fn load(
        &self,
        slug: &str,
        workspace: Option<&str>,
        scope: Scope,
    ) -> Result<(VirtualKeyDetail, Permit)> {
        virtual_key::find(&self.0, slug, workspace, &[scope], "provider").await
    }
}
