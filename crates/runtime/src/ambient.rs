//! The real clock and the real dice: the one place that asks the machine.

use std::time::{SystemTime, UNIX_EPOCH};

use portcullis_domain::{Clock, Dice, Timestamp};

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock the ban points to")]
    fn now(&self) -> Timestamp {
        // A machine whose clock stands before 1970 reads as the epoch: instants stay ordered.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// AWS-LC's generator, seeded by the operating system; fit for keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDice;

impl Dice for SystemDice {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes)
            .expect("AWS-LC ends the process itself when the machine has no randomness");
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::{Clock, Dice, Timestamp};

    use super::{SystemClock, SystemDice};

    #[test]
    fn time_is_past_the_day_this_was_written() {
        assert!(SystemClock.now() > Timestamp::parse("2025-01-01T00:00:00Z").unwrap());
    }

    #[test]
    fn two_throws_differ() {
        let (mut a, mut b) = ([0_u8; 32], [0_u8; 32]);
        SystemDice.fill(&mut a);
        SystemDice.fill(&mut b);
        assert_ne!(a, b);
        assert_ne!(a, [0; 32]);
    }
}
