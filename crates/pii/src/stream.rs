//! Scanning what comes in pieces.

use std::{borrow::Borrow, sync::Arc};

use crate::{
    detector::Detector,
    finding::Finding,
    layers::{Format, Found, Layered, Reader, Wrap},
    pipeline::Pipeline,
    unmask::Unmasked,
};

/// Scans bytes as they come, cut anywhere, and finds at the end what a scan of the whole would have.
pub struct StreamScanner {
    layered: Layered<Reading<Arc<Detector>>>,
    found: Vec<Found<Finding>>,
}

/// The text that has come but is not let go, and the scan over it.
#[derive(Default)]
pub(crate) struct Feed {
    /// What is not read yet: at most a cut character or mark, between two calls.
    raw: Vec<u8>,
    unmasked: Unmasked,
    pipeline: Pipeline,
    found: Vec<Finding>,
    /// Everything before this is final.
    released: usize,
}

impl StreamScanner {
    /// A scanner of one text in some format; `key` names it from outside, if anything does.
    #[must_use]
    pub fn new(detector: Arc<Detector>, format: Format, key: &str) -> Self {
        Self { layered: Layered::new(format, Reading::new(detector), key), found: Vec::new() }
    }

    /// Takes the next piece. Findings that are final are appended to `out`; offsets are from the start
    /// of the stream. Returns the offset before which no later finding starts: what comes before it,
    /// and is in no finding, can be let go.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<Finding>) -> usize {
        self.read(piece, false, out)
    }

    /// Nothing follows: the remaining findings.
    pub fn finish(&mut self, out: &mut Vec<Finding>) -> usize {
        self.read(&[], true, out)
    }

    fn read(&mut self, piece: &[u8], end: bool, out: &mut Vec<Finding>) -> usize {
        let released = self.layered.push(piece, end, &mut self.found);
        let found = self.found.drain(..).map(Found::into_finding);
        let detector = self.layered.reader().detector();
        out.extend(found.filter(|it| detector.reports(it.entity)));
        released
    }
}

/// Reads texts with a detector.
pub(crate) struct Reading<D> {
    detector: D,
    feed: Feed,
    findings: Vec<Finding>,
    /// What was looked at in the texts before this one, bytes.
    work: u64,
}

impl<D: Borrow<Detector>> Reading<D> {
    pub(crate) fn new(detector: D) -> Self {
        Self { detector, feed: Feed::default(), findings: Vec::new(), work: 0 }
    }

    pub(crate) fn detector(&self) -> &Detector {
        self.detector.borrow()
    }

    /// What was looked at so far, bytes.
    pub(crate) fn work(&self) -> u64 {
        self.work + self.feed.work()
    }
}

impl<D: Borrow<Detector>> Reader for Reading<D> {
    type What = Finding;

    fn begin(&mut self, key: &str) {
        self.work += self.feed.work();
        self.feed.begin(self.detector.borrow(), key);
    }

    fn push(&mut self, piece: &[u8], end: bool, out: &mut Vec<Found<Finding>>) -> usize {
        let released = self.feed.push(self.detector.borrow(), piece, end, &mut self.findings);
        out.extend(self.findings.drain(..).map(|what| Found {
            start: what.start,
            end: what.end,
            what,
            wrap: Wrap::default(),
        }));
        released
    }
}

/// How much that is not needed any more is kept before it is dropped, bytes: dropping moves the rest.
const SLACK: usize = 4096;

impl Feed {
    pub(crate) fn begin(&mut self, detector: &Detector, key: &str) {
        self.raw.clear();
        self.unmasked.clear();
        self.pipeline.begin(detector, key);
        self.released = 0;
    }

    pub(crate) fn push(
        &mut self,
        detector: &Detector,
        piece: &[u8],
        end: bool,
        out: &mut Vec<Finding>,
    ) -> usize {
        self.raw.extend_from_slice(piece);
        let read = self.unmasked.read(&self.raw, end);
        self.raw.drain(..read);
        let text = (self.unmasked.text.as_slice(), self.unmasked.base);
        let done = self.pipeline.advance(detector, text, end, &mut self.found);
        for mut finding in self.found.drain(..) {
            (finding.start, finding.end) =
                (self.unmasked.source_of(finding.start), self.unmasked.source_behind(finding.end));
            out.push(finding);
        }
        self.released = self.released.max(self.unmasked.source_of(done));
        let keep = self.pipeline.keep_from(detector);
        if keep > self.unmasked.base + SLACK {
            // A span is widened to the borders of characters.
            self.unmasked.forget(keep.min(done) - 4);
        }
        self.released
    }

    pub(crate) fn work(&self) -> u64 {
        self.pipeline.work()
    }
}
