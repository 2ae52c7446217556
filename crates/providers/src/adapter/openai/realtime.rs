//! What the server's events of a realtime session tell: usage above all.

use crate::{
    adapter::{Observed, noted, openai::usage},
    json::{Walk, string},
};

/// Bytes of an event within which its type stands. Both orders of OpenAI's first members, `type` and
/// `event_id`, take less than a hundred.
pub const MAX_TYPE_AT: usize = 512;

/// Whether an event that begins so, with [`MAX_TYPE_AT`] bytes of it or all, may tell something. Of
/// the others, most of which carry audio, nothing need be held.
pub fn may_tell(beginning: &[u8]) -> bool {
    let finds = |word: &[u8]| memchr::memmem::find(beginning, word).is_some();
    finds(b"\"response.done\"") || finds(b"\"session.created\"")
}

/// Notes what a whole event tells. The usage of each response is added: it states its own only.
pub fn observe(event: &[u8], observed: &mut Observed) {
    let Ok(text) = std::str::from_utf8(event) else { return };
    let (mut kind, mut response, mut session) = (None, None, None);
    let Ok(mut members) = Walk::object(text) else { return };
    while let Ok(Some(member)) = members.member() {
        match &*member.key {
            "type" => kind = string(member.value),
            "response" => response = Some(member.value),
            "session" => session = Some(member.value),
            _ => {}
        }
    }
    match kind.as_deref() {
        Some("response.done") => each(response, |key, value| match key {
            "usage" => observed.usage.add(&usage::read(value)),
            "status" => observed.finish_reason = string(value).as_deref().map(noted),
            _ => {}
        }),
        Some("session.created") => each(session, |key, value| match key {
            "id" => observed.id = string(value).as_deref().map(noted),
            "model" => observed.model = string(value).as_deref().map(noted),
            _ => {}
        }),
        _ => {}
    }
}

fn each(object: Option<&str>, mut take: impl FnMut(&str, &str)) {
    let Some(Ok(mut members)) = object.map(Walk::object) else { return };
    while let Ok(Some(member)) = members.member() {
        take(&member.key, member.value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Observed, may_tell, observe};

    fn tell(observed: &mut Observed, event: &Value) {
        let text = event.to_string();
        assert!(may_tell(text.as_bytes()), "{text}");
        observe(text.as_bytes(), observed);
    }

    fn done(input: u64, output: u64) -> Value {
        json!({"type": "response.done", "event_id": "event_1", "response": {
            "id": "resp_1", "status": "completed", "output": [{"usage": {"input_tokens": 9999}}],
            "usage": {
                "total_tokens": input + output, "input_tokens": input, "output_tokens": output,
                "input_token_details": { "cached_tokens": 8, "text_tokens": 4, "audio_tokens": 6,
                    "cached_tokens_details": { "text_tokens": 5, "audio_tokens": 3 } },
                "output_token_details": { "text_tokens": 2, "audio_tokens": 7 } } }})
    }

    #[test]
    fn each_responses_usage_is_added() {
        let mut observed = Observed::default();
        tell(
            &mut observed,
            &json!({"type": "session.created", "event_id": "event_0",
            "session": {"id": "sess_1", "model": "gpt-realtime", "instructions": "x"}}),
        );
        tell(&mut observed, &done(10, 20));
        tell(&mut observed, &done(100, 200));
        let usage = observed.usage;
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(110), Some(220)));
        assert_eq!((usage.cache_read_tokens, usage.cached_audio_tokens), (Some(16), Some(6)));
        assert_eq!((usage.input_audio_tokens, usage.output_audio_tokens), (Some(12), Some(14)));
        assert_eq!(observed.finish_reason.as_deref(), Some("completed"));
        assert_eq!(observed.model.as_deref(), Some("gpt-realtime"));
        assert_eq!(observed.id.as_deref(), Some("sess_1"));
        // A cancelled one may state none.
        tell(
            &mut observed,
            &json!({"type": "response.done",
            "response": {"status": "cancelled", "usage": null}}),
        );
        assert_eq!(observed.usage, usage);
        assert_eq!(observed.finish_reason.as_deref(), Some("cancelled"));
    }

    #[test]
    fn other_events_tell_nothing_whatever_they_hold() {
        let mut observed = Observed::default();
        assert!(!may_tell(br#"{"type":"response.output_audio.delta","delta":"AAAA"}"#));
        let quoting = json!({"type": "response.output_text.delta", "delta": "\"response.done\"",
            "response": {"usage": {"input_tokens": 1}}});
        observe(quoting.to_string().as_bytes(), &mut observed);
        for garbage in [
            &b"\xff"[..],
            b"",
            b"[]",
            b"{",
            br#"{"type":"response.done"}"#,
            br#"{"type":"response.done","response":7}"#,
        ] {
            observe(garbage, &mut observed);
        }
        assert_eq!(observed.usage, Default::default());
    }
}
