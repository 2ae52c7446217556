//! People's own API keys: made by themselves, for themselves, never worth more than they are.

use portcullis_domain::{
    ApiKey, ApiKeyDefaults, ApiKeyId, ApiKeyKind, ApiKeyMadeBy, ApiKeyToken, Permit, Reach,
    Timestamp,
};
use portcullis_store::{ApiKeyFilter, List, Page};

use crate::{ApiKeys, Caller, Control, ControlError, Grant, NewApiKey, Person, Result, Rotated};

/// What somebody does with their own API keys in the organisation they are in.
pub struct PersonalKeys<'a> {
    control: &'a Control,
    person: &'a Person,
    caller: Caller,
}

/// A key to create.
pub struct NewPersonalKey {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The workspace by id or slug.
    pub workspace: Option<String>,
    /// The environment by slug.
    pub environment: Option<String>,
    /// What it may do.
    pub grant: Grant,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

impl Control {
    /// Somebody's own API keys in the organisation they are in.
    pub fn personal_keys<'a>(&'a self, person: &'a Person) -> Result<PersonalKeys<'a>> {
        Ok(PersonalKeys { control: self, person, caller: person.caller()? })
    }
}

impl PersonalKeys<'_> {
    /// Their keys, newest first.
    pub async fn list(&self, page: Page) -> Result<List<ApiKey>> {
        let filter = ApiKeyFilter {
            kinds: vec![(ApiKeyKind::WorkspaceUser, Reach::Everywhere)],
            workspace: None,
            user: Some(self.person.user.id),
        };
        let mut reader = self.control.0.db.read().await?;
        let mut tenant = reader.tenant(self.caller.actor.organisation());
        Ok(tenant.api_keys().list(&filter, page).await?)
    }

    /// Makes a key. The token is not stored and cannot be shown again.
    pub async fn create(&self, new: NewPersonalKey) -> Result<(ApiKey, ApiKeyToken)> {
        let keys = self.keys();
        let desk = keys.0;
        self.check_allowed()?;
        let workspace = desk.workspace(new.workspace.as_deref()).await?;
        let user = self.person.user.id;
        let permit = desk.actor().permit_own(user, desk.within(workspace.id))?;
        let new = NewApiKey {
            kind: ApiKeyKind::WorkspaceUser,
            name: new.name,
            description: new.description,
            workspace: None,
            environment: new.environment,
            user_id: Some(user),
            grant: new.grant,
            defaults: ApiKeyDefaults {
                config: workspace.defaults.user_api_key_config.clone(),
                ..ApiKeyDefaults::default()
            },
            allowed_addresses: Vec::new(),
            made_by: ApiKeyMadeBy::Person,
            expires_at: new.expires_at,
        };
        let (key, token) = keys.build(new, &workspace).await?;
        desk.create(&permit, &key).await?;
        Ok((key, token))
    }

    /// Gives a key a new secret, as [`ApiKeys::rotate`] does.
    pub async fn rotate(&self, id: ApiKeyId, overlap_millis: Option<i64>) -> Result<Rotated> {
        self.check_allowed()?;
        let (key, permit) = self.load(id).await?;
        self.keys().rotate_with(&permit, key, overlap_millis).await
    }

    /// Deletes a key: it is refused from now on.
    pub async fn delete(&self, id: ApiKeyId) -> Result<()> {
        let (key, permit) = self.load(id).await?;
        self.keys().0.remove(&permit, &key).await
    }

    async fn load(&self, id: ApiKeyId) -> Result<(ApiKey, Permit)> {
        let missing = || ControlError::NotFound("API key");
        let desk = self.keys().0;
        let mut reader = self.control.0.db.read().await?;
        let key = reader.tenant(desk.organisation()).api_keys().find(id).await?;
        let user = self.person.user.id;
        let key = key.filter(|key| key.user_id == Some(user)).ok_or_else(missing)?;
        let permit = desk.actor().permit_own(user, desk.within(key.workspace_id));
        Ok((key, permit.map_err(|_| missing())?))
    }

    fn check_allowed(&self) -> Result<()> {
        let snapshot = self.control.0.live.current();
        let organisation = snapshot.organisation(self.caller.actor.organisation());
        if organisation.is_some_and(|organisation| organisation.settings.personal_api_keys) {
            Ok(())
        } else {
            let what = "the organisation does not let people make API keys of their own";
            Err(ControlError::Forbidden(what))
        }
    }

    fn keys(&self) -> ApiKeys<'_> {
        self.control.api_keys(&self.caller)
    }
}
