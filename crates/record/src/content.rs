//! A call's content as one value to be sealed: the body that the client sent, then the one it got,
//! then any further parts, each with its number before it (see [`Part`]), until the end. Content of
//! before there were such parts ends with the two bodies.
//!
//! ```text
//! body | body | (part u8 | body)*
//!
//! body:
//! kind u8 = 0                                        there is none
//! kind u8 = 1 | length u64 | bytes                   as it came
//! kind u8 = 2 | length u64 | unpacked u64 | bytes    an LZ4 block
//! ```
//!
//! Numbers are little-endian. Heads are parts that come as they are, see `head.rs`. A body is packed
//! where that costs next to nothing. Packing ordinary text takes longer than writing it. But
//! conversations repeat themselves, some so much that packing them takes less time than anything else
//! that is done with them; a look at a part tells which.

use std::{cell::RefCell, fmt};

use bytes::Bytes;
use lz4_flex::block::{self, CompressTable};

const NONE: u8 = 0;
const PLAIN: u8 = 1;
const PACKED: u8 = 2;

/// A body from this size on is looked at.
const MIN: usize = 16 << 10;
/// How much of it.
const SAMPLE: usize = 2 << 10;
/// A sample that packs to less than one in this many bytes promises to be quick.
const PROMISING: usize = 4;
/// The longest body that unpacks: more than any that is kept.
const MAX: usize = 512 << 20;

/// Stored content that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored content is not of a form that this version reads")]
pub struct Malformed;

/// A part of content besides the two bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The headers of the client's request.
    RequestHead = 1,
    /// The headers of the answer that the client got.
    ResponseHead = 2,
    /// Method, URL and headers of a translated request.
    SentHead = 3,
    /// The body of a translated request.
    SentBody = 4,
    /// The headers of an answer before it was translated.
    OriginalHead = 5,
    /// The body of an answer before it was translated.
    OriginalBody = 6,
}

impl Part {
    /// What comes before a part that is stored as it is.
    pub(crate) fn opening(self) -> [u8; 10] {
        let mut opening = [0; 10];
        (opening[0], opening[1]) = (self as u8, PLAIN);
        opening
    }

    /// Puts the length into the opening that `before` ends with.
    pub(crate) fn close(before: &mut [u8], len: usize) {
        if let Some(at) = before.last_chunk_mut() {
            *at = (len as u64).to_le_bytes();
        }
    }
}

/// What is kept of a call, as it lies there.
#[derive(Clone, Copy, Default)]
pub struct Kept<'a> {
    /// The body that the client sent.
    pub request: Option<&'a Bytes>,
    /// The body that it got, in the pieces in which it got it.
    pub response: &'a [Bytes],
    /// All heads, each as a [`HeadWriter`](crate::head::HeadWriter) wrote it.
    pub heads: &'a [u8],
    /// The body that the provider was sent, where the call was translated.
    pub sent: Option<&'a Bytes>,
    /// The body with which the provider answered then.
    pub original: &'a [Bytes],
}

/// Content that was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// What the client sent.
    pub request: Message,
    /// What it got.
    pub response: Message,
    /// What the provider was sent, where the call was translated.
    pub sent: Message,
    /// What the provider answered then.
    pub original: Message,
}

/// A request or an answer, as far as it was kept.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The headers, see [`lines`](crate::head::lines).
    pub head: Option<Vec<u8>>,
    /// The body.
    pub body: Option<Vec<u8>>,
}

/// Lengths only.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("head", &self.head.as_ref().map(Vec::len))
            .field("body", &self.body.as_ref().map(Vec::len))
            .finish()
    }
}

impl Kept<'_> {
    /// How many bytes [`write`](Self::write) adds at most.
    pub fn most(&self) -> usize {
        let len = |pieces: &[Bytes]| -> usize { pieces.iter().map(Bytes::len).sum() };
        let single = [self.request, self.sent].into_iter().flatten();
        4 * (1 + 1 + 8 + 8)
            + single.map(Bytes::len).sum::<usize>()
            + len(self.response)
            + len(self.original)
            + self.heads.len()
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_body(self.request.map_or(&[], std::slice::from_ref), out);
        write_body(self.response, out);
        out.extend_from_slice(self.heads);
        if let Some(sent) = self.sent {
            out.push(Part::SentBody as u8);
            write_body(std::slice::from_ref(sent), out);
        }
        if !self.original.is_empty() {
            out.push(Part::OriginalBody as u8);
            write_body(self.original, out);
        }
    }
}

/// Reads content that was stored whole.
pub fn read(stored: &[u8]) -> Result<Content, Malformed> {
    let mut content = Content::default();
    let mut rest = stored;
    for body in [&mut content.request.body, &mut content.response.body] {
        (*body, rest) = read_body(rest)?;
    }
    while let Some((part, after)) = rest.split_first() {
        let part = match part {
            1 => &mut content.request.head,
            2 => &mut content.response.head,
            3 => &mut content.sent.head,
            4 => &mut content.sent.body,
            5 => &mut content.original.head,
            6 => &mut content.original.body,
            _ => return Err(Malformed),
        };
        if part.is_some() {
            return Err(Malformed);
        }
        (*part, rest) = read_body(after)?;
    }
    Ok(content)
}

fn write_body(pieces: &[Bytes], out: &mut Vec<u8>) {
    let len: usize = pieces.iter().map(Bytes::len).sum();
    let whole;
    let body = match pieces {
        [] => return out.push(NONE),
        [one] => Some(&**one),
        // Pieces are small next to what is worth packing: one of them says little.
        many if len >= MIN => {
            whole = many.concat();
            Some(&*whole)
        }
        _ => None,
    };
    if let Some(body) = body.filter(|body| is_promising(body)) {
        let written = with_room(block::get_maximum_output_size(len), |room, table| {
            let packed = block::compress_into_with_table(body, room, table).ok();
            // What looked promising in the middle can be noise all around.
            let packed = packed.filter(|packed| *packed < len)?;
            out.push(PACKED);
            out.extend_from_slice(&(packed as u64).to_le_bytes());
            out.extend_from_slice(&(len as u64).to_le_bytes());
            out.extend_from_slice(&room[..packed]);
            Some(())
        });
        if written.is_some() {
            return;
        }
    }
    out.push(PLAIN);
    out.extend_from_slice(&(len as u64).to_le_bytes());
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

fn read_body(stored: &[u8]) -> Result<(Option<Vec<u8>>, &[u8]), Malformed> {
    let (kind, rest) = stored.split_first().ok_or(Malformed)?;
    if *kind == NONE {
        return Ok((None, rest));
    }
    let (len, rest) = read_len(rest)?;
    match *kind {
        PLAIN => {
            let (body, rest) = rest.split_at_checked(len).ok_or(Malformed)?;
            Ok((Some(body.to_vec()), rest))
        }
        PACKED => {
            let (unpacked, rest) = read_len(rest)?;
            let (packed, rest) = rest.split_at_checked(len).ok_or(Malformed)?;
            let body = block::decompress(packed, unpacked).map_err(|_| Malformed)?;
            if body.len() == unpacked { Ok((Some(body), rest)) } else { Err(Malformed) }
        }
        _ => Err(Malformed),
    }
}

fn read_len(stored: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    let (len, rest) = stored.split_first_chunk().ok_or(Malformed)?;
    let len = usize::try_from(u64::from_le_bytes(*len)).ok().filter(|len| *len <= MAX);
    Ok((len.ok_or(Malformed)?, rest))
}

fn is_promising(body: &[u8]) -> bool {
    if !(MIN..=MAX).contains(&body.len()) {
        return false;
    }
    let middle = &body[body.len() / 2..][..SAMPLE];
    let len = with_room(block::get_maximum_output_size(SAMPLE), |room, table| {
        block::compress_into_with_table(middle, room, table)
    });
    len.is_ok_and(|len| len < SAMPLE / PROMISING)
}

/// Room of this size is kept by each thread: to make it anew is to have it filled with zeros.
const KEPT_ROOM: usize = 256 << 10;

fn with_room<R>(size: usize, work: impl FnOnce(&mut [u8], &mut CompressTable) -> R) -> R {
    thread_local! {
        static ROOM: RefCell<(Vec<u8>, CompressTable)> = RefCell::default();
    }
    ROOM.with_borrow_mut(|(room, table)| {
        if size > KEPT_ROOM {
            return work(&mut vec![0; size], table);
        }
        if room.len() < size {
            room.resize(size, 0);
        }
        work(&mut room[..size], table)
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{
        Content, Kept, MAX, MIN, Malformed, Message, NONE, PACKED, PLAIN, Part, read as read_whole,
    };
    use crate::head::HeadWriter;

    type Bodies = [Option<Vec<u8>>; 2];

    fn written(request: Option<&Bytes>, response: &[Bytes]) -> Vec<u8> {
        all(&Kept { request, response, ..Kept::default() })
    }

    fn all(kept: &Kept<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        kept.write(&mut out);
        assert!(out.len() <= kept.most());
        out
    }

    fn read(stored: &[u8]) -> Result<Bodies, Malformed> {
        read_whole(stored).map(|content| [content.request.body, content.response.body])
    }

    fn head(part: Part, name: &str, out: &mut Vec<u8>) {
        let mut head = HeadWriter::begin(part, out);
        head.line(name, b"1");
        assert!(head.end());
    }

    #[test]
    fn every_part_comes_back_as_what_it_was() {
        let mut heads = Vec::new();
        head(Part::RequestHead, "x-asked", &mut heads);
        head(Part::SentHead, "x-sent", &mut heads);
        head(Part::OriginalHead, "x-original", &mut heads);
        head(Part::ResponseHead, "x-got", &mut heads);
        let bytes = Bytes::from_static;
        let (asked, sent) = (bytes(b"asked"), bytes(b"sent"));
        let (got, original) = ([bytes(b"g"), bytes(b"ot")], [bytes(b"origi"), bytes(b"nal")]);
        let whole = all(&Kept {
            request: Some(&asked),
            response: &got,
            heads: &heads,
            sent: Some(&sent),
            original: &original,
        });
        let message = |name: &str| Message {
            head: Some(format!("x-{name}: 1\n").into_bytes()),
            body: Some(name.as_bytes().to_vec()),
        };
        let expected = Content {
            request: message("asked"),
            response: message("got"),
            sent: message("sent"),
            original: message("original"),
        };
        assert_eq!(read_whole(&whole), Ok(expected));
        // No part twice, and none that nobody knows.
        let twice = [&whole[..], &heads].concat();
        assert_eq!(read_whole(&twice), Err(Malformed));
        assert_eq!(read_whole(&[&whole[..], &[7, NONE]].concat()), Err(Malformed));
        let ends = (0..whole.len()).filter(|cut| read_whole(&whole[..*cut]).is_ok()).count();
        assert_eq!(ends, 6, "only where a part ends");
    }

    /// As versions wrote it that kept the bodies only.
    #[test]
    fn content_of_before_is_read() {
        let before = b"\x01\x02\0\0\0\0\0\0\0in\x01\x03\0\0\0\0\0\0\0out";
        let body = |text: &str| Message { head: None, body: Some(text.as_bytes().to_vec()) };
        let expected = Content { request: body("in"), response: body("out"), ..Content::default() };
        assert_eq!(read_whole(before), Ok(expected));
        assert_eq!(read_whole(&[NONE, NONE]), Ok(Content::default()));
    }

    #[test]
    fn what_repeats_is_packed_and_what_does_not_is_left_alone() {
        let repeats = Bytes::from(b"Every word is carried through the gate. ".repeat(1000));
        let packed = written(Some(&repeats), &[]);
        assert!(packed.len() < repeats.len() / 20, "{}", packed.len());
        assert_eq!(read(&packed), Ok([Some(repeats.to_vec()), None]));
        let pieces: Vec<Bytes> = (0..repeats.len()).map(|at| repeats.slice(at..=at)).collect();
        let packed = written(None, &pieces);
        assert!(packed.len() < repeats.len() / 20, "{}", packed.len());
        assert_eq!(read(&packed), Ok([None, Some(repeats.to_vec())]));
        let mut turn = 1_u32;
        let next = || {
            turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (turn >> 24) as u8
        };
        let noise: Bytes = std::iter::repeat_with(next).take(MIN * 2).collect();
        assert!(written(Some(&noise), &[]).len() > noise.len());
        let sly = [&noise[..MIN], &[0; 4 << 10], &noise[MIN..]].concat().into();
        assert_eq!(read(&written(Some(&sly), &[])), Ok([Some(sly.to_vec()), None]));
    }

    #[test]
    fn an_empty_body_is_told_from_none() {
        let empty = [Bytes::new()];
        assert_eq!(read(&written(Some(&empty[0]), &[])), Ok([Some(Vec::new()), None]));
        assert_eq!(read(&written(None, &empty)), Ok([None, Some(Vec::new())]));
    }

    #[test]
    fn what_was_not_written_here_is_refused() {
        let whole = written(Some(&Bytes::from_static(b"in")), &[Bytes::from_static(b"out")]);
        for cut in 0..whole.len() {
            assert_eq!(read(&whole[..cut]), Err(Malformed), "{cut}");
        }
        assert_eq!(read(&[&whole[..], b"x"].concat()), Err(Malformed));
        assert_eq!(read(&[3, 0, 0, 0, 0, 0, 0, 0, 0, NONE]), Err(Malformed));
        let len = |len: usize| (len as u64).to_le_bytes();
        let bomb = [&[PACKED][..], &len(1), &len(MAX + 1), b"\0", &[NONE]].concat();
        assert_eq!(read(&bomb), Err(Malformed));
        let endless = [&[PLAIN][..], &len(usize::MAX), &[NONE]].concat();
        assert_eq!(read(&endless), Err(Malformed));
    }

    proptest! {
        #[test]
        fn what_was_stored_is_what_came(
            piece in prop::collection::vec(any::<u8>(), 1..200),
            times in 1..400_usize,
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 0..20),
        ) {
            let request = Bytes::from(piece.repeat(times));
            let pieces: Vec<Bytes> = pieces.into_iter().map(Bytes::from).collect();
            let response = (!pieces.is_empty()).then(|| pieces.concat());
            let stored = written(Some(&request), &pieces);
            prop_assert_eq!(read(&stored), Ok([Some(request.to_vec()), response]));
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            kind in 0..4_u8, len in 0..64_u8, rest in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = read(&[&[kind, len, 0, 0, 0, 0, 0, 0, 0][..], &rest].concat());
        }
    }
}
