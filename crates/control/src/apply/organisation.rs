//! Organisations, their settings and their issuer of tokens.

use portcullis_domain::{Organisation, RoleSettings, ScopeSet, Slug};
use portcullis_identity::parse_jwks;

use super::{
    ChangeKind, Fields, Run,
    document::{IssuerDoc, OrganisationDoc, SettingsDoc},
    name_of,
};
use crate::{
    ControlError, NewTokenIssuer, OrganisationChange, Result, TokenKeys, check, organisation,
};

impl Run<'_> {
    pub(super) async fn organisation(&mut self, doc: OrganisationDoc) -> Result<()> {
        let slug = check::slug(&doc.slug, "slug")?;
        self.drawn.clear();
        let there = &match self.find(&slug).await? {
            Some(found) => found,
            None => self.make(slug, &doc).await?,
        };
        self.settings(there, doc.name, doc.settings).await?;
        if let Some(issuer) = doc.token_issuer {
            self.enter("token issuer");
            self.token_issuer(there, issuer).await?;
            self.leave();
        }
        let (absent, present): (Vec<_>, Vec<_>) =
            doc.workspaces.into_iter().partition(|workspace| workspace.absent);
        for workspace in &present {
            self.enter(format!("workspace {}", workspace.slug));
            self.workspace(there, workspace).await?;
            self.leave();
        }
        for user in doc.users {
            self.enter(format!("user {}", user.email));
            self.user(there, user).await?;
            self.leave();
        }
        for integration in doc.integrations {
            self.enter(format!("integration {}", integration.slug));
            self.integration(there, integration).await?;
            self.leave();
        }
        for workspace in present {
            self.enter(format!("workspace {}", workspace.slug));
            self.within(there, workspace).await?;
            self.leave();
        }
        for key in doc.api_keys {
            self.enter(format!("API key {}", key.name));
            self.api_key(there, None, key).await?;
            self.leave();
        }
        for workspace in absent {
            self.enter(format!("workspace {}", workspace.slug));
            self.no_workspace(there, &workspace.slug).await?;
            self.leave();
        }
        Ok(())
    }

    async fn find(&self, slug: &Slug) -> Result<Option<Organisation>> {
        Ok(self.control.0.db.read().await?.organisations().find_by_slug(slug).await?)
    }

    /// A new organisation with its first workspace.
    async fn make(&mut self, slug: Slug, doc: &OrganisationDoc) -> Result<Organisation> {
        let Some(first) = doc.workspaces.iter().find(|workspace| !workspace.absent) else {
            let message = "a new organisation needs a workspace: the first becomes its default";
            return Err(ControlError::invalid("workspaces", message));
        };
        let name = doc.name.clone().unwrap_or_else(|| name_of(slug.as_str()));
        let mut fields = Fields::default();
        fields.made("name", &name);
        fields.made("default workspace", &first.slug);
        let (made, mut workspace) = organisation::draw(self.control.0.mint(), &name, slug)?;
        workspace.slug = check::slug(&first.slug, "slug")?;
        workspace.name = first.name.clone().unwrap_or_else(|| name_of(&first.slug));
        check::name(&workspace.name, "name")?;
        if self.differs(ChangeKind::Made, fields) {
            let operator = self.operator(made.id);
            self.control.organisation(&operator).create(&made, &workspace).await?;
        } else {
            self.drawn.insert(first.slug.clone(), workspace);
        }
        Ok(made)
    }

    async fn settings(
        &mut self,
        there: &Organisation,
        name: Option<String>,
        doc: SettingsDoc,
    ) -> Result<()> {
        let before = &there.settings;
        let roles: Option<RoleSettings> = doc.roles.map(Into::into);
        let mut fields = Fields::default();
        fields.field("name", &there.name, name.as_ref());
        fields.field("roles", &before.roles, roles.as_ref());
        let personal = doc.personal_api_keys.as_ref();
        fields.field("personal_api_keys", &before.personal_api_keys, personal);
        fields.field("block_inline", &before.block_inline, doc.block_inline.as_ref());
        fields.field("billing_contact", &before.billing_contact, doc.billing_contact.as_ref());
        if fields.is_empty() || !self.differs(ChangeKind::Changed, fields) {
            return Ok(());
        }
        let change = OrganisationChange {
            name,
            roles,
            personal_api_keys: doc.personal_api_keys,
            block_inline: doc.block_inline,
            billing_contact: doc.billing_contact,
        };
        let operator = self.operator(there.id);
        self.control.organisation(&operator).update(change).await.map(drop)
    }

    async fn token_issuer(&mut self, there: &Organisation, doc: IssuerDoc) -> Result<()> {
        let mut reader = self.control.0.db.read().await?;
        let before = reader.tenant(there.id).token_issuers().find(there.id).await?;
        drop(reader);
        if doc.absent {
            if before.is_some() && self.differs(ChangeKind::Removed, Fields::default()) {
                self.control.token_issuers(&self.operator(there.id)).delete().await?;
            }
            return Ok(());
        }
        let scopes = match &doc.scopes {
            None => before.as_ref().map_or(ScopeSet::EMPTY, |before| before.scopes),
            Some(scopes) => ScopeSet::parse(scopes.iter().map(String::as_str))
                .map_err(|error| ControlError::invalid("scopes", error.to_string()))?,
        };
        let (keys, given) = match (&doc.jwks_url, &doc.jwks) {
            (Some(url), None) => (TokenKeys::Url(url.clone()), None),
            (None, Some(jwks)) => {
                let given = parse_jwks(&jwks.to_string());
                let given = given.map_err(|e| ControlError::invalid("jwks", e.to_string()))?;
                (TokenKeys::Given(jwks.to_string()), Some(given))
            }
            _ => return Err(ControlError::invalid("jwks", "give jwks_url or jwks, and not both")),
        };
        let mut fields = Fields::default();
        match &before {
            None => fields.made("scopes", doc.scopes.unwrap_or_default().join(", ")),
            Some(before) => {
                fields.field("jwks_url", &before.jwks_url, Some(&doc.jwks_url));
                fields.field("jwks", &before.keys, given.as_ref());
                fields.field("issuer", &before.issuer, doc.issuer.as_ref());
                fields.field("audience", &before.audience, doc.audience.as_ref());
                fields.field("scopes", &before.scopes, Some(&scopes));
            }
        }
        let kind = if before.is_some() { ChangeKind::Changed } else { ChangeKind::Made };
        if fields.is_empty() || !self.differs(kind, fields) {
            return Ok(());
        }
        // What is not named stays: taking a condition away must be said.
        let (issuer, audience) = before.map(|before| (before.issuer, before.audience)).unzip();
        let new = NewTokenIssuer {
            keys,
            issuer: doc.issuer.or(issuer).flatten(),
            audience: doc.audience.or(audience).flatten(),
            scopes,
        };
        self.control.token_issuers(&self.operator(there.id)).put(new).await.map(drop)
    }
}
