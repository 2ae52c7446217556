//! Goes over a text, whole or as it comes, and collects candidates.

use super::{
    Cx, Run, Sink,
    cx::BACK,
    encoded,
    forms::Forms,
    hold, labelled,
    trigger::{self, Literals, Trigger},
};
use crate::{
    Entity,
    context::{Context, Key},
    recognizer::{Matcher, NumberMatcher, Site, WordMatcher},
};

/// What a detector looks for, compiled.
pub(crate) struct Plan {
    forms: Forms,
    numbers: Vec<NumberMatcher>,
    words: Vec<WordMatcher>,
    ats: Vec<Matcher>,
    colons: Vec<Matcher>,
    named: Vec<Matcher>,
    literals: Literals,
    /// By literal: what to ask.
    behind_literals: Vec<Matcher>,
}

impl Plan {
    pub(crate) fn new(entities: &[Entity]) -> Self {
        let mut plan = Self {
            forms: Forms::new(entities.iter().copied()),
            numbers: Vec::new(),
            words: Vec::new(),
            ats: Vec::new(),
            colons: Vec::new(),
            named: Vec::new(),
            literals: Literals::new(&[]),
            behind_literals: Vec::new(),
        };
        let mut literals = Vec::new();
        for entity in entities {
            let Some(recognizer) = entity.recognizer() else { continue };
            for site in recognizer.sites {
                match site {
                    Site::Number(matcher) => plan.numbers.push(*matcher),
                    Site::Word(matcher) => plan.words.push(*matcher),
                    Site::At(matcher) => plan.ats.push(*matcher),
                    Site::Colon(matcher) => plan.colons.push(*matcher),
                    Site::Named(matcher) => plan.named.push(*matcher),
                    Site::Literal(all, matcher) => {
                        for literal in *all {
                            literals.push(*literal);
                            plan.behind_literals.push(*matcher);
                        }
                    }
                }
            }
        }
        plan.literals = Literals::new(&literals);
        plan
    }
}

/// Where a scan of a text stands. All offsets are from the start of the text.
#[derive(Default)]
pub(crate) struct Engine {
    /// Triggers before this have been dealt with.
    at: usize,
    /// Digits before this belong to a number that has been dealt with.
    digits_from: usize,
    /// Digits before this belong to a word that has been dealt with.
    words_from: usize,
    /// The text as a whole has been asked about.
    whole: bool,
    /// The next trigger byte and the next literal, once looked for.
    byte: Option<Option<(usize, Trigger)>>,
    literal: Option<Option<(usize, Trigger)>>,
    work: u64,
    context: Context,
    /// This scan is of something that was decoded: nothing in it is decoded again.
    nested: bool,
}

impl Engine {
    pub(crate) fn clear(&mut self) {
        let mut context = std::mem::take(&mut self.context);
        context.clear();
        context.table.clear();
        *self = Self { context, ..Self::default() };
    }

    /// For a text that was decoded.
    pub(crate) fn nested() -> Self {
        Self { nested: true, ..Self::default() }
    }

    /// Where the scan stands.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// What was looked at so far, bytes.
    pub(crate) fn work(&self) -> u64 {
        self.work
    }

    /// Goes on over `text`, whose first byte is at `base` and which holds at least [`BACK`] bytes
    /// before where the scan stands. Candidates that are final are in `sink.done` afterwards. Returns
    /// the offset before which no further candidate starts.
    pub(crate) fn advance(
        &mut self,
        plan: &Plan,
        key: &Key,
        (text, base): (&[u8], usize),
        end: bool,
        sink: &mut Sink,
    ) -> usize {
        let cx = Cx::new(text, end, key, std::mem::take(&mut self.context));
        // Offsets within the window from here on.
        let certain = if end { text.len() } else { plan.literals.certain_before(text) };
        self.byte = None;
        self.literal = None;
        let mut at = self.at - base;
        let mut pending = false;
        sink.rebase(base);
        if !self.whole {
            pending = !ask_of_whole(plan, &cx, key, sink);
            self.whole = !pending;
        }
        while !pending {
            let Some((next, trigger)) = self.next(plan, text, at) else {
                at = certain.max(at);
                break;
            };
            if next >= certain {
                at = certain.max(at);
                break;
            }
            cx.turn_to(next);
            sink.pass(next + base);
            let skip = self.ask(plan, &cx, next, trigger, base, sink);
            if cx.undecided() {
                sink.discard();
                pending = true;
                at = next;
                break;
            }
            if let Some((digits, words)) = skip {
                self.digits_from = digits + base;
                self.words_from = words + base;
            }
            if sink.any_fresh() {
                sink.accept(hold::floor(&cx, next) + base);
            }
            at = next + 1;
            match trigger {
                Trigger::Literal(_) => self.literal = None,
                _ => self.byte = None,
            }
        }
        self.work += cx.work() + (at + base - self.at) as u64;
        self.at = at + base;
        sink.pass(self.at);
        cx.turn_to(at);
        let open = if pending { hold::floor(&cx, at) } else { hold::release(&cx, at) } + base;
        self.context = cx.into_context();
        sink.open().map_or(open, |start| start.min(open))
    }

    /// The next trigger at `at` or behind. No literal starts with a trigger byte.
    fn next(&mut self, plan: &Plan, text: &[u8], at: usize) -> Option<(usize, Trigger)> {
        if self.byte.is_none_or(|found| found.is_some_and(|(place, _)| place < at)) {
            self.byte = Some(trigger::next_byte(text, at));
        }
        if self.literal.is_none_or(|found| found.is_some_and(|(place, _)| place < at)) {
            self.literal = Some(plan.literals.next(text, at));
        }
        match (self.byte.flatten(), self.literal.flatten()) {
            (Some(byte), Some(literal)) if literal.0 < byte.0 => Some(literal),
            (None, literal) => literal,
            (byte, _) => byte,
        }
    }

    /// Asks every matcher of a trigger; at a digit, returns from where on digits are of another
    /// number, and of another word.
    fn ask(
        &self,
        plan: &Plan,
        cx: &Cx<'_>,
        at: usize,
        trigger: Trigger,
        base: usize,
        sink: &mut Sink,
    ) -> Option<(usize, usize)> {
        let matchers = match trigger {
            Trigger::Digit if at + base < self.digits_from => return None,
            Trigger::Digit => {
                let words = self.words_from.saturating_sub(base);
                let words = if at >= words { self.word(plan, cx, at, sink) } else { words };
                return Some((number(plan, cx, at, sink), words));
            }
            Trigger::At => &plan.ats,
            Trigger::Colon => &plan.colons,
            Trigger::Literal(index) => {
                (plan.behind_literals[index])(cx, at, sink);
                return None;
            }
        };
        for matcher in matchers {
            matcher(cx, at, sink);
        }
        None
    }

    /// Asks about the word around a digit, such as a key; returns where it ends.
    fn word(&self, plan: &Plan, cx: &Cx<'_>, at: usize, sink: &mut Sink) -> usize {
        let is = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let span = (cx.run_back(at, BACK, is), cx.run(at, BACK, is));
        for matcher in &plan.words {
            matcher(cx, span, sink);
        }
        if !self.nested {
            encoded::offer(plan, cx, span, sink);
        }
        span.1
    }
}

/// Asks about all of a text that a key names; `false` if more of it is needed.
fn ask_of_whole(plan: &Plan, cx: &Cx<'_>, key: &Key, sink: &mut Sink) -> bool {
    if key.is_empty() {
        return true;
    }
    cx.turn_to(0);
    for matcher in &plan.named {
        matcher(cx, 0, sink);
    }
    if cx.undecided() {
        sink.discard();
        return false;
    }
    sink.accept(0);
    true
}

/// Asks about the number at a digit; returns where it ends.
fn number(plan: &Plan, cx: &Cx<'_>, at: usize, sink: &mut Sink) -> usize {
    let Some(run) = Run::around(cx, at) else {
        return cx.run(at, BACK, |byte| byte.is_ascii_alphanumeric());
    };
    plan.forms.offer(cx, &run, sink);
    labelled::offer(cx, &run, sink);
    let groups = run.groups();
    for (index, group) in groups.iter().enumerate().skip(run.first) {
        let apart = !group.joined.is_some_and(|it| it.is_tight());
        if group.digits && (index == run.first || apart) {
            for matcher in &plan.numbers {
                matcher(cx, &run, index, sink);
            }
        }
    }
    if run.cut { groups[groups.len() - 1].start + 1 } else { run.end() }
}
