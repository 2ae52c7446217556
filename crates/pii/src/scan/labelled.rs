//! Values that only their label makes what they are: record numbers, accounts, passports.

use super::{
    Cx, Run, Sink,
    candidate::Candidate,
    run::{Group, Separator},
};
use crate::context::{lexicon::lexicon, words};

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
    /// Groups may be joined by spaces.
    pub(crate) spaced: bool,
    /// Log odds without the label: far below zero.
    pub(crate) prior: f32,
}

impl Value {
    pub(crate) const PLAIN: Self =
        Self { least: 5, most: 20, digits: 3, letters: 12, spaced: false, prior: -4.4 };

    fn fits(&self, letters: usize, digits: usize) -> bool {
        (self.least..=self.most).contains(&(letters + digits))
            && digits >= self.digits
            && letters <= self.letters
    }
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
    if matches!(cx.before(start), b'$' | b'_')
        || is_date(cx, &groups[first..])
        || is_year(cx, &groups[first..])
    {
        return;
    }
    for place in [start, own.start] {
        for entity in cx.labelled(place) {
            let Some(value) = entity.recognizer().and_then(|it| it.value) else { continue };
            // Capitals a space before may be of the value, too, unless they are its label.
            let mut first = tight_first;
            while value.spaced
                && first > 0
                && groups[first].joined.is_some()
                && !is_label(cx, &groups[first - 1])
            {
                first -= 1;
            }
            let start = groups[first].start;
            let Some(end) = end_of(cx, &groups[first..], run.first - first, &value) else {
                continue;
            };
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

/// Whether a group of letters names what comes.
fn is_label(cx: &Cx<'_>, group: &Group) -> bool {
    let word = words::words(cx.slice(group.start, group.end), 0).next();
    word.and_then(|word| lexicon().look_up(words::join(words::NOTHING, word.hash)))
        .is_some_and(|entries| !entries.is_empty())
}

/// Four digits alone that are more often a year.
fn is_year(cx: &Cx<'_>, groups: &[Group]) -> bool {
    let alone = groups.get(1).is_none_or(|next| !next.joined.is_some_and(Separator::is_tight));
    alone
        && matches!(
            cx.slice(groups[0].start, groups[0].end),
            [b'1', b'9', _, _] | [b'2', b'0', _, _]
        )
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
    let (mut letters, mut digits, mut end) = (0, 0, None);
    for (index, group) in groups.iter().enumerate() {
        let spaced = group.joined == Some(Separator::One(b' '));
        if index > 0 && spaced && !value.spaced {
            break;
        }
        // A word in capitals behind a space is the next word, not more of the value.
        if spaced && !group.digits && group.len() > 3 && index > own {
            break;
        }
        for byte in cx.slice(group.start, group.end) {
            letters += usize::from(byte.is_ascii_alphabetic());
            digits += usize::from(byte.is_ascii_digit());
        }
        let tight_on =
            groups.get(index + 1).is_some_and(|it| it.joined.is_some_and(Separator::is_tight));
        if !tight_on && value.fits(letters, digits) {
            end = Some(group.end);
        }
    }
    end.filter(|end| !matches!(cx.at(*end), b'@' | b'%' | b'_'))
}
