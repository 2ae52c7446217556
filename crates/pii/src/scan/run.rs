//! The number at a digit: the groups of letters and digits around it, and how they are joined.

use super::Cx;

/// More groups than any number has.
pub(crate) const MOST_GROUPS: usize = 16;

/// The longest number, letters and digits.
pub(crate) const LONGEST: usize = 40;

/// How far a run reaches, bytes.
const REACH: usize = 96;

/// What stands between two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Separator {
    /// One of space, `-`, `.`, `/`.
    One(u8),
    /// `_`, or a mark between spaces: what people write to hide a number.
    Odd,
}

impl Separator {
    /// Whether what it joins belongs together: a border there cuts through a word.
    pub(crate) fn is_tight(self) -> bool {
        self != Self::One(b' ')
    }
}

/// Letters and digits in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) digits: bool,
    pub(crate) letters: bool,
    /// What joins it to the group before.
    pub(crate) joined: Option<Separator>,
}

impl Group {
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }
}

/// The groups around a digit.
pub(crate) struct Run {
    groups: [Group; MOST_GROUPS],
    count: usize,
    /// The group that holds the digit; those before it are letters.
    pub(crate) first: usize,
    /// It was cut short: the rest is a run of its own.
    pub(crate) cut: bool,
}

impl Run {
    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups[..self.count]
    }

    pub(crate) fn end(&self) -> usize {
        self.groups[self.count - 1].end
    }

    /// The run around the digit at `at`. `None` if the word it is in is too long to be a number.
    pub(crate) fn around(cx: &Cx<'_>, at: usize) -> Option<Self> {
        let start = cx.run_back(at, LONGEST, |byte| byte.is_ascii_alphanumeric());
        let end = cx.run(at, LONGEST, |byte| byte.is_ascii_alphanumeric());
        if at - start >= LONGEST || end - at >= LONGEST {
            return None;
        }
        // A number of a program.
        if cx.at(start) == b'0' && matches!(cx.at(start + 1), b'x' | b'X') && end > start + 2 {
            return None;
        }
        let own = group(cx, start, end, None);
        let blank = Group { start, end, digits: false, letters: false, joined: None };
        let mut run = Self { groups: [blank; MOST_GROUPS], count: 0, first: 0, cut: false };
        run.before(cx, start);
        run.first = run.count;
        let joined = (run.count > 0).then(|| separator_before(cx, start)).flatten();
        run.push(Group { joined, ..own });
        run.after(cx, start + REACH);
        Some(run)
    }

    fn push(&mut self, group: Group) {
        self.groups[self.count] = group;
        self.count += 1;
    }

    /// Up to two groups of letters before: a country code, initials, a label.
    fn before(&mut self, cx: &Cx<'_>, start: usize) {
        let mut found = [None; 2];
        let mut at = start;
        for slot in &mut found {
            let Some(separator @ Separator::One(_)) = separator_before(cx, at) else { break };
            let end = at - 1;
            let from = cx.run_back(end, 7, is_capital_or_ascii);
            let word = cx.slice(from, end);
            if word.is_empty()
                || std::str::from_utf8(word).is_err()
                || word.len() > 6
                || cx.before(from).is_ascii_digit()
                || !separator.is_tight() && word.iter().any(u8::is_ascii_lowercase)
            {
                break;
            }
            *slot = Some((from, end));
            at = from;
        }
        for (from, end) in found.into_iter().rev().flatten() {
            let joined = (self.count > 0).then(|| separator_before(cx, from)).flatten();
            self.push(group(cx, from, end, joined));
        }
    }

    /// The groups behind, as long as they look like one number.
    fn after(&mut self, cx: &Cx<'_>, reach: usize) {
        loop {
            let end = self.end();
            let Some((separator, start)) = separator_after(cx, end) else { return };
            let stop = cx.run(start, LONGEST, |byte| byte.is_ascii_alphanumeric());
            let next = group(cx, start, stop, Some(separator));
            if !next.digits {
                let word = cx.slice(start, stop);
                let fits = next.len() <= 6
                    && (separator.is_tight() || word.iter().all(u8::is_ascii_uppercase));
                if !fits {
                    return;
                }
            }
            if self.count == MOST_GROUPS || start > reach || next.len() >= LONGEST {
                self.cut = true;
                return;
            }
            self.push(next);
        }
    }
}

fn group(cx: &Cx<'_>, start: usize, end: usize, joined: Option<Separator>) -> Group {
    let text = cx.slice(start, end);
    Group {
        start,
        end,
        digits: text.iter().any(u8::is_ascii_digit),
        letters: text.iter().any(u8::is_ascii_alphabetic),
        joined,
    }
}

/// Letters, and the bytes of the capitals of German plates.
fn is_capital_or_ascii(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, 0xc3 | 0x84 | 0x96 | 0x9c)
}

/// `Ä`, `Ö`, `Ü`: the other letters of plates.
fn is_umlaut(text: &[u8]) -> bool {
    matches!(text, [0xc3, 0x84 | 0x96 | 0x9c])
}

fn separator_before(cx: &Cx<'_>, start: usize) -> Option<Separator> {
    let byte = cx.before(start);
    let joins = matches!(byte, b' ' | b'-' | b'.' | b'/')
        && start > 1
        && (cx.before(start - 1).is_ascii_alphanumeric() || is_umlaut(cx.behind(start - 1, 2)));
    joins.then_some(Separator::One(byte))
}

/// The separator at `end` and where the next group starts.
fn separator_after(cx: &Cx<'_>, end: usize) -> Option<(Separator, usize)> {
    let (first, second) = (cx.at(end), if cx.at(end) == 0 { 0 } else { cx.at(end + 1) });
    match first {
        b' ' | b'-' | b'.' | b'/' if second.is_ascii_alphanumeric() => {
            Some((Separator::One(first), end + 1))
        }
        // A check character in brackets, as in Hong Kong.
        b'(' if second.is_ascii_alphanumeric() && cx.at(end + 2) == b')' => {
            Some((Separator::One(b'('), end + 1))
        }
        b'_' if second.is_ascii_digit() => Some((Separator::Odd, end + 1)),
        b' ' if matches!(second, b'-' | b'.' | b'/' | b'_' | b'|')
            && cx.at(end + 2) == b' '
            && cx.at(end + 3).is_ascii_digit() =>
        {
            Some((Separator::Odd, end + 3))
        }
        _ => None,
    }
}
