//! Values in base64: a word that decodes to text is scanned, too, and stands for what it holds.

use super::{Cx, Engine, Plan, Sink};
use crate::{base64, context::Key};

/// Words looked at, characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 11..=344;

/// Offers the word around `start..end` as what it decodes to.
pub(crate) fn offer(plan: &Plan, cx: &Cx<'_>, (start, end): (usize, usize), sink: &mut Sink) {
    let is = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-');
    let mut from = start;
    while from < end && !is(cx.at(from)) {
        from += 1;
    }
    let from = cx.run_back(from, 344, is);
    let to = cx.run(end.max(from), 344, is);
    // What ends a sentence is not part of it, what pads is.
    let to = if to == end { cx.run_back(to, 2, |byte| byte == b'.').max(from) } else { to };
    let to = cx.run(to, 2, |byte| byte == b'=');
    let text = cx.slice(from, to);
    if !LENGTHS.contains(&text.len()) || !text.iter().any(u8::is_ascii_uppercase) {
        return;
    }
    let mut plain = [0; 258];
    let Some(length) = base64::decode(text, &mut plain) else { return };
    let plain = &plain[..length];
    let digits = plain.iter().filter(|byte| byte.is_ascii_digit()).count();
    let printable = plain.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n'));
    if !printable || digits < 7 && !plain.contains(&b'@') {
        return;
    }
    let (mut engine, mut inner) = (Engine::nested(), Sink::default());
    inner.begin(sink.thresholds());
    engine.advance(plan, &Key::default(), (plain, 0), true, &mut inner);
    cx.tally(engine.work() as usize);
    let most = inner.done.iter().max_by_key(|it| it.end - it.start);
    if let Some(found) = most.filter(|it| (it.end - it.start) * 5 >= length * 3) {
        cx.offer(sink, (from, to), found.entity, found.log_odds, found.checked);
    }
}
