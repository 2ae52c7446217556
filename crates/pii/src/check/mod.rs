//! Check digits and checksums: pure functions over the characters of a number.

pub(crate) mod date;
mod decimal;
mod hash;
mod iso7064;

pub(crate) use decimal::{digit, digits, luhn, verhoeff, weighted};
pub(crate) use hash::{base58check, bech32, crc32, eip55};
pub(crate) use iso7064::{mod11_10, mod97};
