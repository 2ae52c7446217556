//! Learns from the lists how names are spelled: a logistic regression over groups of letters.

use portcullis_pii::names::{
    lexicon::LINE,
    spelling::{BUCKETS, LINES, SCALE, groups},
};

use super::dice::Dice;

/// What a listed word is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Name,
    Place,
    Word,
}

const EPOCHS: usize = 4;
const RATE: f32 = 0.1;
/// Keeps weights of rare groups small.
const DECAY: f32 = 2e-4;

/// The table of weights: of names against words, and against places.
pub(crate) fn learn(words: &[(&[u8], Kind)]) -> Vec<[u8; LINE]> {
    let count = |kind| words.iter().filter(|word| word.1 == kind).count().max(1) as f32;
    let (names, places, others) = (count(Kind::Name), count(Kind::Place), count(Kind::Word));
    // Each side of a question weighs the same.
    let sides = [
        (Kind::Word, (others / names).min(1.0), (names / others).min(1.0)),
        (Kind::Place, (places / names).min(1.0), (names / places).min(1.0)),
    ];
    let mut order: Vec<usize> = (0..words.len()).collect();
    let mut dice = Dice::new("spelling");
    let mut table = vec![[0_u8; LINE]; LINES];
    for (lane, (other, of_names, of_others)) in sides.into_iter().enumerate() {
        let mut weights = vec![0.0_f32; BUCKETS];
        let mut sums = vec![1e-2_f32; BUCKETS];
        for _ in 0..EPOCHS {
            dice.shuffle(&mut order);
            for index in &order {
                let (word, kind) = words[*index];
                let (truth, share) = match kind {
                    Kind::Name => (1.0, of_names),
                    kind if kind == other => (0.0, of_others),
                    _ => continue,
                };
                let mut score = 0.0;
                groups(word, |bucket| score += weights[bucket]);
                let gradient = share * (1.0 / (1.0 + (-score).exp()) - truth);
                groups(word, |bucket| {
                    let gradient = gradient + DECAY * weights[bucket];
                    sums[bucket] += gradient * gradient;
                    weights[bucket] -= RATE * gradient / sums[bucket].sqrt();
                });
            }
        }
        let bytes = table.as_flattened_mut().as_chunks_mut::<2>().0;
        for (bytes, weight) in bytes.iter_mut().zip(&weights) {
            bytes[lane] = (weight / SCALE).round().clamp(-127.0, 127.0) as i8 as u8;
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlisted_words_are_told_apart_by_how_listed_ones_are_spelled() {
        let names = ["janssen", "petersen", "hansen", "clausen", "carstensen", "thomsen"];
        let words = ["zeitung", "meinung", "hoffnung", "ordnung", "leistung", "werbung"];
        let names = names.iter().map(|word| (word.as_bytes(), Kind::Name));
        let words = words.iter().map(|word| (word.as_bytes(), Kind::Word));
        let table = learn(&names.chain(words).collect::<Vec<_>>());
        let sum = |word: &str| {
            let mut sum = 0_i32;
            groups(word.as_bytes(), |bucket| {
                sum += i32::from(table.as_flattened()[2 * bucket].cast_signed());
            });
            sum
        };
        assert!(sum("friedrichsen") > 0 && sum("wanderung") < 0);
    }
}
