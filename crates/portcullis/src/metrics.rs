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
            encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet},
            metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
            registry::Unit,
        },
    },
};
use portcullis_vault::{LATENCY_BOUNDS, Vault};

/// Registers what the parts count by themselves; it is read when somebody asks.
pub(crate) fn register(
    live: &Arc<Live>,
    recorder: &Arc<SegmentRecorder>,
    shipper: &Arc<Shipper>,
    vault: &Arc<Vault>,
) -> Metrics {
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    metrics.register_collector(Box::new(Counts {
        live: Arc::clone(live),
        recorder: Arc::clone(recorder),
        shipper: Arc::downgrade(shipper),
    }));
    metrics.register_collector(Box::new(VaultCounts(Arc::clone(vault))));
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

/// What the vault counts.
struct VaultCounts(Arc<Vault>);

impl fmt::Debug for VaultCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultCounts")
    }
}

impl Collector for VaultCounts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.0.stats();
        for (name, help, value) in [
            ("vault_cache_hits", "Uses of data keys that needed no KMS", stats.cache_hits),
            ("vault_cache_misses", "Uses of data keys that waited for a KMS", stats.cache_misses),
            (
                "vault_open_refused",
                "Sealed values that did not open where they lie",
                stats.open_refused,
            ),
        ] {
            let counter = ConstCounter::new(value);
            let kind = counter.metric_type();
            counter.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        for (name, help, value) in [
            ("vault_rings", "Organisations whose data keys are in memory", stats.rings),
            ("vault_data_keys", "Data keys in memory", stats.data_keys),
            (
                "vault_data_keys_unlocked",
                "Data keys in memory that is not locked one by one",
                stats.data_keys_unlocked,
            ),
        ] {
            let gauge = ConstGauge::new(value as i64);
            let kind = gauge.metric_type();
            gauge.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        let help = "How long calls of a KMS took";
        let unit = Some(&Unit::Seconds);
        let mut family =
            encoder.encode_descriptor("kms_latency", help, unit, MetricType::Histogram)?;
        for ((kms, operation), stats) in &stats.kms {
            let labels = [("kms", *kms), ("operation", operation.name())];
            let bounds = LATENCY_BOUNDS.iter().copied().chain([f64::MAX]);
            let buckets: Vec<(f64, u64)> = bounds.zip(stats.latency).collect();
            let count = stats.latency.iter().sum();
            let mut one = family.encode_family(&labels)?;
            one.encode_histogram::<NoLabelSet>(stats.latency_sum, count, &buckets, None)?;
        }
        let help = "Calls of a KMS, by how they ended";
        let mut family = encoder.encode_descriptor("kms_calls", help, None, MetricType::Counter)?;
        for ((kms, operation), stats) in &stats.kms {
            let failed = stats.failed.iter().map(|(failure, count)| (failure.code(), *count));
            for (outcome, count) in failed.chain([("ok", stats.succeeded)]) {
                let labels = [("kms", *kms), ("operation", operation.name()), ("outcome", outcome)];
                let mut one = family.encode_family(&labels)?;
                one.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        Ok(())
    }
}
