//! The chunked coding of a body (RFC 9112 §7.1), decoded in place.

use super::Malformed;

/// Bytes of chunk extensions and trailers that a whole body may have: nobody needs them, and each
/// could be endless.
const MAX_OVERHEAD: u32 = 16 * 1024;
/// Hexadecimal digits of a chunk's size.
const MAX_DIGITS: u8 = 15;

/// A decoder that is fed a body wherever the network split it.
#[derive(Debug)]
pub(crate) struct Chunked {
    state: State,
    /// Bytes of extensions and trailers so far.
    overhead: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size {
        size: u64,
        digits: u8,
    },
    /// Between the size and its line's end.
    Extension {
        size: u64,
    },
    SizeEnd {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    /// At the start of a line behind the last chunk.
    Trailer,
    TrailerLine,
    TrailerLf,
    LastLf,
    Done,
}

/// What one call to [`Chunked::decode`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// How many bytes were used: all, unless the body ended before.
    pub(crate) read: usize,
    /// How many bytes of data there are now at the buffer's front.
    pub(crate) data: usize,
}

impl Chunked {
    pub(crate) fn new() -> Self {
        Self { state: State::Size { size: 0, digits: 0 }, overhead: 0 }
    }

    /// Whether the body has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Moves the data in `bytes` to their front.
    pub(crate) fn decode(&mut self, bytes: &mut [u8]) -> Result<Decoded, Malformed> {
        let (mut read, mut data) = (0, 0);
        while read < bytes.len() && self.state != State::Done {
            if let State::Data { left } = self.state {
                let here = (bytes.len() - read).min(usize::try_from(left).unwrap_or(usize::MAX));
                bytes.copy_within(read..read + here, data);
                read += here;
                data += here;
                let left = left - here as u64;
                self.state = if left == 0 { State::DataCr } else { State::Data { left } };
            } else {
                self.state = self.step(bytes[read])?;
                read += 1;
            }
        }
        Ok(Decoded { read, data })
    }

    fn step(&mut self, byte: u8) -> Result<State, Malformed> {
        use State::{
            Data, DataCr, DataLf, Done, Extension, LastLf, Size, SizeEnd, Trailer, TrailerLf,
            TrailerLine,
        };
        Ok(match (self.state, byte) {
            (Size { size, digits }, _) if byte.is_ascii_hexdigit() => {
                if digits == MAX_DIGITS {
                    return Err(Malformed::Chunk);
                }
                let digit = (byte as char).to_digit(16).map_or(0, u64::from);
                Size { size: size << 4 | digit, digits: digits + 1 }
            }
            (Size { digits: 0, .. }, _) => return Err(Malformed::Chunk),
            (Size { size, .. }, b'\r') => SizeEnd { size },
            (Size { size, .. }, b';') => Extension { size },
            (Extension { size }, b'\r') => SizeEnd { size },
            (Extension { .. }, _) if !is_control(byte) => {
                self.count()?;
                self.state
            }
            (SizeEnd { size: 0 }, b'\n') => Trailer,
            (SizeEnd { size }, b'\n') => Data { left: size },
            (DataCr, b'\r') => DataLf,
            (DataLf, b'\n') => Size { size: 0, digits: 0 },
            (Trailer, b'\r') => LastLf,
            (Trailer | TrailerLine, _) if !is_control(byte) => {
                self.count()?;
                TrailerLine
            }
            (TrailerLine, b'\r') => TrailerLf,
            (TrailerLf, b'\n') => Trailer,
            (LastLf, b'\n') => Done,
            _ => return Err(Malformed::Chunk),
        })
    }

    fn count(&mut self) -> Result<(), Malformed> {
        self.overhead += 1;
        if self.overhead > MAX_OVERHEAD { Err(Malformed::Chunk) } else { Ok(()) }
    }
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a body in pieces of the given sizes, over and over; the data and what is left.
    fn fed(body: &[u8], sizes: &[usize]) -> Result<(Vec<u8>, bool, usize), Malformed> {
        let mut chunked = Chunked::new();
        let (mut out, mut at) = (Vec::new(), 0);
        for size in sizes.iter().cycle() {
            if at == body.len() || chunked.is_done() {
                break;
            }
            let mut piece = body[at..body.len().min(at + size)].to_vec();
            let decoded = chunked.decode(&mut piece)?;
            out.extend_from_slice(&piece[..decoded.data]);
            at += decoded.read;
        }
        Ok((out, chunked.is_done(), body.len() - at))
    }

    #[test]
    fn every_split_gives_the_same() {
        let body =
            b"4\r\nWiki\r\n5;x=\"y\"\r\npedia\r\nE\r\n in\r\n\r\nchunks.\r\n0\r\nt: v\r\n\r\nGET";
        for first in 1..body.len() {
            for second in [1, 2, 7, body.len()] {
                let (data, done, left) = fed(body, &[first, second]).unwrap();
                assert_eq!(data, b"Wikipedia in\r\n\r\nchunks.", "{first} {second}");
                assert!(done && left == 3, "{first} {second}: {left} left");
            }
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for body in [
            &b"\r\n"[..],
            b"x\r\n",
            b"+1\r\na\r\n",
            b"0x1\r\na\r\n",
            b"1 \r\na\r\n",
            b"1\na\r\n",
            b"1\r\na\n",
            b"1\r\nab\r\n",
            b"1\r\na\r\r",
            b"1;a\nb\r\na\r\n",
            b"0\r\na\nb\r\n\r\n",
            b"0\r\n\rX",
            b"10000000000000000\r\n",
        ] {
            assert!(fed(body, &[usize::MAX >> 1]).is_err(), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let long = "x".repeat(MAX_OVERHEAD as usize + 1);
        for body in [format!("1;{long}"), format!("0\r\n{long}"), "1;y\r\na\r\n".repeat(20_000)] {
            assert!(fed(body.as_bytes(), &[1000]).is_err());
        }
    }
}
