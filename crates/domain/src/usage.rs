//! What a call consumed.

use serde::{Deserialize, Serialize};

/// Units a call consumed, by class. `None` means that nobody said; an explicit zero is a zero.
///
/// `input_tokens` and `output_tokens` are totals and include the classes below them: cached, audio
/// and image tokens are part of the input, reasoning and audio tokens part of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// All input tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// All output tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Input tokens read from the provider's prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_tokens: Option<u64>,
    /// Input tokens written to the provider's prompt cache, all lifetimes together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// Those of the written that are kept for an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_1h_tokens: Option<u64>,
    /// Output tokens spent on reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// Audio tokens of the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_audio_tokens: Option<u64>,
    /// Audio tokens of the input that were read from cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_audio_tokens: Option<u64>,
    /// Audio tokens of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_audio_tokens: Option<u64>,
    /// Image tokens of the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_image_tokens: Option<u64>,
    /// Image tokens of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_image_tokens: Option<u64>,
    /// Predicted output tokens that were accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_prediction_tokens: Option<u64>,
    /// Predicted output tokens that were rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected_prediction_tokens: Option<u64>,
    /// Images made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<u64>,
    /// Milliseconds of audio heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_millis: Option<u64>,
    /// Characters read aloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub characters: Option<u64>,
    /// Pages read from documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<u64>,
    /// Web searches made by the provider's own tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_searches: Option<u64>,
}

/// Where the numbers of a [`Usage`] come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The call consumes nothing that is counted, or failed before it could.
    #[default]
    None,
    /// The provider said so.
    Provider,
    /// We estimated at least one of the totals from the text.
    Estimate,
}

impl Usage {
    /// Takes every number that `later` states; the last statement wins, field by field.
    pub fn merge(&mut self, later: &Self) {
        macro_rules! take { ($($field:ident)*) => {$(
            if later.$field.is_some() { self.$field = later.$field; }
        )*} }
        take!(input_tokens output_tokens cache_read_tokens cache_write_tokens
            cache_write_1h_tokens reasoning_tokens input_audio_tokens cached_audio_tokens
            output_audio_tokens input_image_tokens output_image_tokens
            accepted_prediction_tokens rejected_prediction_tokens images audio_millis
            characters pages web_searches);
    }

    /// Adds what `other` consumed besides.
    pub fn add(&mut self, other: &Self) {
        macro_rules! add { ($($field:ident)*) => {$(
            if let Some(more) = other.$field {
                self.$field = Some(self.$field.unwrap_or(0).saturating_add(more));
            }
        )*} }
        add!(input_tokens output_tokens cache_read_tokens cache_write_tokens
            cache_write_1h_tokens reasoning_tokens input_audio_tokens cached_audio_tokens
            output_audio_tokens input_image_tokens output_image_tokens
            accepted_prediction_tokens rejected_prediction_tokens images audio_millis
            characters pages web_searches);
    }

    /// Input and output tokens together, if either is known.
    pub fn total_tokens(&self) -> Option<u64> {
        match (self.input_tokens, self.output_tokens) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0).saturating_add(output.unwrap_or(0))),
        }
    }
}
