//! The registry of metrics.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::text::encode,
    metrics::info::Info,
    registry::{Metric, Registry},
};

/// All metrics of the process, under the prefix `portcullis_`. Cheap to clone; clones share
/// everything. Counting goes through the metric's own clone and never touches the registry.
#[derive(Clone)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Metrics {
    /// With `portcullis_build_info` as its first metric.
    pub fn new(version: &'static str) -> Self {
        let mut registry = Registry::with_prefix("portcullis");
        registry.register("build", "The version that runs", Info::new(vec![("version", version)]));
        Self(Arc::new(Mutex::new(registry)))
    }

    /// Adds a metric and hands it back. `name` goes without the prefix and without `_total`; `help`
    /// without a full stop. Labels must never hold secrets, and must have few values.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).register(name, help, metric.clone());
        metric
    }

    /// Adds metrics that are read off something when somebody asks.
    pub fn register_collector(&self, collector: Box<dyn Collector>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).register_collector(collector);
    }

    /// All metrics in the OpenMetrics text format.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::Metrics;

    #[test]
    fn a_registered_counter_shows_with_its_prefix() {
        let metrics = Metrics::new("1.2.3");
        let calls: Counter = metrics.register("calls", "Calls served", Counter::default());
        calls.inc_by(3);
        let text = metrics.render().unwrap();
        assert!(text.contains("portcullis_calls_total 3\n"), "{text}");
        assert!(text.contains("portcullis_build_info{version=\"1.2.3\"} 1\n"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
