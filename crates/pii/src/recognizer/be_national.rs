//! Belgian national number.

use super::{Recognizer, pass, state};
use crate::{check::digits, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "BE_NATIONAL",
    group: state("BE"),
    title: "Belgian national number",
    validator: "97 - n mod 97, date of birth",
    example: "85.07.30-033.28",
    forms: &[
        Form::new("99.99.99-999.99", 0.0),
        Form::new("99~99~99~999~99", -1.0),
        Form::new("999999~999~99", -1.5),
        Form::new("99999999999", -5.4),
    ],
    check,
    proof: 4.2,
    labels: "rijksregisternummer, rijksregister, rijksregisternr, rrn, numero national, registre \
        national, numero de registre national, n national, no national, nationaal nummer, insz, \
        niss, nationalregisternummer, belgian national number, national register number, \
        national number, bis nummer",
    cues: "belgie, belgique, belgium, belgian, identiteitskaart, carte d identite",
    ..Recognizer::BLANK
};

/// From 2000 on a 2 is put in front before the check. The month may be raised by 20 or 40.
fn check(text: &[u8]) -> Option<f32> {
    let (body, key) = (digits(&text[..9]), digits(&text[9..]));
    let born = digits(&text[2..4]) % 20 <= 12 && digits(&text[4..6]) <= 31;
    pass(born && (97 - body % 97 == key || 97 - (2_000_000_000 + body) % 97 == key))
}
