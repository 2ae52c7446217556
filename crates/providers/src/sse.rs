//! An incremental scanner for server-sent events.
//!
//! It partitions the bytes of a stream: the raw bytes of all events, and of the rest that
//! [`Scanner::finish`] gives, are together exactly what was pushed, however it was split. Whoever
//! edits a stream can so forward what it does not touch.

use std::{borrow::Cow, ops::Range};

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// The largest event accepted, bytes. The largest real ones are images inside one event.
pub const MAX_EVENT: usize = 16 * 1024 * 1024;

/// Cuts a stream into events.
pub struct Scanner {
    /// The bytes not scanned yet.
    input: Bytes,
    /// The beginning of an event that earlier chunks brought.
    pending: BytesMut,
    /// Whether no byte of the current line has been seen.
    line_empty: bool,
    /// Whether the byte before was CR: an LF now belongs to it.
    after_cr: bool,
    /// Whether no event has been given: a byte order mark may come.
    first: bool,
}

/// One event: what lies between two blank lines. It may be a mere comment or a stray line end, and
/// then has no data.
#[derive(Clone)]
pub struct Event {
    raw: Bytes,
    name: Option<Range<usize>>,
    data: Vec<Range<usize>>,
}

/// An event exceeds [`MAX_EVENT`] bytes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an event of the stream exceeds {MAX_EVENT} bytes")]
pub struct EventTooLong;

impl Default for Scanner {
    fn default() -> Self {
        Self {
            input: Bytes::new(),
            pending: BytesMut::new(),
            line_empty: true,
            after_cr: false,
            first: true,
        }
    }
}

impl Scanner {
    /// Takes the next piece of the stream. Call [`Self::next_event`] until it gives none before
    /// the next piece.
    pub fn push(&mut self, chunk: Bytes) {
        if self.input.is_empty() {
            self.input = chunk;
        } else {
            let mut joined = BytesMut::with_capacity(self.input.len() + chunk.len());
            joined.extend_from_slice(&self.input);
            joined.extend_from_slice(&chunk);
            self.input = joined.freeze();
        }
    }

    /// The next complete event; `None` when more bytes are needed for one. Fails when an event is
    /// too long; the stream cannot be followed from then on.
    pub fn next_event(&mut self) -> Result<Option<Event>, EventTooLong> {
        let end = self.find_end();
        let taken = end.unwrap_or(self.input.len());
        if self.pending.len() + taken > MAX_EVENT {
            return Err(EventTooLong);
        }
        let piece = self.input.split_to(taken);
        if end.is_none() {
            self.pending.extend_from_slice(&piece);
            return Ok(None);
        }
        let raw = if self.pending.is_empty() {
            piece
        } else {
            self.pending.extend_from_slice(&piece);
            self.pending.split().freeze()
        };
        Ok(Some(self.event(raw)))
    }

    /// The end of the stream: what came after the last blank line, as an event, since many servers
    /// forget the last blank line.
    pub fn finish(&mut self) -> Option<Event> {
        let raw = self.pending.split().freeze();
        if raw.is_empty() { None } else { Some(self.event(raw)) }
    }

    /// Gives up: all bytes that no event has given yet, for whoever hands them on unread.
    pub fn take_rest(&mut self) -> Bytes {
        self.pending.extend_from_slice(&std::mem::take(&mut self.input));
        self.pending.split().freeze()
    }

    fn event(&mut self, raw: Bytes) -> Event {
        let first = std::mem::replace(&mut self.first, false);
        Event::read(raw, first)
    }

    /// Where the current event ends in the input: behind the blank line's CR or LF. The LF of a
    /// CRLF goes to the next event, for it may come in the next piece only.
    fn find_end(&mut self) -> Option<usize> {
        let input = &self.input[..];
        let mut at = 0;
        loop {
            let rest = &input[at..];
            let &next = rest.first()?;
            if std::mem::replace(&mut self.after_cr, false) && next == b'\n' {
                at += 1;
                continue;
            }
            let Some(length) = memchr2(b'\r', b'\n', rest) else {
                self.line_empty = false;
                return None;
            };
            let blank = self.line_empty && length == 0;
            self.line_empty = true;
            self.after_cr = rest[length] == b'\r';
            at += length + 1;
            if blank {
                return Some(at);
            }
        }
    }
}

impl Event {
    /// Its bytes as they came, line ends and comments included.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Its name: the last `event` field.
    pub fn name(&self) -> Option<&[u8]> {
        self.name.clone().map(|range| &self.raw[range])
    }

    /// Its data: the `data` fields, joined by LF; `None` without any.
    pub fn data(&self) -> Option<Cow<'_, [u8]>> {
        match &self.data[..] {
            [] => None,
            [only] => Some(Cow::Borrowed(&self.raw[only.clone()])),
            several => {
                let lines: Vec<&[u8]> =
                    several.iter().map(|range| &self.raw[range.clone()]).collect();
                Some(Cow::Owned(lines.join(&b'\n')))
            }
        }
    }

    /// Where in [`Self::raw`] the data is, when it is one line.
    pub fn data_range(&self) -> Option<Range<usize>> {
        match &self.data[..] {
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    fn read(raw: Bytes, first: bool) -> Self {
        let mut name = None;
        let mut data = Vec::new();
        let mut at = if first && raw.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        while at < raw.len() {
            let length = memchr2(b'\r', b'\n', &raw[at..]).unwrap_or(raw.len() - at);
            let line = &raw[at..at + length];
            let colon = memchr::memchr(b':', line);
            let field = &line[..colon.unwrap_or(length)];
            let mut value = at + colon.map_or(length, |colon| colon + 1)..at + length;
            if raw[value.clone()].first() == Some(&b' ') {
                value.start += 1;
            }
            match field {
                b"data" => data.push(value),
                b"event" => name = Some(value),
                // A comment, an id, a retry time, or nothing the standard knows.
                _ => {}
            }
            at += length + 1;
        }
        Self { raw, name, data }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{EventTooLong, MAX_EVENT, Scanner};

    #[test]
    fn refuses_an_event_without_end() {
        let mut scanner = Scanner::default();
        let piece = Bytes::from(vec![b'x'; MAX_EVENT / 2]);
        for _ in 0..2 {
            scanner.push(piece.clone());
            assert!(scanner.next_event().is_ok_and(|event| event.is_none()));
        }
        scanner.push(Bytes::from_static(b"x"));
        assert_eq!(scanner.next_event().err(), Some(EventTooLong));
    }

    #[test]
    fn whole_events_are_not_copied() {
        let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\n");
        let mut scanner = Scanner::default();
        scanner.push(chunk.clone());
        let event = scanner.next_event().ok().flatten().unwrap();
        assert_eq!(event.raw().as_ptr(), chunk.as_ptr());
    }
}
