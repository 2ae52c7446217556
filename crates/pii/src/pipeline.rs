//! The layers together, over one text: patterns, custom types, names.

use crate::{
    Entity,
    context::Key,
    custom::Cursor,
    detector::Detector,
    finding::Finding,
    names::{Claim, Input, NameKind, NameSpan, Tagger},
    scan::{BACK, Candidate, Engine, Sink},
};

/// Where the scan of one text stands, with the scratch it needs. All offsets are from the start of
/// the text that is read.
#[derive(Default)]
pub(crate) struct Pipeline {
    engine: Engine,
    sink: Sink,
    key: Key,
    custom_at: Cursor,
    custom: Vec<Candidate>,
    /// No further candidate is taken that starts before this.
    taken: usize,
    tagger: Tagger,
    /// Everything before this is tagged.
    tagged: usize,
    claims: Vec<Claim>,
    spans: Vec<NameSpan>,
    /// What is found but not given out yet, in order.
    found: Vec<Finding>,
    /// Findings moved.
    work: u64,
}

impl Pipeline {
    /// A new text begins; `key` names it from outside, if anything does.
    pub(crate) fn begin(&mut self, detector: &Detector, key: &str) {
        self.engine.clear();
        self.sink.begin(&detector.thresholds);
        self.key.set(key);
        self.custom_at = Cursor::default();
        self.custom.clear();
        self.taken = 0;
        self.tagged = 0;
        self.claims.clear();
        self.spans.clear();
        self.found.clear();
        self.work = 0;
        if detector.names {
            self.tagger.begin(key);
        }
    }

    /// Goes on over `text`, whose first byte is at `base` and which has all from [`Self::keep_from`]
    /// on. Findings that are final are appended to `out`. Returns the offset before which all is.
    pub(crate) fn advance(
        &mut self,
        detector: &Detector,
        (text, base): (&[u8], usize),
        end: bool,
        out: &mut Vec<Finding>,
    ) -> usize {
        let mut open =
            self.engine.advance(&detector.plan, &self.key, (text, base), end, &mut self.sink);
        if let Some(custom) = &detector.custom {
            custom.offer((text, base), &mut self.custom_at, end, &mut self.custom);
            open = open.min(self.custom_at.open());
        }
        let ready = if end { base + text.len() } else { open.max(self.tagged) };
        self.take_candidates(detector, (text, base), ready);
        let done =
            if detector.names { self.tag(detector, (text, base), ready, end) } else { ready };
        self.give_out(done, out);
        done
    }

    /// From where on the text is still needed.
    pub(crate) fn keep_from(&self, detector: &Detector) -> usize {
        let mut from = self.engine.at().saturating_sub(BACK);
        if detector.custom.is_some() {
            // A look at the character before.
            from = from.min(self.custom_at.open().saturating_sub(4));
        }
        if detector.names { from.min(self.tagged) } else { from }
    }

    /// What was looked at, bytes; a word that may be part of a name counts as one, and so does a
    /// finding that is moved.
    pub(crate) fn work(&self) -> u64 {
        self.engine.work() + self.tagger.work() + self.work
    }

    /// Candidates of both kinds that start before `ready` become claims and findings. Of two that
    /// overlap the earlier stands, and of two that start together the custom one: so none is taken
    /// while one of the other kind may still come before it.
    fn take_candidates(&mut self, detector: &Detector, (text, base): (&[u8], usize), ready: usize) {
        self.sink.done.append(&mut self.custom);
        self.sink.done.sort_by_key(|it| (it.start, it.entity.index() < Entity::BUILT_IN));
        let count = self.sink.done.partition_point(|it| it.start < ready);
        for mut candidate in self.sink.done.drain(..count) {
            // Spans end where characters do; what is not UTF-8 has bytes that belong to none.
            let inside = |at: usize| text.get(at - base).is_some_and(|byte| byte & 0xc0 == 0x80);
            for _ in 0..3 {
                candidate.start -= usize::from(candidate.start > base && inside(candidate.start));
                candidate.end += usize::from(inside(candidate.end));
            }
            let Candidate { start, end, entity, .. } = candidate;
            if start >= self.taken {
                self.taken = end;
                self.claims.push(Claim { start, end, entity });
                if !detector.allows(entity, &text[start - base..(end - base).min(text.len())]) {
                    self.found.push(candidate.into());
                }
            }
        }
    }

    fn tag(
        &mut self,
        detector: &Detector,
        (text, base): (&[u8], usize),
        ready: usize,
        end: bool,
    ) -> usize {
        let from = self.tagged;
        let input = Input { text: &text[from - base..], from, ready, end, claimed: &self.claims };
        self.tagged = self.tagger.advance(&input, &mut self.spans);
        let tagged = self.tagged;
        self.claims.retain(|claim| claim.end > tagged);
        if !self.spans.is_empty() {
            self.spans.sort_unstable_by_key(|it| it.start);
            self.merge_names(detector, (text, base));
        }
        self.tagged
    }

    /// Names become findings where nothing else is found.
    fn merge_names(&mut self, detector: &Detector, (text, base): (&[u8], usize)) {
        // Both lie in order, and neither overlaps itself.
        let (mut at, mut named_to) = (0, 0);
        let found = self.found.len();
        for span in self.spans.drain(..) {
            let entity = match span.kind {
                NameKind::Person => Entity::PERSON,
                NameKind::Address => Entity::ADDRESS,
                NameKind::Location => Entity::LOCATION,
                NameKind::Organization => Entity::ORGANIZATION,
            };
            while at < found && self.found[at].end <= span.start {
                at += 1;
            }
            let free = (at == found || span.end <= self.found[at].start) && span.start >= named_to;
            if free
                && !(span.kind == NameKind::Person && is_code((text, base), &span))
                && span.score >= detector.name_thresholds[span.kind as usize]
                && !detector.allows(entity, &text[span.start - base..span.end - base])
            {
                named_to = span.end;
                self.found.push(Finding::of_name(span, entity));
            }
        }
        if self.found.len() > found {
            // Two runs in order: sorting merges them.
            self.found.sort_by_key(|it| it.start);
            self.work += self.found.len() as u64;
        }
    }

    fn give_out(&mut self, done: usize, out: &mut Vec<Finding>) {
        let count = self.found.partition_point(|it| it.start < done);
        out.extend(self.found.drain(..count));
    }
}

/// A surer name is one also where it stands as code does.
const SURE: f32 = 0.9;

/// Whether one word stands where only code puts it: `&Said`, `Said {`, `model::Said`, `Said::new`,
/// `Said(`, or more of them hold a path: `Auth::Header`. The tagger has seen the next word, so that what follows the span is there.
fn is_code((text, base): (&[u8], usize), span: &NameSpan) -> bool {
    let name = text.get(span.start - base..span.end - base).unwrap_or_default();
    if name.windows(2).any(|two| two == b"::") {
        return true;
    }
    if span.score >= SURE || !name.iter().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let before = &text[..span.start - base];
    let after = text.get(span.end - base..).unwrap_or_default();
    before.ends_with(b"&")
        || before.ends_with(b"::")
        || [&b"::"[..], b" {", b"("].iter().any(|code| after.starts_with(code))
}
