//! Usage as the providers of this dialect state it.

use portcullis_domain::Usage;
use serde_json::Value;

/// Reads a `usage` object of chat completions, completions, embeddings, responses, images or
/// transcriptions. Numbers that are not counts are taken as not stated.
pub(in super::super) fn read(usage: &Value) -> Usage {
    let count = |paths: &[&str]| paths.iter().find_map(|path| usage.pointer(path)?.as_u64());
    let stated_output = count(&["/completion_tokens", "/output_tokens"]);
    // Some embeddings state a total only, and it is all input.
    let total_input = count(&["/total_tokens"]).filter(|_| stated_output.is_none());
    let input_tokens = count(&["/prompt_tokens", "/input_tokens"]).or(total_input);
    let output_tokens = stated_output.map(|output| {
        // Some (xAI, Gemini) leave reasoning out of the output but not out of the total.
        let total = count(&["/total_tokens"]).unwrap_or(0);
        output.max(total.saturating_sub(input_tokens.unwrap_or(0)))
    });
    let input = |name: &str| {
        ["prompt_tokens_details", "input_tokens_details", "input_token_details"]
            .iter()
            .find_map(|group| usage.get(group)?.get(name)?.as_u64())
    };
    let output = |name: &str| {
        ["completion_tokens_details", "output_tokens_details", "output_token_details"]
            .iter()
            .find_map(|group| usage.get(group)?.get(name)?.as_u64())
    };
    Usage {
        input_tokens,
        output_tokens,
        cache_read_tokens: input("cached_tokens")
            .or_else(|| count(&["/prompt_cache_hit_tokens", "/cached_tokens"])),
        cache_write_tokens: input("cache_write_tokens"),
        reasoning_tokens: output("reasoning_tokens"),
        input_audio_tokens: input("audio_tokens"),
        cached_audio_tokens: count(&[
            "/prompt_tokens_details/cached_tokens_details/audio_tokens",
            "/input_token_details/cached_tokens_details/audio_tokens",
        ]),
        output_audio_tokens: output("audio_tokens"),
        input_image_tokens: input("image_tokens"),
        output_image_tokens: output("image_tokens"),
        accepted_prediction_tokens: output("accepted_prediction_tokens"),
        rejected_prediction_tokens: output("rejected_prediction_tokens"),
        audio_millis: usage.get("seconds").and_then(millis),
        pages: count(&["/pages_processed"]),
        web_searches: count(&["/num_search_queries"]),
        ..Usage::default()
    }
}

/// Seconds, as a number or as text, in milliseconds.
pub(super) fn millis(seconds: &Value) -> Option<u64> {
    let seconds = seconds.as_f64().or_else(|| seconds.as_str()?.parse().ok())?;
    // Beyond a year it is no length of a recording.
    (0.0..=31_536_000.0).contains(&seconds).then(|| (seconds * 1000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Usage;
    use serde_json::json;

    use super::{millis, read};

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
        assert_eq!(millis(&json!("3.5")), Some(3_500));
        assert_eq!(millis(&json!(-1)), None);
        assert_eq!(millis(&json!("NaN")), None);
    }
}
