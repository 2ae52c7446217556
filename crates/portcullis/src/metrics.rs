//! The metrics of a node.

use std::{fmt, sync::Arc};

use portcullis_domain::Live;
use portcullis_record::{SegmentRecorder, Shipper};
use portcullis_runtime::{
    ShutdownSignal,
    telemetry::{
        Metrics, Readiness,
        prometheus_client::{
            collector::Collector,
            encoding::{DescriptorEncoder, EncodeMetric as _},
            metrics::{counter::ConstCounter, gauge::ConstGauge},
        },
    },
};

/// Registers what the parts count by themselves; it is read when somebody asks.
pub(crate) fn register(
    live: &Arc<Live>,
    recorder: &Arc<SegmentRecorder>,
    shipper: &Arc<Shipper>,
) -> Metrics {
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    metrics.register_collector(Box::new(Counts {
        live: Arc::clone(live),
        recorder: Arc::clone(recorder),
        shipper: Arc::downgrade(shipper),
    }));
    metrics
}

/// Whether the node takes calls.
pub(crate) fn readiness(draining: &ShutdownSignal) -> Readiness {
    if draining.is_raised() { Readiness::NotReady("shutting down\n") } else { Readiness::Ready }
}

struct Counts {
    live: Arc<Live>,
    recorder: Arc<SegmentRecorder>,
    /// Weak: the node stops the shipper, whoever still reads metrics.
    shipper: std::sync::Weak<Shipper>,
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counts")
    }
}

impl Collector for Counts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let record = self.recorder.stats();
        let snapshot = self.live.current();
        let mut counters = vec![
            ("record_opened", "Calls recorded before a provider was called", record.opened),
            (
                "record_open_failed",
                "Calls refused because they could not be recorded",
                record.open_failed,
            ),
            ("record_closed", "Calls whose end was recorded", record.closed),
            ("record_lost", "Calls whose end could not be recorded", record.lost),
            ("record_content_lost", "Calls whose content could not be kept", record.content_lost),
            ("record_sync_failed", "Times the disk did not confirm a write", record.sync_failed),
        ];
        let mut gauges = vec![
            ("record_spilled", "Ended calls that wait in memory for the disk", record.spilled),
            ("snapshot_revision", "The configuration's revision", snapshot.revision.max(0) as u64),
            ("api_keys", "API keys in the configuration", snapshot.api_key_count() as u64),
        ];
        if let Some(shipper) = self.shipper.upgrade() {
            let shipped = shipper.stats();
            counters.extend([
                ("logs_shipped", "Logs that reached the database", shipped.shipped),
                (
                    "logs_interrupted",
                    "Calls of ended processes completed as interrupted",
                    shipped.interrupted,
                ),
                (
                    "logs_dead_lettered",
                    "Logs that the database refuses, set aside",
                    shipped.dead_lettered,
                ),
                ("logs_ship_failures", "Failed tries to reach the database", shipped.failures),
            ]);
            gauges.extend([
                ("logs_lag_bytes", "Bytes recorded and not yet shipped", shipped.lag_bytes),
                ("calls_open", "Calls under way", shipped.open_calls),
            ]);
        }
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value as i64);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
