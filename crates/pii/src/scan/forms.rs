//! Numbers by their form: which digits and letters, how grouped.

use super::{
    Cx, Run, Sink,
    run::{Group, LONGEST, MOST_GROUPS, Separator},
};
use crate::{Entity, recognizer::Recognizer};

/// A form of a number, and the log odds that something of this form is one, before any context.
///
/// In the mask, `9` is a digit, `A` a letter, `*` either; space, `-`, `.`, `/` and `(` stand for
/// themselves, and `~` for any one of the first four, the same throughout. What `(` opens is closed
/// behind the number.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    mask: &'static str,
    prior: f32,
}

impl Form {
    pub(crate) const fn new(mask: &'static str, prior: f32) -> Self {
        Self { mask, prior }
    }

    /// How many letters and digits a number of this form has.
    pub(crate) fn length(&self) -> usize {
        self.mask.bytes().filter(|byte| !b" -./(~".contains(byte)).count()
    }
}

/// All forms of the types that are looked for, by length.
pub(crate) struct Forms {
    by_length: [Vec<Compiled>; LONGEST + 1],
}

struct Compiled {
    entity: Entity,
    recognizer: &'static Recognizer,
    length: usize,
    /// Where a digit and where a letter has to be, a bit for each place, and where what byte.
    digits: u64,
    letters: u64,
    bytes: Vec<(usize, u8)>,
    /// The length of each group and the separator before it, 0 for the first.
    groups: Vec<(u8, u8)>,
    prior: f32,
}

/// The groups of a run that are looked at as one number.
struct Number<'r> {
    groups: &'r [Group],
    text: [u8; LONGEST],
    length: usize,
    /// The places of digits and of letters, a bit for each.
    digits: u64,
    letters: u64,
}

const _: () = assert!(LONGEST <= u64::BITS as usize);

impl Forms {
    pub(crate) fn new(entities: impl Iterator<Item = Entity>) -> Self {
        let mut forms = Self { by_length: std::array::from_fn(|_| Vec::new()) };
        for entity in entities {
            let Some(recognizer) = entity.recognizer() else { continue };
            for form in recognizer.forms {
                let compiled = Compiled::new(entity, recognizer, form);
                forms.by_length[compiled.length].push(compiled);
            }
        }
        forms
    }

    /// Tries all windows of a run.
    pub(crate) fn offer(&self, cx: &Cx<'_>, run: &Run, sink: &mut Sink) {
        let groups = run.groups();
        let mut length = 0;
        if groups.iter().map(Group::len).sum::<usize>() < 5 {
            return;
        }
        for first in 0..groups.len() {
            if !may_start(cx, groups, first) {
                continue;
            }
            let mut number = Number::default();
            for last in first..groups.len().min(first + MOST_GROUPS) {
                let group = &groups[last];
                if number.length + group.len() > LONGEST {
                    break;
                }
                cx.slice(group.start, group.end).iter().for_each(|byte| number.push(*byte));
                length = length.max(number.length);
                if last < run.first || number.length < 5 || !is_whole(cx, groups, (first, last)) {
                    continue;
                }
                number.groups = &groups[first..=last];
                self.try_all(cx, &number, 0.0, sink);
                if let Some(number) = number.with_digits_for_letters() {
                    self.try_all(cx, &number, -1.0, sink);
                }
            }
        }
        cx.tally(length);
    }

    fn try_all(&self, cx: &Cx<'_>, number: &Number<'_>, doubt: f32, sink: &mut Sink) {
        let text = &number.text[..number.length];
        for form in &self.by_length[number.length] {
            if !form.has_classes(number) {
                continue;
            }
            let Some(fit) = form.fit(cx, number) else { continue };
            let Some(check) = (form.recognizer.check)(text) else { continue };
            let (first, last) = (number.groups[0], number.groups[number.groups.len() - 1]);
            let closes = last.joined == Some(Separator::One(b'('));
            let span = (first.start, last.end + usize::from(closes));
            let edges = edges(cx, span, number.length);
            let log_odds = form.prior + doubt + fit + check + edges;
            let checked = form.recognizer.proof > 0.0;
            cx.offer(sink, span, form.entity, log_odds + form.recognizer.proof, checked);
        }
    }
}

impl Default for Number<'_> {
    fn default() -> Self {
        Self { groups: &[], text: [0; LONGEST], length: 0, digits: 0, letters: 0 }
    }
}

impl Number<'_> {
    fn push(&mut self, byte: u8) {
        let byte = byte.to_ascii_uppercase();
        self.text[self.length] = byte;
        self.digits |= u64::from(byte.is_ascii_digit()) << self.length;
        self.letters |= u64::from(byte.is_ascii_uppercase()) << self.length;
        self.length += 1;
    }

    /// The same with digits for a few letters that look like them: `5O5`, `l23`.
    fn with_digits_for_letters(&self) -> Option<Self> {
        let letters = self.length - self.digits.count_ones() as usize;
        if !(1..=3).contains(&letters) || letters * 2 > self.length {
            return None;
        }
        let mut number = Self { groups: self.groups, ..Self::default() };
        for byte in &self.text[..self.length] {
            number.push(match *byte {
                b'0'..=b'9' => *byte,
                b'O' => b'0',
                b'I' | b'L' => b'1',
                _ => return None,
            });
        }
        Some(number)
    }
}

impl Compiled {
    fn new(entity: Entity, recognizer: &'static Recognizer, form: &Form) -> Self {
        let prior = form.prior;
        let (length, digits, letters, bytes) = (0, 0, 0, Vec::new());
        let groups = vec![(0, 0)];
        let mut compiled =
            Self { entity, recognizer, length, digits, letters, bytes, groups, prior };
        for byte in form.mask.bytes() {
            match byte {
                b' ' | b'-' | b'.' | b'/' | b'(' | b'~' => {
                    compiled.groups.push((0, byte));
                    continue;
                }
                b'9' => compiled.digits |= 1 << compiled.length,
                b'A' => compiled.letters |= 1 << compiled.length,
                b'*' => {}
                _ => compiled.bytes.push((compiled.length, byte)),
            }
            compiled.length += 1;
            if let Some((length, _)) = compiled.groups.last_mut() {
                *length += 1;
            }
        }
        compiled
    }

    /// Whether a number of the right length has digits and letters where they belong.
    fn has_classes(&self, number: &Number<'_>) -> bool {
        self.digits & !number.digits == 0
            && self.letters & !number.letters == 0
            && self.bytes.iter().all(|(at, byte)| number.text[*at] == *byte)
    }

    /// What the grouping adds; `None` if it is not this form's.
    fn fit(&self, cx: &Cx<'_>, number: &Number<'_>) -> Option<f32> {
        let groups = number.groups;
        let bare = self.groups.len() == 1;
        if groups.len() == 1 {
            return bare.then(|| case(cx, &groups[0]));
        }
        // Digit by digit: somebody hides it, or a form has a box for each.
        if bare && groups.len() == number.length {
            return Some(1.0);
        }
        let same = groups.len() == self.groups.len()
            && groups.iter().zip(&self.groups).all(|(group, form)| group.len() == form.0.into());
        if !same {
            // An unusual grouping of what else would fit.
            return bare.then_some(-1.5);
        }
        let mut any = None;
        let mut fit = 0.0_f32;
        for (group, (_, wanted)) in groups.iter().zip(&self.groups).skip(1) {
            let Some(separator) = group.joined else { continue };
            let fits = match (wanted, separator) {
                (b'~', found) => *any.get_or_insert(found) == found,
                (wanted, Separator::One(found)) => *wanted == found,
                (_, Separator::Odd) => false,
            };
            if !fits {
                let point = separator == Separator::One(b'.') || any == Some(Separator::One(b'.'));
                fit = fit.min(if *wanted == b'~' && !point { -1.0 } else { -3.0 });
            }
        }
        Some(fit)
    }
}

/// Ids are written in capitals; a word in small letters with digits is more often something else.
fn case(cx: &Cx<'_>, group: &Group) -> f32 {
    let text = cx.slice(group.start, group.end);
    let lower = group.letters && text.iter().any(u8::is_ascii_lowercase);
    if lower { -1.5 } else { 0.0 }
}

/// Whether a number may start with this group: not in the middle of a word, unless behind letters.
fn may_start(cx: &Cx<'_>, groups: &[Group], index: usize) -> bool {
    let group = &groups[index];
    match group.joined {
        Some(SLASH) => true,
        Some(separator) if separator.is_tight() => !groups[index - 1].digits,
        Some(_) => true,
        None => match cx.before(group.start) {
            b'_' => false,
            // `1.234`, `a-12`: the part before was too long or too odd to be in the run.
            b'.' | b'-' | b'/' => !cx.before(group.start - 1).is_ascii_digit(),
            byte => byte < 0x80 || !is_letter_before(cx, group.start),
        },
    }
}

const SLASH: Separator = Separator::One(b'/');

/// Whether the groups from `first` to `last`, of which the first may start a number, are no part of
/// a longer one.
fn is_whole(cx: &Cx<'_>, groups: &[Group], (first, last): (usize, usize)) -> bool {
    let number = &groups[first..=last];
    let starts = match number[0].joined {
        Some(SLASH) if groups[first - 1].digits => {
            first.checked_sub(number.len()).is_some_and(|at| alike(&groups[at..first], number))
        }
        Some(_) => true,
        None => {
            let start = number[0].start;
            cx.before(start) != b','
                || !cx.before(start - 1).is_ascii_digit()
                || !is_amount(number) && !is_zero(cx, start - 1)
        }
    };
    starts && ends_here(cx, groups, (first, last))
}

fn ends_here(cx: &Cx<'_>, groups: &[Group], (first, last): (usize, usize)) -> bool {
    let number = &groups[first..=last];
    if let Some(next) = groups.get(last + 1) {
        let other = || {
            let more = groups.get(last + 1..=last + number.len());
            next.joined == Some(SLASH) && more.is_some_and(|more| alike(number, more))
        };
        return !next.joined.is_some_and(Separator::is_tight) || !next.digits || other();
    }
    let end = groups[last].end;
    match cx.at(end) {
        b'_' | b'@' => false,
        b'.' | b'-' | b'/' => !cx.at(end + 1).is_ascii_digit(),
        b',' => !cx.at(end + 1).is_ascii_digit() || !is_amount(number),
        byte => byte < 0x80 || !crate::context::words::decode(cx.ahead(end, 4)).0.is_alphabetic(),
    }
}

/// Whether two rows of groups are written the same way, so that a slash between them separates two
/// numbers, as in `AAA-BB-CCCC/AAA-BB-CCCC`.
fn alike(one: &[Group], other: &[Group]) -> bool {
    let digits: usize = one.iter().map(Group::len).sum();
    let same = |(a, b): (&Group, &Group)| a.len() == b.len() && a.digits == b.digits;
    let joined = |(a, b): (&Group, &Group)| a.joined == b.joined && a.joined != Some(SLASH);
    digits > 8 && one.iter().zip(other).all(same) && one.iter().zip(other).skip(1).all(joined)
}

/// Digits beside a comma that may be thousands or decimals: few, or grouped by three, or with one
/// decimal point. Longer numbers, and those with letters or separators of their own, stand beside a
/// comma as the cell of a row does.
fn is_amount(groups: &[Group]) -> bool {
    if groups.iter().any(|group| group.letters) {
        return false;
    }
    let (first, rest) = (groups[0].len(), &groups[1..]);
    let point = |group: &Group| group.joined == Some(Separator::One(b'.'));
    let space = |group: &Group| group.joined == Some(Separator::One(b' '));
    let thousands = first < 4 && rest.iter().all(|it| it.len() == 3 && (point(it) || space(it)));
    match rest {
        [] => first < 9,
        [decimals] if point(decimals) => true,
        _ => thousands,
    }
}

/// Whether what ends before the comma at `at` is a zero alone: decimals follow, as in `0,123`.
fn is_zero(cx: &Cx<'_>, at: usize) -> bool {
    cx.before(at) == b'0' && !cx.before(at - 1).is_ascii_alphanumeric()
}

fn is_letter_before(cx: &Cx<'_>, at: usize) -> bool {
    let behind = cx.behind(at, 4);
    let start = behind.iter().rposition(|byte| *byte & 0xc0 != 0x80).unwrap_or(0);
    crate::context::words::decode(&behind[start..]).0.is_alphabetic()
}

/// What the characters directly around a number say: money, a percentage, a time.
fn edges(cx: &Cx<'_>, (start, end): (usize, usize), length: usize) -> f32 {
    // No part of a time has so many digits.
    let time = length < 9;
    let before = match cx.before(start) {
        b'$' => -5.0,
        b'#' => -0.5,
        0x80.. if cx.ends(start, "€") || cx.ends(start, "£") => -5.0,
        b':' if time && cx.before(start - 1).is_ascii_digit() => -4.0,
        _ => 0.0,
    };
    let after = match cx.at(end) {
        b'%' => -5.0,
        b':' if time && cx.at(end + 1).is_ascii_digit() => -4.0,
        _ => 0.0,
    };
    before + after
}
