//! Ukrainian taxpayer number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "UA_RNOKPP",
    group: state("UA"),
    title: "Ukrainian taxpayer number",
    validator: "weights, mod 11",
    example: "1759013776",
    forms: &[Form::new("9999999999", -6.2)],
    check,
    proof: ONE_IN_11,
    labels: "рнокпп, іпн, ипн, ідентифікаційний код, ідентифікаційний номер, податковий номер, \
        реєстраційний номер облікової картки платника податків, rnokpp, ukrainian tax number, \
        ukrainian tax id",
    cues: "україна, ukraine, ukrainian",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    // The first weight is -1: ten, modulo eleven.
    let sum = weighted(&text[..9], &[10, 5, 7, 9, 4, 6, 10, 5, 7]);
    pass(digits(text) != 0 && sum % 11 % 10 == digit(text[9]))
}
