//! The snapshot compiler: what is in the database becomes what the data plane reads. It loads once
//! and then applies changes one by one, in the order of their commits.

use std::{collections::HashSet, sync::Arc, time::Duration};

use portcullis_domain::{Change, Live, Revision, Snapshot};
use portcullis_store::{Db, Error, Event, Reader, Subject};
use tokio::sync::watch;

use crate::Result;

/// Keeps the data plane's snapshot up with the database.
pub struct Compiler {
    db: Db,
    live: Arc<Live>,
    reached: watch::Sender<Revision>,
}

/// Events per step: bounds how much one step holds in memory.
const STEP: u32 = 1000;
/// How long to wait after a failure of the database.
const PAUSE: Duration = Duration::from_millis(200);

/// Loads everything that can be read; damaged rows are left out and logged.
pub async fn load_snapshot(db: &Db) -> Result<Snapshot> {
    let mut reader = db.read().await?;
    // Before the rows: what changes while they are read is applied once more, which does no harm.
    let revision = reader.outbox().max_revision().await?;
    let mut snapshot = Snapshot::default();
    let mut take = |change| snapshot.apply(revision, [change]);
    reader.load_organisations(&mut |row| take(Change::Organisation(Arc::new(row)))).await?;
    reader.load_members(&mut |row| take(Change::Member(Arc::new(row)))).await?;
    reader.load_token_issuers(&mut |row| take(Change::TokenIssuer(Arc::new(row)))).await?;
    reader.load_workspaces(&mut |row| take(Change::Workspace(Arc::new(row)))).await?;
    reader.load_api_keys(&mut |row| take(Change::ApiKey(Arc::new(row)))).await?;
    reader.load_integrations(&mut |row| take(Change::Integration(Arc::new(row)))).await?;
    reader.load_virtual_keys(&mut |row| take(Change::VirtualKey(Arc::new(row)))).await?;
    snapshot.revision = revision;
    Ok(snapshot)
}

impl Compiler {
    /// Loads the first snapshot and publishes it. The receiver tells which revision is live.
    pub async fn start(db: Db, live: Arc<Live>) -> Result<(Self, watch::Receiver<Revision>)> {
        let snapshot = load_snapshot(&db).await?;
        let (reached, receiver) = watch::channel(snapshot.revision);
        live.publish(snapshot);
        Ok((Self { db, live, reached }, receiver))
    }

    /// Follows the database until dropped. While it does not answer, the last snapshot keeps
    /// serving.
    pub async fn follow(self) {
        let mut failing = false;
        loop {
            match self.follow_until_failure().await {
                Ok(never) => match never {},
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, detail = error.detail(), "the database cannot be \
                        followed; the last known configuration keeps serving");
                }
                Err(_) => {}
            }
            tokio::time::sleep(PAUSE).await;
            if failing && self.step().await.is_ok() {
                failing = false;
                tracing::info!("the database answers again; the configuration is up to date");
            }
        }
    }

    async fn follow_until_failure(&self) -> Result<std::convert::Infallible> {
        // Listen before looking, so that no change falls between.
        let mut changes = self.db.listen().await?;
        loop {
            while self.step().await? == STEP as usize {}
            changes.changed().await;
        }
    }

    /// Applies what changed since the last step. Says how many events there were.
    async fn step(&self) -> Result<usize> {
        let current = self.live.current();
        let mut reader = self.db.read().await?;
        let events = reader.outbox().after(current.revision, STEP).await?;
        let Some(last) = events.last() else { return Ok(0) };
        let pruned = reader.outbox().min_revision().await? > current.revision + 1;
        let mut snapshot = if pruned && current.revision > 0 {
            drop(reader);
            load_snapshot(&self.db).await?
        } else {
            let mut snapshot = (*current).clone();
            let changes = changes(&mut reader, &events).await?;
            snapshot.apply(last.revision, changes);
            snapshot
        };
        snapshot.revision = snapshot.revision.max(last.revision);
        let revision = snapshot.revision;
        self.live.publish(snapshot);
        self.reached.send_replace(revision);
        Ok(events.len())
    }
}

/// What the events come to: each subject once, as it is now. One that cannot be read is taken out:
/// a damaged row must not keep every later revocation from being applied.
async fn changes(reader: &mut Reader, events: &[Event]) -> Result<Vec<Change>> {
    let mut seen = HashSet::new();
    let mut changes = Vec::new();
    for event in events {
        // A person may belong to several organisations.
        if !seen.insert((event.organisation_id, event.subject)) {
            continue;
        }
        let mut tenant = reader.tenant(event.organisation_id);
        changes.push(match event.subject {
            Subject::Organisation(id) => match sound(event, reader.organisations().find(id).await)?
            {
                Some(row) => Change::Organisation(Arc::new(row)),
                None => Change::OrganisationGone(id),
            },
            Subject::Member(id) => match sound(event, tenant.members().find(id).await)? {
                Some(row) => Change::Member(Arc::new(row)),
                None => Change::MemberGone(event.organisation_id, id),
            },
            Subject::Workspace(id) => match sound(event, tenant.workspaces().find(id).await)? {
                Some(row) => Change::Workspace(Arc::new(row)),
                None => Change::WorkspaceGone(id),
            },
            Subject::ApiKey(id) => match sound(event, tenant.api_keys().find(id).await)? {
                Some(row) => Change::ApiKey(Arc::new(row)),
                None => Change::ApiKeyGone(id),
            },
            Subject::Integration(id) => match sound(event, tenant.integrations().find(id).await)? {
                Some(row) => Change::Integration(Arc::new(row)),
                None => Change::IntegrationGone(id),
            },
            Subject::VirtualKey(id) => match sound(event, tenant.virtual_keys().find(id).await)? {
                Some(row) => Change::VirtualKey(Arc::new(row)),
                None => Change::VirtualKeyGone(id),
            },
            Subject::TokenIssuer(id) => {
                match sound(event, tenant.token_issuers().find(id).await)? {
                    Some(row) => Change::TokenIssuer(Arc::new(row)),
                    None => Change::TokenIssuerGone(id),
                }
            }
        });
    }
    Ok(changes)
}

/// What was found, or nothing if it is there but cannot be read.
fn sound<T>(event: &Event, found: portcullis_store::Result<Option<T>>) -> Result<Option<T>> {
    match found {
        Err(error @ Error::Corrupt(_)) => {
            tracing::error!(%error, subject = ?event.subject, "a damaged row is left out of the \
                configuration");
            Ok(None)
        }
        other => Ok(other?),
    }
}
