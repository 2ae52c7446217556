//! A text, cut where the first bytes say.

#![no_main]

#[expect(dead_code, reason = "each target makes some of the checks")]
#[path = "../../tests/it/checks.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;
use portcullis_pii::Format;

fuzz_target!(|bytes: &[u8]| {
    let (places, text) = bytes.split_at(bytes.len().min(4));
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut cuts: Vec<usize> =
        places.iter().map(|it| usize::from(*it) * (text.len() + 1) / 256).collect();
    cuts.sort_unstable();
    for format in [Format::Text, Format::Json, Format::Form] {
        checks::streams_as_whole(text, format, &cuts);
    }
});
