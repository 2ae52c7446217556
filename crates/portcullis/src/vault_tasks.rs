//! What the vault does in the background of a node.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use portcullis_domain::OrganisationId;
use portcullis_runtime::{ShutdownSignal, Tasks};
use portcullis_vault::{Vault, VaultError, WorkKind, WorkState};
use tokio::sync::Semaphore;

/// How often it is looked whether key rings want to be loaded anew.
const REFRESH: Duration = Duration::from_millis(500);
/// How often use counts are persisted, and what is past its time forgotten.
const MAINTENANCE: Duration = Duration::from_secs(60);
/// How often it is looked for work: re-wrapping and re-sealing.
const WORK: Duration = Duration::from_secs(3);
/// How long work that cannot be done now is left alone: at first, and at most.
const STUCK: Duration = Duration::from_secs(10);
const STUCK_AT_MOST: Duration = Duration::from_secs(600);
/// Re-seals that are under way at the same time. They share the node's rate.
const RESEALS: usize = 4;
/// How often it is looked for data keys under which nothing is sealed any more.
const SWEEP: Duration = Duration::from_secs(3600);
const FIRST_SWEEP: Duration = Duration::from_secs(300);
/// Organisations whose key rings are loaded before anybody asks.
const WARM: usize = 256;

/// Starts all of it.
pub(crate) fn start(tasks: &Tasks, vault: &Arc<Vault>) {
    let shutdown = tasks.shutdown_signal();
    let (warmed, ended) = (Arc::clone(vault), shutdown.clone());
    tasks.spawn("vault warm-up", async move {
        tokio::select! {
            warm = warmed.warm(WARM) => told(warm),
            () = ended => {}
        }
    });
    tasks.spawn("vault refresh", refresh(tasks.clone(), Arc::clone(vault), shutdown.clone()));
    tasks.spawn("vault maintenance", maintain(Arc::clone(vault), shutdown.clone()));
    tasks.spawn("vault work", work(tasks.clone(), Arc::clone(vault), shutdown));
}

async fn refresh(tasks: Tasks, vault: Arc<Vault>, shutdown: ShutdownSignal) {
    while tokio::time::timeout(REFRESH, shutdown.clone()).await.is_err() {
        for organisation in vault.due() {
            let (vault, shutdown) = (Arc::clone(&vault), shutdown.clone());
            // Each on its own: a KMS that does not answer holds up no other's.
            tasks.spawn("vault refresh of an organisation", async move {
                tokio::select! {
                    () = vault.refresh(organisation) => {}
                    () = shutdown => {}
                }
            });
        }
    }
}

async fn maintain(vault: Arc<Vault>, shutdown: ShutdownSignal) {
    let mut sweep_at = Instant::now() + FIRST_SWEEP;
    while tokio::time::timeout(MAINTENANCE, shutdown.clone()).await.is_err() {
        vault.maintain().await;
        if Instant::now() >= sweep_at {
            sweep_at = Instant::now() + SWEEP;
            told(vault.sweep().await);
        }
    }
    vault.maintain().await;
}

type Piece = (Option<OrganisationId>, WorkKind);

/// Where a piece of work stands with this node.
enum Standing {
    /// It is being done.
    Begun,
    /// It could not be done: when to try again, and how long to wait after that.
    Stuck(Instant, Duration),
}

async fn work(tasks: Tasks, vault: Arc<Vault>, shutdown: ShutdownSignal) {
    let standings: Arc<Mutex<HashMap<Piece, Standing>>> = Arc::default();
    // The others are left to other nodes, if there are any.
    let resealing = Arc::new(Semaphore::new(RESEALS));
    loop {
        tokio::select! {
            () = shutdown.clone() => return,
            () = vault.rung() => {}
            () = tokio::time::sleep(WORK) => {}
        }
        // The database does not answer, which others tell of.
        let Ok(all) = vault.work().await else { continue };
        for work in all {
            let piece = (work.organisation, work.kind);
            let Some(pause) = begin(&standings, piece) else { continue };
            let (vault, ended) = (Arc::clone(&vault), shutdown.clone());
            let (standings, resealing) = (Arc::clone(&standings), Arc::clone(&resealing));
            // Each on its own: neither a KMS that does not answer nor a long piece of work holds
            // up another organisation's, and a key is taken into use while values are sealed anew.
            tasks.spawn("vault work of an organisation", async move {
                let _place = match work.kind {
                    WorkKind::Rewrap => None,
                    WorkKind::Reseal => tokio::select! {
                        place = resealing.acquire_owned() => place.ok(),
                        () = ended.clone() => return,
                    },
                };
                let state = vault.perform(work, Arc::new(move || !ended.is_raised())).await;
                let mut standings = standings.lock().unwrap_or_else(PoisonError::into_inner);
                match state {
                    Ok(WorkState::Finished | WorkState::Elsewhere | WorkState::Stopped) => {
                        standings.remove(&piece);
                    }
                    Ok(WorkState::Stuck) | Err(_) => {
                        let next = (pause * 2).min(STUCK_AT_MOST);
                        standings.insert(piece, Standing::Stuck(Instant::now() + pause, next));
                    }
                }
                told(state.map(drop));
            });
        }
    }
}

/// Notes that a piece of work is being done, unless it is already or its time has not come. How long
/// it is left alone if it cannot be done.
fn begin(standings: &Mutex<HashMap<Piece, Standing>>, piece: Piece) -> Option<Duration> {
    let mut standings = standings.lock().unwrap_or_else(PoisonError::into_inner);
    let pause = match standings.get(&piece) {
        None => STUCK,
        Some(Standing::Stuck(again, pause)) if Instant::now() >= *again => *pause,
        Some(_) => return None,
    };
    standings.insert(piece, Standing::Begun);
    Some(pause)
}

fn told(outcome: Result<(), VaultError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "the vault could not do all it should; it tries again");
    }
}
