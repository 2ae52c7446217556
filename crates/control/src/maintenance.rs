//! What is forgotten after a while.

use portcullis_domain::Timestamp;
use portcullis_store::{Db, Tx};

use crate::Result;

/// How long changes of the configuration stay in the outbox. A node that did not see them within
/// that time loads everything.
const OUTBOX_KEPT_MILLIS: i64 = 7 * 24 * 3_600_000;

/// Forgets what nobody needs any more at `now`. To be called every hour or so.
pub async fn forget_the_old(db: &Db, now: Timestamp) -> Result<()> {
    let before = now.plus_millis(-OUTBOX_KEPT_MILLIS);
    let pruned = db.write(async |tx: &mut Tx| tx.outbox().prune(before).await).await?;
    if pruned > 0 {
        tracing::debug!(pruned, "forgot old changes of the configuration");
    }
    Ok(())
}
