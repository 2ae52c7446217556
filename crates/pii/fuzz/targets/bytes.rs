//! Any bytes, in any format, whole and in pieces.

#![no_main]

#[expect(dead_code, reason = "each target makes some of the checks")]
#[path = "../../tests/it/checks.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;
use portcullis_pii::Format;

fuzz_target!(|bytes: &[u8]| {
    for format in [Format::Text, Format::Json, Format::Form] {
        checks::survive(bytes, format);
    }
});
