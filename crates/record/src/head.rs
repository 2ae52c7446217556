//! The headers of one message as they are stored: a line each, `name: value`, in their order. Where
//! the message was a request of ours, `:method` and `:url` come first.
//!
//! They are written on the way of every call: nothing but bytes is appended to what is there.
//! A value that was cut ends with `…`, and a line of that alone says that others are missing.

use crate::content::Part;

/// The bytes that the lines of one message take at most, but for the mark of a cut.
pub const MAX_HEAD: usize = 8 << 10;
/// The bytes of one value that are kept.
pub const MAX_VALUE: usize = 2 << 10;

const MARK: &str = "…";
const BETWEEN: &str = ": ";

/// Appends one message's headers.
pub struct HeadWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    is_cut: bool,
    is_full: bool,
}

impl<'a> HeadWriter<'a> {
    /// Begins a head at the end of `out`.
    pub fn begin(part: Part, out: &'a mut Vec<u8>) -> Self {
        out.extend_from_slice(&part.opening());
        let start = out.len();
        Self { out, start, is_cut: false, is_full: false }
    }

    /// Adds a header whose value comes in pieces. It must hold no line break, as no header does.
    pub fn line(&mut self, name: &str, value: &[&[u8]]) {
        let len: usize = value.iter().map(|piece| piece.len()).sum();
        let line = name.len() + BETWEEN.len() + len.min(MAX_VALUE + MARK.len()) + 1;
        if self.is_full || self.out.len() - self.start + line > MAX_HEAD {
            (self.is_cut, self.is_full) = (true, true);
            return;
        }
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(BETWEEN.as_bytes());
        let end = self.out.len() + MAX_VALUE;
        for piece in value {
            self.out.extend_from_slice(piece);
        }
        if len > MAX_VALUE {
            self.is_cut = true;
            self.out.truncate(end);
            self.out.extend_from_slice(MARK.as_bytes());
        }
        self.out.push(b'\n');
    }

    /// Ends the head. Says whether it is whole.
    pub fn end(self) -> bool {
        if self.is_full {
            self.out.extend_from_slice(MARK.as_bytes());
            self.out.push(b'\n');
        }
        let len = self.out.len() - self.start;
        Part::close(&mut self.out[..self.start], len);
        !self.is_cut
    }
}

/// The names and values of a stored head. The mark of a cut has no value.
pub fn lines(head: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    head.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let at = line.windows(BETWEEN.len()).position(|window| window == BETWEEN.as_bytes());
        match at {
            Some(at) => (&line[..at], Some(&line[at + BETWEEN.len()..])),
            None => (line, None),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{HeadWriter, MAX_HEAD, MAX_VALUE, lines};
    use crate::content::{self, Kept, Part};

    fn stored(headers: &[(&str, &[&[u8]])]) -> (Vec<u8>, bool) {
        let mut heads = Vec::new();
        let mut head = HeadWriter::begin(Part::RequestHead, &mut heads);
        for (name, value) in headers {
            head.line(name, value);
        }
        let is_whole = head.end();
        let mut out = Vec::new();
        Kept { heads: &heads, ..Kept::default() }.write(&mut out);
        (content::read(&out).unwrap().request.head.unwrap(), is_whole)
    }

    #[test]
    fn headers_come_back_in_their_order() {
        let (head, is_whole) = stored(&[
            (":url", &[b"https://a.test/v1: b"]),
            ("x-empty", &[]),
            ("accept", &[b"text", b"/", b"html"]),
            ("accept", &[b"\xff: "]),
        ]);
        assert!(is_whole);
        let expected: [(&[u8], Option<&[u8]>); 4] = [
            (b":url", Some(b"https://a.test/v1: b")),
            (b"x-empty", Some(b"")),
            (b"accept", Some(b"text/html")),
            (b"accept", Some(b"\xff: ")),
        ];
        assert_eq!(lines(&head).collect::<Vec<_>>(), expected);
        assert_eq!(lines(&stored(&[]).0).count(), 0);
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let most = [b'v'; MAX_VALUE];
        assert!(stored(&[("x", &[&most])]).1);
        let (head, is_whole) = stored(&[("x", &[&most, b"w"]), ("y", &[b"z"])]);
        assert!(!is_whole);
        let cut = [&most[..], "…".as_bytes()].concat();
        let found: Vec<_> = lines(&head).collect();
        assert_eq!(found, [(&b"x"[..], Some(&cut[..])), (b"y", Some(b"z"))]);

        let many: Vec<(&str, &[&[u8]])> = vec![("x", &[b"1234567890"]); 1000];
        let (head, is_whole) = stored(&many);
        assert!(!is_whole && head.len() <= MAX_HEAD + 4, "{}", head.len());
        assert_eq!(lines(&head).last(), Some(("…".as_bytes(), None)));
        let one: [&[u8]; 1] = [&most];
        let long = [("x", &one[..]); 9];
        let (head, _) = stored(&[&long[..], &[("y", &[b"z"])]].concat());
        assert!(lines(&head).all(|(name, _)| name != b"y"), "none after one that is missing");
    }
}
