//! How much a phrase weighs by what lies between it and the span.

use std::sync::LazyLock;

use super::{
    lexicon::Role,
    words::{self, Hash, Word},
};
use crate::scan::Cx;

/// What lies between a phrase and a span.
#[derive(Clone, Copy, Default)]
pub(crate) struct Gap {
    /// In words, with what else separates.
    pub(crate) distance: f32,
    /// A line ends in it.
    pub(crate) line: bool,
    /// A sentence ends in it.
    pub(crate) sentence: bool,
}

/// Log odds of a phrase before a span.
pub(super) fn weight_before(role: Role, distance: f32) -> f32 {
    match role {
        Role::Label => (6.0 - 1.3 * distance).max(0.0),
        Role::Cue => (3.0 - 0.5 * distance).max(0.0),
        Role::Against => -(5.0 - 1.1 * distance).max(0.0),
    }
}

/// Log odds of a phrase behind a span. One that introduces the next value says nothing about this
/// one.
pub(super) fn weight_after(role: Role, distance: f32, introduces: bool) -> f32 {
    if introduces {
        return 0.0;
    }
    match role {
        // `... is my SSN`: as good as in front.
        Role::Label if distance < 0.7 => 5.8 - 1.3 * distance,
        Role::Label => (4.5 - 1.5 * distance).max(0.0),
        Role::Cue => (1.5 - 0.5 * distance).max(0.0),
        Role::Against => -(3.5 - 1.5 * distance).max(0.0),
    }
}

/// What lies between `from` and `to`, where these words are.
pub(super) fn gap_between(cx: &Cx<'_>, words: &[Word], from: usize, to: usize) -> Gap {
    let mut gap = marks(cx.slice(from, words.first().map_or(to, |word| word.start)), None);
    for (index, word) in words.iter().enumerate() {
        let next = words.get(index + 1).map_or(to, |next| next.start);
        let inner = between(cx, *word, next, false);
        gap.distance += of(word) + inner.distance;
        gap.line |= inner.line;
        gap.sentence |= inner.sentence;
    }
    gap
}

/// What lies between a word and `to`, where no other word is. The word may end a label.
pub(super) fn between(cx: &Cx<'_>, word: Word, to: usize, label: bool) -> Gap {
    let length = if label { None } else { Some(word.end - word.start) };
    marks(cx.slice(word.end, to), length)
}

/// How much a word separates.
pub(super) fn of(word: &Word) -> f32 {
    match word {
        word if word.number && word.end - word.start > 3 => 2.0,
        word if word.number => 0.7,
        word if is_filler(word.hash) => 0.15,
        _ => 1.0,
    }
}

/// What the marks between two words do. `length` is that of the word before, if a point behind it
/// may end a sentence.
fn marks(bytes: &[u8], length: Option<usize>) -> Gap {
    let mut gap = Gap::default();
    for (index, byte) in bytes.iter().enumerate() {
        let next = bytes.get(index + 1).copied().unwrap_or(b' ');
        gap.distance += match byte {
            b'\n' => {
                gap.line = true;
                0.6
            }
            // A question is answered by what it asks for.
            b'?' => 0.4,
            // `No. 12`: a short word is abbreviated, and a label's point is its own.
            b'.' if index == 0 && length.is_none_or(|length| length < 4) => 0.0,
            b'.' | b'!' if next.is_ascii_whitespace() => {
                gap.sentence = true;
                1.2
            }
            b';' | b',' => 0.4,
            b'@' => 2.0,
            _ => 0.0,
        };
    }
    gap
}

/// Words that stand between a label and its value without separating them.
const FILLERS: &str = "is are was be n no nr num number numbers numero nummer no the a an my your his \
    her their our its this that following of for in on with und and id code value equals to at as \
    new old current please me him her us you i s t ist lautet sind war meine mein deine ihre die der \
    das den est sont mon ma votre le la les de du des es son mi su el lo los del e sono il mio mia di \
    della del o os um uma meu minha do da dos seu sua het een mijn uw van zijn is under using via by \
    valid full complete registered tel eq like it file should below recorded listed shown given entered stated \
    provided attached follows currently still now noted saved stored ingevuld angegeben als comme como come american british german french spanish \
    italian dutch portuguese brazilian polish swedish norwegian danish finnish indian australian canadian irish \
    swiss austrian belgian bien figura risulta registado registada registrado registrada registrato registrata \
    enregistre enregistree esta consta aparece staat geregistreerd registriert hinterlegt";

/// The fillers, and a bit for each: nearly all other words are told from them by it alone.
struct Fillers {
    sorted: Vec<Hash>,
    bits: [u64; 64],
}

fn is_filler(hash: Hash) -> bool {
    static ALL: LazyLock<Fillers> = LazyLock::new(|| {
        let mut sorted: Vec<Hash> =
            words::words(FILLERS.as_bytes(), 0).map(|word| word.hash).collect();
        sorted.sort_unstable();
        let mut bits = [0; 64];
        for hash in &sorted {
            let (at, bit) = bit(*hash);
            bits[at] |= bit;
        }
        Fillers { sorted, bits }
    });
    let (at, bit) = bit(hash);
    ALL.bits[at] & bit != 0 && ALL.sorted.binary_search(&hash).is_ok()
}

/// One of 4,096 bits, by a hash's highest.
fn bit(hash: Hash) -> (usize, u64) {
    ((hash >> 58) as usize, 1 << (hash >> 52 & 63))
}
