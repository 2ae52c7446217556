//! The real clock and the real dice: the one place that asks the machine.

use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

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

/// The kernel's generator, fit for keys, drawn through a small buffer of each thread: a call needs
/// randomness several times, and a system call for each would cost more than all of them. The
/// cipher library's own generator would do the same, but takes tens of milliseconds to start.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDice;

/// Bytes: enough for some twenty calls.
const DRAWN_AT_ONCE: usize = 2048;

/// Random bytes not used yet: the last `left` of `bytes`. What was used is wiped.
struct Drawn {
    bytes: [u8; DRAWN_AT_ONCE],
    left: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; DRAWN_AT_ONCE], left: 0 }) };
}

impl Dice for SystemDice {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > 64 {
            return draw(bytes);
        }
        DRAWN.with_borrow_mut(|drawn| {
            if drawn.left < bytes.len() {
                draw(&mut drawn.bytes);
                drawn.left = drawn.bytes.len();
            }
            let start = drawn.bytes.len() - drawn.left;
            let used = &mut drawn.bytes[start..start + bytes.len()];
            bytes.copy_from_slice(used);
            used.fill(0);
            drawn.left -= bytes.len();
        });
    }
}

fn draw(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the kernel has randomness once it has booted");
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

    #[test]
    fn no_throw_repeats_across_refills_and_threads() {
        let throws = || {
            let mut all = Vec::new();
            for round in 0..500_usize {
                let mut throw = vec![0; 12 + round % 80];
                SystemDice.fill(&mut throw);
                all.push(throw[..12].to_vec());
            }
            all
        };
        let other = std::thread::spawn(throws);
        let mut all = throws();
        all.extend(other.join().unwrap());
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
