//! The organisation's issuer of tokens: whose signatures are taken for API keys.

use portcullis_domain::{
    Actor, AuditActor, AuditActorKind, AuditOrigin, Permit, Place, Scope, ScopeSet, TokenIssuer,
    TokenKey,
};
use portcullis_identity::{MAX_JWKS, parse_jwks};
use portcullis_store::{Act, Error, Scene};

use crate::{Control, ControlError, Result, desk::Desk};

/// Use cases of the issuer of tokens.
pub struct TokenIssuers<'a>(pub(crate) Desk<'a>);

/// Whose tokens are to be taken.
pub struct NewTokenIssuer {
    /// Its keys.
    pub keys: TokenKeys,
    /// What `iss` must be, if anything.
    pub issuer: Option<String>,
    /// What must be among `aud`, if anything.
    pub audience: Option<String>,
    /// What its tokens can hold at most.
    pub scopes: ScopeSet,
}

/// Where an issuer's keys are.
pub enum TokenKeys {
    /// At a URL, asked again and again.
    Url(String),
    /// Here: a JSON Web Key Set.
    Given(String),
}

const MAX_NAME: usize = 2048;

impl TokenIssuers<'_> {
    /// The issuer.
    pub async fn retrieve(&self) -> Result<TokenIssuer> {
        self.0.permit(Scope::OrganisationSettingsRead, self.0.here())?;
        self.load().await?.ok_or(ControlError::NotFound("issuer of tokens"))
    }

    /// Sets the issuer, in place of the one before.
    pub async fn put(&self, new: NewTokenIssuer) -> Result<TokenIssuer> {
        let permit = self.0.permit(Scope::OrganisationSettingsUpdate, self.0.here())?;
        // A token that it signs is a key that the caller hands out.
        let held = self.0.actor().scopes_at(self.0.here());
        if let Some(scope) = new.scopes.without_set(&held).iter().next() {
            let message = format!("'{scope}' cannot be granted by somebody who does not hold it");
            return Err(ControlError::invalid("scopes", message));
        }
        for (name, field) in [(&new.issuer, "issuer"), (&new.audience, "audience")] {
            let fits = |text: &String| (1..=MAX_NAME).contains(&text.len());
            if !name.as_ref().is_none_or(fits) {
                return Err(ControlError::invalid(field, "must have 1 to 2048 characters"));
            }
        }
        let (jwks_url, keys) = match new.keys {
            TokenKeys::Given(text) => {
                let keys = parse_jwks(&text);
                (None, keys.map_err(|error| ControlError::invalid("jwks", error.to_string()))?)
            }
            TokenKeys::Url(url) => {
                let keys = self.0.parts.token_keys(&url).await;
                let keys = keys.map_err(|error| ControlError::invalid("jwks_url", error))?;
                (Some(url), keys)
            }
        };
        let now = self.0.parts.clock.now();
        let before = self.load().await?;
        let issuer = TokenIssuer {
            organisation_id: self.0.organisation(),
            jwks_url,
            keys,
            issuer: new.issuer,
            audience: new.audience,
            scopes: new.scopes,
            fetch_error: None,
            created_at: before.as_ref().map_or(now, |before| before.created_at),
            updated_at: now,
        };
        match before {
            Some(before) => self.0.update(&permit, &before, issuer).await,
            None => self.0.create(&permit, &issuer).await.map(|()| issuer),
        }
    }

    /// Takes no more tokens.
    pub async fn delete(&self) -> Result<()> {
        let permit = self.0.permit(Scope::OrganisationSettingsUpdate, self.0.here())?;
        let issuer = self.load().await?.ok_or(ControlError::NotFound("issuer of tokens"))?;
        self.0.remove(&permit, &issuer).await
    }

    async fn load(&self) -> Result<Option<TokenIssuer>> {
        let mut reader = self.0.parts.db.read().await?;
        let mut tenant = reader.tenant(self.0.organisation());
        Ok(tenant.token_issuers().find(self.0.organisation()).await?)
    }
}

impl crate::Parts {
    /// The keys at a URL, or why there are none.
    async fn token_keys(&self, url: &str) -> Result<Vec<TokenKey>, String> {
        self.fetch.check(url)?;
        let document = self.fetch.get(url.to_owned(), MAX_JWKS).await?;
        let text = String::from_utf8(document).map_err(|_| "the answer is not text")?;
        parse_jwks(&text).map_err(|error| error.to_string())
    }
}

impl Control {
    /// Asks every issuer's URL for its keys and writes down what is new. An issuer that cannot be
    /// asked keeps the keys it has. To be called every few minutes.
    pub async fn refresh_token_keys(&self) -> Result<()> {
        let mut issuers = Vec::new();
        let mut take = |issuer: TokenIssuer| issuers.push(issuer);
        self.0.db.read().await?.load_token_issuers(&mut take).await?;
        for issuer in issuers {
            let Some(url) = &issuer.jwks_url else { continue };
            let mut refreshed = issuer.clone();
            match self.0.token_keys(url).await {
                Ok(keys) => (refreshed.keys, refreshed.fetch_error) = (keys, None),
                Err(error) => {
                    let organisation = issuer.organisation_id;
                    tracing::warn!(%organisation, %error, "the keys of an issuer of tokens cannot \
                        be had; those that were known are still taken");
                    refreshed.fetch_error = Some(error.chars().take(300).collect());
                }
            }
            if refreshed != issuer {
                self.write_refreshed(&issuer, refreshed).await?;
            }
        }
        Ok(())
    }

    async fn write_refreshed(&self, before: &TokenIssuer, after: TokenIssuer) -> Result<()> {
        let scene = Scene {
            actor: AuditActor::nameless(AuditActorKind::System),
            origin: AuditOrigin::default(),
            signer: self.0.signer(),
        };
        let organisation = before.organisation_id;
        let permit: Permit = Actor::operator(organisation)
            .permit(Scope::OrganisationSettingsUpdate, Place::Organisation(organisation))?;
        let write = async |act: &mut Act| act.update(&permit, before, after.clone()).await;
        match self.0.db.act(&scene, write).await {
            // Another node was quicker, or somebody has changed it meanwhile.
            Ok(_) | Err(Error::Stale | Error::Gone) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
