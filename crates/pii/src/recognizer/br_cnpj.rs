//! Brazilian company number.

use super::{ONE_IN_100, Recognizer, pass, state};
use crate::{check::digit, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "BR_CNPJ",
    group: state("BR"),
    title: "Brazilian company number",
    validator: "two mod 11 digits, letters as code less 48",
    example: "11.222.333/0001-81",
    forms: &[
        Form::new("99.999.999/9999-99", 2.0),
        Form::new("**.***.***/****-99", 1.5),
        Form::new("99999999999999", -5.0),
        Form::new("************99", -6.0),
    ],
    check,
    proof: ONE_IN_100,
    labels: "cnpj, cnpj numero, cnpj no, numero do cnpj, cadastro nacional da pessoa juridica, \
        cnpj number, brazilian cnpj",
    cues: "brasil, brazil, brazilian, empresa, ltda, razao social",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let control = super::br_cpf::control;
    let repeated = text.iter().all(|byte| *byte == text[0]);
    let fits =
        control(&text[..12], 9) == digit(text[12]) && control(&text[..13], 9) == digit(text[13]);
    pass(!repeated && fits)
}
