//! What follows the house in an address: a unit, a town, a region, a post code, a country.

use super::{
    lexicon::{self, Kind},
    street::Token,
};
use crate::scan::Cx;

/// What follows a house.
pub(super) struct Tail {
    pub(super) end: usize,
    /// What it is worth.
    pub(super) log_odds: f32,
    /// It makes an address of nearly anything: a unit, or a town with its code or country.
    pub(super) whole: bool,
}

/// How far an address goes on behind its house.
pub(super) fn extend(cx: &Cx<'_>, house_end: usize) -> Tail {
    let mut end = house_end;
    let mut log_odds = 0.0_f32;
    let (mut lines, mut towns, mut units, mut codes) = (0, 0, 0, 0);
    for _ in 0..8 {
        let Some((start, line)) = gap(cx, end) else { break };
        lines += usize::from(line);
        if lines > 4 {
            break;
        }
        let Some(part) = part(cx, start, end, codes > 0) else { break };
        match part {
            Part::Unit(stop) => {
                end = stop;
                units += 1;
                log_odds += 1.8;
            }
            Part::PostCode(stop) => {
                // Four digits may be a year.
                let year = matches!(cx.slice(start, stop), [b'1', b'9', _, _] | [b'2', b'0', _, _]);
                end = stop;
                codes += usize::from(!year);
                log_odds += if year { 0.3 } else { 1.2 };
            }
            Part::Region(stop) | Part::Country(stop) => {
                end = stop;
                codes += 1;
                log_odds += 0.8;
            }
            Part::Town(stop) if towns < 3 => {
                towns += 1;
                end = stop;
            }
            Part::Number(stop) => end = stop,
            Part::Town(_) => break,
        }
    }
    Tail { end, log_odds: log_odds.min(3.0), whole: units > 0 || towns > 0 && codes > 1 }
}

enum Part {
    Unit(usize),
    Town(usize),
    Region(usize),
    PostCode(usize),
    Country(usize),
    Number(usize),
}

/// Behind white space, commas, brackets and at most one line end.
fn gap(cx: &Cx<'_>, end: usize) -> Option<(usize, bool)> {
    let mut at = end;
    let mut lines = 0;
    while at < end + 8 {
        match cx.at(at) {
            b' ' | b',' | b'\t' | b';' | b'>' | b'?' | b'(' | b'/' | b'|' => {}
            b'\\' if cx.at(at + 1) == b'n' => {
                lines += 1;
                at += 1;
            }
            b'-' if cx.at(at + 1) == b' ' => {}
            b'\n' | b'\r' => lines += usize::from(cx.at(at) == b'\n'),
            _ => break,
        }
        at += 1;
    }
    // `Hauptstr. 12 in 10115 Berlin`.
    let place = ["in ", "à ", "en ", "te ", "a "].into_iter().find(|word| cx.goes_on(at, word));
    if let Some(word) = place.filter(|word| cx.at(at + word.len()).is_ascii_digit()) {
        at += word.len();
    }
    (at > end && lines < 2).then_some((at, lines == 1))
}

fn part(cx: &Cx<'_>, start: usize, end: usize, coded: bool) -> Option<Part> {
    if cx.at(start) == b'#' {
        let stop = cx.run(start + 1, 7, |byte| byte.is_ascii_alphanumeric());
        let numbered = cx.slice(start, stop).iter().any(u8::is_ascii_digit);
        return (stop == start + 2 || numbered).then_some(Part::Unit(stop));
    }
    let token = Token::at(cx, start)?;
    let text = token.text(cx);
    if let Some(stop) = unit(cx, token) {
        return Some(Part::Unit(stop));
    }
    if let Some(stop) = post_code(cx, token) {
        return Some(Part::PostCode(stop));
    }
    if text[0].is_ascii_digit() {
        let plain = token.is_number(cx)
            && !matches!(cx.at(token.end), b'%' | b':' | b'/' | b'-')
            && cx.slice(end, start).iter().all(|byte| *byte == b' ');
        return plain.then_some(Part::Number(token.end));
    }
    if !token.is_capital(cx) {
        return None;
    }
    if lexicon::is(text, Kind::Region)
        && ends_here(cx, token.end)
        && (text.len() > 3 || text.iter().all(u8::is_ascii_uppercase))
    {
        return Some(Part::Region(token.end));
    }
    if let Some(stop) = country(cx, token) {
        return Some(Part::Country(stop));
    }
    // A town: up to four words, and then something that goes on with an address, or an end.
    let separated = coded
        || cx
            .slice(end, start)
            .iter()
            .any(|byte| matches!(byte, b',' | b'\n' | b'-' | b'>' | b'?'));
    let mut last = token;
    for _ in 0..3 {
        let Some(next) = last.next(cx, false) else { break };
        let name = next.is_capital(cx) || lexicon::is(next.text(cx), Kind::Particle);
        let other = post_code(cx, next).is_some()
            || next.text(cx)[0].is_ascii_digit()
            || next.text(cx).len() < 4
                && lexicon::is(next.text(cx), Kind::Region)
                && next.text(cx).iter().all(u8::is_ascii_uppercase);
        if !name || other {
            break;
        }
        last = next;
    }
    if !last.is_capital(cx) {
        return None;
    }
    let behind = cx.at(last.end);
    let more = matches!(behind, b',' | b' ' | b'\n') && goes_on(cx, last.end);
    let closes =
        matches!(behind, b'.' | b';' | b')' | b'\n' | b'\r' | b'"' | b'\'' | b'|' | b'<' | 0);
    (more || separated && closes).then_some(Part::Town(last.end))
}

/// Whether a post code, a region or a country follows.
fn goes_on(cx: &Cx<'_>, end: usize) -> bool {
    let Some((start, _)) = gap(cx, end) else { return false };
    let Some(token) = Token::at(cx, start) else { return false };
    let text = token.text(cx);
    let region = lexicon::is(text, Kind::Region) && text.iter().all(u8::is_ascii_uppercase);
    region || post_code(cx, token).is_some() || token.is_capital(cx) && country(cx, token).is_some()
}

fn ends_here(cx: &Cx<'_>, end: usize) -> bool {
    !cx.at(end).is_ascii_alphanumeric()
}

fn country(cx: &Cx<'_>, token: Token) -> Option<usize> {
    const TWO: &[&str] = &[
        "United States",
        "United Kingdom",
        "New Zealand",
        "South Africa",
        "Czech Republic",
        "South Korea",
        "Saudi Arabia",
        "Costa Rica",
        "Puerto Rico",
        "Sri Lanka",
        "Hong Kong",
    ];
    if let Some(name) = TWO.iter().find(|name| cx.goes_on(token.start, name)) {
        return Some(token.start + name.len());
    }
    (lexicon::is(token.text(cx), Kind::Country) && cx.at(token.end) != b':').then_some(token.end)
}

/// `Apt. 4B`, `3rd floor`, `2º piso`.
fn unit(cx: &Cx<'_>, token: Token) -> Option<usize> {
    if lexicon::is(token.text(cx), Kind::Unit)
        && (token.text(cx).len() > 2 || cx.at(token.end) == b'.')
    {
        let mut at = cx.run(token.end, 3, |byte| matches!(byte, b'.' | b' ' | b'#'));
        if cx.goes_on(at, "no. ") {
            at += 4;
        }
        let stop = cx.run(at, 8, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let value = cx.slice(at, stop);
        let short = value.len() == 1 || value.iter().any(u8::is_ascii_digit);
        return (at > token.end && !value.is_empty() && short).then_some(stop);
    }
    if token.text(cx)[0].is_ascii_digit() {
        let at = cx.run(token.end, 3, |byte| matches!(byte, b' ' | b'.') || byte >= 0x80);
        let next = Token::at(cx, at)?;
        // `3º B`, `2º piso`.
        if cx.goes_on(token.end.saturating_sub(2), "º")
            || cx.goes_on(token.end.saturating_sub(2), "ª")
        {
            let door = next.text(cx).len() < 4;
            return Some(if door { next.end } else { token.end });
        }
        let floors = [
            &b"floor"[..],
            b"Floor",
            b"piso",
            b"etage",
            b"Etage",
            b"planta",
            b"andar",
            b"Stock",
            b"OG",
            b"piano",
        ];
        return floors.contains(&next.text(cx)).then_some(next.end);
    }
    None
}

/// A post code by its shape.
fn post_code(cx: &Cx<'_>, token: Token) -> Option<usize> {
    let text = token.text(cx);
    let ends = |end: usize| {
        ends_here(cx, end)
            && cx.at(end) != b'%'
            && !(matches!(cx.at(end), b'.' | b':' | b'/') && cx.at(end + 1).is_ascii_digit())
    };
    let digits = text.iter().all(u8::is_ascii_digit);
    let next_digits = |at: usize, count: usize| {
        let end = cx.run(at, count + 1, |byte| byte.is_ascii_digit());
        end - at == count && ends(end)
    };
    if digits {
        return match text.len() {
            5 | 6 if ends(token.end) => Some(token.end),
            4 if cx.at(token.end) == b' ' && is_letters(cx, token.end + 1, 2) => {
                Some(token.end + 3)
            }
            4 if ends(token.end) => Some(token.end),
            3 if cx.at(token.end) == b' ' && next_digits(token.end + 1, 2) => Some(token.end + 3),
            _ => None,
        };
    }
    if text.contains(&b'-') {
        let (head, tail) = text.split_at(text.iter().position(|byte| *byte == b'-')?);
        let tail = &tail[1..];
        let numeric = head.iter().chain(tail).all(u8::is_ascii_digit);
        let shape = matches!((head.len(), tail.len()), (5, 4) | (4, 3) | (5, 3) | (2, 3) | (3, 4));
        let prefixed = head.len() <= 2
            && head.iter().all(u8::is_ascii_uppercase)
            && (4..=5).contains(&tail.len())
            && tail.iter().all(u8::is_ascii_digit);
        return (numeric && shape && ends(token.end) || prefixed).then_some(token.end);
    }
    // United Kingdom `SW1A 1AA`, Canada `K1A 0B1`.
    let upper = text.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let outward = upper
        && (2..=4).contains(&text.len())
        && text[0].is_ascii_uppercase()
        && text.iter().any(u8::is_ascii_digit);
    if outward && cx.at(token.end) == b' ' {
        let at = token.end + 1;
        let end = cx.run(at, 4, |byte| byte.is_ascii_alphanumeric());
        let inward = cx.slice(at, end);
        let british = inward.len() == 3
            && inward[0].is_ascii_digit()
            && inward[1..].iter().all(u8::is_ascii_uppercase);
        let canadian = text.len() == 3
            && inward.len() == 3
            && inward[0].is_ascii_digit()
            && inward[1].is_ascii_uppercase()
            && inward[2].is_ascii_digit();
        return (british || canadian).then_some(end);
    }
    None
}

fn is_letters(cx: &Cx<'_>, at: usize, count: usize) -> bool {
    let end = cx.run(at, count + 1, |byte| byte.is_ascii_uppercase());
    end - at == count && ends_here(cx, end)
}
