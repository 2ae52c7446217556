//! `portcullis serve`.

use std::time::Duration;

use portcullis_runtime::telemetry::{self, LogFormat, TelemetrySettings};
use portcullis_vault::process;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cli::Serve, command::first_start::first_start, config::Config, failure::Failure,
    instance::Instance, node::Node, start_pages,
};

/// When a node has started in all its parts: what its tasks do first is done.
const SETTLED: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: &Serve) -> Result<(), Failure> {
    let config = Config::load(&args.common, args.listen.as_deref())?;
    start_log(&config)?;
    // Before anything else, so that no signal finds the default handler.
    let mut stop = stop_signal()?;
    let instance = Instance::open(&config).await?;
    // After the vault's key is read: a descriptor could not be opened any more.
    keep_keys_off_the_disk();
    first_start(&config, &instance).await?;
    let keys = instance.keys().await?;
    let node = Node::start(&config, args.role, instance, keys).await?;
    tracing::info!(
        address = %node.address(),
        metrics = node.metrics_address().map(|address| address.to_string()),
        database = config.shown_database(),
        workers = config.workers,
        "serving; point clients at http://{}/v1", node.address()
    );
    let settled = async {
        tokio::time::sleep(SETTLED).await;
        match start_pages::release() {
            Ok(bytes) => tracing::debug!(bytes, "pages that the start mapped are let go of"),
            Err(error) => tracing::debug!(%error, "pages of the start stay in memory"),
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = stop.recv() => {}
        () = settled => {}
    }
    tracing::info!("stopping: calls in flight may finish");
    node.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// SIGTERM or Ctrl-C.
pub(crate) struct StopSignal {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignal {
    pub(crate) async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

pub(crate) fn stop_signal() -> Result<StopSignal, Failure> {
    Ok(StopSignal {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
    })
}

pub(crate) fn start_log(config: &Config) -> Result<(), Failure> {
    let format = if config.log_json { LogFormat::Json } else { LogFormat::Text };
    telemetry::init(&TelemetrySettings { format, filter: config.log_filter.clone() })
        .map_err(|error| Failure::new(format!("log.filter: {error}")))
}

/// A core dump or a swap file would hold keys in the clear.
fn keep_keys_off_the_disk() {
    if let Err(error) = process::forbid_core_dumps() {
        tracing::warn!(%error, "core dumps could not be switched off");
    }
    match process::lock_memory() {
        Ok(true) => tracing::debug!("memory is locked: nothing of it is swapped out"),
        Ok(false) => tracing::debug!("memory is not locked: its lock limit is finite"),
        Err(error) => tracing::debug!(%error, "memory could not be locked"),
    }
}
