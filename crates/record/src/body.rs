//! Content as it is sealed: packed where that costs next to nothing.
//!
//! ```text
//! bytes as they came
//! magic 8 | length u32 | LZ4 block
//! ```
//!
//! Packing ordinary text takes longer than writing it. But conversations repeat themselves, some so
//! much that packing them takes less time than anything else that is done with them; a look at a
//! part tells which.

/// What packed content begins with. Content that begins so by itself is packed in any case.
const MAGIC: [u8; 8] = *b"PCLZ4\0\x01\xFF";
const HEADER_LEN: usize = MAGIC.len() + 4;
/// Content from this size on is looked at.
const MIN: usize = 16 << 10;
/// How much of it.
const SAMPLE: usize = 2 << 10;
/// A sample that packs to less than one in this many bytes promises to be quick.
const PROMISING: usize = 4;
/// The longest content that unpacks: more than any that is kept.
const MAX: usize = 512 << 20;

/// Stored content that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored content is packed in a way that does not unpack")]
pub struct Malformed;

/// Packs content, if it is worth it; else the content is to be stored as it is.
pub fn pack(content: &[u8]) -> Option<Vec<u8>> {
    let fits = content.len() <= MAX;
    (fits && (is_promising(content) || content.starts_with(&MAGIC))).then(|| packed(content))
}

/// What was stored, as it came.
pub fn unpack(stored: Vec<u8>) -> Result<Vec<u8>, Malformed> {
    let Some(rest) = stored.strip_prefix(&MAGIC) else { return Ok(stored) };
    let (len, block) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
    let len = u32::from_le_bytes(*len) as usize;
    if len > MAX {
        return Err(Malformed);
    }
    let content = lz4_flex::block::decompress(block, len).map_err(|_| Malformed)?;
    if content.len() == len { Ok(content) } else { Err(Malformed) }
}

fn is_promising(content: &[u8]) -> bool {
    if content.len() < MIN {
        return false;
    }
    let middle = content.len() / 2;
    let mut room = [0; lz4_flex::block::get_maximum_output_size(SAMPLE)];
    let sample = &content[middle..middle + SAMPLE];
    let len = lz4_flex::block::compress_into(sample, &mut room);
    len.is_ok_and(|len| len < SAMPLE / PROMISING)
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(HEADER_LEN + content.len() / PROMISING);
    packed.extend_from_slice(&MAGIC);
    // Checked against the longest by who asks.
    packed.extend_from_slice(&(content.len() as u32).to_le_bytes());
    packed.extend_from_slice(&lz4_flex::block::compress(content));
    packed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{HEADER_LEN, MAGIC, MIN, Malformed, pack, unpack};

    #[test]
    fn what_repeats_is_packed_and_what_does_not_is_left_alone() {
        let repeats = b"Every word has to be carried through the gate. ".repeat(1000);
        let packed = pack(&repeats).expect("it packs well");
        assert!(packed.len() < repeats.len() / 20, "{}", packed.len());
        assert_eq!(unpack(packed), Ok(repeats));
        let mut turn = 1_u32;
        let next = || {
            turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (turn >> 24) as u8
        };
        let noise: Vec<u8> = std::iter::repeat_with(next).take(MIN * 2).collect();
        assert_eq!(pack(&noise), None);
        assert_eq!(pack(b"short"), None);
    }

    #[test]
    fn content_that_looks_packed_survives() {
        let sly = [&MAGIC[..], b"not packed at all"].concat();
        assert_eq!(unpack(pack(&sly).expect("it must be packed")), Ok(sly));
        for cut in MAGIC.len()..HEADER_LEN {
            assert_eq!(unpack(MAGIC.iter().copied().cycle().take(cut).collect()), Err(Malformed));
        }
        let bomb = [&MAGIC[..], &u32::MAX.to_le_bytes(), b"\x00"].concat();
        assert_eq!(unpack(bomb), Err(Malformed));
    }

    proptest! {
        #[test]
        fn what_was_stored_is_what_came(
            piece in prop::collection::vec(any::<u8>(), 1..200),
            times in 1..400_usize,
            tail in prop::collection::vec(any::<u8>(), 0..2000),
        ) {
            let content = [piece.repeat(times), tail].concat();
            let stored = pack(&content).unwrap_or_else(|| content.clone());
            prop_assert_eq!(unpack(stored), Ok(content));
        }

        #[test]
        fn any_bytes_unpack_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack([&MAGIC[..], &bytes].concat());
        }
    }
}
