//! Workspaces and their environments.

use portcullis_domain::{Organisation, Workspace};

use super::{
    ChangeKind, Fields, Run,
    document::{EnvironmentDoc, WorkspaceDefaultsDoc, WorkspaceDoc},
    name_of,
};
use crate::{EnvironmentChange, NewWorkspace, Result, WorkspaceChange, check, workspace};

impl Run<'_> {
    /// The workspace itself with its environments, as far as they are to be there.
    pub(super) async fn workspace(
        &mut self,
        there: &Organisation,
        doc: &WorkspaceDoc,
    ) -> Result<()> {
        let before = self.find_workspace(there, &doc.slug).await?;
        match &before {
            None => self.make_workspace(there, doc).await?,
            Some(before) => self.change_workspace(there, before, doc).await?,
        }
        let before = self.find_workspace(there, &doc.slug).await?;
        for environment in doc.environments.iter().filter(|environment| !environment.absent) {
            self.enter(format!("environment {}", environment.slug));
            self.environment(there, before.as_ref(), &doc.slug, environment).await?;
            self.leave();
        }
        Ok(())
    }

    /// What is in the workspace.
    pub(super) async fn within(&mut self, there: &Organisation, doc: WorkspaceDoc) -> Result<()> {
        for key in doc.virtual_keys {
            self.enter(format!("virtual key {}", key.slug));
            self.virtual_key(there, &doc.slug, key).await?;
            self.leave();
        }
        for key in doc.api_keys {
            self.enter(format!("API key {}", key.name));
            self.api_key(there, Some(&doc.slug), key).await?;
            self.leave();
        }
        for environment in doc.environments.iter().filter(|environment| environment.absent) {
            self.enter(format!("environment {}", environment.slug));
            self.no_environment(there, &doc.slug, &environment.slug).await?;
            self.leave();
        }
        Ok(())
    }

    pub(super) async fn no_workspace(&mut self, there: &Organisation, slug: &str) -> Result<()> {
        if self.find_workspace(there, slug).await?.is_some()
            && self.differs(ChangeKind::Removed, Fields::default())
        {
            self.control.workspaces(&self.operator(there.id)).delete(slug).await?;
        }
        Ok(())
    }

    pub(super) async fn find_workspace(
        &self,
        there: &Organisation,
        slug: &str,
    ) -> Result<Option<Workspace>> {
        let slug = check::slug(slug, "slug")?;
        let mut reader = self.control.0.db.read().await?;
        let found = reader.tenant(there.id).workspaces().find_by_slug(&slug).await?;
        Ok(found.or_else(|| self.drawn.get(slug.as_str()).cloned()))
    }

    async fn make_workspace(&mut self, there: &Organisation, doc: &WorkspaceDoc) -> Result<()> {
        let name = doc.name.clone().unwrap_or_else(|| name_of(&doc.slug));
        let mut fields = Fields::default();
        fields.made("name", &name);
        if !self.differs(ChangeKind::Made, fields) {
            let mut drawn = workspace::draw(self.control.0.mint(), there.id, &name, "ws");
            drawn.slug = check::slug(&doc.slug, "slug")?;
            self.drawn.insert(doc.slug.clone(), drawn);
            return Ok(());
        }
        let mut new = NewWorkspace {
            name,
            slug: Some(doc.slug.clone()),
            description: doc.description.clone(),
            ..NewWorkspace::default()
        };
        let WorkspaceDefaultsDoc { metadata, input_guardrails, output_guardrails, .. } =
            &doc.defaults;
        new.defaults.metadata = metadata.clone().unwrap_or_default();
        new.defaults.input_guardrails = input_guardrails.clone().unwrap_or_default();
        new.defaults.output_guardrails = output_guardrails.clone().unwrap_or_default();
        new.defaults.config = doc.defaults.config.clone().flatten();
        new.defaults.user_api_key_config = doc.defaults.user_api_key_config.clone().flatten();
        self.control.workspaces(&self.operator(there.id)).create(new).await.map(drop)
    }

    async fn change_workspace(
        &mut self,
        there: &Organisation,
        before: &Workspace,
        doc: &WorkspaceDoc,
    ) -> Result<()> {
        let (defaults, after) = (&before.defaults, &doc.defaults);
        let mut fields = Fields::default();
        fields.field("name", &before.name, doc.name.as_ref());
        fields.field(
            "description",
            &before.description,
            Some(&doc.description).filter(|d| d.is_some()),
        );
        fields.field("metadata", &defaults.metadata, after.metadata.as_ref());
        fields.field("config", &defaults.config, after.config.as_ref());
        let input = after.input_guardrails.as_ref();
        fields.field("input_guardrails", &defaults.input_guardrails, input);
        let output = after.output_guardrails.as_ref();
        fields.field("output_guardrails", &defaults.output_guardrails, output);
        let config = after.user_api_key_config.as_ref();
        fields.field("user_api_key_config", &defaults.user_api_key_config, config);
        if fields.is_empty() || !self.differs(ChangeKind::Changed, fields) {
            return Ok(());
        }
        let change = WorkspaceChange {
            name: doc.name.clone(),
            description: doc.description.clone(),
            metadata: after.metadata.clone(),
            config: after.config.clone(),
            input_guardrails: after.input_guardrails.clone(),
            output_guardrails: after.output_guardrails.clone(),
            user_api_key_config: after.user_api_key_config.clone(),
        };
        let operator = self.operator(there.id);
        self.control.workspaces(&operator).update(&doc.slug, change).await.map(drop)
    }

    async fn environment(
        &mut self,
        there: &Organisation,
        workspace: Option<&Workspace>,
        slug: &str,
        doc: &EnvironmentDoc,
    ) -> Result<()> {
        check::slug(&doc.slug, "slug")?;
        let known = workspace.and_then(|found| {
            found.environments.iter().find(|environment| environment.slug.as_str() == doc.slug)
        });
        let mut fields = Fields::default();
        let kind = match known {
            None => {
                let name = doc.name.clone().unwrap_or_else(|| name_of(&doc.slug));
                fields.made("name", name);
                ChangeKind::Made
            }
            Some(known) => {
                fields.field("name", &known.name, doc.name.as_ref());
                ChangeKind::Changed
            }
        };
        let is_default = known.is_some_and(|known| {
            workspace.is_some_and(|workspace| workspace.default_environment == known.id)
        });
        if doc.default && !is_default {
            fields.made("default", true);
        }
        if fields.is_empty() || !self.differs(kind, fields) {
            return Ok(());
        }
        let operator = self.operator(there.id);
        let environments = self.control.environments(&operator);
        if known.is_none() {
            let name = doc.name.clone().unwrap_or_else(|| name_of(&doc.slug));
            environments.create(slug, &name, Some(&doc.slug)).await?;
        }
        let is_default = (doc.default && !is_default).then_some(true);
        if known.is_some() || is_default.is_some() {
            let change = EnvironmentChange { name: doc.name.clone(), is_default };
            environments.update(slug, &doc.slug, change).await?;
        }
        Ok(())
    }

    async fn no_environment(
        &mut self,
        there: &Organisation,
        workspace: &str,
        slug: &str,
    ) -> Result<()> {
        let found = self.find_workspace(there, workspace).await?;
        let is_there = found.is_some_and(|workspace| {
            workspace.environments.iter().any(|environment| environment.slug.as_str() == slug)
        });
        if is_there && self.differs(ChangeKind::Removed, Fields::default()) {
            self.control.environments(&self.operator(there.id)).delete(workspace, slug).await?;
        }
        Ok(())
    }
}
