//! A text that is redacted and restored, as text and as JSON.

#![no_main]

#[expect(dead_code, reason = "each target makes some of the checks")]
#[path = "../../tests/it/checks.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    checks::comes_back(text);
    checks::stays_json(text);
    checks::stays_json(&serde_json::json!({ "text": text }).to_string());
});
