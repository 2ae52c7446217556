//! What is kept of one application's sign-ins, and a sign-in under way.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering::Relaxed, Ordering::SeqCst},
};

use arc_swap::ArcSwapOption;
use portcullis_domain::{Clock, Fault, FaultKind, Retry, Secret, Timestamp};
use tokio::sync::Notify;

/// The longest life that is believed, in seconds.
const MAX_LIFE: u64 = 24 * 3600;
/// How long a refusal stands, in milliseconds: whoever is called with a wrong secret is not asked
/// again for each call.
const REFUSED_FOR: u64 = 5_000;
/// The same of a way that failed.
const FAILED_FOR: u64 = 500;
/// How long a token is used on when it could not be renewed, in milliseconds.
const RENEW_AGAIN_AFTER: u64 = 10_000;
/// How often a token is given up because a provider refuses it, in microseconds: once in that time.
/// Not every refusal is the token's fault.
const GIVEN_UP_ONCE_IN: i64 = 10_000_000;

pub(super) type Token = Arc<Secret<String>>;

/// One application's.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) kept: ArcSwapOption<Kept>,
    /// Whether a sign-in is under way.
    pub(super) is_busy: AtomicBool,
    /// Told when it is over.
    pub(super) over: Notify,
    /// When a token was given up last, in microseconds since 1970.
    given_up: AtomicI64,
}

/// How the last sign-in went.
pub(super) struct Kept {
    pub(super) outcome: Result<Token, Fault>,
    /// Until when it stands.
    until: Timestamp,
    /// Until when a token may be used all the same, if no other is to be had.
    ends: Timestamp,
}

/// A sign-in under way. However it ends, be it dropped, something is kept of it.
pub(super) struct Renewal {
    slot: Arc<Slot>,
    clock: Arc<dyn Clock>,
    is_kept: bool,
}

/// What a call was signed in with.
pub(crate) struct SignedIn {
    pub(super) slot: Arc<Slot>,
    pub(super) token: Token,
}

impl SignedIn {
    /// The provider does not take the token: the next call has another got, unless one was given up
    /// for that a moment ago.
    pub(crate) fn is_refused(&self, now: Timestamp) {
        let kept = self.slot.kept.load_full();
        let token = kept.as_ref().and_then(|kept| kept.outcome.as_ref().ok());
        if !token.is_some_and(|token| Arc::ptr_eq(token, &self.token)) {
            return;
        }
        let (last, now) = (self.slot.given_up.load(Relaxed), now.micros());
        let is_due = now.saturating_sub(last) >= GIVEN_UP_ONCE_IN;
        if is_due && self.slot.given_up.compare_exchange(last, now, Relaxed, Relaxed).is_ok() {
            self.slot.kept.compare_and_swap(&kept, None);
        }
    }
}

impl Slot {
    /// What was kept, while it stands.
    pub(super) fn standing(&self, now: Timestamp) -> Option<Result<Token, Fault>> {
        let kept = self.kept.load();
        kept.as_ref().filter(|kept| now < kept.until).map(|kept| kept.outcome.clone())
    }

    /// A token that was kept, while it may be used.
    pub(super) fn usable(&self, now: Timestamp) -> Option<Token> {
        let kept = self.kept.load();
        kept.as_ref().filter(|kept| now < kept.ends)?.outcome.as_ref().ok().cloned()
    }

    /// Whether what was kept is of no more use, and nothing else is on its way.
    pub(super) fn is_ended(&self, now: Timestamp) -> bool {
        let is_over = self.kept.load().as_ref().is_some_and(|kept| kept.last() <= now);
        is_over && !self.is_busy.load(Relaxed)
    }
}

impl Kept {
    /// When it is of no more use.
    pub(super) fn last(&self) -> Timestamp {
        self.until.max(self.ends)
    }
}

impl Renewal {
    /// Unless another is under way.
    pub(super) fn begin(slot: &Arc<Slot>, clock: &Arc<dyn Clock>) -> Option<Self> {
        slot.is_busy.compare_exchange(false, true, SeqCst, SeqCst).ok()?;
        Some(Self { slot: Arc::clone(slot), clock: Arc::clone(clock), is_kept: false })
    }

    /// Ends one that turns out not to be needed.
    pub(super) fn leave(mut self) {
        self.is_kept = true;
    }

    /// Keeps what it came to.
    pub(super) fn end(mut self, obtained: Result<(Secret<String>, u64), Fault>) {
        self.keep(obtained);
    }

    fn keep(&mut self, obtained: Result<(Secret<String>, u64), Fault>) {
        let now = self.clock.now();
        let after = |millis: u64| now.plus_millis(millis.cast_signed());
        let next = match obtained {
            // Renewed well before its end.
            Ok((token, seconds)) => {
                let millis = seconds.min(MAX_LIFE) * 1000;
                Kept {
                    outcome: Ok(Arc::new(token)),
                    until: after(millis / 3 * 2),
                    ends: after(millis / 10 * 9),
                }
            }
            Err(fault) if fault.kind == FaultKind::BadRequest => {
                Kept { outcome: Err(fault), until: after(REFUSED_FOR), ends: now }
            }
            // Looked for only now: it may have been given up.
            Err(fault) => match (self.slot.usable(now), &*self.slot.kept.load()) {
                (Some(token), Some(kept)) => {
                    let until = after(RENEW_AGAIN_AFTER).min(kept.ends);
                    Kept { outcome: Ok(token), until, ends: kept.ends }
                }
                _ => Kept { outcome: Err(fault), until: after(FAILED_FOR), ends: now },
            },
        };
        self.slot.kept.store(Some(Arc::new(next)));
        self.is_kept = true;
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        if !self.is_kept {
            let text = "signing in to Microsoft Entra was broken off";
            let fault = Fault::upstream(FaultKind::UpstreamBroken, Retry::NextTarget, text);
            self.keep(Err(fault));
        }
        self.slot.is_busy.store(false, SeqCst);
        self.slot.over.notify_waiters();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    pub(in super::super) fn keep(slot: &Slot, millis: i64) {
        let token = Arc::new(Secret::new("t".to_owned()));
        let (outcome, until) = (Ok(token), NOW.plus_millis(millis));
        slot.kept.store(Some(Arc::new(Kept { outcome, until, ends: until })));
    }

    #[test]
    fn only_the_token_that_was_refused_is_given_up_and_not_all_the_time() {
        let slot = Arc::new(Slot::default());
        let signed_in = || {
            let token = slot.usable(NOW).unwrap();
            SignedIn { slot: Arc::clone(&slot), token }
        };
        let at = |seconds: i64| Timestamp::from_micros(GIVEN_UP_ONCE_IN + seconds * 1_000_000);
        keep(&slot, 60_000);
        let first = signed_in();
        keep(&slot, 60_000);
        first.is_refused(at(0));
        assert!(slot.usable(NOW).is_some(), "it was renewed since");
        signed_in().is_refused(at(0));
        assert!(slot.usable(NOW).is_none());
        keep(&slot, 60_000);
        signed_in().is_refused(at(9));
        assert!(slot.usable(NOW).is_some(), "one was given up nine seconds ago");
        signed_in().is_refused(at(10));
        assert!(slot.usable(NOW).is_none());
    }

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            NOW
        }
    }

    #[test]
    fn a_sign_in_that_is_dropped_is_not_repeated_at_once() {
        let clock: Arc<dyn Clock> = Arc::new(Still);
        let slot = Arc::new(Slot::default());
        let renewal = Renewal::begin(&slot, &clock).unwrap();
        assert!(Renewal::begin(&slot, &clock).is_none());
        drop(renewal);
        assert!(slot.standing(NOW).unwrap().is_err());
        let later = NOW.plus_millis(FAILED_FOR.cast_signed());
        assert!(slot.standing(later).is_none());

        // With a token, that is used on.
        keep(&slot, 60_000);
        drop(Renewal::begin(&slot, &clock).unwrap());
        assert!(slot.standing(NOW.plus_millis(9_999)).unwrap().is_ok());
        assert!(slot.standing(NOW.plus_millis(10_000)).is_none());
        assert!(Renewal::begin(&slot, &clock).is_some());
    }
}
