//! A running node: the planes put together, started and stopped in order.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use portcullis_control::{
    Compiler, Control, InstanceKeys, KmsPace, Passwords, StoredAuditTrail, StoredLogs,
    forget_the_old,
};
use portcullis_domain::{Clock, Dice, Live, NodeId};
use portcullis_gateway::{Gateway, Parts, SignIns};
use portcullis_record::{RecordSettings, SegmentRecorder, Shipper, ShipperSettings};
use portcullis_runtime::{
    Tasks,
    egress::Egress,
    server::{Server, ServerHandle, ServerSettings},
    telemetry::Ops,
};
use portcullis_store::Db;
use portcullis_vault::Vault;
use tokio::runtime::Handle;

use crate::{
    checkpoints::Checkpoints, cli::Role, config::Config, failure::Failure, instance::Instance,
    metrics, outside::Outside, router::Surfaces, vault_tasks,
};

/// How often the database is relieved of what is past its time.
const DATABASE_MAINTENANCE: Duration = Duration::from_secs(3600);

/// How often issuers of tokens are asked for their keys: as long as a key that they withdraw is
/// still taken.
const TOKEN_KEYS: Duration = Duration::from_secs(300);

/// How often it is written down where the audit trail ends.
const CHECKPOINTS: Duration = Duration::from_secs(3600);

/// How long one statement that searches the logs may take: what takes longer is not waited for.
const LOG_SEARCH: Duration = Duration::from_secs(15);
/// Connections for searching the logs.
const LOG_SEARCHES: u32 = 4;

/// What a node uses of its instance.
struct Opened {
    db: Db,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    dice: Arc<dyn Dice>,
}

/// A node that serves.
pub(crate) struct Node {
    instance: Opened,
    /// The same database for those who must not wait for each other.
    databases: [Db; 2],
    tasks: Tasks,
    server: ServerHandle,
    ops: Option<ServerHandle>,
    shipper: Arc<Shipper>,
    drain: Duration,
}

impl Node {
    /// Starts serving. Must be called on the control plane's runtime.
    pub(crate) async fn start(
        config: &Config,
        role: Role,
        instance: Instance,
        keys: InstanceKeys,
    ) -> Result<Self, Failure> {
        let tasks = Tasks::new();
        let Instance { db, vault, clock, dice, mut trail, .. } = instance;
        let instance = Opened { db, vault, clock, dice };
        let live = Arc::new(Live::default());
        // Its own connections: a revocation must not wait behind slow requests for others.
        let followed = instance.db.apart(1, None);
        let (compiler, reached) = Compiler::start(followed.clone(), Arc::clone(&live)).await?;
        let shutdown = tasks.shutdown_signal();
        tasks.spawn("snapshot compiler", async move {
            tokio::select! {
                () = compiler.follow() => {}
                () = shutdown => {}
            }
        });

        let node_id = NodeId::mint(&*instance.clock, &*instance.dice);
        let record = RecordSettings { sync_window: config.fsync, ..RecordSettings::default() };
        let recorder = SegmentRecorder::start(&config.data_dir, node_id, record)
            .map_err(|error| Failure::new(format!("record: {error}")))?;
        // Connections of its own, made on the shipper's thread: what writes logs then has that
        // thread's low priority, and an admin write never waits behind it in a queue.
        let options = portcullis_store::Options::new(Arc::clone(&instance.clock));
        let options = portcullis_store::Options { connections: 1, ..options };
        let logs = Db::connect_lazily(&config.database_url, options)
            .map_err(|error| Failure::database(config, &error))?;
        let shipper = Shipper::start(
            &recorder,
            Arc::new(StoredLogs::new(logs)),
            Arc::clone(&instance.dice),
            Handle::current(),
            ShipperSettings::default(),
        )
        .map_err(|error| Failure::new(format!("record: {error}")))?;
        let (recorder, shipper) = (Arc::new(recorder), Arc::new(shipper));

        vault_tasks::start(&tasks, &instance.vault);
        let stored = StoredAuditTrail::new(instance.db.clone(), Arc::clone(&keys.audit) as Arc<_>);
        let shutdown = tasks.shutdown_signal();
        tasks.spawn("audit of the vault", async move {
            tokio::select! {
                () = trail.run(&stored) => {}
                () = shutdown => {}
            }
            trail.drain(&stored).await;
        });

        let (db, clock) = (instance.db.clone(), Arc::clone(&instance.clock));
        let rules = config.control.sessions;
        let shutdown = tasks.shutdown_signal();
        tasks.spawn("database maintenance", async move {
            while tokio::time::timeout(DATABASE_MAINTENANCE, shutdown.clone()).await.is_err() {
                if let Err(error) = forget_the_old(&db, &rules, clock.now()).await {
                    tracing::warn!(%error, detail = error.detail(), "old changes of the \
                        configuration stay in the database for another hour");
                }
            }
        });

        if role != Role::Gateway {
            let (db, clock) = (instance.db.clone(), Arc::clone(&instance.clock));
            let (key, shutdown) = (Arc::clone(&keys.audit), tasks.shutdown_signal());
            let mut checkpoints = Checkpoints::new(&config.data_dir);
            tasks.spawn("audit checkpoints", async move {
                loop {
                    if let Err(error) = checkpoints.write(&db, &key, &*clock).await {
                        tracing::warn!(%error, "no checkpoint of the audit trail was written");
                    }
                    if shutdown.is_raised() {
                        break;
                    }
                    let _ = tokio::time::timeout(CHECKPOINTS, shutdown.clone()).await;
                }
            });
        }

        let egress = Egress::new(config.egress_policy.clone(), config.egress_settings()?);
        let gateway = Gateway::new(Parts {
            live: Arc::clone(&live),
            vault: Arc::clone(&instance.vault),
            pepper: Arc::clone(&keys.pepper),
            egress: egress.clone(),
            sign_ins: SignIns::default(),
            recorder: Arc::clone(&recorder) as Arc<_>,
            clock: Arc::clone(&instance.clock),
            dice: Arc::clone(&instance.dice),
            settings: config.gateway.clone(),
            node: node_id,
            version: env!("CARGO_PKG_VERSION"),
        });
        let searched = instance.db.apart(LOG_SEARCHES, Some(LOG_SEARCH));
        let control = Control::new(portcullis_control::Parts {
            db: instance.db.clone(),
            logs: searched.clone(),
            vault: Arc::clone(&instance.vault),
            pepper: keys.pepper,
            audit: keys.audit,
            live: Arc::clone(&live),
            reached,
            clock: Arc::clone(&instance.clock),
            dice: Arc::clone(&instance.dice),
            kms_pace: KmsPace::default(),
            passwords: Passwords::default(),
            fetch: Arc::new(Outside(egress)),
            settings: config.control.clone(),
        });
        if role != Role::Gateway {
            let (control, shutdown) = (control.clone(), tasks.shutdown_signal());
            tasks.spawn("keys of token issuers", async move {
                while tokio::time::timeout(TOKEN_KEYS, shutdown.clone()).await.is_err() {
                    if let Err(error) = control.refresh_token_keys().await {
                        tracing::warn!(%error, detail = error.detail(), "the keys of issuers of \
                            tokens were not refreshed");
                    }
                }
            });
        }
        let surfaces = Surfaces {
            role,
            gateway,
            api: portcullis_api::router(control),
            proxies: config.trusted_proxies.clone(),
            control: Handle::current(),
            draining: tasks.shutdown_signal(),
        };
        let metrics = metrics::register(&live, &recorder, &shipper, &instance.vault);
        let settings = ServerSettings {
            workers: config.workers,
            max_connections: config.max_connections,
            max_header_bytes: config.max_header_bytes,
            header_timeout: config.header_timeout,
            ..ServerSettings::default()
        };
        let server = bind("server.listen", config.listen, settings)?.serve(surfaces)?;
        // After the calls' listener: whoever is told that the node is ready finds it there.
        let ops = match config.metrics_listen {
            None => None,
            Some(address) => {
                let settings = ServerSettings { workers: 1, ..ServerSettings::default() };
                let bound = bind("metrics.listen", address, settings)?;
                let draining = tasks.shutdown_signal();
                Some(bound.serve(Ops::new(metrics, move || metrics::readiness(&draining)))?)
            }
        };
        let databases = [followed, searched];
        Ok(Self { instance, databases, tasks, server, ops, shipper, drain: config.drain })
    }

    /// Where it serves.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Where the metrics are, if anywhere.
    pub(crate) fn metrics_address(&self) -> Option<SocketAddr> {
        self.ops.as_ref().map(ServerHandle::local_addr)
    }

    /// Waits until every call that has ended is in the database.
    pub(crate) async fn flush(&self) -> Result<(), Failure> {
        self.shipper.flush().await.map_err(|error| Failure::new(error.to_string()))
    }

    /// Stops: no new calls, then the end of those in flight, then the record, then the database.
    pub(crate) async fn stop(self) {
        self.tasks.shut_down();
        let cut = self.server.drain(self.drain).await;
        if cut > 0 {
            tracing::warn!(connections = cut, "calls were cut off: they took too long to finish");
        }
        match tokio::time::timeout(self.drain, self.shipper.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "logs stay in the data directory until the next start");
            }
            Err(_) => tracing::warn!("logs stay in the data directory until the next start"),
        }
        let unfinished = self.tasks.drain(Duration::from_secs(5)).await;
        if !unfinished.is_empty() {
            tracing::warn!(?unfinished, "background tasks did not end");
        }
        drop(self.shipper);
        drop(self.ops);
        for db in self.databases {
            db.close().await;
        }
        self.instance.db.close().await;
    }
}

fn bind(
    field: &str,
    address: SocketAddr,
    settings: ServerSettings,
) -> Result<portcullis_runtime::server::Bound, Failure> {
    Server::bind(address, settings).map_err(|error| {
        Failure::new(format!(
            "{field}: cannot listen on {address}: {error}; is another instance running, or is \
             the port taken?"
        ))
    })
}
