//! A value is found by the key that names it, whatever format the two are written in.

use portcullis_pii::{Detector, Entity, Format, Scanner};
use serde_json::json;

use crate::checks::streams_as_whole;

/// Types that a key alone makes what they are, with a key and a value of each.
const NAMED: &[(Entity, &str, &str)] = &[
    (Entity::PASSWORD, "password", "Tr0ub4dor&3"),
    (Entity::PASSWORD, "passwd", "hunter2"),
    (Entity::PASSWORD, "db_password", "KfX3813SO9l"),
    (Entity::PASSWORD, "userPassword", "Summer-2031!"),
    (Entity::PASSWORD, "Passwort", "Geheim123!"),
    (Entity::PASSWORD, "mot_de_passe", "S0leil#77"),
    (Entity::PASSWORD, "contraseña", "Sol2031!"),
    (Entity::PASSWORD, "PIN", "4711"),
    (Entity::USERNAME, "username", "jdoe42"),
    (Entity::USERNAME, "user", "jdoe42"),
    (Entity::USERNAME, "login", "jane_doe"),
    (Entity::USERNAME, "Benutzername", "jdoe42"),
    (Entity::SWIFT_BIC, "bic", "COBADEFFXXX"),
    (Entity::SWIFT_BIC, "swift", "DEUTDEFF"),
    (Entity::SWIFT_BIC, "swift_code", "DEUTDEFF500"),
    (Entity::US_SSN, "ssn", "536904399"),
    (Entity::CREDIT_CARD, "card_number", "4111111111111111"),
    (Entity::CARD_CVV, "cvv", "123"),
    (Entity::CARD_EXPIRY, "expiry", "09/27"),
    (Entity::BANK_ACCOUNT, "account_number", "12345678"),
    (Entity::PASSPORT, "passport_number", "X12345678"),
    (Entity::US_DRIVER_LICENSE, "drivers_license", "D1234567"),
    (Entity::MEDICAL_RECORD, "mrn", "1234567"),
    (Entity::HEALTH_PLAN, "member_id", "XEH123456789"),
    (Entity::EMPLOYEE_ID, "employee_id", "E12345"),
    (Entity::CASE_NUMBER, "case_number", "22-104433"),
    (Entity::LICENSE_PLATE, "license_plate", "7ABC123"),
    (Entity::PHONE, "phone", "4155550132"),
    (Entity::IP_ADDRESS, "client_ip", "203.0.113.7"),
    (Entity::AGE, "age", "46"),
    (Entity::API_KEY, "api_key", "9fK2mQ7xW1bT8kL0cVd4"),
    (Entity::DATE_OF_BIRTH, "date_of_birth", "1985-03-14"),
    (Entity::HANDLE, "twitter", "@jane_doe"),
];

#[test]
fn keys_name_values_in_every_format() {
    let detector = Detector::default();
    let mut scanner = Scanner::new();
    let mut complaints = Vec::new();
    let mut check = |format, text: String, entity: Entity, value: &str| {
        let found = scanner.scan_as(&detector, format, &text).to_vec();
        let right = matches!(found.as_slice(), [it] if it.entity == entity
            && &text[it.start..it.end] == value);
        if !right {
            complaints.push(format!("{}: {text:?} {found:?}", entity.id()));
        }
    };
    for (entity, key, value) in NAMED {
        let plain = json!({ *key: value, "ok": true }).to_string();
        let nested = json!({"function": {"arguments": json!({ *key: value }).to_string()}});
        let encoded: String = value
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            })
            .collect();
        check(Format::Text, format!("{key}: {value}\n"), *entity, value);
        check(Format::Json, plain, *entity, value);
        check(Format::Json, nested.to_string(), *entity, value);
        check(Format::Form, format!("a=b&{key}={encoded}&ok=true"), *entity, &encoded);
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn keys_name_values_however_cut() {
    let text = r#"{"password": " Tr0ub4dor&3 ", "user": "jdoe\u005f42", "bic": "COBADEFFXXX", "login": "a very long sentence\nof two lines", "pin": 4711}"#;
    for cut in 0..text.len() {
        streams_as_whole(text, Format::Json, &[cut]);
    }
    let text = "password=Tr0ub4dor%263&user=jdoe42&bic=COBADEFFXXX&pin=4711";
    for cut in 0..text.len() {
        streams_as_whole(text, Format::Form, &[cut]);
    }
}

#[test]
fn what_a_key_names_is_not_always_one() {
    let detector = Detector::default();
    let mut scanner = Scanner::new();
    for text in [
        r#"{"password": "required"}"#,
        r#"{"password": "Passwort"}"#,
        r#"{"password": "${DB_PASSWORD}"}"#,
        r#"{"password": {"type": "string", "minLength": 8}}"#,
        r#"{"password": true, "pass": 12, "tests": {"pass": 1234}}"#,
        r#"{"password": ""}"#,
        r#"{"password": "Please choose one of at least twelve characters, with a digit in it; it is asked for whenever you come back to this site from another device."}"#,
        r#"{"pin": 13}"#,
        r#"{"username": "admin", "login": "Sign in to go on"}"#,
        r#"{"role": "user", "content": "hello"}"#,
        r#"{"user": "root"}"#,
        r#"{"user": {"id": 12345}}"#,
        r#"{"bic": "REQUIRED", "swift": "language"}"#,
        r#"{"framework": "COBADEFFXXX"}"#,
    ] {
        let found = scanner.scan_as(&detector, Format::Json, text);
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}
