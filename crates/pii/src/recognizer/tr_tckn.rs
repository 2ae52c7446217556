//! Turkish identity number.

use super::{ONE_IN_100, Recognizer, pass, state};
use crate::{check::digit, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "TR_TCKN",
    group: state("TR"),
    title: "Turkish identity number",
    validator: "two check digits",
    example: "10000000146",
    forms: &[Form::new("99999999999", -5.2), Form::new("999~999~999~99", -3.0)],
    check,
    proof: ONE_IN_100,
    labels: "tckn, tc kimlik, tc kimlik no, t c kimlik no, tc kimlik numarası, kimlik no, kimlik \
        numarası, tc no, turkish id, turkish id number, turkish identity number, vatandaşlık \
        numarası",
    cues: "türkiye, turkey, turkish, nüfus, vatandaş",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let odd: u32 = [0, 2, 4, 6, 8].iter().map(|place| digit(text[*place])).sum();
    let even: u32 = [1, 3, 5, 7].iter().map(|place| digit(text[*place])).sum();
    let tenth = (odd * 7 + 100 - even) % 10;
    let last = (odd + even + digit(text[9])) % 10;
    pass(text[0] != b'0' && tenth == digit(text[9]) && last == digit(text[10]))
}
