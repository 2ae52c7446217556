//! Who presents an API key.

use std::sync::Arc;

use portcullis_domain::{Actor, ApiKeyToken, AuditOrigin};
use portcullis_identity::{TokenRefused, key_of_token, resembles_signed_token};

use crate::{Caller, Control, ControlError, Result};

/// Why nobody is let in, and who it was, if that is known.
pub struct Refused {
    /// Why.
    pub error: ControlError,
    /// Who, for the audit trail.
    pub caller: Option<Box<Caller>>,
}

impl Control {
    /// Who presents this API key. Known from the data plane's configuration, so that a database
    /// outage never turns a good key away.
    pub fn authenticate(&self, token: &str, origin: AuditOrigin) -> Result<Caller, Refused> {
        let unknown = || Refused { error: ControlError::KeyUnknown, caller: None };
        let parts = &*self.0;
        let now = parts.clock.now();
        let snapshot = parts.live.current();
        let key = if resembles_signed_token(token) {
            key_of_token(token, &snapshot, now).map_err(|refused| match refused {
                TokenRefused::Expired => Refused { error: ControlError::KeyExpired, caller: None },
                TokenRefused::Unenforced(_) => {
                    let error = ControlError::invalid("x-portkey-api-key", refused.to_string());
                    Refused { error, caller: None }
                }
                _ => unknown(),
            })?
        } else {
            ApiKeyToken::check(token).map_err(|_| unknown())?;
            let digest = parts.pepper.digest(token);
            Arc::clone(snapshot.api_key_by_digest(&digest, now).ok_or_else(unknown)?)
        };
        let (scopes, own_data_only) = snapshot.scopes_of(&key);
        let address = origin.client;
        let caller = Caller { actor: Actor::from_api_key(&key, scopes, own_data_only), origin };
        let refused = |error| Refused { error, caller: Some(Box::new(caller.clone())) };
        if key.is_expired(now) {
            return Err(refused(ControlError::KeyExpired));
        }
        if address.is_some_and(|address| !key.allows_address(address))
            || (address.is_none() && !key.allowed_addresses.is_empty())
        {
            return Err(refused(ControlError::AddressRefused));
        }
        Ok(caller)
    }
}
