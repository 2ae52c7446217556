//! What is forgotten after a while.

use portcullis_domain::Timestamp;
use portcullis_identity::SessionRules;
use portcullis_store::{Db, Tx};

use crate::Result;

/// How long changes of the configuration stay in the outbox. A node that did not see them within
/// that time loads everything.
const OUTBOX_KEPT_MILLIS: i64 = 7 * 24 * 3_600_000;

/// How long failed attempts to sign in are remembered.
const ATTEMPTS_KEPT_MILLIS: i64 = 2 * 24 * 3_600_000;

/// Forgets what nobody needs any more at `now`. To be called every hour or so.
pub async fn forget_the_old(db: &Db, rules: &SessionRules, now: Timestamp) -> Result<()> {
    let before = |millis: i64| now.plus_millis(-millis);
    let write = async |tx: &mut Tx| -> portcullis_store::Result<u64> {
        let changes = tx.outbox().prune(before(OUTBOX_KEPT_MILLIS)).await?;
        tx.sessions().prune(before(rules.idle_millis), before(rules.lifetime_millis)).await?;
        tx.sign_in_attempts().prune(before(ATTEMPTS_KEPT_MILLIS)).await?;
        Ok(changes)
    };
    let pruned = db.write(write).await?;
    if pruned > 0 {
        tracing::debug!(pruned, "forgot old changes of the configuration");
    }
    Ok(())
}
