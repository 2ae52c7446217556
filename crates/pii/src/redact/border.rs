//! Where a substitute can be told from the word or number that it stands in.

use crate::layers::{self, Wrap};

/// How much of what is written beside a value is looked at, bytes: room for an escape.
pub(super) const BESIDE: usize = 32;

/// Whether a character runs on into its neighbour: letters and digits of scripts that put spaces
/// between words. From U+2E80 on are those that do not.
pub(super) fn joins(c: char) -> bool {
    c.is_alphanumeric() && c < '\u{2e80}'
}

/// Whether something stands apart between what is written before and behind it: only so it is found
/// again.
pub(super) fn stands_apart(place: &str, before: &[u8], behind: &[u8], wrap: Wrap) -> bool {
    let (first, last) = (place.chars().next(), place.chars().next_back());
    // A bare number becomes a string of its own.
    wrap.bare
        || !(first.is_some_and(joins)
            && layers::decode(before, wrap).chars().next_back().is_some_and(joins)
            || last.is_some_and(joins)
                && layers::decode(behind, wrap).chars().next().is_some_and(joins))
}
