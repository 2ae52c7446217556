//! API keys. What is made here is handed out once, at once.

use portcullis_domain::{
    AddressRange, ApiKey, ApiKeyDefaults, ApiKeyKind, ApiKeyMadeBy, Organisation, Permissions,
    ScopeSet, Secret, UserId, WorkspaceId,
};

use super::{ChangeKind, Fields, Run, document::ApiKeyDoc, provider::instant};
use crate::{ApiKeyChange, ControlError, Grant, NewApiKey, Result};

impl Run<'_> {
    /// A key of a workspace, or of the organisation.
    pub(super) async fn api_key(
        &mut self,
        there: &Organisation,
        workspace: Option<&str>,
        doc: ApiKeyDoc,
    ) -> Result<()> {
        let kind = match (workspace, &doc.user) {
            (None, None) => ApiKeyKind::OrganisationService,
            (Some(_), None) => ApiKeyKind::WorkspaceService,
            (Some(_), Some(_)) => ApiKeyKind::WorkspaceUser,
            (None, Some(_)) => {
                let message = "a person's key is of a workspace: put it there";
                return Err(ControlError::invalid("user", message));
            }
        };
        let within = match workspace {
            None => None,
            Some(slug) => self.find_workspace(there, slug).await?.map(|found| found.id),
        };
        let before = self.find_api_key(there, within, kind, &doc.name).await?;
        if doc.absent {
            if let Some(before) = before
                && self.differs(ChangeKind::Removed, Fields::default())
            {
                self.control.api_keys(&self.operator(there.id)).delete(before.id).await?;
            }
            return Ok(());
        }
        let scopes = scopes(&doc, kind)?;
        match before {
            Some(before) => self.change_api_key(there, &before, doc, scopes).await,
            None => self.make_api_key(there, workspace, kind, doc, scopes).await,
        }
    }

    async fn find_api_key(
        &self,
        there: &Organisation,
        workspace: Option<WorkspaceId>,
        kind: ApiKeyKind,
        name: &str,
    ) -> Result<Option<ApiKey>> {
        if kind.is_workspace_bound() && workspace.is_none() {
            return Ok(None);
        }
        let mut reader = self.control.0.db.read().await?;
        let mut found = reader.tenant(there.id).api_keys().named(name).await?;
        found.retain(|key| key.kind == kind && workspace.is_none_or(|id| key.workspace_id == id));
        if found.len() > 1 {
            let message = "several keys have this name: rename all but one";
            return Err(ControlError::invalid("name", message));
        }
        Ok(found.pop())
    }

    async fn make_api_key(
        &mut self,
        there: &Organisation,
        workspace: Option<&str>,
        kind: ApiKeyKind,
        doc: ApiKeyDoc,
        scopes: Option<ScopeSet>,
    ) -> Result<()> {
        if let Some(file) = &doc.write_to {
            let checked = self.around.check_target(file);
            checked.map_err(|error| ControlError::invalid("write_to", error))?;
        }
        let mut fields = Fields::default();
        fields.made("type", kind.name());
        if !self.differs(ChangeKind::Made, fields) {
            return Ok(());
        }
        let user_id = match &doc.user {
            None => None,
            Some(email) => Some(self.person(there, email).await?),
        };
        let defaults = ApiKeyDefaults {
            metadata: doc.metadata.unwrap_or_default(),
            config: doc.config.flatten(),
            input_guardrails: doc.input_guardrails.unwrap_or_default(),
            output_guardrails: doc.output_guardrails.unwrap_or_default(),
            allow_config_override: doc.allow_config_override.unwrap_or(true),
        };
        let new = NewApiKey {
            kind,
            name: doc.name.clone(),
            description: doc.description,
            workspace: workspace.map(str::to_owned),
            environment: doc.environment,
            user_id,
            grant: scopes.map(Grant::Scopes).unwrap_or_default(),
            defaults,
            allowed_addresses: addresses(doc.allowed_addresses.as_deref())?.unwrap_or_default(),
            made_by: ApiKeyMadeBy::Api,
            expires_at: instant(doc.expires_at.as_ref())?.flatten(),
        };
        let (_, token) = self.control.api_keys(&self.operator(there.id)).create(new).await?;
        let secret = Secret::new(token.danger_expose().to_owned());
        let what = self.place.join(": ");
        self.around.hand_out(&what, &secret, doc.write_to.as_deref());
        Ok(())
    }

    async fn change_api_key(
        &mut self,
        there: &Organisation,
        before: &ApiKey,
        doc: ApiKeyDoc,
        scopes: Option<ScopeSet>,
    ) -> Result<()> {
        if let Some(email) = &doc.user
            && before.user_id != Some(self.person(there, email).await?)
        {
            let message = "the key stands for somebody else: take it away and make it anew";
            return Err(ControlError::invalid("user", message));
        }
        if let Some(named) = &doc.environment {
            let mut reader = self.control.0.db.read().await?;
            let mut tenant = reader.tenant(there.id);
            let known = tenant.environments().find(before.environment_id).await?;
            if known.is_some_and(|known| known.slug.as_str() != named) {
                let message = "never changes: take the key away and make it anew";
                return Err(ControlError::invalid("environment", message));
            }
        }
        let mut defaults = before.defaults.clone();
        if let Some(metadata) = doc.metadata {
            defaults.metadata = metadata;
        }
        if let Some(config) = doc.config {
            defaults.config = config;
        }
        if let Some(guardrails) = doc.input_guardrails {
            defaults.input_guardrails = guardrails;
        }
        if let Some(guardrails) = doc.output_guardrails {
            defaults.output_guardrails = guardrails;
        }
        if let Some(allowed) = doc.allow_config_override {
            defaults.allow_config_override = allowed;
        }
        let allowed_addresses = addresses(doc.allowed_addresses.as_deref())?;
        let expires_at = instant(doc.expires_at.as_ref())?;
        let description = Some(&doc.description).filter(|given| given.is_some());
        let mut fields = Fields::default();
        fields.field("description", &before.description, description);
        fields.field("scopes", &before.scopes, scopes.as_ref());
        fields.field("defaults", &before.defaults, Some(&defaults));
        fields.field("allowed_addresses", &before.allowed_addresses, allowed_addresses.as_ref());
        fields.field("expires_at", &before.expires_at, expires_at.as_ref());
        if fields.is_empty() || !self.differs(ChangeKind::Changed, fields) {
            return Ok(());
        }
        let change = ApiKeyChange {
            name: None,
            description: doc.description,
            grant: scopes.map(Grant::Scopes),
            defaults: Some(defaults),
            allowed_addresses,
            expires_at,
        };
        self.control.api_keys(&self.operator(there.id)).update(before.id, change).await
    }

    async fn person(&self, there: &Organisation, email: &str) -> Result<UserId> {
        let member = self.member(there, email).await?;
        member.map(|member| member.user_id).ok_or_else(|| {
            ControlError::invalid("user", "does not belong to the organisation (yet)")
        })
    }
}

fn scopes(doc: &ApiKeyDoc, kind: ApiKeyKind) -> Result<Option<ScopeSet>> {
    match (&doc.scopes, &doc.permissions) {
        (None, None) => Ok(None),
        (Some(scopes), None) => ScopeSet::parse(scopes.iter().map(String::as_str))
            .map(Some)
            .map_err(|error| ControlError::invalid("scopes", error.to_string())),
        (None, Some(levels)) => {
            let named = levels.iter().map(|(name, level)| (name.as_str(), *level));
            let permissions = Permissions::try_new(named)
                .map_err(|error| ControlError::invalid("permissions", error.to_string()))?;
            Ok(Some(permissions.scopes().intersection(kind.most())))
        }
        (Some(_), Some(_)) => {
            Err(ControlError::invalid("permissions", "give them or scopes, not both"))
        }
    }
}

fn addresses(given: Option<&[String]>) -> Result<Option<Vec<AddressRange>>> {
    let parse = |text: &String| {
        AddressRange::parse(text)
            .map_err(|error| ControlError::invalid("allowed_addresses", error.to_string()))
    };
    given.map(|texts| texts.iter().map(parse).collect()).transpose()
}
