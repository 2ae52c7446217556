//! Reading a date.

use super::month;
use crate::{
    check::{date, digits},
    scan::{Cx, Run},
};

/// A date that exists.
pub(crate) struct Date {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) year: u64,
    /// Written with nothing between its parts: eight digits.
    pub(crate) bare: bool,
}

impl Date {
    /// The date that a group of a run begins, or whose day it is.
    pub(crate) fn at(cx: &Cx<'_>, run: &Run, index: usize) -> Option<Self> {
        let at = run.groups()[index].start;
        let stop = cx.run(at, 9, |byte| byte.is_ascii_digit());
        let first = cx.slice(at, stop);
        match first.len() {
            4 => year_first(cx, at, stop, digits(first)),
            1 | 2 => day_first(cx, at, stop, digits(first))
                .or_else(|| month_name_behind(cx, at, stop, digits(first)))
                .or_else(|| month_name_before(cx, at, stop, digits(first))),
            8 if !cx.at(stop).is_ascii_alphanumeric() => bare(at, stop, first),
            _ => None,
        }
    }

    /// Whether somebody who lives may have been born then.
    pub(crate) fn is_of_a_life(&self) -> bool {
        (1900..=2035).contains(&self.year)
    }
}

/// `1985-01-18`, `1985/1/18`, `1985.01.18`, `1985年1月18日`.
fn year_first(cx: &Cx<'_>, start: usize, stop: usize, year: u64) -> Option<Date> {
    let marked = |at: usize, mark: &str| cx.goes_on(at, mark).then_some(at + mark.len());
    let (month_at, separator) = match cx.at(stop) {
        byte @ (b'-' | b'/' | b'.') => (stop + 1, byte),
        _ => (marked(stop, "年")?, 0),
    };
    let (month, at) = number(cx, month_at)?;
    let day_at = if separator == 0 {
        marked(at, "月")?
    } else {
        (cx.at(at) == separator).then_some(at + 1)?
    };
    let (day, end) = number(cx, day_at)?;
    let end = if separator == 0 { marked(end, "日").unwrap_or(end) } else { end };
    let more = cx.at(end) == separator && cx.at(end + 1).is_ascii_digit();
    let valid = (1800..=2100).contains(&year) && date::exists(year, month, day) && !more;
    valid.then_some(Date { start, end, year, bare: false })
}

/// `18/01/1985`, `1.18.85`.
fn day_first(cx: &Cx<'_>, start: usize, stop: usize, first: u64) -> Option<Date> {
    let separator = cx.at(stop);
    // `18. 1. 1985` too.
    let skip = |at: usize| if separator == b'.' && cx.at(at) == b' ' { at + 1 } else { at };
    if !matches!(separator, b'-' | b'/' | b'.') {
        return None;
    }
    let (second, at) = number(cx, skip(stop + 1))?;
    if cx.at(at) != separator {
        return None;
    }
    let at = skip(at + 1);
    let end = cx.run(at, 5, |byte| byte.is_ascii_digit());
    let text = cx.slice(at, end);
    let year = match text.len() {
        4 => digits(text),
        2 => century(digits(text)),
        _ => return None,
    };
    let next = cx.at(end);
    let more = next.is_ascii_alphabetic()
        || matches!(next, b'.' | b'-' | b'/') && cx.at(end + 1).is_ascii_digit();
    let exists = date::exists(year, second, first) || date::exists(year, first, second);
    (exists && !more && (1800..=2100).contains(&year)).then_some(Date {
        start,
        end,
        year,
        bare: false,
    })
}

/// `18 January 1985`, `3rd of March, 1985`, `18. Januar 1985`, `18 de enero de 1985`, `18-Jan-1985`.
fn month_name_behind(cx: &Cx<'_>, start: usize, stop: usize, day: u64) -> Option<Date> {
    let mut at = ordinal(cx, stop);
    at = cx.run(at, 2, |byte| matches!(byte, b' ' | b'-' | b'.' | b'/'));
    at = small_words(cx, at);
    let word = cx.run(at, 14, |byte| byte.is_ascii_alphabetic() || byte >= 0x80);
    let (month, length) = month::at(cx.slice(at, word))?;
    at = cx.run(at + length, 3, |byte| matches!(byte, b' ' | b'-' | b'.' | b',' | b'/'));
    at = small_words(cx, at);
    let end = cx.run(at, 5, |byte| byte.is_ascii_digit());
    let year = match end - at {
        4 => digits(cx.slice(at, end)),
        2 if cx.before(at) == b'-' => century(digits(cx.slice(at, end))),
        _ => return None,
    };
    let valid = date::exists(year, month, day) && (1800..=2100).contains(&year);
    valid.then_some(Date { start, end, year, bare: false })
}

/// `January 18, 1985`, `Jan 18th 1985`.
fn month_name_before(cx: &Cx<'_>, at: usize, stop: usize, day: u64) -> Option<Date> {
    let word_end = cx.run_back(at, 2, |byte| matches!(byte, b' ' | b'.' | b'-'));
    let start = cx.run_back(word_end, 14, |byte| byte.is_ascii_alphabetic() || byte >= 0x80);
    if word_end == at || start == word_end {
        return None;
    }
    let (month, length) = month::at(cx.slice(start, word_end))?;
    let mut next = ordinal(cx, stop);
    next = cx.run(next, 3, |byte| matches!(byte, b' ' | b',' | b'-'));
    next = small_words(cx, next);
    let end = cx.run(next, 5, |byte| byte.is_ascii_digit());
    let year = digits(cx.slice(next, end));
    let valid = start + length == word_end
        && end - next == 4
        && (1800..=2100).contains(&year)
        && date::exists(year, month, day);
    valid.then_some(Date { start, end, year, bare: false })
}

/// `19850118`, `18011985`.
fn bare(start: usize, end: usize, text: &[u8]) -> Option<Date> {
    let parts = |a: usize, b: usize, c: usize, d: usize| {
        (digits(&text[a..a + b]), digits(&text[c..c + 2]), digits(&text[d..d + 2]))
    };
    let (year, month, day) = parts(0, 4, 4, 6);
    let (late, middle, early) = parts(4, 4, 2, 0);
    let year = if (1880..=2035).contains(&year) && date::exists(year, month, day) {
        year
    } else if (1880..=2035).contains(&late) && date::exists(late, middle, early) {
        late
    } else {
        return None;
    };
    Some(Date { start, end, year, bare: true })
}

/// One or two digits.
fn number(cx: &Cx<'_>, at: usize) -> Option<(u64, usize)> {
    let end = cx.run(at, 3, |byte| byte.is_ascii_digit());
    (1..=2).contains(&(end - at)).then(|| (digits(cx.slice(at, end)), end))
}

fn century(year: u64) -> u64 {
    if year < 36 { 2000 + year } else { 1900 + year }
}

/// Behind `st`, `nd`, `.`, `er`, `º` and the like.
fn ordinal(cx: &Cx<'_>, at: usize) -> usize {
    let marks = ["st", "nd", "rd", "th", "er", "re", "º", "ª", "°", ".", "e"];
    let found = marks.into_iter().find(|mark| cx.goes_on(at, mark));
    let end = found.map_or(at, |mark| at + mark.len());
    if cx.at(end).is_ascii_alphabetic() { at } else { end }
}

/// Behind `of`, `de`, `del` and the like.
fn small_words(cx: &Cx<'_>, at: usize) -> usize {
    let words = ["of ", "de ", "del ", "di ", "do ", "d'", "in ", "the "];
    words.into_iter().find(|word| cx.goes_on(at, word)).map_or(at, |word| at + word.len())
}
