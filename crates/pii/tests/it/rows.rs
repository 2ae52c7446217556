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

#[test]
fn labelled_values_are_found_whole_or_not_at_all() {
    check(&[
        ("RIB : 30006 00001 12345678901 89", &[("BANK_ACCOUNT", "30006 00001 12345678901 89")]),
        (
            "account 0000 1111 2222 3333 4444 5555",
            &[("BANK_ACCOUNT", "0000 1111 2222 3333 4444 5555")],
        ),
        ("account 1111 2222 3333 4444 5555 6666 7777 8888 9999", &[]),
        ("Kennzeichen B-MA 1234", &[("LICENSE_PLATE", "B-MA 1234")]),
        ("Kennzeichen WÜ-RB 1783", &[("LICENSE_PLATE", "WÜ-RB 1783")]),
        ("Kennzeichen: LU-XY 1999", &[("LICENSE_PLATE", "LU-XY 1999")]),
        ("plate 1999", &[]),
        ("targa SA 764 ZY", &[("LICENSE_PLATE", "SA 764 ZY")]),
        ("targa AT 843 XD", &[("LICENSE_PLATE", "AT 843 XD")]),
        ("MRN: 123 456 789", &[("MEDICAL_RECORD", "123 456 789")]),
        (
            "MRN: 123 456 789 DOB 1985-03-14",
            &[("MEDICAL_RECORD", "123 456 789"), ("DATE_OF_BIRTH", "1985-03-14")],
        ),
        ("MRN 1234567 12 mg daily", &[("MEDICAL_RECORD", "1234567")]),
        ("Policy no. 566 696 479", &[("HEALTH_PLAN", "566 696 479")]),
        ("Policy number 12345678 2 years", &[("HEALTH_PLAN", "12345678")]),
        ("Member ID XEH 123 456 789", &[("HEALTH_PLAN", "XEH 123 456 789")]),
        ("passport 45 71 984843", &[("PASSPORT", "45 71 984843")]),
        ("passport number AB 123456, issued 2020", &[("PASSPORT", "AB 123456")]),
        ("Az.: 12 O 345/22", &[("CASE_NUMBER", "12 O 345/22")]),
        ("Aktenzeichen 3 Ds 101 Js 1234/21", &[("CASE_NUMBER", "3 Ds 101 Js 1234/21")]),
    ]);
}

#[test]
fn licences_and_passports_have_the_shapes_of_their_offices() {
    check(&[
        ("DL-D1234567 drivers license", &[("US_DRIVER_LICENSE", "D1234567")]),
        ("Driver license: K12345678901234", &[("US_DRIVER_LICENSE", "K12345678901234")]),
        ("Driver license: 12ABC34567", &[("US_DRIVER_LICENSE", "12ABC34567")]),
        ("Driver license: ABC12345678901", &[]),
        ("Driver license: A1", &[]),
        ("passport AB1234567890", &[]),
        ("passport C01X00T47", &[("PASSPORT", "C01X00T47")]),
        ("insurance 2024-2025", &[]),
        ("insurance 2024/25", &[]),
    ]);
}

/// What `pii types` prints as an example is found when it is labelled.
#[test]
fn examples_are_found() {
    let detector = Detector::default();
    let mut scanner = Scanner::new();
    let mut complaints = Vec::new();
    for entity in portcullis_pii::Entity::all().filter(|it| it.on_by_default()) {
        let key = entity.id().to_lowercase();
        let words = entity.title().to_lowercase();
        let example = entity.example();
        let texts =
            [example.to_owned(), format!("{words}: {example}"), format!("{key}: {example}")];
        let found = texts
            .iter()
            .any(|text| scanner.scan(&detector, text).iter().any(|it| it.entity == entity));
        if !found {
            complaints.push(format!("{}: {example:?}", entity.id()));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn versions_sums_and_code_hold_nothing() {
    check(&[
        ("Upgrade foo from 4.51.1.1 to 4.52", &[]),
        ("Bump the image from 1.2.3.4 to v1.3", &[]),
        ("Nginx 1.25.3.2", &[]),
        ("Tomcat 9.0.75.0", &[]),
        ("login from 51.15.22.9 at noon", &[("IP_ADDRESS", "51.15.22.9")]),
        ("client ip: 127.0.0.1, resolver 8.8.8.8", &[]),
        ("a + 4915112345678", &[]),
        ("call + 49 151 12345678", &[("PHONE", "+ 49 151 12345678")]),
        ("92 07 21 27 35 92", &[]),
        ("homepage = \"https://serde.rs\"", &[]),
        ("my homepage: https://janedoe.dev", &[("URL", "https://janedoe.dev")]),
        ("def f(a, pwd=None):", &[]),
        ("int pass = 0x1F00", &[]),
        ("password = (ULONG)requested", &[]),
        ("account = 0x0000_0001", &[]),
        ("#define SOME_STRING 122\n#define THIRD_STREET 123\nx = A_ROAD 12\n#define Q 1", &[]),
    ]);
}

#[test]
fn what_stands_beside_or_within_names_it() {
    check(&[
        (
            "DE89 3704 0044 0532 0130 00 (COBADEFFXXX)",
            &[("IBAN", "DE89 3704 0044 0532 0130 00"), ("SWIFT_BIC", "COBADEFFXXX")],
        ),
        ("DE89 3704 0044 0532 0130 00 REQUIRED", &[("IBAN", "DE89 3704 0044 0532 0130 00")]),
        ("linkedin.com/in/jane-doe", &[("URL", "linkedin.com/in/jane-doe")]),
        ("see facebook.com/jane.doe.5 today", &[("URL", "facebook.com/jane.doe.5")]),
        ("see facebook.com/groups today", &[]),
        ("card 63049512345678903 is Maestro", &[("CREDIT_CARD", "63049512345678903")]),
    ]);
}

#[test]
fn a_low_threshold_lets_unlikely_addresses_through() {
    let detector = Detector::builder()
        .threshold(portcullis_pii::Entity::IP_ADDRESS, 0.0)
        .and_then(|it| it.threshold(portcullis_pii::Entity::URL, 0.0))
        .and_then(portcullis_pii::Builder::build)
        .expect("valid");
    for text in ["127.0.0.1", "169.254.0.7", "8.8.8.8", "https://docs.rs/serde/latest/serde/"] {
        let found = Scanner::new().scan(&detector, text).to_vec();
        assert_eq!(found.len(), 1, "{text}");
    }
}
