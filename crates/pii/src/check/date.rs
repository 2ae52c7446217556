//! Dates inside numbers.

use super::digits;

/// Whether a day exists. A year below 100 is one of either century: 29 February is given the
/// benefit of the doubt.
pub(crate) fn exists(year: u64, month: u64, day: u64) -> bool {
    let leap = year.is_multiple_of(4)
        && (!year.is_multiple_of(100) || year.is_multiple_of(400) || year < 100);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=last).contains(&day)
}

/// Six digits: year, month, day.
pub(crate) fn ymd(text: &[u8]) -> bool {
    text.len() == 6 && exists(digits(&text[..2]), digits(&text[2..4]), digits(&text[4..]))
}

/// Six digits: day, month, year.
pub(crate) fn dmy(text: &[u8]) -> bool {
    text.len() == 6 && exists(digits(&text[4..]), digits(&text[2..4]), digits(&text[..2]))
}

/// Eight digits: year, month, day, of somebody who may live.
pub(crate) fn full(text: &[u8]) -> bool {
    let year = digits(&text[..4]);
    text.len() == 8
        && (1880..=2060).contains(&year)
        && exists(year, digits(&text[4..6]), digits(&text[6..]))
}
