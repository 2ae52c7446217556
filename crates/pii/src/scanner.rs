//! Scanning what is there in full.

use crate::{
    detector::Detector,
    finding::Finding,
    layers::{Format, Found, Layered},
    pipeline::Pipeline,
    stream::{Feed, Reading},
    unmask,
};

/// Scans texts, with scratch that is used again and again: a clean text costs no allocation.
#[derive(Default)]
pub struct Scanner {
    pipeline: Pipeline,
    feed: Feed,
    findings: Vec<Finding>,
    work: u64,
}

/// How much of a masked text is read at a time, bytes.
const PIECE: usize = 64 * 1024;

impl Scanner {
    /// A scanner with no scratch yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds what a text holds, in order; findings do not overlap.
    pub fn scan(&mut self, detector: &Detector, text: &str) -> &[Finding] {
        self.scan_named(detector, text, "")
    }

    /// The same for a text that a key names from outside: a JSON key, a form field, a column.
    pub fn scan_named(&mut self, detector: &Detector, text: &str, key: &str) -> &[Finding] {
        self.findings.clear();
        if unmask::is_masked(text.as_bytes()) {
            // Piece by piece, so that the second text stays small.
            self.feed.begin(detector, key);
            let mut rest = text.as_bytes();
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(rest.len().min(PIECE));
                self.feed.push(detector, piece, more.is_empty(), &mut self.findings);
                rest = more;
            }
            self.work = self.feed.work();
        } else {
            self.pipeline.begin(detector, key);
            self.pipeline.advance(detector, (text.as_bytes(), 0), true, &mut self.findings);
            self.work = self.pipeline.work();
        }
        self.findings.retain(|finding| detector.reports(finding.entity));
        &self.findings
    }

    /// Finds what a text in some format holds. Spans are those of the text as it is written; a bare
    /// number of JSON is found as a whole.
    pub fn scan_as(&mut self, detector: &Detector, format: Format, text: &str) -> &[Finding] {
        if format == Format::Text {
            return self.scan(detector, text);
        }
        let mut found: Vec<Found<Finding>> = Vec::new();
        let mut layered = Layered::new(format, Reading::new(detector), "");
        layered.push(text.as_bytes(), true, &mut found);
        self.findings.clear();
        self.findings.extend(found.into_iter().map(Found::into_finding));
        self.findings.retain(|finding| detector.reports(finding.entity));
        &self.findings
    }

    /// How many bytes the last scan of plain text looked at, some more than once: the measure by which
    /// it is linear.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.work
    }
}

impl Found<Finding> {
    pub(crate) fn into_finding(self) -> Finding {
        Finding { start: self.start, end: self.end, ..self.what }
    }
}
