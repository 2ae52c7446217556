//! Frames (RFC 6455 §5), read as they pass by in pieces of any size.

use std::fmt;

/// Bytes of a control frame's payload at most.
pub const MAX_CONTROL: usize = 125;
/// Bytes of a frame's head at most.
const MAX_HEAD: usize = 14;

/// Which side sends: a client masks its frames, a server does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Whoever opened the connection.
    Client,
    /// Whoever it was opened to.
    Server,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Bytes of any kind.
    Binary,
    /// The last message of its sender.
    Close,
    /// A question whether the other side is there.
    Ping,
    /// Its answer.
    Pong,
}

/// Why bytes are not frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A reserved bit is set: there is an extension at work that nobody agreed to.
    Reserved,
    /// A frame of a kind that is not defined.
    Opcode,
    /// A client's frame is not masked, or a server's is.
    Mask,
    /// A control frame is too long or in pieces.
    Control,
    /// A message begins inside another, or goes on without having begun.
    Fragment,
    /// A length that no message can have.
    Length,
}

/// Reads one side's frames without holding them: it is shown the bytes as they pass.
pub struct FrameReader {
    sender: Sender,
    head: [u8; MAX_HEAD],
    /// Bytes of the head that were seen; none between two frames.
    seen: usize,
    /// The frame whose payload is passing.
    frame: Option<Frame>,
    /// The message that goes on with the next frame that is no control frame.
    fragmented: Option<Kind>,
}

#[derive(Clone, Copy)]
struct Frame {
    kind: Kind,
    /// Bytes of payload still to come.
    left: u64,
    mask: [u8; 4],
    /// Whether this is the beginning of its message so far.
    begins: bool,
    /// Whether the message ends with it.
    is_last: bool,
}

/// How far one look at some bytes came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes that were looked at: at least one.
    pub read: usize,
    /// What they are, if they end with a part of a message.
    pub piece: Option<Piece>,
}

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What the message is.
    pub kind: Kind,
    /// How many of the bytes read, the last of them, are payload.
    pub len: usize,
    /// Whether the message begins here.
    pub begins: bool,
    /// Whether the message ends here.
    pub ends: bool,
    mask: [u8; 4],
}

impl FrameReader {
    /// Between two frames.
    pub fn new(sender: Sender) -> Self {
        Self { sender, head: [0; MAX_HEAD], seen: 0, frame: None, fragmented: None }
    }

    /// Whether the bytes so far end with a frame, so that another could be put behind them.
    pub fn is_between(&self) -> bool {
        self.seen == 0 && self.frame.is_none()
    }

    /// Looks at the next bytes, of which there must be some: at most to the end of one frame's head
    /// or payload.
    pub fn step(&mut self, bytes: &[u8]) -> Result<Step, Violation> {
        if let Some(frame) = &mut self.frame {
            let len = bytes.len().min(usize::try_from(frame.left).unwrap_or(usize::MAX));
            let piece = frame.pass(len);
            self.end_frame();
            return Ok(Step { read: len, piece: Some(piece) });
        }
        let mut read = 0;
        while read < bytes.len() {
            self.head[self.seen] = bytes[read];
            (self.seen, read) = (self.seen + 1, read + 1);
            if self.seen == 2 {
                self.check()?;
            }
            if self.seen >= 2 && self.seen == self.head_len() {
                let mut frame = self.begin()?;
                // Nothing will come of an empty one.
                let piece = (frame.left == 0).then(|| frame.pass(0));
                self.frame = Some(frame);
                self.end_frame();
                return Ok(Step { read, piece });
            }
        }
        Ok(Step { read, piece: None })
    }

    /// The length of the head, of which at least two bytes were seen.
    fn head_len(&self) -> usize {
        let length = match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + length + if self.is_masked() { 4 } else { 0 }
    }

    fn is_masked(&self) -> bool {
        self.head[1] & 0x80 != 0
    }

    /// Checks the first two bytes.
    fn check(&self) -> Result<(), Violation> {
        let [first, second, ..] = self.head;
        if first & 0x70 != 0 {
            return Err(Violation::Reserved);
        }
        if self.is_masked() != (self.sender == Sender::Client) {
            return Err(Violation::Mask);
        }
        let is_last = first & 0x80 != 0;
        match first & 0x0f {
            0 if self.fragmented.is_none() => Err(Violation::Fragment),
            1 | 2 if self.fragmented.is_some() => Err(Violation::Fragment),
            0..=2 => Ok(()),
            8..=10 if !is_last || usize::from(second & 0x7f) > MAX_CONTROL => {
                Err(Violation::Control)
            }
            8 if second & 0x7f == 1 => Err(Violation::Control),
            8..=10 => Ok(()),
            _ => Err(Violation::Opcode),
        }
    }

    /// The frame whose head was seen.
    fn begin(&mut self) -> Result<Frame, Violation> {
        let head = &self.head[..self.seen];
        let length = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let (left, rest) = match head[1] & 0x7f {
            126 => (length(&head[2..4]), &head[4..]),
            127 => (length(&head[2..10]), &head[10..]),
            short => (u64::from(short), &head[2..]),
        };
        if left > i64::MAX as u64 {
            return Err(Violation::Length);
        }
        let mask = rest.try_into().unwrap_or_default();
        let is_last = head[0] & 0x80 != 0;
        let opcode = head[0] & 0x0f;
        let kind = match opcode {
            0 => self.fragmented.unwrap_or(Kind::Binary),
            1 => Kind::Text,
            8 => Kind::Close,
            9 => Kind::Ping,
            10 => Kind::Pong,
            _ => Kind::Binary,
        };
        if opcode < 8 {
            self.fragmented = (!is_last).then_some(kind);
        }
        self.seen = 0;
        Ok(Frame { kind, left, mask, begins: opcode != 0, is_last })
    }

    fn end_frame(&mut self) {
        self.frame = self.frame.filter(|frame| frame.left > 0);
    }
}

impl Frame {
    /// Lets `len` bytes of payload pass.
    fn pass(&mut self, len: usize) -> Piece {
        self.left -= len as u64;
        let ends = self.is_last && self.left == 0;
        let piece = Piece { kind: self.kind, len, begins: self.begins, ends, mask: self.mask };
        self.begins = false;
        self.mask.rotate_left(len % 4);
        piece
    }
}

impl Piece {
    /// Appends the payload in the clear. `payload` are the last [`Piece::len`] of the bytes read, or
    /// the beginning of these.
    pub fn append(&self, payload: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(payload);
        if self.mask != [0; 4] {
            for (byte, mask) in out[start..].iter_mut().zip(self.mask.iter().cycle()) {
                *byte ^= mask;
            }
        }
    }
}

/// A whole frame that closes the connection, with a code and a short reason, as `sender` has to
/// send it. A client's mask is to be random.
pub fn close_frame(sender: Sender, code: u16, reason: &str, mask: [u8; 4]) -> Vec<u8> {
    let mut end = reason.len().min(MAX_CONTROL - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    let length = u8::try_from(payload.len()).unwrap_or_default();
    match sender {
        Sender::Server => [&[0x88, length], &*payload].concat(),
        Sender::Client => {
            for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
                *byte ^= mask;
            }
            [&[0x88, 0x80 | length], &mask[..], &payload].concat()
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reserved => "a frame has a reserved bit",
            Self::Opcode => "a frame is of a kind that is not defined",
            Self::Mask => "a frame is masked, or not masked, against the rules",
            Self::Control => "a control frame is too long or in pieces",
            Self::Fragment => "the pieces of two messages are mixed",
            Self::Length => "a frame has a length that no message can have",
        })
    }
}

impl std::error::Error for Violation {}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// A frame of either side.
    fn frame(sender: Sender, first: u8, payload: &[u8]) -> Vec<u8> {
        let masked = if sender == Sender::Client { 0x80 } else { 0 };
        let mut bytes = vec![first];
        match payload.len() {
            len @ 0..=125 => bytes.push(masked | len as u8),
            len @ 126..=0xffff => {
                bytes.push(masked | 126);
                bytes.extend((len as u16).to_be_bytes());
            }
            len => {
                bytes.push(masked | 127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        if masked != 0 {
            bytes.extend(MASK);
            bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        } else {
            bytes.extend(payload);
        }
        bytes
    }

    type Messages = Vec<(Kind, Vec<u8>)>;

    /// The messages in bytes that come in these pieces, data messages and control frames as they
    /// end.
    fn messages(sender: Sender, pieces: &[&[u8]]) -> Result<Messages, Violation> {
        let mut reader = FrameReader::new(sender);
        let (mut data, mut control) = (Vec::new(), Vec::new());
        let mut messages = Vec::new();
        for mut bytes in pieces.iter().copied() {
            while !bytes.is_empty() {
                let step = reader.step(bytes)?;
                assert!(step.read > 0);
                if let Some(piece) = step.piece {
                    let into = match piece.kind {
                        Kind::Text | Kind::Binary => &mut data,
                        _ => &mut control,
                    };
                    assert_eq!(piece.begins, piece.begins && into.is_empty());
                    piece.append(&bytes[step.read - piece.len..step.read], into);
                    if piece.ends {
                        messages.push((piece.kind, std::mem::take(into)));
                    }
                }
                bytes = &bytes[step.read..];
            }
        }
        assert!(reader.is_between());
        Ok(messages)
    }

    #[test]
    fn messages_are_the_same_however_the_bytes_are_split() {
        for sender in [Sender::Client, Sender::Server] {
            let long = vec![b'x'; 200];
            let sent = [
                frame(sender, 0x81, b"whole"),
                frame(sender, 0x01, b"in "),
                frame(sender, 0x89, b"ping"),
                frame(sender, 0x00, b""),
                frame(sender, 0x80, b"pieces"),
                frame(sender, 0x82, &long),
                frame(sender, 0x81, b""),
                frame(sender, 0x8a, b""),
                close_frame(sender, 1000, "bye", MASK),
            ]
            .concat();
            let expected = [
                (Kind::Text, b"whole".to_vec()),
                (Kind::Ping, b"ping".to_vec()),
                (Kind::Text, b"in pieces".to_vec()),
                (Kind::Binary, long),
                (Kind::Text, Vec::new()),
                (Kind::Pong, Vec::new()),
                (Kind::Close, b"\x03\xe8bye".to_vec()),
            ];
            assert_eq!(messages(sender, &[&sent]).unwrap(), expected);
            for cut in 0..sent.len() {
                let (one, two) = sent.split_at(cut);
                assert_eq!(messages(sender, &[one, two]).unwrap(), expected, "{cut}");
            }
            let bytes: Vec<&[u8]> = sent.chunks(1).collect();
            assert_eq!(messages(sender, &bytes).unwrap(), expected);
        }
    }

    #[test]
    fn a_huge_frame_passes_without_being_held() {
        let payload = vec![7; 70_000];
        let sent = frame(Sender::Client, 0x82, &payload);
        let pieces: Vec<&[u8]> = sent.chunks(1000).collect();
        assert_eq!(messages(Sender::Client, &pieces).unwrap(), [(Kind::Binary, payload)]);
        // Only its head was seen: far more than could be held is announced.
        let mut reader = FrameReader::new(Sender::Server);
        let head = [&[0x82, 127][..], &(1_u64 << 62).to_be_bytes(), b"abc"].concat();
        let step = reader.step(&head).unwrap();
        assert_eq!((step.read, step.piece), (10, None));
        assert_eq!(reader.step(b"abc").unwrap().read, 3);
        assert!(!reader.is_between());
    }

    #[test]
    fn violations_are_told_apart() {
        let server = |bytes: &[u8]| messages(Sender::Server, &[bytes]).err();
        assert_eq!(server(&[0xc1, 0]), Some(Violation::Reserved));
        assert_eq!(server(&[0x83, 0]), Some(Violation::Opcode));
        assert_eq!(server(&[0x8b, 0]), Some(Violation::Opcode));
        assert_eq!(server(&frame(Sender::Client, 0x81, b"a")), Some(Violation::Mask));
        assert_eq!(
            messages(Sender::Client, &[&frame(Sender::Server, 0x81, b"a")]).err(),
            Some(Violation::Mask)
        );
        assert_eq!(server(&[0x89, 126]), Some(Violation::Control));
        assert_eq!(server(&[0x09, 0]), Some(Violation::Control));
        assert_eq!(server(&[0x88, 1]), Some(Violation::Control));
        assert_eq!(server(&[0x80, 0]), Some(Violation::Fragment));
        assert_eq!(server(&[0x01, 0, 0x81, 0]), Some(Violation::Fragment));
        let endless = [&[0x82, 127][..], &u64::MAX.to_be_bytes()].concat();
        assert_eq!(server(&endless), Some(Violation::Length));
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        let bytes = close_frame(Sender::Server, 1001, &"é".repeat(100), MASK);
        let closed = messages(Sender::Server, &[&bytes]).unwrap();
        assert_eq!(closed[0].1.len(), 2 + 122);
        assert!(std::str::from_utf8(&closed[0].1[2..]).is_ok());
    }
}
