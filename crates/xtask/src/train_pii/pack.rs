//! Weights and lists as the model file that the tagger reads.

use portcullis_pii::names::{
    lexicon::{LINE, place},
    model::{FEATURE_SLOTS, KINDS, LANES, MAGIC, Parameters},
};

use super::{crf::Weights, examples::Examples};

/// What one unit of a stored weight is worth.
const SCALE: f32 = 1.0 / 24.0;

/// The file. Of features that share a line the most important stay.
pub(crate) fn pack(
    lexicon: &[[u8; LINE]],
    examples: &Examples,
    weights: &Weights,
    lines: usize,
) -> Vec<u8> {
    let mut table = vec![[0_u8; LINE]; lines];
    let mut used = vec![0; lines];
    let (mut stored, mut lost) = (0, 0);
    for feature in weights.by_importance(&examples.counts) {
        let row =
            weights.features[feature].map(|w| (w / SCALE).round().clamp(-127.0, 127.0) as i8 as u8);
        if row == [0; LANES] {
            continue;
        }
        let (line, tag) = place(examples.keys[feature], lines);
        let slot: usize = used[line];
        if slot == FEATURE_SLOTS {
            lost += 1;
            continue;
        }
        used[line] += 1;
        stored += 1;
        table[line][2 * slot..2 * slot + 2].copy_from_slice(&tag.to_le_bytes());
        let at = 2 * FEATURE_SLOTS + LANES * slot;
        table[line][at..at + LANES].copy_from_slice(&row);
    }
    println!("features: {stored} stored, {lost} without place");
    let parameters = Parameters {
        transitions: weights.transitions,
        scale: SCALE,
        calibration: [[1.0, 0.0]; KINDS],
    };
    let mut bytes = vec![0; LINE];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&(lexicon.len() as u32).to_le_bytes());
    bytes[12..16].copy_from_slice(&(lines as u32).to_le_bytes());
    bytes.extend(parameters.write());
    bytes.extend(lexicon.as_flattened());
    bytes.extend(table.as_flattened());
    bytes
}
