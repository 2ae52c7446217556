//! Being told of new outbox events.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::watch;

use crate::{Db, Result, dialect::CHANNEL, engine::classify};

/// Tells when the outbox may have grown.
pub struct Changes {
    /// Keeps the sender of `local` alive.
    _db: Db,
    local: watch::Receiver<()>,
    remote: Option<PgListener>,
    poll: Duration,
}

impl Db {
    /// Begins to listen: to this process's commits, to other nodes' on PostgreSQL, and to the
    /// clock for all others.
    pub async fn listen(&self) -> Result<Changes> {
        let remote = match self.listening_pool() {
            None => None,
            Some(pool) => {
                let mut listener = PgListener::connect_with(pool).await.map_err(classify)?;
                listener.listen(CHANNEL).await.map_err(classify)?;
                Some(listener)
            }
        };
        let (local, poll) = (self.0.news.subscribe(), self.0.options.poll);
        Ok(Changes { _db: self.clone(), local, remote, poll })
    }
}

impl Changes {
    /// Returns when there may be news: on a signal, and at the latest after the poll interval. May
    /// be cancelled at any time.
    pub async fn changed(&mut self) {
        let Self { local, remote, poll, .. } = self;
        let told = async {
            match remote {
                // The listener connects again by itself; until it can, the clock below decides.
                Some(listener) => {
                    if listener.recv().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = local.changed() => {}
            () = told => {}
            () = tokio::time::sleep(*poll) => {}
        }
    }
}
