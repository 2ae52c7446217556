//! Integrations and virtual keys. A secret is compared by its fingerprint, and never shown.

use portcullis_domain::{Integration, Organisation, Secret, Timestamp, VirtualKey, WorkspaceId};
use portcullis_providers::credential::{Credential, Settings};
use serde_json::Value;

use super::{
    ChangeKind, Fields, Run,
    document::{IntegrationDoc, SecretSource, VirtualKeyDoc},
    name_of,
};
use crate::{
    ControlError, CredentialChange, IntegrationChange, NewIntegration, NewVirtualKey, Result,
    VirtualKeyChange, check, credential, masking,
};

impl Run<'_> {
    pub(super) async fn integration(
        &mut self,
        there: &Organisation,
        doc: IntegrationDoc,
    ) -> Result<()> {
        let slug = check::slug(&doc.slug, "slug")?;
        let mut reader = self.control.0.db.read().await?;
        let before = reader.tenant(there.id).integrations().find_by_slug(&slug).await?;
        drop(reader);
        if before.as_ref().is_some_and(|before| before.workspace_id.is_some()) {
            let message = "belongs to a workspace: name its virtual key there";
            return Err(ControlError::invalid("slug", message));
        }
        if doc.absent {
            if before.is_some() && self.differs(ChangeKind::Removed, Fields::default()) {
                self.control.integrations(&self.operator(there.id)).delete(&doc.slug).await?;
            }
            return Ok(());
        }
        let wanted = self.credential(doc.key.as_ref(), doc.settings.as_ref())?;
        match &before {
            Some(before) => {
                same_provider(before, doc.provider.as_deref())?;
                let (change, mut fields) = self.compare(before, wanted).await?;
                fields.field("name", &before.name, doc.name.as_ref());
                let description = Some(&doc.description).filter(|given| given.is_some());
                fields.field("description", &before.description, description);
                if !fields.is_empty() && self.differs(ChangeKind::Changed, fields) {
                    let change = IntegrationChange {
                        name: doc.name.clone(),
                        description: doc.description.clone(),
                        credential: change,
                    };
                    let operator = self.operator(there.id);
                    self.control.integrations(&operator).update(&doc.slug, change).await?;
                }
            }
            None => {
                let new = new_integration(&doc, wanted, None)?;
                let mut fields = Fields::default();
                fields.made("provider", &new.provider);
                if self.differs(ChangeKind::Made, fields) {
                    self.control.integrations(&self.operator(there.id)).create(new).await?;
                }
            }
        }
        match doc.workspaces {
            None => Ok(()),
            Some(workspaces) => self.access(there, before.as_ref(), &doc.slug, workspaces).await,
        }
    }

    /// Which workspaces may use an integration.
    async fn access(
        &mut self,
        there: &Organisation,
        before: Option<&Integration>,
        slug: &str,
        mut wanted: Vec<String>,
    ) -> Result<()> {
        let mut known = Vec::new();
        if let Some(before) = before {
            let mut reader = self.control.0.db.read().await?;
            let mut tenant = reader.tenant(there.id);
            for handle in tenant.virtual_keys().list_of_integration(before.id).await? {
                let found = tenant.workspaces().find(handle.workspace_id).await?;
                known.extend(found.map(|workspace| workspace.slug.to_string()));
            }
        }
        known.sort_unstable();
        known.dedup();
        wanted.sort_unstable();
        wanted.dedup();
        let mut fields = Fields::default();
        fields.field("workspaces", &known, Some(&wanted));
        if fields.is_empty() || !self.differs(ChangeKind::Changed, fields) {
            return Ok(());
        }
        let opened = wanted.iter().filter(|workspace| !known.contains(workspace));
        let closed = known.iter().filter(|workspace| !wanted.contains(workspace));
        let changes = opened.map(|workspace| (workspace.clone(), true, None));
        let changes = changes.chain(closed.map(|workspace| (workspace.clone(), false, None)));
        let operator = self.operator(there.id);
        self.control.integrations(&operator).put_workspaces(slug, changes.collect()).await
    }

    pub(super) async fn virtual_key(
        &mut self,
        there: &Organisation,
        workspace: &str,
        doc: VirtualKeyDoc,
    ) -> Result<()> {
        check::slug(&doc.slug, "slug")?;
        let within = self.find_workspace(there, workspace).await?;
        let before = match within {
            Some(within) => self.find_virtual_key(there, within.id, &doc.slug).await?,
            None => None,
        };
        if doc.absent {
            if before.is_some() && self.differs(ChangeKind::Removed, Fields::default()) {
                let operator = self.operator(there.id);
                self.control.virtual_keys(&operator).delete(&doc.slug, Some(workspace)).await?;
            }
            return Ok(());
        }
        let wanted = self.credential(doc.key.as_ref(), doc.settings.as_ref())?;
        let expires_at = instant(doc.expires_at.as_ref())?;
        if let Some((before, integration)) = before {
            same_provider(&integration, doc.provider.as_deref())?;
            let (change, mut fields) = self.compare(&integration, wanted).await?;
            fields.field("name", &before.name, doc.name.as_ref());
            fields.field("note", &before.note, Some(&doc.note).filter(|given| given.is_some()));
            fields.field("expires_at", &before.expires_at, expires_at.as_ref());
            if fields.is_empty() || !self.differs(ChangeKind::Changed, fields) {
                return Ok(());
            }
            let change =
                VirtualKeyChange { name: doc.name, note: doc.note, expires_at, credential: change };
            let operator = self.operator(there.id);
            let keys = self.control.virtual_keys(&operator);
            return keys.update(&doc.slug, Some(workspace), change).await;
        }
        let integration = NewIntegration {
            name: doc.name.unwrap_or_else(|| name_of(&doc.slug)),
            slug: Some(doc.slug),
            provider: required_provider(doc.provider)?,
            key: wanted.key,
            settings: wanted.settings.unwrap_or_default(),
            description: None,
            workspace: Some(workspace.to_owned()),
            default_provider: None,
        };
        let mut fields = Fields::default();
        fields.made("provider", &integration.provider);
        let new = NewVirtualKey { integration, note: doc.note, expires_at: expires_at.flatten() };
        if self.differs(ChangeKind::Made, fields) {
            self.control.virtual_keys(&self.operator(there.id)).create(new).await?;
        }
        Ok(())
    }

    async fn find_virtual_key(
        &self,
        there: &Organisation,
        workspace: WorkspaceId,
        slug: &str,
    ) -> Result<Option<(VirtualKey, Integration)>> {
        let slug = check::slug(slug, "slug")?;
        let mut reader = self.control.0.db.read().await?;
        let mut tenant = reader.tenant(there.id);
        let found = tenant.virtual_keys().find_by_slug(workspace, &slug).await?;
        let Some(key) = found else { return Ok(None) };
        let integration = tenant.integrations().find(key.integration_id).await?;
        Ok(integration.map(|integration| (key, integration)))
    }

    /// What of a credential is to be different.
    async fn compare(
        &self,
        before: &Integration,
        wanted: CredentialChange,
    ) -> Result<(CredentialChange, Fields)> {
        let parts = &*self.control.0;
        let (organisation, sealed) = (before.organisation_id, &before.credential);
        let known = credential::open(parts, organisation, before.id, sealed).await?;
        let mut change = CredentialChange::default();
        let mut fields = Fields::default();
        if let Some(key) = wanted.key {
            let presented = Credential::new(Some(key), Settings::default());
            if credential::fingerprint(parts, &presented) != before.key_fingerprint {
                fields.secret("key");
                change.key = presented.key;
            }
        }
        let as_value = |settings: &Settings| serde_json::to_value(settings).unwrap_or_default();
        if let Some(settings) = wanted.settings
            && as_value(&settings) != as_value(&known.settings)
        {
            // They may hold secrets.
            fields.secret("settings");
            change.settings = Some(settings);
            // Where a key is sent may only be changed by whoever has the key.
            if change.key.is_none() {
                change.key = known.key;
            }
        }
        Ok((change, fields))
    }

    fn credential(
        &mut self,
        key: Option<&SecretSource>,
        settings: Option<&Value>,
    ) -> Result<CredentialChange> {
        let key = key.map(|source| self.secret("key", source)).transpose()?;
        let settings = match settings {
            None => None,
            Some(settings) => {
                if let Some(name) = masking::open_secret(settings, is_source) {
                    let message =
                        format!("{name} may hold a secret: put {{env: …}} or {{file: …}} there");
                    return Err(ControlError::invalid("settings", message));
                }
                let mut settings = settings.clone();
                self.resolve(&mut settings)?;
                let parsed = serde_json::from_value(settings);
                // The error may repeat a value, which may be a secret.
                let unsound = |_| ControlError::invalid("settings", "a field is not of its form");
                Some(parsed.map_err(unsound)?)
            }
        };
        Ok(CredentialChange { key, settings, keeps_others: false })
    }

    /// Puts secrets where their sources stand.
    fn resolve(&mut self, value: &mut Value) -> Result<()> {
        let is_source = is_source(value);
        match value {
            Value::Object(_) => {
                if is_source && let Ok(source) = serde_json::from_value(value.clone()) {
                    let secret: Secret<String> = self.secret("settings", &source)?;
                    *value = Value::String(secret.danger_expose().clone());
                    return Ok(());
                }
                let Value::Object(object) = value else { return Ok(()) };
                object.values_mut().try_for_each(|value| self.resolve(value))
            }
            Value::Array(array) => array.iter_mut().try_for_each(|value| self.resolve(value)),
            _ => Ok(()),
        }
    }
}

/// Whether a value of the settings names where a secret is.
fn is_source(value: &Value) -> bool {
    value.as_object().is_some_and(|object| {
        let is_named = |(name, place): (&String, &Value)| {
            ["env", "file"].contains(&name.as_str()) && place.is_string()
        };
        object.len() == 1 && object.iter().all(is_named)
    })
}

fn new_integration(
    doc: &IntegrationDoc,
    wanted: CredentialChange,
    workspace: Option<String>,
) -> Result<NewIntegration> {
    Ok(NewIntegration {
        name: doc.name.clone().unwrap_or_else(|| name_of(&doc.slug)),
        slug: Some(doc.slug.clone()),
        provider: required_provider(doc.provider.clone())?,
        key: wanted.key,
        settings: wanted.settings.unwrap_or_default(),
        description: doc.description.clone(),
        workspace,
        default_provider: None,
    })
}

fn required_provider(named: Option<String>) -> Result<String> {
    named.ok_or_else(|| ControlError::invalid("provider", "is needed to make it"))
}

fn same_provider(known: &Integration, named: Option<&str>) -> Result<()> {
    if named.is_none_or(|named| named == known.provider) {
        return Ok(());
    }
    let message = format!("is {} and never changes: take it away and make it anew", known.provider);
    Err(ControlError::invalid("provider", message))
}

/// An instant of the document.
pub(super) fn instant(given: Option<&Option<String>>) -> Result<Option<Option<Timestamp>>> {
    let parse = |text: &String| {
        Timestamp::parse(text)
            .map_err(|error| ControlError::invalid("expires_at", error.to_string()))
    };
    given.map(|text| text.as_ref().map(parse).transpose()).transpose()
}
