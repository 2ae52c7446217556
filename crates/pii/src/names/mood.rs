//! The state of the text before a word: its language, how it uses capitals, and how much it looks
//! like code. A few counters that fade; only what came before counts, so that streams agree.

use super::{gap::Gap, lexicon::Entry, shape::Shape};

/// The counters.
#[derive(Clone, Copy, Default)]
pub(super) struct Mood {
    /// Points per language.
    languages: [u8; 8],
    language: u8,
    /// Words in capitals among the last ones, at most 7.
    loud: u8,
    /// Words since the last capital, at most 31.
    quiet: u8,
    /// Whether ordinary words are capitalised inside sentences, as in headings.
    heading: bool,
    /// Marks of code among the last words, at most 12.
    code: u8,
    /// How technical the last words were, at most 60.
    technical: u8,
}

impl Mood {
    /// The state in ten bits: three of language, two of capitals, two of code, one of headings, two of
    /// how technical it is.
    pub(super) fn pack(self) -> u16 {
        let capitals = match (self.loud, self.quiet) {
            (3.., _) => 1,
            (_, 12..) => 2,
            _ => 0,
        };
        let code = match self.code {
            0..=1 => 0,
            2..=4 => 1,
            5..=7 => 2,
            _ => 3,
        };
        let technical = match self.technical {
            0..=3 => 0,
            4..=12 => 1,
            13..=28 => 2,
            _ => 3,
        };
        let low = self.language | capitals << 3 | code << 5 | u8::from(self.heading) << 7;
        u16::from(low) | technical << 8
    }

    /// Whether the text looks much like code.
    pub(super) fn code(self) -> bool {
        self.code >= 5
    }

    /// Whether a packed state is that of code or of a technical text.
    pub(super) fn technical(packed: u16) -> bool {
        Self::coded(packed) || packed >> 8 >= 2
    }

    /// Language, capitals, code, headings and how technical it is, from a packed state.
    pub(super) fn parts(packed: u16) -> [u8; 5] {
        let part = |from: u16, bits: u16| (packed >> from & ((1 << bits) - 1)) as u8;
        [part(0, 3), part(3, 2), part(5, 2), part(7, 1), part(8, 2)]
    }

    /// Whether a packed state is that of code.
    pub(super) fn coded(packed: u16) -> bool {
        packed >> 5 & 3 >= 2
    }

    /// Goes on by a word.
    pub(super) fn pass(&mut self, entry: Entry, shape: Shape, gap: Gap, fresh: bool) {
        let language = entry.language() as usize;
        if language > 0 {
            for (index, points) in self.languages.iter_mut().enumerate().skip(1) {
                *points = if index == language {
                    (*points + 3).min(15)
                } else {
                    points.saturating_sub(1)
                };
            }
            // Of the others none comes before the one that led: all lose the same.
            let led = self.language as usize;
            let order = |index: usize| (self.languages[index], 8 - index);
            if led == 0 || order(language) > order(led) {
                self.language = language as u8;
            }
        }
        match shape {
            Shape::Upper | Shape::ShortUpper | Shape::UpperHyphen => {
                self.loud = (self.loud + 1).min(5);
                self.quiet = 0;
            }
            Shape::Title | Shape::TitleHyphen | Shape::NameCamel | Shape::UpperCamel => {
                self.loud = self.loud.saturating_sub(1);
                self.quiet = 0;
                if !fresh && (entry.never() || (entry.ordinary() && entry.first() < 2)) {
                    self.heading = true;
                }
            }
            Shape::Lower | Shape::LowerHyphen => {
                self.loud = self.loud.saturating_sub(1);
                self.quiet = (self.quiet + 1).min(31);
                if entry.cue() == 0 && entry.common() < 7 {
                    self.heading = false;
                }
            }
            _ => {}
        }
        if matches!(gap, Gap::Paragraph | Gap::Line | Gap::Bullet) {
            self.heading = false;
        }
        self.technical =
            if entry.technical() || entry.product() || entry.cue() == super::lexicon::cue::CODE {
                (self.technical + 5).min(60)
            } else {
                self.technical.saturating_sub(1)
            };
        let coded = matches!(
            gap,
            Gap::Code
                | Gap::StopGlued
                | Gap::ColonGlued
                | Gap::Equals
                | Gap::Underscore
                | Gap::Angle
                | Gap::Semicolon
                | Gap::KeyValue
                | Gap::Tick
                | Gap::Slash
        );
        let weight =
            u8::from(coded) * 2 + u8::from(matches!(shape, Shape::LowerCamel | Shape::LowerDigits));
        self.code =
            if weight > 0 { (self.code + weight).min(12) } else { self.code.saturating_sub(1) };
    }
}
