//! An organisation's own KMS key: connecting one, looking after it, and leaving it.

use std::sync::Arc;

use portcullis_domain::{
    AuditAction, AuditResource, DataKeyId, KmsConnectionId, Permit, Scope, Timestamp,
};
use portcullis_store::{Act, KmsConnection, KmsConnectionState, Note, Scene};
use portcullis_vault::{
    Author, KeyStatus, Kms, KmsDescription, StatusDepth, Vault, VaultError,
    kms::{ConnectionSettings, KmsGuide, KmsProvider, KmsSettingsError},
};
use serde_json::{Map, Value, json};

use crate::{ControlError, Parts, Result, desk::Desk};

/// Use cases of the organisation's KMS key.
pub struct KmsKeys<'a>(pub(crate) Desk<'a>);

/// The organisation's KMS key as it stands.
pub struct KmsDetail {
    /// What wraps its data keys, the data keys, and work on them.
    pub keys: KeyStatus,
    /// What was given when its own key was connected, secrets left out; empty while the instance's
    /// serves.
    pub parameters: Vec<(String, String)>,
    /// Why its data keys cannot be had now, if they cannot.
    pub failure: Option<VaultError>,
}

impl KmsKeys<'_> {
    /// What can be connected.
    pub fn providers(&self) -> &[&'static KmsProvider] {
        self.parts().vault.factory().providers()
    }

    /// How the organisation's KMS key stands. Asks no KMS.
    pub async fn retrieve(&self) -> Result<KmsDetail> {
        self.permit(Scope::OrganisationSettingsRead)?;
        self.detail().await
    }

    /// As [`Self::retrieve`], for whoever has been permitted to change it.
    async fn detail(&self) -> Result<KmsDetail> {
        let organisation = Some(self.0.organisation());
        let keys = self.parts().vault.status_of(organisation, StatusDepth::default()).await?;
        let mut parameters = Vec::new();
        if let Some(connection) = self.connection().await? {
            let provider = self.provider(&connection.provider)?;
            let settings = self.parts().vault.connection_settings(&shown(connection)).await?;
            let public = settings.public(provider).into_iter();
            parameters = public.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        }
        let failure = self.parts().vault.failure(organisation);
        Ok(KmsDetail { keys, parameters, failure })
    }

    /// What a customer has to grant so that a key with these settings can be connected.
    pub async fn guide(&self, provider: &str, given: &Map<String, Value>) -> Result<KmsGuide> {
        self.permit(Scope::OrganisationSettingsRead)?;
        let mut settings = ConnectionSettings {
            provider: provider.to_owned(),
            organisation: Some(self.0.organisation()),
            parameters: Default::default(),
            pinned_key: None,
        };
        let provider = self.provider(provider)?;
        // Before all is known, there is a guide already.
        for (name, value) in given {
            if provider.parameters.iter().any(|known| known.name == name && known.secret) {
                let message = "is a secret: the guide does not need it, leave it out";
                return Err(ControlError::InvalidParameter {
                    parameter: name.clone(),
                    message: message.to_owned(),
                });
            }
            let one = Map::from_iter([(name.clone(), value.clone())]);
            match provider.read(settings.organisation, &one) {
                Ok(read) => settings.parameters.extend(read.parameters),
                // Of several that are required, others are missing.
                Err(error) if error.parameter != *name => {
                    if let Some(text) = value.as_str() {
                        let secret = portcullis_domain::Secret::new(text.to_owned());
                        settings.parameters.insert(name.clone(), secret);
                    }
                }
                Err(error) => return Err(invalid(&error)),
            }
        }
        self.count_try()?;
        self.parts().vault.factory().guide(&settings).await.map_err(ControlError::Kms)
    }

    /// Connects a key of the organisation's own, once it does all that is needed of it; its data
    /// keys are wrapped anew in the background. What was connected before serves until then.
    pub async fn connect(&self, provider: &str, given: &Map<String, Value>) -> Result<KmsDetail> {
        let permit = self.permit(Scope::OrganisationSettingsUpdate)?;
        let organisation = Some(self.0.organisation());
        let settings =
            self.provider(provider)?.read(organisation, given).map_err(|e| invalid(&e))?;
        self.count_try()?;
        self.connect_with(&permit, settings).await?;
        self.detail().await
    }

    /// Sees to it that the connected key does all that is needed of it now. An alias that means
    /// another key since is followed: that key is connected.
    pub async fn verify(&self) -> Result<(KmsDescription, Timestamp)> {
        let permit = self.permit(Scope::OrganisationSettingsUpdate)?;
        self.count_try()?;
        let organisation = Some(self.0.organisation());
        if let Some(connection) = self.connection().await? {
            let key_id = connection.key_id.clone();
            let mut settings = self.parts().vault.connection_settings(&shown(connection)).await?;
            settings.pinned_key = None;
            let kms = self.client(&settings)?;
            let described = self.parts().vault.look_at(&*kms, organisation).await;
            if let Ok(described) = described
                && described.key_id != key_id
            {
                let described = self.connect_with(&permit, settings).await?;
                return Ok((described, self.parts().clock.now()));
            }
        }
        let described = self.parts().vault.verify(organisation).await?;
        let note = Note {
            resource_id: Some(described.key_id.clone()),
            scope: Some(Scope::OrganisationSettingsUpdate),
            ..Note::new(organisation, AuditAction::Read, AuditResource::Kms)
        };
        self.0.note(note).await?;
        Ok((described, self.parts().clock.now()))
    }

    /// Gives the organisation a new data key and seals anew, in the background, what older ones
    /// have sealed.
    pub async fn rotate(&self) -> Result<(DataKeyId, KmsDetail)> {
        let permit = self.permit(Scope::OrganisationSettingsUpdate)?;
        self.count_try()?;
        let Scene { actor, origin, .. } = self.0.scene();
        let by = Author { actor, origin, scope: permit.scope() };
        let id = self.parts().vault.rotate(Some(self.0.organisation()), &by).await?;
        Ok((id, self.detail().await?))
    }

    /// Goes back to the instance's KMS. The organisation's own key is needed once more, to unwrap
    /// its data keys: one that refuses cannot be left.
    pub async fn disconnect(&self) -> Result<KmsDetail> {
        let permit = self.permit(Scope::OrganisationSettingsUpdate)?;
        let organisation = Some(self.0.organisation());
        let before = self.connection().await?;
        if before.is_none() {
            return Err(none_connected());
        }
        self.count_try()?;
        self.parts().vault.verify(organisation).await?;
        let now = self.parts().clock.now();
        let note = self.note(AuditAction::Delete, before.as_ref(), None);
        let write = async |act: &mut Act| {
            if !act.tx().kms_connections().disconnect(&permit, now).await? {
                return Err(none_connected());
            }
            Ok(act.note(note.clone()).await?)
        };
        self.0.act(write).await?;
        self.taken_over().await;
        self.detail().await
    }

    async fn connect_with(
        &self,
        permit: &Permit,
        mut settings: ConnectionSettings,
    ) -> Result<KmsDescription> {
        let organisation = self.0.organisation();
        let vault = &self.parts().vault;
        let named = self.client(&settings)?;
        let described = vault.look_at(&*named, Some(organisation)).await;
        settings.pinned_key = Some(described.map_err(ControlError::Kms)?.key_id);
        let pinned = self.client(&settings)?;
        let described = vault.try_out(&*pinned, Some(organisation)).await;
        let described = described.map_err(ControlError::Kms)?;
        let now = self.parts().clock.now();
        let id = KmsConnectionId::mint(&*self.parts().clock, &*self.parts().dice);
        let place = Vault::connection_place(id);
        let sealed = self.parts().vault.seal(&place, settings.to_json().danger_expose()).await?;
        let connection = KmsConnection {
            id,
            organisation_id: organisation,
            provider: settings.provider,
            key_id: pinned.key_id().to_owned(),
            settings: sealed,
            state: KmsConnectionState::Active,
            verified_at: now,
            created_at: now,
        };
        let before = self.connection().await?;
        let action = if before.is_some() { AuditAction::Update } else { AuditAction::Create };
        let note = self.note(action, before.as_ref(), Some(&connection));
        let write = async |act: &mut Act| {
            act.tx().kms_connections().connect(permit, &connection).await?;
            Ok(act.note(note.clone()).await?)
        };
        self.0.act(write).await?;
        self.taken_over().await;
        Ok(described)
    }

    /// What the audit trail is told of a changed connection; what is sealed of it is not in it.
    fn note(
        &self,
        action: AuditAction,
        before: Option<&KmsConnection>,
        after: Option<&KmsConnection>,
    ) -> Note {
        let view = |connection: &KmsConnection| {
            json!({
                "id": connection.id,
                "provider": connection.provider,
                "key_id": connection.key_id,
            })
        };
        let organisation = Some(self.0.organisation());
        Note {
            resource_id: after.or(before).map(|connection| connection.id.to_string()),
            scope: Some(Scope::OrganisationSettingsUpdate),
            before: before.map(view),
            after: after.map(view),
            ..Note::new(organisation, action, AuditResource::Kms)
        }
    }

    /// This node follows at once, others when they load the organisation's keys next.
    async fn taken_over(&self) {
        self.parts().vault.ring();
        let organisation = self.0.organisation();
        if let Err(error) = self.parts().vault.reload(Some(organisation)).await {
            tracing::warn!(%organisation, %error, "the changed connection is not in use yet");
        }
    }

    async fn connection(&self) -> Result<Option<KmsConnection>> {
        let mut reader = self.parts().db.read().await?;
        let all = reader.kms_connections().list(self.0.organisation()).await?;
        Ok(all.into_iter().find(|connection| connection.state == KmsConnectionState::Active))
    }

    fn client(&self, settings: &ConnectionSettings) -> Result<Arc<dyn Kms>> {
        self.parts().vault.factory().connect(settings).map_err(|error| invalid(&error))
    }

    fn provider(&self, name: &str) -> Result<&'static KmsProvider> {
        let found = self.providers().iter().find(|provider| provider.name == name);
        found.copied().ok_or_else(|| {
            let known: Vec<_> = self.providers().iter().map(|provider| provider.name).collect();
            ControlError::invalid("provider", format!("must be one of {}", known.join(", ")))
        })
    }

    fn parts(&self) -> &Parts {
        self.0.parts
    }

    /// Counts what has a KMS, or whoever else knows us there, asked.
    fn count_try(&self) -> Result<()> {
        self.parts().kms_pace.count(self.0.organisation(), self.parts().clock.now())
    }

    fn permit(&self, scope: Scope) -> Result<Permit> {
        self.0.permit(scope, self.0.here())
    }
}

fn none_connected() -> ControlError {
    ControlError::Conflict("no KMS key of the organisation's own is connected".to_owned())
}

fn shown(row: KmsConnection) -> portcullis_vault::KmsConnection {
    crate::data_keys::connection(row)
}

fn invalid(error: &KmsSettingsError) -> ControlError {
    ControlError::InvalidParameter {
        parameter: error.parameter.clone(),
        message: error.message.clone(),
    }
}
