//! Scanning what comes in pieces.

use std::sync::Arc;

use crate::{detector::Detector, finding::Finding, pipeline::Pipeline, unmask::Unmasked};

/// Scans bytes as they come, cut anywhere, and finds at the end what a scan of the whole would have.
pub struct StreamScanner {
    detector: Arc<Detector>,
    feed: Feed,
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
    /// A scanner of one text; `key` names it from outside, if anything does.
    #[must_use]
    pub fn new(detector: Arc<Detector>, key: &str) -> Self {
        let mut feed = Feed::default();
        feed.begin(&detector, key);
        Self { detector, feed }
    }

    /// Takes the next piece. Findings that are final are appended to `out`; offsets are from the start
    /// of the stream. Returns the offset before which no later finding starts: what comes before it
    /// can be let go.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<Finding>) -> usize {
        self.feed.push(&self.detector, piece, false, out)
    }

    /// Nothing follows: the remaining findings.
    pub fn finish(&mut self, out: &mut Vec<Finding>) -> usize {
        self.feed.push(&self.detector, &[], true, out)
    }

    /// A new text begins.
    pub fn begin(&mut self, key: &str) {
        self.feed.begin(&self.detector, key);
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
            self.unmasked.forget(keep.min(done));
        }
        self.released
    }

    pub(crate) fn work(&self) -> u64 {
        self.pipeline.work()
    }
}
