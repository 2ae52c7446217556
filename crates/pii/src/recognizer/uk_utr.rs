//! United Kingdom unique taxpayer reference.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{check::weighted, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "UK_UTR",
    group: state("GB"),
    title: "United Kingdom unique taxpayer reference",
    validator: "weights, mod 11",
    example: "1955839661",
    forms: &[Form::new("9999999999", -6.4), Form::new("99999~99999", -4.4)],
    check,
    proof: ONE_IN_11,
    labels: "utr, utr number, utr no, unique taxpayer reference, unique tax reference, unique \
        taxpayer reference number, tax reference, taxpayer reference",
    cues: "hmrc, self assessment, tax return, corporation tax",
    ..Recognizer::BLANK
};

/// The first digit checks the nine others.
fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[1..], &[6, 7, 8, 9, 10, 5, 4, 3, 2]);
    pass(b"21987654321"[(sum % 11) as usize] == text[0])
}
