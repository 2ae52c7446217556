//! Names in order, and how one is found among them.

use std::{cmp::Ordering, ops::Range};

/// The place of a name among sorted ones. Beginnings are compared as numbers first: most names differ
/// there, and no function need be called for it.
pub(crate) fn search(
    mut among: Range<usize>,
    name: &str,
    name_at: impl Fn(usize) -> &'static [u8],
) -> Option<usize> {
    let sought = beginning(name.as_bytes());
    while !among.is_empty() {
        let middle = among.start + among.len() / 2;
        let found = name_at(middle);
        let order = beginning(found).cmp(&sought).then_with(|| found.cmp(name.as_bytes()));
        match order {
            Ordering::Equal => return Some(middle),
            Ordering::Less => among.start = middle + 1,
            Ordering::Greater => among.end = middle,
        }
    }
    None
}

/// The first eight bytes; zeros stand for those that a shorter name lacks, which orders them as names
/// are ordered.
fn beginning(name: &[u8]) -> u64 {
    match name.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => name.iter().rev().fold(0, |number, byte| number >> 8 | u64::from(*byte) << 56),
    }
}

#[cfg(test)]
mod tests {
    use super::search;

    #[test]
    fn every_name_is_found_and_no_other() {
        let mut names: Vec<&'static [u8]> = vec![
            b"",
            b"a",
            b"a\0",
            b"a\0b",
            b"ab",
            b"abcdefgh",
            b"abcdefgha",
            b"abcdefghb",
            b"\xff",
        ];
        names.sort();
        let find = |name: &str| search(0..names.len(), name, |at| names[at]);
        for name in ["", "a", "a\0", "a\0b", "ab", "abcdefgh", "abcdefgha", "abcdefghb"] {
            assert_eq!(
                find(name),
                names.iter().position(|found| *found == name.as_bytes()),
                "{name:?}"
            );
        }
        for name in ["b", "abc", "a\0\0", "abcdefg", "abcdefghab", "z"] {
            assert_eq!(find(name), None, "{name:?}");
        }
    }
}
