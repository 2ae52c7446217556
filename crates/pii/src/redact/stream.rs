//! Redacting what comes in pieces.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Blocked, Ledger, Mode, Policy,
    border::{self, BESIDE},
    held::Held,
};
use crate::{
    Detector, Finding, Format,
    layers::{self, Found, Layered},
    stream::Reading,
};

/// Redacts bytes as they come, cut anywhere. What leaves is, all together, what redacting the whole
/// would give; only that substitutes are chosen before what follows is known, so that one may happen to
/// be there.
pub struct StreamRedactor {
    detector: Arc<Detector>,
    policy: Arc<Policy>,
    ledger: Ledger,
    layered: Layered<Reading<Arc<Detector>>>,
    held: Held,
    /// Where the last value that was replaced ended.
    replaced: Option<usize>,
    found: Vec<Found<Finding>>,
    waiting: VecDeque<Found<Finding>>,
    findings: Vec<Finding>,
    blocked: Option<Blocked>,
}

impl StreamRedactor {
    /// A redactor of one stream.
    #[must_use]
    pub fn new(
        detector: Arc<Detector>,
        policy: Arc<Policy>,
        ledger: Ledger,
        format: Format,
    ) -> Self {
        let layered = Layered::new(format, Reading::new(Arc::clone(&detector)), "");
        Self {
            detector,
            policy,
            ledger,
            layered,
            held: Held::default(),
            replaced: None,
            found: Vec::new(),
            waiting: VecDeque::new(),
            findings: Vec::new(),
            blocked: None,
        }
    }

    /// Takes the next piece and appends to `out` what may leave. Fails, now and from now on, when a
    /// value is blocked; nothing of it has left then.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Blocked> {
        self.read(piece, false, out)
    }

    /// Nothing follows: the rest leaves.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Blocked> {
        self.read(&[], true, out)
    }

    /// How many bytes are held back.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.bytes().len()
    }

    /// How many bytes were moved and looked at so far, some more than once: the measure by which
    /// redacting is linear.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.held.moved() + self.layered.reader().work()
    }

    /// What was found since the last call, by its place in what came.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        let mut findings = std::mem::take(&mut self.findings);
        findings.retain(|finding| self.detector.reports(finding.entity));
        findings
    }

    /// What took the places of which values, so far.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The ledger, for what comes next of the conversation.
    #[must_use]
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// Takes a piece, the last one if `end`.
    pub(super) fn read(
        &mut self,
        piece: &[u8],
        end: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Blocked> {
        if let Some(blocked) = self.blocked {
            return Err(blocked);
        }
        self.held.come(piece);
        let released = self.layered.push(piece, end, &mut self.found);
        for found in self.found.drain(..) {
            self.findings.push(found.into_finding());
            self.waiting.push_back(found);
        }
        let mut released = if end { self.held.end() } else { released };
        while let Some(found) = self.waiting.pop_front() {
            let entity = found.what.entity;
            let mode = self.policy.mode(entity);
            if mode == Mode::Block {
                self.held.clear();
                let blocked = Blocked { entity };
                self.blocked = Some(blocked);
                return Err(blocked);
            }
            // A substitute depends on what follows.
            if mode == Mode::Substitute && !end && found.end + BESIDE > self.held.end() {
                released = released.min(found.start);
                self.waiting.push_front(found);
                break;
            }
            self.held.let_go(found.start, out);
            let length = (found.end - self.held.base()).min(self.held.bytes().len());
            let (written, behind) = self.held.bytes().split_at(length);
            let value = layers::decode(written, found.wrap);
            let behind = &behind[..behind.len().min(BESIDE)];
            let fits = |place: &str| {
                self.replaced != Some(found.start)
                    && border::stands_apart(place, self.held.before(), behind, found.wrap)
            };
            let place = self.ledger.place(&self.detector, &self.policy, entity, &value, fits);
            out.extend_from_slice(layers::encode(&place, found.wrap).as_bytes());
            self.held.drop_before(found.end);
            self.replaced = Some(found.end);
        }
        self.held.let_go(released, out);
        self.held.compact();
        Ok(())
    }
}
