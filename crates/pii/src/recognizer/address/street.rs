//! The line of an address that names a house.

use super::lexicon::{self, Kind};
use crate::scan::Cx;

/// A house: a number and a street, or a box.
pub(super) struct House {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Log odds of its words.
    pub(super) log_odds: f32,
}

/// A word of an address.
#[derive(Clone, Copy)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token {
    /// The word at `at`, where one has to be.
    pub(super) fn at(cx: &Cx<'_>, at: usize) -> Option<Self> {
        let end = cx.run(at, 32, is_word);
        (end > at).then_some(Self { start: at, end })
    }

    /// The word behind, over one space and marks that abbreviate; over a comma if `comma`.
    pub(super) fn next(self, cx: &Cx<'_>, comma: bool) -> Option<Self> {
        let mut at = self.end;
        // Only a short word is abbreviated; behind others, and numbers, a sentence ends.
        let text = self.text(cx);
        let short = text.len() <= 4 && text[0].is_ascii_alphabetic();
        if cx.at(at) == b'.' && short {
            at += 1;
        }
        if comma && cx.at(at) == b',' {
            at += 1;
        }
        let start = cx.run(at, 2, |byte| byte == b' ');
        (start > at || at > self.end).then(|| Self::at(cx, start)).flatten()
    }

    /// The word before, over one space, and a comma if `comma`.
    pub(super) fn previous(cx: &Cx<'_>, start: usize, comma: bool) -> Option<Self> {
        let mut end = cx.run_back(start, 2, |byte| byte == b' ');
        if comma && cx.before(end) == b',' {
            end -= 1;
        }
        if end == start {
            return None;
        }
        let end = cx.run_back(end, 1, |byte| byte == b'.');
        let start = cx.run_back(end, 32, is_word);
        // The end of an identifier is no word: `SOME_ROAD 12`.
        (start < end && cx.before(start) != b'_').then_some(Self { start, end })
    }

    pub(super) fn text<'t>(self, cx: &Cx<'t>) -> &'t [u8] {
        cx.slice(self.start, self.end)
    }

    pub(super) fn is_capital(self, cx: &Cx<'_>) -> bool {
        let text = self.text(cx);
        match text[0] {
            b'A'..=b'Z' => true,
            0x80.. => crate::context::words::decode(text).0.is_uppercase(),
            _ => false,
        }
    }

    /// A capital, and no other inside: `camelCase` is no name.
    fn is_plain_name(self, cx: &Cx<'_>) -> bool {
        let text = self.text(cx);
        let inner =
            text.windows(2).any(|it| it[0].is_ascii_lowercase() && it[1].is_ascii_uppercase());
        self.is_capital(cx) && !inner
    }

    pub(super) fn is_number(self, cx: &Cx<'_>) -> bool {
        let text = self.text(cx);
        text[0].is_ascii_digit()
            && text.len() <= 6
            && text.iter().filter(|it| it.is_ascii_alphabetic()).count() <= 1
    }

    fn has(self, cx: &Cx<'_>, kind: Kind) -> bool {
        lexicon::is(self.text(cx), kind)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'\'' | b'-') || byte >= 0x80
}

/// The house whose number starts at `at` and ends at `end`.
pub(super) fn house(cx: &Cx<'_>, at: usize, end: usize) -> Option<House> {
    let number = Token { start: at, end };
    let found = [
        boxed(cx, number),
        named_before(cx, number),
        typed_first(cx, number),
        named_behind(cx, number),
    ];
    found.into_iter().flatten().max_by(|a, b| a.log_odds.total_cmp(&b.log_odds))
}

/// `P.O. Box 123`, `Postfach 10 20`, `PSC 0413, Box 8144`.
fn boxed(cx: &Cx<'_>, number: Token) -> Option<House> {
    const BOXES: &[&str] = &[
        "p.o. box ",
        "po box ",
        "p.o box ",
        "p. o. box ",
        "post office box ",
        "postfach ",
        "boîte postale ",
        "boite postale ",
        "b.p. ",
        "apartado de correos ",
        "apartado postal ",
        "apartado ",
        "casella postale ",
        "caixa postal ",
        "postbus ",
        "pmb ",
        "p.o. box #",
        "po box #",
    ];
    if let Some(word) = BOXES.iter().find(|word| cx.ends(number.start, word)) {
        return Some(House { start: number.start - word.len(), end: number.end, log_odds: 3.0 });
    }
    let military = ["psc ", "unit ", "cmr "].iter().find(|word| cx.ends(number.start, word))?;
    let start = number.start - military.len();
    let gap = cx.run(number.end, 2, |byte| matches!(byte, b',' | b' '));
    if cx.goes_on(gap, "box ") {
        let end = cx.run(gap + 4, 6, |byte| byte.is_ascii_digit());
        return (end > gap + 4).then_some(House { start, end, log_odds: 3.0 });
    }
    None
}

/// `Hauptstraße 12`, `Calle de Alcalá, 45`, `Via Roma 3`, `Unter den Linden 77`.
fn named_before(cx: &Cx<'_>, number: Token) -> Option<House> {
    let mut first = Token::previous(cx, number.start, true)?;
    let comma = cx.slice(first.end, number.start).contains(&b',');
    if first.has(cx, Kind::Number) && !first.is_capital(cx)
        || first.text(cx).len() <= 2 && first.has(cx, Kind::Number)
    {
        first = Token::previous(cx, first.start, true)?;
    }
    // The street's own word holds its type.
    if let Some(sure) = lexicon::street_ending(first.text(cx)).filter(|_| !comma)
        && (first.is_capital(cx) || sure && first.text(cx).len() > 9)
    {
        let start = names_before(cx, first, 2);
        let log_odds = if sure { 2.2 } else { -0.6 };
        return Some(House { start, end: with_letter(cx, number), log_odds });
    }
    let behind = first.has(cx, Kind::TypeBehind { sure: true });
    if behind || first.has(cx, Kind::TypeBehind { sure: false }) && !comma {
        // `Lange Straße 12`, `Váci utca 5`.
        let name = Token::previous(cx, first.start, false)?;
        let foreign = !first.is_capital(cx)
            || first.text(cx).iter().any(|byte| *byte >= 0x80)
            || is_german_type(first.text(cx));
        if name.is_capital(cx) && foreign {
            let start = names_before(cx, name, 2);
            return Some(House {
                start,
                end: with_letter(cx, number),
                log_odds: if behind { 1.6 } else { 0.0 },
            });
        }
    }
    // A type before the name: back over the name.
    let mut token = first;
    let mut capitals = 0;
    for _ in 0..6 {
        let before = token.has(cx, Kind::TypeBefore { sure: true });
        if (before || token.has(cx, Kind::TypeBefore { sure: false }))
            && token.start < first.start
            && capitals > 0
        {
            let short = token.text(cx).len() < 3;
            let marked = matches!(cx.at(token.end), b'.' | b'/');
            if !short || marked {
                let log_odds = if before { 2.2 } else { 0.6 };
                return Some(House { start: token.start, end: with_letter(cx, number), log_odds });
            }
        }
        let name = token.is_capital(cx) || token.is_number(cx);
        capitals += usize::from(name);
        if !name && !token.has(cx, Kind::Particle) {
            break;
        }
        let abbreviated = cx.ends(token.start, "c/") || cx.ends(token.start, "C/");
        if abbreviated && capitals > 0 {
            return Some(House {
                start: token.start - 2,
                end: with_letter(cx, number),
                log_odds: 2.2,
            });
        }
        let Some(previous) = Token::previous(cx, token.start, false) else { break };
        token = previous;
    }
    // `Am Markt 5`, `Unter den Linden 77`.
    let place = Token::previous(cx, first.start, false)?;
    let pair = [&b"Am"[..], b"An", b"Im", b"Zum", b"Zur", b"Auf", b"Unter", b"Aan", b"Op"];
    let article = [&b"den"[..], b"der", b"dem", b"de", b"het"];
    let (place, fits) = if article.contains(&place.text(cx)) {
        let before = Token::previous(cx, place.start, false)?;
        (before, pair.contains(&before.text(cx)))
    } else {
        (place, pair.contains(&place.text(cx)))
    };
    (fits && first.is_capital(cx) && !comma).then(|| House {
        start: place.start,
        end: with_letter(cx, number),
        log_odds: -1.2,
    })
}

fn is_german_type(word: &[u8]) -> bool {
    [
        "straße", "strasse", "str", "weg", "platz", "allee", "gasse", "ring", "damm", "ufer",
        "straat", "laan", "plein", "gracht", "kade",
    ]
    .iter()
    .any(|it| it.as_bytes().eq_ignore_ascii_case(word))
}

/// Back over up to `most` further words of a street's name.
fn names_before(cx: &Cx<'_>, first: Token, most: usize) -> usize {
    let mut start = first.start;
    for _ in 0..most {
        let Some(previous) = Token::previous(cx, start, false) else { break };
        let name = previous.is_capital(cx)
            && cx.at(previous.end) == b' '
            && previous.text(cx).len() > 3
            && crate::context::lexicon::lexicon()
                .look_up(hash_of(previous.text(cx)))
                .is_none_or(<[_]>::is_empty);
        if !(name && lexicon::street_ending(first.text(cx)).is_none()) {
            break;
        }
        start = previous.start;
    }
    start
}

fn hash_of(word: &[u8]) -> crate::context::words::Hash {
    let mut all = crate::context::words::words(word, 0);
    all.next()
        .map_or(0, |word| crate::context::words::join(crate::context::words::NOTHING, word.hash))
}

/// `12 a`, `12-14`, `12/3`, `12 bis`: where the number ends.
fn with_letter(cx: &Cx<'_>, number: Token) -> usize {
    let mut end = cx.run(number.end, 1, |byte| byte.is_ascii_alphabetic());
    if cx.at(end).is_ascii_alphanumeric() {
        end = number.end;
    }
    let range = matches!(cx.at(end), b'-' | b'/') && cx.at(end + 1).is_ascii_alphanumeric();
    if range {
        let stop = cx.run(end + 1, 5, |byte| byte.is_ascii_alphanumeric() || byte == b'/');
        if stop - end <= 5 {
            end = stop;
        }
    }
    if cx.at(end) == b' '
        && cx.at(end + 1).is_ascii_lowercase()
        && !cx.at(end + 2).is_ascii_alphanumeric()
        && !matches!(cx.at(end + 1), b'a' | b'e' | b'o' | b'y')
    {
        end += 2;
    }
    end
}

/// `12 rue de la Paix`, `3 bis, avenue Foch`.
fn typed_first(cx: &Cx<'_>, number: Token) -> Option<House> {
    let mut token = number.next(cx, true)?;
    if [&b"bis"[..], b"ter", b"quater"].contains(&token.text(cx)) {
        token = token.next(cx, true)?;
    }
    let sure = token.has(cx, Kind::TypeBefore { sure: true });
    if token.text(cx).len() < 3 && cx.at(token.end) != b'.'
        || !sure && !token.has(cx, Kind::TypeBefore { sure: false })
    {
        return None;
    }
    let kind = token;
    let mut end = None;
    let mut at = token;
    for _ in 0..7 {
        let Some(next) = at.next(cx, false) else { break };
        let apostrophe =
            next.text(cx).iter().position(|byte| *byte == b'\'').is_some_and(|at| at < 3);
        if next.is_capital(cx) || apostrophe || next.is_number(cx) && end.is_some() {
            if next.is_number(cx)
                && !cx.at(next.end).is_ascii_alphabetic()
                && next.end - next.start > 4
            {
                break;
            }
            end = Some(next.end);
        } else if !next.has(cx, Kind::Particle) {
            break;
        }
        at = next;
    }
    let log_odds = match (sure, kind.is_capital(cx)) {
        (true, _) => 2.4,
        (false, false) => 0.8,
        (false, true) => -1.0,
    };
    Some(House { start: number.start, end: end?, log_odds })
}

/// `12 Main Street`, `221B Baker St`, `45 West 34th Street`, `1987 74 Diakou Street`.
fn named_behind(cx: &Cx<'_>, number: Token) -> Option<House> {
    let mut token = number.next(cx, false)?;
    let mut capitals = 0;
    let mut best: Option<House> = None;
    for words in 0..6 {
        let text = token.text(cx);
        let sure = token.has(cx, Kind::TypeBehind { sure: true });
        let kind = sure || token.has(cx, Kind::TypeBehind { sure: false });
        let ending = lexicon::street_ending(text).filter(|_| token.is_plain_name(cx) && words < 2);
        if kind && words > 0 || ending == Some(true) {
            let lower = !token.is_capital(cx);
            let named = capitals > 0 || ending.is_some();
            let weight = match (sure || ending.is_some(), named, lower) {
                (true, true, false) => 2.0,
                (true, true, true) => 0.8,
                (true, false, _) if text.len() > 3 => -1.2,
                (false, true, false) => -0.4,
                _ => -3.0,
            };
            // A number that may be a year says less.
            let year = number.end - number.start == 4
                && matches!(cx.slice(number.start, number.start + 2), b"19" | b"20");
            let mut end = token.end
                + usize::from(
                    cx.at(token.end) == b'.' && text.len() < 5 && cx.at(token.end + 1) != b'\n',
                );
            if let Some(next) = token.next(cx, false).filter(|next| {
                next.text(cx).len() < 3 && next.is_capital(cx) && next.has(cx, Kind::Direction)
            }) {
                end = next.end;
            }
            let house =
                House { start: number.start, end, log_odds: weight - if year { 0.7 } else { 0.0 } };
            let longer = best.as_ref().is_none_or(|best| house.log_odds >= best.log_odds - 0.5);
            if longer {
                best = Some(house);
            }
            if sure {
                break;
            }
        }
        let capital = token.is_capital(cx);
        let counts = capital || text[0].is_ascii_digit();
        let name =
            counts || token.has(cx, Kind::Particle) || words < 3 && capitals == 0 && text.len() > 2;
        if !name || is_stop(text) {
            break;
        }
        capitals += usize::from(counts);
        // `St. James Street`: a point behind a title does not end the line.
        let Some(next) = token.next(cx, false) else { break };
        token = next;
    }
    best
}

/// A name and a number in either order, which only what follows can make an address: `Edeby 55`,
/// `28030 Edeby 55`.
pub(super) fn plain(cx: &Cx<'_>, at: usize, end: usize) -> Option<House> {
    let number = Token { start: at, end };
    let mut last = number;
    let mut names = 0;
    for _ in 0..5 {
        let Some(next) = last.next(cx, false) else { break };
        let text = next.text(cx);
        let month = super::super::date::is_month(text);
        let named = next.is_capital(cx) && !next.has(cx, Kind::Unit) && !month;
        if !(named || names > 0 && (next.is_number(cx) || next.has(cx, Kind::Particle))) {
            break;
        }
        names += usize::from(named);
        last = next;
        if next.is_number(cx) {
            break;
        }
    }
    if names > 0 && last.text(cx)[0].is_ascii_digit() {
        return Some(House { start: at, end: last.end, log_odds: -1.6 });
    }
    let mut start = at;
    for _ in 0..3 {
        let Some(previous) = Token::previous(cx, start, false) else { break };
        let month = super::super::date::is_month(previous.text(cx));
        if !previous.is_capital(cx) || previous.is_number(cx) || month {
            break;
        }
        start = previous.start;
    }
    match (start < at, names > 0) {
        (true, _) => Some(House { start, end, log_odds: -2.0 }),
        (_, true) => Some(House { start: at, end: last.end, log_odds: -2.2 }),
        _ => None,
    }
}

/// Words that do not occur in the names of streets.
fn is_stop(word: &[u8]) -> bool {
    const STOPS: &[&str] = &[
        "is",
        "are",
        "was",
        "were",
        "in",
        "on",
        "at",
        "to",
        "for",
        "from",
        "with",
        "by",
        "or",
        "not",
        "that",
        "this",
        "it",
        "he",
        "she",
        "they",
        "we",
        "you",
        "i",
        "minutes",
        "minute",
        "hours",
        "hour",
        "days",
        "day",
        "weeks",
        "months",
        "years",
        "year",
        "percent",
        "people",
        "times",
        "miles",
        "mile",
        "km",
        "meters",
        "metres",
        "feet",
        "am",
        "pm",
        "a",
        "an",
        "per",
        "more",
        "less",
        "other",
        "different",
        "new",
        "lane",
        "way",
        "point",
        "star",
        "step",
        "steps",
        "which",
        "who",
    ];
    STOPS.iter().any(|stop| stop.as_bytes() == word)
}
