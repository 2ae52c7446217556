//! The compiled configuration, and the scratch that scanning needs.

use crate::{
    context::Key,
    entity::Entity,
    finding::Finding,
    scan::{Engine, Plan, Sink},
};

/// What to look for, compiled. Shared between threads.
pub struct Detector {
    plan: Plan,
    thresholds: Vec<f32>,
}

impl Default for Detector {
    fn default() -> Self {
        let entities: Vec<Entity> = Entity::all().filter(|it| it.on_by_default()).collect();
        let mut thresholds = vec![f32::INFINITY; Entity::BUILT_IN];
        for entity in &entities {
            thresholds[entity.index()] = 0.0;
        }
        Self { plan: Plan::new(&entities), thresholds }
    }
}

/// Scratch for scanning, to be used again and again.
#[derive(Default)]
pub struct Scanner {
    engine: Engine,
    sink: Sink,
    key: Key,
    findings: Vec<Finding>,
}

impl Scanner {
    /// Scans a text.
    pub fn scan(&mut self, detector: &Detector, text: &str) -> &[Finding] {
        self.engine.clear();
        self.sink.clear();
        self.findings.clear();
        self.sink.thresholds.clone_from(&detector.thresholds);
        self.engine.advance(&detector.plan, &self.key, (text.as_bytes(), 0), true, &mut self.sink);
        self.findings.extend(self.sink.done.drain(..).map(Finding::from));
        &self.findings
    }
}
