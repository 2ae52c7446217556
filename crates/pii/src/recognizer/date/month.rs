//! Names of months.

use std::{collections::HashMap, sync::LazyLock};

use crate::context::words::{self, Hash};

/// January to December, in seven languages, with abbreviations.
const MONTHS: [&str; 12] = [
    "january jan januar jänner janvier janv enero ene januari janeiro gennaio gen",
    "february feb februar feber fevrier fevr febrero febbraio februari fevereiro fev",
    "march mar märz maerz mrz mars marzo maart mrt março",
    "april apr avril avr abril abr aprile",
    "may mai mayo mei maio maggio mag",
    "june jun juni juin junio junho giugno giu",
    "july jul juli juillet juil julio julho luglio lug",
    "august aug août aout agosto ago augustus",
    "september sep sept septembre septiembre setiembre setembro set settembre",
    "october oct oktober okt octobre octubre outubro out ottobre ott",
    "november nov novembre noviembre novembro",
    "december dec dezember dez décembre diciembre dic dezembro",
];

/// The number of the month that a word names, and where the word ends.
pub(super) fn at(text: &[u8]) -> Option<(u64, usize)> {
    static NAMES: LazyLock<HashMap<Hash, u64>> = LazyLock::new(|| {
        let names = |names: &'static str| words::words(names.as_bytes(), 0);
        let numbered = MONTHS.iter().zip(1..);
        numbered.flat_map(|(all, number)| names(all).map(move |word| (word.hash, number))).collect()
    });
    let word = words::words(text, 0).next().filter(|word| word.start == 0)?;
    NAMES.get(&word.hash).map(|number| (*number, word.end))
}
