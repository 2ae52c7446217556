//! The trained model: one file of 64-byte lines, read where it lies.
//!
//! ```text
//! line 0          header: magic, version, numbers of lines of the tables
//! lines 1 to 7    parameters: transitions between labels, scale of the weights, calibration
//! then            the lexicon, as in `lexicon.rs`
//! then            rare words: lines of 32 tags of two bytes
//! then            weights of groups of letters, as in `spelling.rs`
//! then            trees, as in `trees.rs`; may be none
//! then            the features: lines of ten slots, a tag of two bytes and eight weights of four
//!                 bits each
//! ```

use std::fmt;

use super::{
    lexicon::{LINE, Lexicon, place},
    spelling,
};

/// Labels other than "outside": beginning and inside of the four kinds.
pub const LANES: usize = 8;
/// All labels; the last is "outside".
pub const LABELS: usize = LANES + 1;
/// The label "outside".
pub const OUTSIDE: usize = LANES;
/// Kinds of names.
pub const KINDS: usize = 4;

/// Features in a line of the table.
pub const FEATURE_SLOTS: usize = 10;

/// Bytes of the weights of a feature: two to a byte, the first in the low bits.
pub const WEIGHTS: usize = LANES / 2;

/// What four bits of a stored weight stand for, in units of [`Parameters::scale`]. Many small steps
/// and a few large ones: a weight's error hardly counts among the dozens that are added up, and the
/// room goes to more features.
pub const LEVELS: [i32; 16] = [0, 2, -2, 5, -5, 9, -9, 15, -15, 24, -24, 38, -38, 62, -62, -96];

/// Added to each level, so that none is negative and two can be added up in one number.
const BIAS: i32 = 96;

/// The two weights of a byte, each with the bias, the second in the high half.
const PAIRS: [u32; 256] = {
    let mut pairs = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (low, high) = (LEVELS[byte & 15] + BIAS, LEVELS[byte >> 4] + BIAS);
        pairs[byte] = low as u32 | (high as u32) << 16;
        byte += 1;
    }
    pairs
};

/// What the file starts with.
pub const MAGIC: [u8; 8] = *b"PCNAMES\x04";

/// Lines of parameters after the header.
pub const PARAMETER_LINES: usize = 7;

/// The parameters, in the order of the file.
#[derive(Clone, PartialEq, Debug)]
pub struct Parameters {
    /// Log weight of going from one label (row) to another; forbidden steps are minus infinity.
    pub transitions: [[f32; LABELS]; LABELS],
    /// What one unit of a stored weight is worth.
    pub scale: f32,
    /// Per kind: slope and offset on the log odds of a span.
    pub calibration: [[f32; 2]; KINDS],
}

/// Why a file is no model.
#[derive(Debug, PartialEq, Eq)]
pub enum Broken {
    /// It does not start as a model of this version does.
    Header,
    /// Its length is not what its header says.
    Length,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "not a name model of this version",
            Self::Length => "a name model of another length than its header says",
        })
    }
}

impl std::error::Error for Broken {}

/// A model, ready for use.
#[derive(Clone)]
pub struct Model {
    pub(super) lexicon: Lexicon,
    features: &'static [[u8; LINE]],
    pub(super) trees: &'static [[u8; LINE]],
    pub(super) parameters: Parameters,
}

impl Model {
    /// Reads a model where it lies; only its parameters are copied.
    pub fn parse(file: &'static [u8]) -> Result<Self, Broken> {
        let (lines, rest) = file.as_chunks::<LINE>();
        let (header, lines) = lines.split_first().ok_or(Broken::Header)?;
        if !rest.is_empty() || header[..8] != MAGIC {
            return Err(Broken::Header);
        }
        let number = |at: usize| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&header[at..at + 4]);
            u32::from_le_bytes(bytes) as usize
        };
        let (lexicon, rare, features) = (number(8), number(12), number(16));
        let trees = number(20);
        let tables = [lexicon, rare, features];
        if lines.len() != PARAMETER_LINES + lexicon + rare + spelling::LINES + trees + features
            || tables.contains(&0)
        {
            return Err(Broken::Length);
        }
        let (parameters, lines) = lines.split_at(PARAMETER_LINES);
        let (lexicon, lines) = lines.split_at(lexicon);
        let (rare, features) = lines.split_at(rare);
        let (spelling, features) = features.split_at(spelling::LINES);
        let (trees, features) = features.split_at(trees);
        let parameters = Parameters::read(parameters);
        let lexicon = Lexicon::new(lexicon, rare, spelling);
        Ok(Self { lexicon, features, trees, parameters })
    }

    /// Adds up the weights of features; at most some four hundred, which half a number holds.
    pub(super) fn sum(&self, keys: &[u64]) -> [i32; LANES] {
        let mut sums = [0_u32; WEIGHTS];
        let mut known = 0;
        for key in keys {
            let (line, tag) = place(*key, self.features.len());
            let Some(line) = self.features.get(line) else { continue };
            let (tags, weights) = line.split_at(2 * FEATURE_SLOTS);
            let (tags, _) = tags.as_chunks::<2>();
            let (weights, _) = weights.as_chunks::<WEIGHTS>();
            for (found, weights) in tags.iter().zip(weights) {
                if u16::from_le_bytes(*found) == tag {
                    known += BIAS;
                    for (sum, byte) in sums.iter_mut().zip(weights) {
                        *sum += PAIRS[usize::from(*byte)];
                    }
                    break;
                }
            }
        }
        std::array::from_fn(|lane| {
            let half = sums[lane / 2] >> (16 * (lane % 2)) & 0xffff;
            half as i32 - known
        })
    }
}

impl Parameters {
    fn read(lines: &[[u8; LINE]]) -> Self {
        let mut numbers =
            lines.as_flattened().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
        let mut next = || numbers.next().unwrap_or(0.0);
        let mut transitions = [[0.0; LABELS]; LABELS];
        transitions.as_flattened_mut().iter_mut().for_each(|place| *place = next());
        let scale = next();
        let mut calibration = [[0.0; 2]; KINDS];
        calibration.as_flattened_mut().iter_mut().for_each(|place| *place = next());
        Self { transitions, scale, calibration }
    }

    /// The parameters' lines in the file.
    pub fn write(&self) -> Vec<u8> {
        let transitions = self.transitions.as_flattened().iter();
        let numbers = transitions.chain([&self.scale]).chain(self.calibration.as_flattened());
        let mut bytes: Vec<u8> = numbers.flat_map(|number| number.to_le_bytes()).collect();
        bytes.resize(PARAMETER_LINES * LINE, 0);
        bytes
    }
}
