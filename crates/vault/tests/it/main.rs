//! The vault, from the outside.
