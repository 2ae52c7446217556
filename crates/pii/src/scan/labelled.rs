//! Values that only their label makes what they are: record numbers, accounts, passports.

use super::{
    Cx, Run, Sink,
    candidate::Candidate,
    run::{Group, LONGEST, Separator},
};
use crate::context::{
    lexicon::{Role, lexicon},
    words,
};

/// The shape of such values.
#[derive(Clone, Copy)]
pub(crate) struct Value {
    /// Letters and digits, at least and at most.
    pub(crate) least: usize,
    pub(crate) most: usize,
    /// Digits, at least.
    pub(crate) digits: usize,
    /// Letters, at most.
    pub(crate) letters: usize,
    /// Which groups may be joined by spaces.
    pub(crate) spaced: Spaced,
    /// The shapes a value has one of; none if they are not known.
    pub(crate) shapes: &'static [Shape],
    /// Log odds without the label: far below zero.
    pub(crate) prior: f32,
}

/// Which groups of a value may be joined by spaces.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Spaced {
    No,
    /// Groups of digits that look like one number: `123 456 789`, `45 71 984843`.
    Grouped,
    Any,
}

/// Rows of letters (`A`), digits (`9`) or either (`*`), each at least and at most so long.
pub(crate) type Shape = &'static [(u8, usize, usize)];

impl Value {
    pub(crate) const PLAIN: Self = Self {
        least: 5,
        most: 20,
        digits: 3,
        letters: 12,
        spaced: Spaced::No,
        shapes: &[],
        prior: -4.4,
    };

    fn fits(&self, letters: usize, digits: usize) -> bool {
        (self.least..=self.most).contains(&(letters + digits))
            && digits >= self.digits
            && letters <= self.letters
    }

    fn is_shaped(&self, text: &[u8]) -> bool {
        self.shapes.is_empty() || self.shapes.iter().any(|shape| has_shape(text, shape))
    }
}

/// Whether all of a text is rows of these.
fn has_shape(text: &[u8], shape: &[(u8, usize, usize)]) -> bool {
    let Some(((class, least, most), rest)) = shape.split_first() else { return text.is_empty() };
    let is = |byte: &u8| match class {
        b'9' => byte.is_ascii_digit(),
        b'A' => byte.is_ascii_alphabetic(),
        _ => true,
    };
    let reach = text.iter().take(*most).take_while(|byte| is(byte)).count();
    (*least..=reach).any(|length| has_shape(&text[length..], rest))
}

/// Offers what is at a run to the types whose labels are near.
pub(crate) fn offer(cx: &Cx<'_>, run: &Run, sink: &mut Sink) {
    let groups = run.groups();
    // No value is so short.
    if groups.iter().map(Group::len).sum::<usize>() < 3 {
        return;
    }
    let own = groups[run.first];
    // Letters directly before belong to the value (`MRN-123`) and may be its label, too.
    let mut first = run.first;
    while first > 0 && groups[first].joined.is_some_and(Separator::is_tight) {
        first -= 1;
    }
    let tight_first = first;
    let start = groups[first].start;
    if matches!(cx.before(start), b'$' | b'_') || is_date(cx, &groups[first..]) {
        return;
    }
    let year = is_year(cx, &groups[first..]);
    for place in [start, own.start] {
        for entity in cx.labelled(place) {
            let Some(value) = entity.recognizer().and_then(|it| it.value) else { continue };
            // Capitals a space before may be of the value, too, unless they are its label.
            let mut first = tight_first;
            while value.spaced != Spaced::No
                && first > 0
                && groups[first].joined.is_some()
                && !is_label(cx, &groups[first - 1])
                && (value.spaced == Spaced::Any || groups[first - 1].len() < 4)
            {
                first -= 1;
            }
            // `LU-XY 1999` is no year.
            if year && run.first < first + 2 {
                continue;
            }
            let mut end = end_of(cx, &groups[first..], run.first - first, &value);
            // What stands before may be the label: `DL-D1234567`.
            if end.is_none() && first < run.first && !value.shapes.is_empty() {
                first = run.first;
                end = end_of(cx, &groups[first..], 0, &value);
            }
            let (start, Some(end)) = (groups[first].start, end) else { continue };
            let here = cx.evidence((place, own.end), entity, value.prior);
            let there = cx.evidence((start, own.end), entity, value.prior);
            let evidence = if there.log_odds > here.log_odds { there } else { here };
            sink.push(Candidate {
                start,
                end,
                entity,
                log_odds: value.prior + evidence.log_odds,
                checked: false,
                phrase: evidence.phrase,
            });
        }
        if start == own.start {
            break;
        }
    }
}

/// Whether a group of letters names what comes. Of two letters, only some do: most begin a value,
/// as the sign of a town or a country.
fn is_label(cx: &Cx<'_>, group: &Group) -> bool {
    let text = cx.slice(group.start, group.end);
    if text.len() < 3 {
        return matches!(text, b"NO" | b"NR" | b"ID" | b"DL" | b"CC");
    }
    let word = words::words(text, 0).next();
    word.and_then(|word| lexicon().look_up(words::join(words::NOTHING, word.hash))).is_some_and(
        |entries| entries.iter().any(|entry| entry.role != Role::Cue || text.len() > 3),
    )
}

/// Four digits alone that are more often a year, or two years: `2024-2025`, `2024/25`.
fn is_year(cx: &Cx<'_>, groups: &[Group]) -> bool {
    let tight = |group: &Group| group.joined.is_some_and(Separator::is_tight);
    let year = |group: &Group| {
        let text = cx.slice(group.start, group.end);
        matches!(text, [b'1', b'9', _, _] | [b'2', b'0', _, _]) && !group.letters
    };
    let alone = match groups {
        [_, next, third, ..] if tight(next) && tight(third) => false,
        [_, next, ..] if tight(next) => year(next) || next.len() == 2 && !next.letters,
        _ => true,
    };
    alone && year(&groups[0])
}

/// `2024-05-06`, with a time perhaps: whatever its label says, it is no number.
fn is_date(cx: &Cx<'_>, groups: &[Group]) -> bool {
    let [year, month, day, ..] = groups else { return false };
    let joined = [month, day].iter().all(|it| it.joined.is_some_and(Separator::is_tight));
    let text = |group: &Group| cx.slice(group.start, group.end);
    joined
        && year.len() == 4
        && month.len() == 2
        && day.len() >= 2
        && matches!(text(year), [b'1', b'9', ..] | [b'2', b'0', ..])
        && matches!(text(month), [b'0', b'1'..=b'9'] | [b'1', b'0'..=b'2'])
        && matches!(text(day), [b'0'..=b'3', b'0'..=b'9'] | [b'0'..=b'3', b'0'..=b'9', b'T', ..])
}

/// Where the longest value ends that these groups begin with.
fn end_of(cx: &Cx<'_>, groups: &[Group], own: usize, value: &Value) -> Option<usize> {
    let (mut letters, mut end) = (0, None);
    let (mut text, mut length) = ([0; LONGEST], 0);
    let spaced = |group: &Group| group.joined == Some(Separator::One(b' '));
    let grouped = if value.spaced == Spaced::Grouped { grouped(&groups[own..]) } else { 0 };
    for (index, group) in groups.iter().enumerate() {
        if index > own && spaced(group) {
            let goes_on = match value.spaced {
                Spaced::No => false,
                Spaced::Grouped => index < own + grouped,
                // A word in capitals behind a space is the next word, not more of the value.
                Spaced::Any => group.digits || group.len() < 4 && !is_label(cx, group),
            };
            if !goes_on {
                break;
            }
        }
        if length + group.len() > value.most.min(LONGEST) {
            // Digits that go on are taken as a whole or not at all.
            let number = groups[own..=index].iter().all(|group| !group.letters);
            return end.filter(|_| !number);
        }
        for byte in cx.slice(group.start, group.end) {
            letters += usize::from(byte.is_ascii_alphabetic());
            text[length] = *byte;
            length += 1;
        }
        let tight_on =
            groups.get(index + 1).is_some_and(|it| it.joined.is_some_and(Separator::is_tight));
        let digits = text[..length].iter().filter(|byte| byte.is_ascii_digit()).count();
        if !tight_on && value.fits(letters, digits) && value.is_shaped(&text[..length]) {
            end = Some(group.end);
        }
    }
    end.filter(|end| !matches!(cx.at(*end), b'@' | b'%' | b'_'))
}

/// How many groups of digits look like one number that was written with spaces: of the same length,
/// but for a shorter first, or short ones before a longer last.
fn grouped(groups: &[Group]) -> usize {
    let joined = |group: &&Group| {
        group.joined == Some(Separator::One(b' ')) && group.digits && !group.letters
    };
    let more = groups.iter().skip(1).take_while(joined).count();
    let groups = &groups[..=more];
    let last = groups[more].len();
    let short = groups[..more].iter().all(|group| (2..=4).contains(&group.len()));
    let fits = match groups {
        [first, _] => first.len() == last && last > 2 || last > 4,
        _ => last > 1,
    };
    if short && fits && !groups[0].letters { more + 1 } else { 1 }
}
