//! Weights and lists as the model file that the tagger reads.

use portcullis_pii::names::{
    NameKind,
    lexicon::{LINE, place},
    model::{FEATURE_SLOTS, KINDS, LANES, LEVELS, MAGIC, Parameters, WEIGHTS},
    trees::Tree,
};

use super::{crf::Weights, examples::Examples, tables::Tables};

/// What one unit of a stored weight is worth.
const SCALE: f32 = 1.0 / 24.0;

/// Slope and offset of the scores by kind. Held back in turn, parts 1 to 4 have their best F1 with the
/// probabilities as they are; a little less costs .002 of it and spares one in eight of the texts
/// without a name that would be touched.
const CALIBRATION: [[f32; 2]; KINDS] = [[1.0, -0.2], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]];

/// What is added to the log odds of a person's name that trees have looked at. Held back in turn, parts
/// 1 to 4 lose .0015 of F1 by it, on the mean of the sets, and one in twenty of the texts without a name
/// is spared.
const CAUTION: f32 = -0.1;

/// The file. Of features that share a line the most important stay.
pub(crate) fn pack(
    tables: &Tables,
    examples: &Examples,
    weights: &Weights,
    lines: usize,
    trees: &[Tree],
) -> Vec<u8> {
    let mut table = vec![[0_u8; LINE]; lines];
    let mut used = vec![0; lines];
    let (mut stored, mut lost) = (0, 0);
    for feature in weights.by_importance(&examples.counts) {
        let row = weights.features[feature].map(level);
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
        let at = 2 * FEATURE_SLOTS + WEIGHTS * slot;
        for (byte, pair) in table[line][at..].iter_mut().zip(row.as_chunks::<2>().0) {
            *byte = pair[0] | pair[1] << 4;
        }
    }
    println!("features: {stored} stored, {lost} without place");
    let mut calibration = CALIBRATION;
    if !trees.is_empty() {
        calibration[NameKind::Person as usize][1] += CAUTION;
    }
    let parameters = Parameters { transitions: weights.transitions, scale: SCALE, calibration };
    let mut bytes = vec![0; LINE];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&(tables.words.len() as u32).to_le_bytes());
    bytes[12..16].copy_from_slice(&(tables.rare.len() as u32).to_le_bytes());
    bytes[16..20].copy_from_slice(&(lines as u32).to_le_bytes());
    let trees = Tree::write(trees);
    bytes[20..24].copy_from_slice(&(trees.len() as u32).to_le_bytes());
    bytes.extend(parameters.write());
    for lines in [&tables.words, &tables.rare, &tables.spelling, &trees, &table] {
        bytes.extend(lines.as_flattened());
    }
    bytes
}

/// The level nearest to a weight, by its number.
fn level(weight: f32) -> u8 {
    let distance = |number: &u8| (LEVELS[usize::from(*number)] as f32 * SCALE - weight).abs();
    let nearest = (0..16).min_by(|one, other| distance(one).total_cmp(&distance(other)));
    nearest.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_stored_as_the_nearest_level() {
        for (number, units) in LEVELS.iter().enumerate() {
            assert_eq!(usize::from(level(*units as f32 * SCALE)), number);
        }
        assert_eq!(LEVELS[usize::from(level(1000.0))], 62);
        assert_eq!(LEVELS[usize::from(level(-1000.0))], -96);
        assert_eq!(level(0.9 * SCALE), 0);
    }
}
