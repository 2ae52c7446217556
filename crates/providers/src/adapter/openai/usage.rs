//! Usage as the providers of this dialect state it.

use portcullis_domain::Usage;

use crate::json::{Walk, count, string};

/// Reads a `usage` object of chat completions, completions, embeddings, responses, images or
/// transcriptions. Numbers that are not counts are taken as not stated, and so is all of a text
/// that is no object.
pub(in super::super) fn read(raw: &str) -> Usage {
    let mut usage = Usage::default();
    let (mut total, mut cached) = (None, None);
    each(raw, |key, value| match key {
        // Chat completions and responses have words of their own for the same.
        "prompt_tokens" => usage.input_tokens = count(value).or(usage.input_tokens),
        "input_tokens" => usage.input_tokens = usage.input_tokens.or(count(value)),
        "completion_tokens" => usage.output_tokens = count(value).or(usage.output_tokens),
        "output_tokens" => usage.output_tokens = usage.output_tokens.or(count(value)),
        "total_tokens" => total = count(value),
        "prompt_tokens_details" | "input_tokens_details" | "input_token_details" => {
            input_details(value, &mut usage);
        }
        "completion_tokens_details" | "output_tokens_details" | "output_token_details" => {
            output_details(value, &mut usage);
        }
        // DeepSeek's and Moonshot's.
        "prompt_cache_hit_tokens" => cached = count(value).or(cached),
        "cached_tokens" => cached = cached.or(count(value)),
        "seconds" => usage.audio_millis = millis(value),
        "pages_processed" => usage.pages = count(value),
        "num_search_queries" => usage.web_searches = count(value),
        _ => {}
    });
    usage.cache_read_tokens = usage.cache_read_tokens.or(cached);
    match usage.output_tokens {
        // Some embeddings state a total only, and it is all input.
        None => usage.input_tokens = usage.input_tokens.or(total),
        // Some (xAI, Gemini) leave reasoning out of the output but not out of the total.
        Some(output) => {
            let rest = total.unwrap_or(0).saturating_sub(usage.input_tokens.unwrap_or(0));
            usage.output_tokens = Some(output.max(rest));
        }
    }
    usage
}

fn input_details(raw: &str, usage: &mut Usage) {
    each(raw, |key, value| match key {
        "cached_tokens" => usage.cache_read_tokens = count(value),
        "cache_write_tokens" => usage.cache_write_tokens = count(value),
        "audio_tokens" => usage.input_audio_tokens = count(value),
        "image_tokens" => usage.input_image_tokens = count(value),
        "cached_tokens_details" => each(value, |key, value| {
            if key == "audio_tokens" {
                usage.cached_audio_tokens = count(value);
            }
        }),
        _ => {}
    });
}

fn output_details(raw: &str, usage: &mut Usage) {
    each(raw, |key, value| match key {
        "reasoning_tokens" => usage.reasoning_tokens = count(value),
        "audio_tokens" => usage.output_audio_tokens = count(value),
        "image_tokens" => usage.output_image_tokens = count(value),
        "accepted_prediction_tokens" => usage.accepted_prediction_tokens = count(value),
        "rejected_prediction_tokens" => usage.rejected_prediction_tokens = count(value),
        _ => {}
    });
}

fn each(raw: &str, mut take: impl FnMut(&str, &str)) {
    let Ok(mut members) = Walk::object(raw) else { return };
    while let Ok(Some(member)) = members.member() {
        take(&member.key, member.value);
    }
}

/// Seconds, as a number or as text, in milliseconds.
pub(super) fn millis(raw: &str) -> Option<u64> {
    let text = string(raw);
    let seconds: f64 = text.as_deref().unwrap_or(raw).parse().ok()?;
    // Beyond a year it is no length of a recording.
    (0.0..=31_536_000.0).contains(&seconds).then(|| (seconds * 1000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Usage;
    use serde_json::{Value, json};

    use super::millis;

    fn read(value: &Value) -> Usage {
        super::read(&value.to_string())
    }

    #[test]
    fn reads_each_providers_words() {
        let chat = read(&json!({
            "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
            "prompt_tokens_details": { "cached_tokens": 64, "audio_tokens": 3 },
            "completion_tokens_details": { "reasoning_tokens": 8, "audio_tokens": 0,
                "accepted_prediction_tokens": 1, "rejected_prediction_tokens": 2 },
        }));
        let expected = Usage {
            input_tokens: Some(100),
            output_tokens: Some(20),
            cache_read_tokens: Some(64),
            input_audio_tokens: Some(3),
            reasoning_tokens: Some(8),
            output_audio_tokens: Some(0),
            accepted_prediction_tokens: Some(1),
            rejected_prediction_tokens: Some(2),
            ..Usage::default()
        };
        assert_eq!(chat, expected);
        let deepseek = read(&json!({ "prompt_tokens": 5, "prompt_cache_hit_tokens": 4 }));
        assert_eq!(deepseek.cache_read_tokens, Some(4));
        let responses = read(&json!({ "input_tokens": 7, "output_tokens": 9,
            "input_tokens_details": { "cached_tokens": 2 },
            "output_tokens_details": { "reasoning_tokens": 5 } }));
        assert_eq!((responses.input_tokens, responses.output_tokens), (Some(7), Some(9)));
        assert_eq!((responses.cache_read_tokens, responses.reasoning_tokens), (Some(2), Some(5)));
    }

    #[test]
    fn reasoning_left_out_of_the_output_is_found_in_the_total() {
        let xai = read(&json!({ "prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 42,
            "completion_tokens_details": { "reasoning_tokens": 30 } }));
        assert_eq!((xai.output_tokens, xai.reasoning_tokens), (Some(32), Some(30)));
        let embeddings = read(&json!({ "total_tokens": 10 }));
        assert_eq!((embeddings.input_tokens, embeddings.output_tokens), (Some(10), None));
    }

    #[test]
    fn durations_come_in_seconds() {
        assert_eq!(read(&json!({ "type": "duration", "seconds": 12 })).audio_millis, Some(12_000));
        assert_eq!(millis("\"3.5\""), Some(3_500));
        assert_eq!(millis("-1"), None);
        assert_eq!(millis("\"NaN\""), None);
    }
}
