//! What the model knows a candidate by: each feature is a number made from a template and its values.

use super::{fold::mix, front::Word, gap::Gap, lexicon::Entry};

/// How many features a candidate has.
pub const COUNT: usize = 50;

/// Those that tell which word it is.
pub const OF_THE_WORD: [usize; 4] = [1, 2, 10, 11];

/// The features of the middle one of five words.
pub(super) fn keys(words: [&Word; 5]) -> [u64; COUNT] {
    let [before2, before, word, after, after2] = words;
    let mut keys = [0; COUNT];
    let mut at = 0;
    let mut put = |value: u64| {
        keys[at] = mix(value.wrapping_add((at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        at += 1;
    };
    let shape = word.shape as u64;
    let gap = u64::from(word.gap);
    let gap_after = u64::from(after.gap);
    let names = names(word);
    let kind = kind(word);
    let mood = u64::from(word.mood);
    let (capitals, language) = (mood >> 3 & 3, mood & 7);
    let fresh = u64::from(fresh(word.gap));

    put(shape);
    put(word.hash);
    put(join(word.hash, shape));
    put(before.hash);
    put(after.hash);
    put(before2.hash);
    put(after2.hash);
    put(join(before.hash, gap));
    put(join(after.hash, gap_after));
    put(join(before.hash, before2.hash.rotate_left(9)));
    put(join(before.hash, word.hash.rotate_left(9)));
    put(join(after.hash, word.hash.rotate_left(9)));
    put(u64::from(word.affixes[0]));
    put(u64::from(word.affixes[1]));
    put(u64::from(word.affixes[2]));
    put(u64::from(word.affixes[3]));
    put(u64::from(word.affixes[4]));
    put(names | shape << 32);
    put(names | fresh << 32 | capitals << 33 | language << 36);
    put(kind | self::kind(before) << 20 | gap << 40 | (before.shape as u64) << 48);
    put(kind | self::kind(after) << 20 | gap_after << 40 | (after.shape as u64) << 48);
    put(kind | self::kind(before) << 20 | self::kind(after) << 40);
    put(cues(before) | cues(before2) << 12 | shape << 24);
    put(cues(after) | cues(after2) << 12 | shape << 24);
    put(language | shape << 4 | kind << 10);
    put((mood >> 5 & 7) | shape << 4 | kind << 10);
    put((mood >> 8) | fresh << 2 | shape << 4 | kind << 10);
    put(u64::from(word.remembered) | kind << 4 | shape << 40);
    put(fresh | kind << 1 | (after.shape as u64) << 40 | shape << 32);
    put(join(before2.hash, cues(before)));
    put(join(after.hash, kind | shape << 40));
    let class = |word: &Word| u64::from(word.entry.class());
    let capitals_of = |word: &Word| u64::from(word.entry.capitals());
    put(class(word) | shape << 12);
    put(class(before) | shape << 12 | gap << 20);
    put(class(after) | shape << 12 | gap_after << 20);
    put(class(word) | class(before) << 12);
    put(class(word) | class(after) << 12);
    put(class(before) | class(before2) << 12 | shape << 24);
    put(class(after) | class(after2) << 12 | shape << 24);
    put(capitals_of(word) | shape << 4 | fresh << 10 | language << 11 | kind << 16);
    put(class(before) | class(after) << 12 | shape << 24);
    let level = |word: &Word| u64::from(word.entry.first() | word.entry.last() << 3);
    put(level(word) | level(before) << 6 | gap << 12 | shape << 20);
    put(level(word) | level(after) << 6 | gap_after << 12 | shape << 20);
    put(join(u64::from(word.affixes[3]), shape));
    put(join(u64::from(word.affixes[3]), u64::from(word.affixes[1])));
    let affix = |number: usize| u64::from(word.affixes[number]);
    put(affix(5));
    put(affix(6));
    put(join(affix(3), language | 8));
    put(join(affix(4), shape | fresh << 8 | 1 << 16));
    put(join(affix(3), kind | 1 << 30));
    put(join(affix(1), gap | shape << 10 | 1 << 40));
    keys
}

fn join(hash: u64, value: u64) -> u64 {
    mix(hash ^ value.wrapping_mul(0xa076_1d64_78bd_642f))
}

/// All that the lists say about a word as a name.
fn names(word: &Word) -> u64 {
    let entry = word.entry;
    (entry.0 & 0x0fff)
        | u64::from(entry.product()) << 12
        | u64::from(entry.cue()) << 13
        | nouns(entry) << 18
        | u64::from(word.spelling.0) << 20
        | u64::from(word.spelling.1) << 23
}

fn nouns(entry: Entry) -> u64 {
    u64::from(entry.noun()) | u64::from(entry.compound()) << 1
}

/// The same, in broad classes.
fn kind(word: &Word) -> u64 {
    let entry = word.entry;
    let level = |strength: u32| u64::from(strength.div_ceil(2));
    level(entry.first())
        | level(entry.last()) << 3
        | u64::from(entry.common() > 0) << 6
        | u64::from(entry.common() > 4) << 7
        | u64::from(entry.ordinary()) << 8
        | u64::from(entry.place() > 0) << 9
        | u64::from(entry.product()) << 10
        | u64::from(entry.cue()) << 11
        | nouns(entry) << 16
        | u64::from(word.spelling.0.div_ceil(2).saturating_sub(1)) << 18
}

fn cues(word: &Word) -> u64 {
    u64::from(word.entry.cue()) | u64::from(word.gap) << 5
}

/// Whether a word starts a sentence or a line.
pub(super) fn fresh(gap: u8) -> bool {
    const FRESH: [Gap; 9] = [
        Gap::Start,
        Gap::Stop,
        Gap::Line,
        Gap::Paragraph,
        Gap::Bullet,
        Gap::Shout,
        Gap::QuoteOpen,
        Gap::Ellipsis,
        Gap::KeyValue,
    ];
    FRESH.iter().any(|fresh| *fresh as u8 == gap)
}
