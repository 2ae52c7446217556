//! How often an organisation may have a KMS asked on its behalf: the quota there may be the
//! operator's.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use portcullis_domain::{OrganisationId, Timestamp};

use crate::{ControlError, Result};

/// How many tries may come at once.
const BURST: i64 = 20;
/// What each costs: after a burst there is one try in so long.
const EACH: Duration = Duration::from_secs(3);

/// Counts each organisation's tries, on this node. Of those that have waited long enough nothing is
/// kept.
#[derive(Default)]
pub struct KmsPace(Mutex<HashMap<OrganisationId, Timestamp>>);

impl KmsPace {
    /// Counts a try, unless there were too many: then it says how long to wait.
    pub(crate) fn count(&self, organisation: OrganisationId, now: Timestamp) -> Result<()> {
        let each = i64::try_from(EACH.as_micros()).unwrap_or(i64::MAX);
        let most = each * BURST;
        let mut owed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Also what is further off than can be: the clock was set back.
        owed.retain(|_, until| *until > now && *until <= now.plus_micros(most));
        let until = owed.get(&organisation).copied().unwrap_or(now).plus_micros(each);
        let latest = now.plus_micros(most);
        if until > latest {
            let wait_millis = until.micros_since(latest).div_ceil(1000);
            return Err(ControlError::TooManyAttempts { wait_millis });
        }
        owed.insert(organisation, until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::{OrganisationId, Timestamp};

    use super::{BURST, EACH, KmsPace};
    use crate::ControlError;

    #[test]
    fn a_burst_is_let_through_and_then_one_at_a_time() {
        let pace = KmsPace::default();
        let now = Timestamp::parse("2027-01-31T13:00:00Z").unwrap();
        let organisation = |n| OrganisationId::from_uuid(uuid::Uuid::from_u128(n));
        for _ in 0..BURST {
            pace.count(organisation(1), now).unwrap();
        }
        let each = EACH.as_micros() as i64;
        let Err(ControlError::TooManyAttempts { wait_millis }) = pace.count(organisation(1), now)
        else {
            panic!("one too many");
        };
        assert_eq!(u128::from(wait_millis), EACH.as_millis());
        pace.count(organisation(2), now).unwrap();
        let later = now.plus_micros(each);
        pace.count(organisation(1), later).unwrap();
        pace.count(organisation(1), later).unwrap_err();
        // All is forgiven in the end, and when the clock is set back.
        pace.count(organisation(1), later.plus_micros(each * 1000)).unwrap();
        assert_eq!(pace.0.lock().unwrap().len(), 1);
        pace.count(organisation(2), now).unwrap();
    }
}
