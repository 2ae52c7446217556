//! Rows of text and all that is found of them, by what may stand in the way.

use portcullis_pii::{Detector, Format, Scanner};

use crate::checks::streams_as_whole;

/// Every text gives these types and values and no others, however it is cut.
fn check(rows: &[(&str, &[(&str, &str)])]) {
    let detector = Detector::default();
    let mut scanner = Scanner::new();
    let mut complaints = Vec::new();
    for (text, wanted) in rows {
        let found: Vec<(&str, &str)> = scanner
            .scan(&detector, text)
            .iter()
            .map(|it| (it.entity.id(), &text[it.start..it.end]))
            .collect();
        if found != *wanted {
            complaints.push(format!("{text:?}: {found:?}"));
        }
        for cut in (0..text.len()).step_by(3) {
            streams_as_whole(text, Format::Text, &[cut]);
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn numbers_stand_beside_commas_slashes_and_colons() {
    check(&[
        ("1,4111111111111111,2", &[("CREDIT_CARD", "4111111111111111")]),
        (
            "[4111111111111111,5500005555555559]",
            &[("CREDIT_CARD", "4111111111111111"), ("CREDIT_CARD", "5500005555555559")],
        ),
        ("id,ssn,name\n1,536-90-4399,x", &[("US_SSN", "536-90-4399")]),
        ("id,card,amount\n1,4111 1111 1111 1111,20", &[("CREDIT_CARD", "4111 1111 1111 1111")]),
        ("id,cpf,x\n1,11144477735,5", &[("BR_CPF", "11144477735")]),
        ("id,nhs_number,x\n1001,9434765919,5", &[("UK_NHS", "9434765919")]),
        ("SSNs: 536-90-4399,536-90-4398", &[("US_SSN", "536-90-4399"), ("US_SSN", "536-90-4398")]),
        ("1,756.9217.0769.85,2", &[("CH_AHV", "756.9217.0769.85")]),
        ("12345678Z,46", &[("ES_DNI", "12345678Z")]),
        ("VALUES (1,4111111111111111,'x')", &[("CREDIT_CARD", "4111111111111111")]),
        (
            "536-90-4399/536-90-4398/536-90-4397",
            &[("US_SSN", "536-90-4399"), ("US_SSN", "536-90-4398"), ("US_SSN", "536-90-4397")],
        ),
        (
            "4111111111111111/5500005555555559",
            &[("CREDIT_CARD", "4111111111111111"), ("CREDIT_CARD", "5500005555555559")],
        ),
        ("4111111111111111:12:27:123", &[("CREDIT_CARD", "4111111111111111")]),
        ("415-555-0132,415-555-0133", &[("PHONE", "415-555-0132"), ("PHONE", "415-555-0133")]),
        ("415-555-0132/415-555-0133", &[("PHONE", "415-555-0132"), ("PHONE", "415-555-0133")]),
        ("030 1234567/0171 1234567", &[("PHONE", "030 1234567"), ("PHONE", "0171 1234567")]),
    ]);
}

#[test]
fn amounts_and_decimals_are_no_numbers_of_anybody() {
    check(&[
        ("EUR 1,234,567.89", &[]),
        ("123 456 789,50 or 11.234.567,89", &[]),
        ("0,4111111111111111 of 1", &[]),
        ("0.4111111111111111 of 1", &[]),
        ("1,234.5678901234", &[]),
        ("call 1,234,567", &[]),
        ("3,14159265358979", &[]),
        ("NHS number in 1,943,476 of 9434765,919 cases", &[]),
        ("ratio 4111111111111111.5/2", &[]),
        ("at 12:536904:12", &[]),
    ]);
}
