//! Reading a telephone number: its digits, how they are grouped, and what that is worth.

use super::plan;
use crate::scan::Cx;

/// More digits than E.164 allows, with a trunk prefix and an international one.
const DIGITS: usize = 18;
const GROUPS: usize = 16;

pub(super) struct Reading {
    pub(super) start: usize,
    plus: bool,
    digits: [u8; DIGITS],
    /// Of each group: where it ends, how many digits there are up to there, and the separator before.
    groups: [(usize, u8, u8); GROUPS],
    count: usize,
    /// The group that is in brackets.
    brackets: Option<usize>,
    /// Letters that were read as digits.
    alike: usize,
    /// A space stands between the plus and the first digit.
    apart: bool,
    /// A digit and a comma stand before: this may be the rest of an amount.
    comma: bool,
}

impl Reading {
    /// The number whose first digit is at `at`; `behind` another one, with a slash between the two.
    pub(super) fn at(cx: &Cx<'_>, at: usize, behind: bool) -> Option<Self> {
        let (start, plus, open) = if behind { (at, false, false) } else { head(cx, at)? };
        let comma = cx.before(start) == b',' && cx.before(start - 1).is_ascii_digit();
        if comma && cx.before(start - 1) == b'0' && !cx.before(start - 2).is_ascii_alphanumeric() {
            return None;
        }
        let mut reading = Self {
            start,
            plus,
            digits: [0; DIGITS],
            groups: [(0, 0, 0); GROUPS],
            count: 0,
            brackets: open.then_some(0),
            alike: 0,
            apart: plus && cx.before(at) == b' ',
            comma,
        };
        let mut place = at;
        let mut separator = 0;
        let mut length = 0;
        let mut closing = open;
        loop {
            let stop = cx.run(place, DIGITS, |byte| digit(byte).is_some());
            let group = cx.slice(place, stop);
            let alike = group.iter().filter(|byte| !byte.is_ascii_digit()).count();
            if length + group.len() > DIGITS || reading.count == GROUPS || alike == group.len() {
                break;
            }
            for byte in group {
                reading.digits[length] = digit(*byte).unwrap_or(*byte);
                length += 1;
            }
            reading.alike += alike;
            let mut end = stop;
            if closing && cx.at(stop) == b')' {
                end += 1;
                closing = false;
            }
            reading.groups[reading.count] = (end, length as u8, separator);
            reading.count += 1;
            let Some((next, found, bracket)) = separator_at(cx, end) else { break };
            if bracket {
                if reading.brackets.is_some() {
                    break;
                }
                reading.brackets = Some(reading.count);
                closing = true;
            }
            (place, separator) = (next, found);
        }
        if reading.count == 0 {
            return None;
        }
        // A letter, or more of a dotted or decimal number, behind the last group.
        let (end, ..) = reading.groups[reading.count - 1];
        let next = cx.at(end);
        let glued = next.is_ascii_alphabetic() && !cx.goes_on(end, "x") && !cx.goes_on(end, "ext")
            || matches!(next, b'_' | b'%' | b'@')
            || next == b':' && cx.at(end + 1).is_ascii_digit();
        let readable = reading.alike < 4 && (!glued || reading.count > 1);
        readable.then_some(reading)
    }

    /// Where this is most likely to end as a whole number, with the log odds of that.
    pub(super) fn end(&self) -> Option<(usize, f32)> {
        let best = (1..=self.count).filter_map(|count| Some((count, self.weigh(count)?)));
        // The longest of the best: a shorter one is a part of it.
        let (count, log_odds) = best.max_by(|a, b| {
            (a.1, a.0).partial_cmp(&(b.1, b.0)).unwrap_or(std::cmp::Ordering::Equal)
        })?;
        let doubt = if self.alike > 0 { 1.0 } else { 0.0 };
        Some((self.groups[count - 1].0, log_odds - doubt))
    }

    /// What the first `count` groups are worth as a number; `None` if nothing.
    fn weigh(&self, count: usize) -> Option<f32> {
        let length = usize::from(self.groups[count - 1].1);
        let digits = &self.digits[..length];
        if self.brackets.is_some_and(|group| group + 1 == count && count > 1) {
            return None;
        }
        if self.plus {
            let (code, right) = plan::code(digits)?;
            let enough = (7..=15).contains(&length);
            // `a + 4915112345678` adds.
            let likely = if right && (count > 1 || !self.apart) { 4.0 } else { -0.5 };
            return (enough && length > code + 3).then_some(likely);
        }
        if let Some(rest) =
            digits.strip_prefix(b"00").filter(|rest| rest.len() > 7 && rest[0] != b'0')
        {
            let right = plan::code(rest).is_some_and(|(_, right)| right);
            let grouped = if count > 1 { 2.0 } else { -0.5 };
            let kinds = [b' ', b'-', b'.', b'/']
                .iter()
                .filter(|it| self.separators(count).any(|found| found == **it))
                .count();
            return right.then_some(if kinds > 2 { -3.0 } else { grouped });
        }
        if self.comma && self.is_amount(count) {
            return None;
        }
        let known = self.national(digits, count);
        let labelled = match length {
            7..=13 if !self.is_odd(count) => Some(-4.2),
            6 | 14 | 15 if !self.is_odd(count) => Some(-5.2),
            7..=15 => Some(-5.2),
            _ => None,
        };
        known.or(labelled)
    }

    fn lengths(&self, count: usize) -> ([u8; GROUPS], usize) {
        let mut lengths = [0; GROUPS];
        let mut before = 0;
        for (slot, group) in lengths.iter_mut().zip(&self.groups[..count]) {
            *slot = group.1 - before;
            before = group.1;
        }
        (lengths, count)
    }

    fn separators(&self, count: usize) -> impl Iterator<Item = u8> + '_ {
        self.groups[1..count].iter().map(|group| group.2)
    }

    /// Groups that no telephone number has, such as a long one behind short ones.
    fn is_odd(&self, count: usize) -> bool {
        let (lengths, count) = self.lengths(count);
        count > 7 && lengths[..count].iter().any(|length| *length > 1)
    }

    /// Thousands, decimals, or just a few digits.
    fn is_amount(&self, count: usize) -> bool {
        let (lengths, count) = self.lengths(count);
        let mut separators = self.separators(count);
        match count {
            1 => lengths[0] < 9,
            2 => separators.next() == Some(b'.'),
            _ => {
                lengths[0] < 4
                    && lengths[1..count].iter().all(|length| *length == 3)
                    && separators.all(|it| matches!(it, b' ' | b'.'))
            }
        }
    }

    /// National numbers of known form.
    fn national(&self, digits: &[u8], count: usize) -> Option<f32> {
        let (lengths, count) = self.lengths(count);
        let lengths = &lengths[..count];
        let same = {
            let mut all = self.separators(count);
            let first = all.next().unwrap_or(0);
            all.all(|separator| separator == first).then_some(first)
        };
        let brackets = self.brackets.is_some_and(|group| group < count);
        let by_one = count == digits.len() && count > 6;
        let north = |digits: &[u8], lengths: &[u8]| {
            let grouped = match (lengths, same) {
                ([3, 3, 4], _) if brackets => 3.2,
                ([3, 3, 4], Some(b'-')) => 2.2,
                ([3, 3, 4], Some(b'.')) => 1.8,
                ([3, 3, 4], Some(b' ')) => 0.6,
                ([3, 3, 4], None) => 1.0,
                ([3, 3, 4], _) => 0.8,
                ([3, 7], _) if brackets => 2.0,
                ([3, 7] | [6, 4], _) => -1.5,
                ([10], _) => -4.0,
                _ if by_one => 0.5,
                _ => return None,
            };
            plan::north_american(digits).then_some(grouped)
        };
        let known = match digits {
            [b'1', rest @ ..] if rest.len() == 10 && lengths[0] == 1 => {
                north(rest, &lengths[1..]).map(|log_odds| log_odds + 0.3)
            }
            [b'1', rest @ ..] if rest.len() == 10 && count == 1 => north(rest, &[10]),
            _ => north(digits, lengths),
        };
        known.or_else(|| trunk(digits, lengths, same, brackets, by_one)).or_else(|| {
            let log_odds = match (digits[0], lengths, same) {
                // Brazil, Mexico and others: the area in brackets.
                (b'1'..=b'9', [2, 5, 4] | [2, 4, 4], _) if brackets => 2.4,
                (b'1'..=b'9', [2..=4, ..], _) if brackets && (8..=11).contains(&digits.len()) => {
                    0.0
                }
                (b'1'..=b'9', [2, 5, 4], Some(_)) => -0.6,
                // Spain, Portugal, Poland, France without its zero.
                (b'6' | b'7' | b'9' | b'8', [3, 3, 3] | [3, 2, 2, 2], Some(b' ')) => -1.4,
                (b'2' | b'9', [2, 3, 2, 2] | [2, 3, 4], Some(b' ')) => -1.6,
                (b'1'..=b'9', [3, 3, 3], Some(b'-' | b' ')) => -2.4,
                (b'6' | b'7' | b'9', [9], _) => -4.0,
                // Italian and Indian mobiles.
                (b'3', [3, 3, 4] | [3, 7] | [3, 6] | [3, 2, 2, 3] | [3, 3, 2, 2], Some(_)) => -0.4,
                (b'3', [9 | 10], _) => -3.4,
                (b'6'..=b'9', [5, 5], Some(_)) => -0.4,
                (b'6'..=b'9', [10], _) => -3.4,
                // China.
                (b'1', [3, 4, 4], Some(_)) if matches!(digits[1], b'3'..=b'9') => 0.4,
                (b'1', [11], _) if matches!(digits[1], b'3'..=b'9') => -3.0,
                // Eight digits: Scandinavia, Singapore, Hong Kong.
                (b'2'..=b'9', [2, 2, 2, 2], Some(b' ')) => -1.8,
                (b'2'..=b'9', [4, 4] | [3, 2, 3], Some(b' ')) => -2.8,
                (b'2'..=b'9', [3, 4], Some(b'-')) => -3.4,
                _ => return None,
            };
            Some(log_odds)
        })
    }
}

/// Numbers with a trunk zero in front: most of Europe, Australia, Japan, South Africa.
fn trunk(
    digits: &[u8],
    lengths: &[u8],
    same: Option<u8>,
    brackets: bool,
    by_one: bool,
) -> Option<f32> {
    if !(9..=12).contains(&digits.len()) || digits[0] != b'0' || digits[1] == b'0' {
        return None;
    }
    let mobile = matches!(digits[1], b'6' | b'7' | b'4' | b'8' | b'9' | b'1');
    Some(match (lengths, same) {
        // France, Belgium, Switzerland.
        ([2, 2, 2, 2, 2], Some(_)) => 2.6,
        ([4, 2, 2, 2], Some(_)) | ([3, 3, 2, 2], Some(_)) | ([4, 2, 2, 2], None) => 1.6,
        // The Netherlands.
        ([2, 8], Some(b'-')) | ([3, 7], Some(b'-')) => 1.4,
        // United Kingdom, Australia, Ireland, Japan, Korea.
        (
            [3, 4, 4] | [5, 6] | [4, 3, 4] | [4, 3, 3] | [5, 3, 3] | [3, 3, 4] | [2, 4, 4],
            Some(_),
        ) => 1.4,
        ([2..=5, ..], _) if brackets => 2.0,
        // Germany, Austria, Italy: area code and number.
        ([3..=5, 5..=8], Some(b'/' | b'-' | b' ')) => 0.4,
        ([3..=5, 2..=4, 2..=5], Some(_)) | ([3..=5, 2..=3, 2..=3, 2..=3], _) => 0.8,
        ([2..=5, ..], Some(_)) if lengths.len() < 6 => -0.6,
        ([2..=5, ..], None) if lengths.len() < 6 => -0.8,
        ([10 | 11], _) if mobile => -2.0,
        ([9..=12], _) => -3.0,
        _ if by_one => 0.0,
        _ => return None,
    })
}

/// A digit, or what looks like one among digits.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte),
        b'O' | b'o' => Some(b'0'),
        b'l' | b'I' => Some(b'1'),
        _ => None,
    }
}

/// What stands before the first digit: where the number starts, whether with a plus, and whether a
/// bracket is open.
fn head(cx: &Cx<'_>, at: usize) -> Option<(usize, bool, bool)> {
    let before = cx.before(at);
    Some(match before {
        b'+' if cx.before(at - 1) == b'(' => (at - 2, true, true),
        b'+' if cx.before(at - 1).is_ascii_alphanumeric() => return None,
        b'+' => (at - 1, true, false),
        b' ' if cx.before(at - 1) == b'+' => (at - 2, true, false),
        b'(' if cx.before(at - 1) == b'+' => (at - 2, true, true),
        b'(' if cx.before(at - 1).is_ascii_alphanumeric() => return None,
        b'(' => {
            // Only a short group in brackets is an area code.
            let stop = cx.run(at, 6, |byte| byte.is_ascii_digit());
            if cx.at(stop) == b')' { (at - 1, false, true) } else { (at, false, false) }
        }
        b'_' | b'$' => return None,
        b'.' | b'-' | b'/' if cx.before(at - 1).is_ascii_alphanumeric() => {
            // `tel.415...`, `Phone-415...` are fine, `1.415` is not.
            let digit = cx.before(at - 1).is_ascii_digit();
            return (!digit).then_some((at, false, false));
        }
        _ => (at, false, false),
    })
}

/// The separator at `end`: where the next digit is, what it is, and whether it opens a bracket.
fn separator_at(cx: &Cx<'_>, end: usize) -> Option<(usize, u8, bool)> {
    let mut at = end;
    let mut found = 0;
    let mut bracket = false;
    while at < end + 3 {
        let byte = cx.at(at);
        match byte {
            b'0'..=b'9' if at > end => return Some((at, found, bracket)),
            b'0'..=b'9' => return (cx.before(end) == b')').then_some((at, b')', false)),
            b'(' if !bracket => bracket = true,
            b' ' | b'-' | b'.' | b'/' | b'_' => {
                found = if found == 0 || found == b' ' { byte } else { found };
            }
            _ => return None,
        }
        at += 1;
    }
    (cx.at(at).is_ascii_digit()).then_some((at, found, bracket))
}
