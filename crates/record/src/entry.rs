//! The format of a segment file: eight bytes of magic with the format's version, then entries.
//!
//! ```text
//! length u32 | crc32 u32 | kind u8 | version u8 | zero u16 | order u64 | call 16 | payload
//! ```
//!
//! Numbers are little-endian. The length is the payload's; the checksum covers everything after
//! itself. `order` grows across all files of a node, so that a reader can restore the order of
//! events. A later version may append a chain hash to the header: readers reject what they do not
//! know.

use portcullis_domain::CallId;

/// The first bytes of a segment file; the last of them is the format's version.
pub(crate) const MAGIC: [u8; 8] = *b"PCTSEG\0\x03";
/// Bytes before an entry's payload.
pub(crate) const HEADER_LEN: usize = 36;
/// The longest payload. Longer ones are not written, so a longer length means damage.
pub(crate) const MAX_PAYLOAD: usize = 64 << 20;

const VERSION: u8 = 1;

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A provider is about to be called. Payload: the log, see `codec`.
    Opened = 1,
    /// The call ended. Payload: the log, see `codec`; in dead-letter files its JSON, where it
    /// could be read.
    Closed = 2,
    /// Sealed content of the call whose closed entry follows in the same file.
    Content = 3,
    /// Why the sink refused the closed entry before it; in dead-letter files only. Payload: text.
    Refused = 4,
}

/// The header of a whole entry; its payload follows [`HEADER_LEN`] bytes after its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) order: u64,
    pub(crate) call: CallId,
    pub(crate) payload_len: usize,
}

impl Entry {
    /// Bytes of header and payload.
    pub(crate) fn len(&self) -> usize {
        HEADER_LEN + self.payload_len
    }
}

/// What the bytes at an entry's place are.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A whole, undamaged entry.
    Whole(Entry),
    /// The beginning of an entry that takes this many bytes at least.
    Needs(usize),
    /// Not an entry of this format.
    Damaged,
}

/// The header of an entry with this payload.
pub(crate) fn header(kind: Kind, order: u64, call: CallId, payload: &[u8]) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    // Writers keep payloads below MAX_PAYLOAD, which fits.
    header[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[8] = kind as u8;
    header[9] = VERSION;
    header[12..20].copy_from_slice(&order.to_le_bytes());
    header[20..].copy_from_slice(call.as_bytes());
    let crc = checksum(&header[8..], payload);
    header[4..8].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Reads the entry that `bytes` begin with.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    let Some((header, rest)) = bytes.split_at_checked(HEADER_LEN) else {
        return Parsed::Needs(HEADER_LEN);
    };
    let len = u32_at(header, 0) as usize;
    let kind = match header[8] {
        1 => Kind::Opened,
        2 => Kind::Closed,
        3 => Kind::Content,
        4 => Kind::Refused,
        _ => return Parsed::Damaged,
    };
    if header[9..12] != [VERSION, 0, 0] || len > MAX_PAYLOAD {
        return Parsed::Damaged;
    }
    let Some(payload) = rest.get(..len) else {
        return Parsed::Needs(HEADER_LEN + len);
    };
    if checksum(&header[8..], payload) != u32_at(header, 4) {
        return Parsed::Damaged;
    }
    let mut order = [0; 8];
    order.copy_from_slice(&header[12..20]);
    let mut call = [0; 16];
    call.copy_from_slice(&header[20..]);
    Parsed::Whole(Entry {
        kind,
        order: u64::from_le_bytes(order),
        call: CallId::from_uuid(uuid::Uuid::from_bytes(call)),
        payload_len: len,
    })
}

fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(payload);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> CallId {
        CallId::from_uuid(uuid::Uuid::from_bytes([7; 16]))
    }

    fn sample() -> Vec<u8> {
        let payload = b"sealed bytes";
        let mut bytes = header(Kind::Content, 41, call(), payload).to_vec();
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn reads_what_was_written() {
        let bytes = sample();
        let Parsed::Whole(entry) = parse(&bytes) else { panic!("not whole") };
        assert_eq!(entry.kind, Kind::Content);
        assert_eq!((entry.order, entry.call), (41, call()));
        assert_eq!(&bytes[HEADER_LEN..entry.len()], b"sealed bytes");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = sample();
        for cut in 0..bytes.len() {
            assert!(matches!(parse(&bytes[..cut]), Parsed::Needs(n) if n > cut), "cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(parse(&damaged), Parsed::Whole(_)), "bit {bit}");
        }
    }
}
