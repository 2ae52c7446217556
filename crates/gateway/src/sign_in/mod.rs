//! Signing in to Azure as an application of Entra: an access token in place of a key (OAuth 2.0
//! client credentials, RFC 6749 §4.4).
//!
//! A token is got once for each application and used for two thirds of its life. Looking one up
//! takes no lock. A sign-in is a task of its own: whoever needs it waits for it as long as may be,
//! and it goes on for the next one when they have left.

mod entra;
mod slot;

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{Context, SHA256};
use portcullis_domain::{Fault, FaultKind, OrganisationId, Retry, Secret, Timestamp};
use portcullis_providers::{AzureSignIn, EntraApp};
use tokio::time::timeout;

use crate::{Parts, stage::plan::Target};

pub(crate) use slot::SignedIn;
use slot::{Renewal, Slot, Token};

/// The most applications whose tokens are kept.
const MOST: usize = 1024;
/// The most of one organisation, which therefore cannot push out everybody else's.
const MOST_OF_ONE: usize = 64;
/// How long a sign-in may take.
const WITHIN: Duration = Duration::from_secs(15);
/// How long it is waited for by who has a token that is still good.
const RENEWED_WITHIN: Duration = Duration::from_secs(2);

/// The sign-ins of one process.
#[derive(Default)]
pub struct SignIns(ArcSwap<Slots>);

type Slots = HashMap<Key, Arc<Slot>>;

/// Whose, and the digest of the application, its secret included.
type Key = (OrganisationId, [u8; 32]);

/// Whether the target's credential has to be signed in first. Fails for settings of Azure that
/// cannot be honoured.
pub(crate) fn is_needed(target: &Target) -> Result<bool, Fault> {
    Ok(app(target)?.is_some())
}

/// Signs the target's credential in where that is necessary.
pub(crate) async fn sign_in(
    parts: &Parts,
    organisation: OrganisationId,
    target: &mut Target,
) -> Result<Option<SignedIn>, Fault> {
    let Some(app) = app(target)? else { return Ok(None) };
    let signed_in = parts.sign_ins.token(parts, organisation, &app, target.timeout).await?;
    let token = Secret::clone(&signed_in.token);
    target.credential = Arc::new(target.credential.signed_in(token));
    Ok(Some(signed_in))
}

fn app(target: &Target) -> Result<Option<EntraApp<'_>>, Fault> {
    if !target.provider.signs_in_to_azure() {
        return Ok(None);
    }
    match target.credential.settings.azure_sign_in() {
        Ok(AzureSignIn::Entra(app)) => Ok(Some(app)),
        Ok(AzureSignIn::Key | AzureSignIn::Token) => Ok(None),
        Err(wrong) => Err(entra::refused(format!("the Azure setting {wrong}"))),
    }
}

impl SignIns {
    /// A token, waited for within this time.
    async fn token(
        &self,
        parts: &Parts,
        organisation: OrganisationId,
        app: &EntraApp<'_>,
        within: Duration,
    ) -> Result<SignedIn, Fault> {
        let now = parts.clock.now();
        let slot = self.slot((organisation, digest(app)), now).ok_or_else(crowded)?;
        let token = match slot.standing(now) {
            Some(outcome) => outcome?,
            None => self.renewed(parts, &slot, app, within).await?,
        };
        Ok(SignedIn { slot, token })
    }

    /// The same, where none stands: by a sign-in that goes on when its caller has left.
    #[allow(clippy::disallowed_methods, reason = "it ends by itself, and holds up nothing")]
    async fn renewed(
        &self,
        parts: &Parts,
        slot: &Arc<Slot>,
        app: &EntraApp<'_>,
        within: Duration,
    ) -> Result<Token, Fault> {
        // Before anybody is looked for who signs in: their end is not to be missed.
        let mut over = pin!(slot.over.notified());
        over.as_mut().enable();
        let now = parts.clock.now();
        let usable = slot.usable(now);
        match (Renewal::begin(slot, &parts.clock), &usable) {
            (Some(renewal), _) => {
                // Whoever signed in before may have got one.
                if let Some(outcome) = slot.standing(now) {
                    renewal.leave();
                    return outcome;
                }
                self.sweep(now);
                let request = entra::request(&parts.settings.entra_authority, app);
                let egress = parts.egress.clone();
                tokio::spawn(async move {
                    renewal.end(match request {
                        Ok(request) => entra::obtain(&egress, request).await,
                        Err(fault) => Err(fault),
                    });
                });
            }
            // Another renews it.
            (None, Some(token)) => return Ok(Arc::clone(token)),
            (None, None) => {}
        }
        let most = if usable.is_some() { RENEWED_WITHIN } else { WITHIN };
        if timeout(most.min(within), over).await.is_ok()
            && let Some(kept) = &*slot.kept.load()
        {
            return kept.outcome.clone();
        }
        usable.ok_or_else(entra::late)
    }

    /// None where each of the many that there may be is signing in just now.
    fn slot(&self, key: Key, now: Timestamp) -> Option<Arc<Slot>> {
        if let Some(slot) = self.0.load().get(&key) {
            return Some(Arc::clone(slot));
        }
        let (new, mut fits) = (Arc::new(Slot::default()), true);
        self.0.rcu(|slots| {
            if slots.contains_key(&key) {
                return Arc::clone(slots);
            }
            let mut slots = Slots::clone(slots);
            slots.retain(|_, slot| !slot.is_ended(now));
            fits = has_room(&mut slots, key.0);
            if fits {
                slots.insert(key, Arc::clone(&new));
            }
            Arc::new(slots)
        });
        // Another may have been first, or has made room already.
        self.0.load().get(&key).cloned().or(fits.then_some(new))
    }

    /// Forgets what has ended: the tokens of applications that nobody calls any more.
    fn sweep(&self, now: Timestamp) {
        if self.0.load().values().any(|slot| slot.is_ended(now)) {
            self.0.rcu(|slots| {
                let mut slots = Slots::clone(slots);
                slots.retain(|_, slot| !slot.is_ended(now));
                slots
            });
        }
    }
}

/// Makes room for one of this organisation, if need be: what ends first goes.
fn has_room(slots: &mut Slots, organisation: OrganisationId) -> bool {
    let is_own = |key: &Key| key.0 == organisation;
    if slots.keys().filter(|key| is_own(key)).count() >= MOST_OF_ONE {
        return forget_first(slots, is_own);
    }
    slots.len() < MOST || forget_first(slots, |_| true)
}

fn forget_first(slots: &mut Slots, may_go: impl Fn(&Key) -> bool) -> bool {
    let idle = |(key, slot): &(&Key, &Arc<Slot>)| may_go(key) && !slot.is_busy.load(Relaxed);
    let ends = |slot: &Slot| slot.kept.load().as_ref().map(|kept| kept.last());
    let first = slots.iter().filter(idle).min_by_key(|(_, slot)| ends(slot));
    let first = first.map(|(key, _)| *key);
    first.is_some_and(|first| slots.remove(&first).is_some())
}

fn crowded() -> Fault {
    let text = "too many applications sign in to Microsoft Entra at the same time";
    Fault::upstream(FaultKind::UpstreamUnreachable, Retry::NextTarget, text)
}

/// Tells applications apart, secrets included: who gives another secret has a sign-in of their own.
fn digest(app: &EntraApp<'_>) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    for part in [&*app.tenant, &*app.client_id, app.client_secret.danger_expose(), app.scope] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Id;
    use uuid::Uuid;

    use super::{
        slot::tests::{NOW, keep},
        *,
    };

    /// Organisations have 64 each.
    fn key(n: usize) -> Key {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        (Id::from_uuid(Uuid::from_u128((n / MOST_OF_ONE) as u128)), key)
    }

    fn gone(sign_ins: &SignIns, of: usize) -> Vec<usize> {
        let slots = sign_ins.0.load();
        (0..of).filter(|n| !slots.contains_key(&key(*n))).collect()
    }

    #[test]
    fn no_more_than_so_many_are_kept_and_those_that_end_first_go_first() {
        let sign_ins = SignIns::default();
        for n in 0..MOST {
            keep(&sign_ins.slot(key(n), NOW).unwrap(), 10_000 - n as i64);
        }
        let later = NOW.plus_millis(5_000);
        for n in MOST..MOST + 2 {
            keep(&sign_ins.slot(key(n), later).unwrap(), 60_000);
        }
        assert_eq!(sign_ins.0.load().len(), MOST);
        assert_eq!(gone(&sign_ins, MOST + 2), [MOST - 2, MOST - 1]);
        // What has ended goes at once, but for one that signs in now.
        let busy = sign_ins.slot(key(0), NOW).unwrap();
        busy.is_busy.store(true, Relaxed);
        sign_ins.slot(key(9_999), NOW.plus_millis(20_000)).unwrap();
        let left = sign_ins.0.load();
        assert_eq!(left.len(), 4);
        assert!(left.contains_key(&key(0)) && left.contains_key(&key(MOST)));
    }

    #[test]
    fn an_organisation_pushes_out_only_its_own() {
        let sign_ins = SignIns::default();
        for n in 0..2 * MOST_OF_ONE {
            keep(&sign_ins.slot(key(n), NOW).unwrap(), 1_000 + n as i64);
        }
        let (organisation, _) = key(MOST_OF_ONE);
        let more = |n: usize| (organisation, key(1_000 + n).1);
        for n in 0..MOST_OF_ONE {
            let slot = sign_ins.slot(more(n), NOW).unwrap();
            keep(&slot, 9_000);
            slot.is_busy.store(true, Relaxed);
        }
        let expected: Vec<usize> = (MOST_OF_ONE..2 * MOST_OF_ONE).collect();
        assert_eq!(gone(&sign_ins, 2 * MOST_OF_ONE), expected);
        // While all of them sign in, there is no room for another.
        assert!(sign_ins.slot(more(MOST_OF_ONE), NOW).is_none());
        assert!(sign_ins.slot(more(0), NOW).is_some() && sign_ins.slot(key(0), NOW).is_some());
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let sign_ins = SignIns::default();
        for n in 0..3 {
            keep(&sign_ins.slot(key(n), NOW).unwrap(), 1_000 * (1 + n as i64));
        }
        sign_ins.sweep(NOW.plus_millis(2_000));
        assert_eq!(gone(&sign_ins, 3), [0, 1]);
    }

    #[test]
    fn applications_are_told_apart_by_every_part() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let (one, other) = (secret("s"), secret("ds"));
        let app = |tenant, client_id, client_secret, scope| {
            let (tenant, client_id) = (str::to_owned(tenant), str::to_owned(client_id));
            digest(&EntraApp { tenant, client_id, client_secret, scope })
        };
        let first = app("t", "id", &one, "x");
        assert_eq!(first, app("t", "id", &one, "x"));
        for different in [
            app("u", "id", &one, "x"),
            app("ti", "d", &one, "x"),
            app("t", "i", &other, "x"),
            app("t", "id", &other, "x"),
            app("t", "id", &one, "y"),
        ] {
            assert_ne!(first, different);
        }
    }
}
