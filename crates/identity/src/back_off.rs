//! Back-off after failed attempts to sign in.

use portcullis_domain::Timestamp;

/// How often somebody may fail, and how long they then wait: each further failure doubles the wait,
/// up to a bound. One failure is forgotten every quarter of an hour. A success makes none of them
/// undone: several accounts may bear one e-mail address, and whoever has one of them must not go on
/// guessing at the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// Failures that cost nothing.
    pub free: u32,
    /// The longest wait.
    pub longest_millis: i64,
}

/// What is remembered of failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// From when on the time runs after which one of them is forgotten.
    pub last_at: Timestamp,
    /// Until when no attempt is looked at.
    pub blocked_until: Timestamp,
}

const FORGET_ONE_MILLIS: i64 = 15 * 60_000;

impl BackOff {
    /// For one account: five free attempts, then 1 s, 2 s, 4 s … up to 15 minutes.
    pub const ACCOUNT: Self = Self { free: 5, longest_millis: 15 * 60_000 };
    /// For one address, behind which many people may sit: fifty free attempts.
    pub const ADDRESS: Self = Self { free: 50, longest_millis: 15 * 60_000 };

    /// How many milliseconds are left to wait at `now`.
    pub fn wait(&self, failures: &Failures, now: Timestamp) -> Option<u64> {
        let left = failures.blocked_until.micros_since(now);
        (left > 0).then(|| left.div_ceil(1000))
    }

    /// What is remembered once one more attempt is made at `now`. It counts as failed until it is
    /// known not to be: attempts made at the same time cannot all be free.
    pub fn attempted(&self, failures: &Failures, now: Timestamp) -> Failures {
        let left = failures.left(now);
        let count = left.count.saturating_add(1);
        let beyond = count.saturating_sub(self.free);
        let wait = match beyond {
            0 => 0,
            n => 1000_i64.checked_shl((n - 1).min(30)).unwrap_or(i64::MAX).min(self.longest_millis),
        };
        // What earns no wait leaves none, not even for an attempt that was begun a little earlier.
        let blocked_until = match wait {
            0 => left.blocked_until,
            wait => now.plus_millis(wait),
        };
        Failures { count, last_at: left.last_at, blocked_until }
    }

    /// What is remembered once an attempt is known not to have failed: as if that one had not been
    /// made. `attempted` is what was remembered of it; a wait that others have earned since stays.
    pub fn succeeded(&self, failures: &Failures, attempted: &Failures) -> Failures {
        let is_last = failures == attempted;
        Failures {
            count: failures.count.saturating_sub(1),
            last_at: failures.last_at,
            blocked_until: if is_last { Timestamp::default() } else { failures.blocked_until },
        }
    }
}

impl Failures {
    /// What is not forgotten by `now`.
    fn left(&self, now: Timestamp) -> Self {
        let forgotten = now.micros_since(self.last_at) / (FORGET_ONE_MILLIS as u64 * 1000);
        match u32::try_from(forgotten) {
            Ok(forgotten) if forgotten < self.count => Self {
                count: self.count - forgotten,
                last_at: self.last_at.plus_millis(FORGET_ONE_MILLIS * i64::from(forgotten)),
                ..*self
            },
            _ => Self { count: 0, last_at: now, ..*self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_failures_are_forgotten_one_by_one() {
        let mut now = Timestamp::from_micros(1_800_000_000_000_000);
        let mut failures = Failures::default();
        let mut waits = Vec::new();
        for _ in 0..24 {
            assert_eq!(BackOff::ACCOUNT.wait(&failures, now), None);
            failures = BackOff::ACCOUNT.attempted(&failures, now);
            let wait = BackOff::ACCOUNT.wait(&failures, now).unwrap_or(0);
            waits.push(wait / 1000);
            now = now.plus_millis(wait as i64);
        }
        assert_eq!(waits[..9], [0, 0, 0, 0, 0, 1, 2, 4, 8]);
        assert_eq!(waits[18..], [900; 6], "{waits:?}");
        let count = failures.count;
        let after = |quarters: i64| {
            let later = failures.last_at.plus_millis(quarters * FORGET_ONE_MILLIS);
            BackOff::ACCOUNT.attempted(&failures, later).count
        };
        assert_eq!((after(1), after(2), after(3)), (count, count - 1, count - 2));
        assert_eq!((after(i64::from(count)), after(1_000_000)), (1, 1));
        // Attempts in between do not keep what is forgotten from being so.
        let mut failures = Failures { count: 9, last_at: now, blocked_until: now };
        for _ in 0..9 {
            now = now.plus_millis(FORGET_ONE_MILLIS / 3);
            let attempted = BackOff::ACCOUNT.attempted(&failures, now);
            failures = BackOff::ACCOUNT.succeeded(&attempted, &attempted);
        }
        assert_eq!(failures.count, 6);
    }

    #[test]
    fn attempts_at_the_same_time_are_all_free_while_any_is() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let first = BackOff::ACCOUNT.attempted(&Failures::default(), now);
        let undone = BackOff::ACCOUNT.succeeded(&first, &first);
        // Begun earlier, and counted later.
        let earlier = now.plus_micros(-2_000);
        for counted in [first, undone] {
            assert_eq!(BackOff::ACCOUNT.wait(&counted, earlier), None);
        }
    }

    #[test]
    fn a_wait_is_counted_down() {
        let now = Timestamp::from_micros(0);
        let failures = Failures { blocked_until: now.plus_millis(1500), ..Failures::default() };
        assert_eq!(BackOff::ADDRESS.wait(&failures, now), Some(1500));
        assert_eq!(BackOff::ADDRESS.wait(&failures, now.plus_millis(1499)), Some(1));
        assert_eq!(BackOff::ADDRESS.wait(&failures, now.plus_millis(1500)), None);
    }

    #[test]
    fn what_succeeds_costs_nothing_and_forgives_nothing() {
        let rule = BackOff { free: 1, longest_millis: 60_000 };
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let mut failures = Failures::default();
        for _ in 0..100 {
            let attempted = rule.attempted(&failures, now);
            failures = rule.succeeded(&attempted, &attempted);
            assert_eq!((failures.count, rule.wait(&failures, now)), (0, None));
        }
        // A good sign-in between two bad ones is no way to be free again.
        failures = rule.attempted(&failures, now);
        let good = rule.attempted(&failures, now);
        failures = rule.succeeded(&good, &good);
        let now = now.plus_millis(1);
        failures = rule.attempted(&failures, now);
        assert_eq!((failures.count, rule.wait(&failures, now)), (2, Some(1000)));
        // Nor does one that was under way end the wait of another.
        let waiting = rule.succeeded(&failures, &good);
        assert_eq!((waiting.count, rule.wait(&waiting, now)), (1, Some(1000)));
    }
}
