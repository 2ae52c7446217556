//! Check digits and checksums: pure functions over the characters of a number.

mod decimal;
mod iso7064;

pub(crate) use decimal::{digit, digits, luhn, verhoeff, weighted};
pub(crate) use iso7064::{mod11_10, mod97};
