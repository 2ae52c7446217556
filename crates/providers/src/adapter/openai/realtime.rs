//! What the server's events of a realtime session tell: usage above all.

use crate::{
    adapter::{Observed, noted, openai::usage},
    json::{Walk, member, string},
};

/// Bytes of an event within which its type stands. Both orders of OpenAI's first members, `type` and
/// `event_id`, take less than a hundred.
pub const MAX_TYPE_AT: usize = 512;
/// Responses and transcriptions that may be under way at once; with more, a session is unpriced.
const MOST_OPEN: usize = 256;
/// Models that may write down what is said, one after the other; with more, it is unpriced as well.
const MOST_TRANSCRIBERS: usize = 16;

/// Parts of the types of events that tell something.
const TELLING: [&[u8]; 6] = [
    b"\"response.done\"",
    b"\"response.created\"",
    b"session.created\"",
    b"session.updated\"",
    b"\"input_audio_buffer.committed\"",
    b"\"conversation.item.input_audio_transcription.",
];

/// Whether an event that begins so, with [`MAX_TYPE_AT`] bytes of it or all, may tell something. Of
/// the others, most of which carry audio, nothing need be held.
pub fn may_tell(beginning: &[u8]) -> bool {
    TELLING.iter().any(|part| memchr::memmem::find(beginning, part).is_some())
}

/// What the events of a session have told so far.
#[derive(Default)]
pub struct Heard {
    observed: Observed,
    /// What was begun and has not stated what it took.
    open: Vec<Open>,
    /// The model that writes down what is said, if one does.
    transcriber: Option<String>,
    /// Whether something was used that nobody will state.
    is_lost: bool,
}

/// A response, or the transcription of an item of the input.
struct Open {
    id: String,
    transcriber: Option<String>,
}

/// What a whole event says, as text.
#[derive(Default)]
struct Said<'a> {
    response: Option<&'a str>,
    session: Option<&'a str>,
    item: Option<String>,
    usage: Option<&'a str>,
}

impl Heard {
    /// Notes what a whole event tells. The usage of each response and transcription is added: it
    /// states its own only.
    pub fn take(&mut self, event: &[u8]) {
        let Ok(text) = std::str::from_utf8(event) else { return };
        let (mut kind, mut said) = (None, Said::default());
        let Ok(mut members) = Walk::object(text) else { return };
        while let Ok(Some(member)) = members.member() {
            match &*member.key {
                "type" => kind = string(member.value),
                "response" => said.response = Some(member.value),
                "session" => said.session = Some(member.value),
                "item_id" => said.item = id(member.value),
                "usage" => said.usage = Some(member.value).filter(|raw| *raw != "null"),
                _ => {}
            }
        }
        // Sessions that only transcribe once had types of their own.
        let kind = kind.as_deref().unwrap_or_default();
        match kind.strip_prefix("transcription_").unwrap_or(kind) {
            "session.created" | "session.updated" => self.session(said.session),
            "response.created" => {
                let id = said.response.and_then(|response| id(member(response, "id")?));
                self.begin(id, None);
            }
            "response.done" => self.response(said.response),
            "input_audio_buffer.committed" if self.transcriber.is_some() => {
                self.begin(said.item, self.transcriber.clone());
            }
            "conversation.item.input_audio_transcription.delta" => {
                self.begin(said.item, self.transcriber.clone());
            }
            "conversation.item.input_audio_transcription.completed" => {
                let begun = self.end(said.item.as_deref());
                let by = begun.map_or_else(|| self.transcriber.clone(), |open| open.transcriber);
                self.transcribed(by, said.usage);
            }
            "conversation.item.input_audio_transcription.failed" => {
                self.end(said.item.as_deref());
            }
            _ => {}
        }
    }

    /// An event could not be read that may have told something: what the session took is not known.
    pub fn miss(&mut self) {
        self.is_lost = true;
    }

    /// The model that writes down what is said, if one does.
    pub fn transcriber(&self) -> Option<&str> {
        self.transcriber.as_deref()
    }

    /// What was observed, as if the session ended now.
    pub fn observed(&mut self) -> &mut Observed {
        self.observed.runs_on = self.is_lost || !self.open.is_empty();
        &mut self.observed
    }

    fn session(&mut self, session: Option<&str>) {
        let Some(session) = session else { return };
        each(session, |key, value| match key {
            "id" => self.observed.id = string(value).as_deref().map(noted),
            "model" => self.observed.model = string(value).as_deref().map(noted),
            _ => {}
        });
        let within = |path: &[&str]| path.iter().try_fold(session, |raw, key| member(raw, key));
        let model = within(&["audio", "input", "transcription", "model"])
            .or_else(|| within(&["input_audio_transcription", "model"]));
        self.transcriber = model.and_then(string).as_deref().map(noted);
    }

    fn response(&mut self, response: Option<&str>) {
        let (mut ended, mut failed, mut usage) = (None, false, None);
        each(response.unwrap_or_default(), |key, value| match key {
            "id" => ended = id(value),
            "usage" if value != "null" => usage = Some(usage::read(value)),
            "status" => {
                failed = value == r#""failed""#;
                self.observed.finish_reason = string(value).as_deref().map(noted);
            }
            _ => {}
        });
        self.end(ended.as_deref());
        match usage {
            Some(usage) => self.observed.usage.add(&usage),
            // A failure is not charged for, unless the provider states what it took.
            None => self.is_lost |= !failed,
        }
    }

    fn transcribed(&mut self, by: Option<String>, usage: Option<&str>) {
        let (Some(by), Some(usage)) = (by, usage.map(usage::read)) else {
            self.is_lost = true;
            return;
        };
        let beside = &mut self.observed.beside;
        if let Some((_, sum)) = beside.iter_mut().find(|(model, _)| *model == by) {
            sum.add(&usage);
        } else if beside.len() < MOST_TRANSCRIBERS {
            beside.push((by, usage));
        } else {
            self.is_lost = true;
        }
    }

    fn begin(&mut self, id: Option<String>, transcriber: Option<String>) {
        match id {
            Some(id) if self.open.iter().any(|open| open.id == id) => {}
            Some(id) if self.open.len() < MOST_OPEN => self.open.push(Open { id, transcriber }),
            _ => self.is_lost = true,
        }
    }

    fn end(&mut self, id: Option<&str>) -> Option<Open> {
        let at = self.open.iter().position(|open| Some(&*open.id) == id)?;
        Some(self.open.swap_remove(at))
    }
}

/// An id of the provider's, whose ids are short.
fn id(raw: &str) -> Option<String> {
    string(raw).as_deref().map(noted)
}

fn each(object: &str, mut take: impl FnMut(&str, &str)) {
    let Ok(mut members) = Walk::object(object) else { return };
    while let Ok(Some(member)) = members.member() {
        take(&member.key, member.value);
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Usage;
    use serde_json::{Value, json};

    use super::{Heard, MOST_OPEN, may_tell};

    fn tell(heard: &mut Heard, event: &Value) {
        let text = event.to_string();
        assert!(may_tell(text.as_bytes()), "{text}");
        heard.take(text.as_bytes());
    }

    fn created(id: &str) -> Value {
        json!({"type": "response.created", "event_id": "event_1",
            "response": {"id": id, "status": "in_progress", "usage": null}})
    }

    fn done(id: &str, input: u64, output: u64) -> Value {
        json!({"type": "response.done", "event_id": "event_1", "response": {
            "id": id, "status": "completed", "output": [{"usage": {"input_tokens": 9999}}],
            "usage": {
                "total_tokens": input + output, "input_tokens": input, "output_tokens": output,
                "input_token_details": { "cached_tokens": 8, "text_tokens": 4, "audio_tokens": 6,
                    "cached_tokens_details": { "text_tokens": 5, "audio_tokens": 3 } },
                "output_token_details": { "text_tokens": 2, "audio_tokens": 7 } } }})
    }

    fn transcription(kind: &str, item: &str, usage: &Value) -> Value {
        json!({"type": format!("conversation.item.input_audio_transcription.{kind}"),
            "item_id": item, "content_index": 0, "usage": usage})
    }

    fn transcribing(model: &Value) -> Value {
        json!({"type": "session.updated", "session": {"id": "sess_1", "model": "gpt-realtime",
            "audio": {"input": {"transcription": model}}}})
    }

    #[test]
    fn each_responses_usage_is_added() {
        let mut heard = Heard::default();
        tell(
            &mut heard,
            &json!({"type": "session.created", "event_id": "event_0",
            "session": {"id": "sess_1", "model": "gpt-realtime", "instructions": "x"}}),
        );
        tell(&mut heard, &created("resp_1"));
        tell(&mut heard, &done("resp_1", 10, 20));
        tell(&mut heard, &done("resp_2", 100, 200));
        let observed = heard.observed().clone();
        let usage = observed.usage;
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(110), Some(220)));
        assert_eq!((usage.cache_read_tokens, usage.cached_audio_tokens), (Some(16), Some(6)));
        assert_eq!((usage.input_audio_tokens, usage.output_audio_tokens), (Some(12), Some(14)));
        assert_eq!(observed.finish_reason.as_deref(), Some("completed"));
        assert_eq!(observed.model.as_deref(), Some("gpt-realtime"));
        assert_eq!(observed.id.as_deref(), Some("sess_1"));
        assert!(!observed.runs_on);
        for (status, is_known) in [("failed", true), ("cancelled", false)] {
            let response = json!({"id": "resp_3", "status": status, "usage": null});
            tell(&mut heard, &json!({"type": "response.done", "response": response}));
            let observed = heard.observed();
            assert_eq!((observed.usage, observed.runs_on), (usage, !is_known));
            assert_eq!(observed.finish_reason.as_deref(), Some(status));
        }
    }

    #[test]
    fn what_was_begun_must_state_what_it_took() {
        let mut heard = Heard::default();
        tell(&mut heard, &created("resp_1"));
        assert!(heard.observed().runs_on);
        // Another's end is not its own.
        tell(&mut heard, &done("resp_2", 10, 20));
        assert!(heard.observed().runs_on);
        tell(&mut heard, &done("resp_1", 10, 20));
        assert!(!heard.observed().runs_on);
        tell(&mut heard, &json!({"type": "response.created", "response": {}}));
        assert!(heard.observed().runs_on);

        let mut heard = Heard::default();
        for id in 0..=MOST_OPEN {
            tell(&mut heard, &created(&format!("resp_{id}")));
        }
        for id in 0..=MOST_OPEN {
            tell(&mut heard, &done(&format!("resp_{id}"), 1, 1));
        }
        assert!(heard.observed().runs_on, "more were open than can be remembered");
    }

    #[test]
    fn transcriptions_are_counted_by_their_own_model() {
        let committed = |item| json!({"type": "input_audio_buffer.committed", "item_id": item});
        let mut heard = Heard::default();
        // Nobody writes it down.
        tell(&mut heard, &committed("item_0"));
        assert!(!heard.observed().runs_on);
        tell(&mut heard, &transcribing(&json!({"model": "gpt-4o-transcribe"})));
        assert_eq!(heard.transcriber(), Some("gpt-4o-transcribe"));
        for item in ["item_1", "item_2"] {
            tell(&mut heard, &committed(item));
        }
        tell(&mut heard, &transcription("delta", "item_1", &Value::Null));
        // From now on another does, but not what it did not hear.
        tell(&mut heard, &transcribing(&json!({"model": "whisper-1"})));
        let tokens = json!({"type": "tokens", "input_tokens": 14, "output_tokens": 5,
            "total_tokens": 19, "input_token_details": {"text_tokens": 4, "audio_tokens": 10}});
        for item in ["item_1", "item_2"] {
            assert!(heard.observed().runs_on);
            tell(&mut heard, &transcription("completed", item, &tokens));
        }
        tell(&mut heard, &transcription("delta", "item_3", &Value::Null));
        assert!(heard.observed().runs_on);
        let seconds = json!({"type": "duration", "seconds": 2.5});
        tell(&mut heard, &transcription("completed", "item_3", &seconds));
        tell(&mut heard, &committed("item_4"));
        tell(&mut heard, &transcription("failed", "item_4", &Value::Null));
        let observed = heard.observed().clone();
        let by_tokens = Usage {
            input_tokens: Some(28),
            output_tokens: Some(10),
            input_audio_tokens: Some(20),
            ..Usage::default()
        };
        let by_time = Usage { audio_millis: Some(2500), ..Usage::default() };
        assert_eq!(observed.usage, Usage::default());
        let expected = [("gpt-4o-transcribe".into(), by_tokens), ("whisper-1".into(), by_time)];
        assert_eq!(observed.beside, expected);
        assert!(!observed.runs_on);

        tell(&mut heard, &transcription("completed", "item_5", &Value::Null));
        assert!(heard.observed().runs_on, "it stated nothing");
        tell(&mut heard, &transcribing(&Value::Null));
        assert_eq!(heard.transcriber(), None);
        let mut heard = Heard::default();
        tell(&mut heard, &transcription("completed", "item_1", &tokens));
        assert!(heard.observed().runs_on, "nobody knows by which model");
        let older = json!({"type": "transcription_session.updated",
            "session": {"input_audio_transcription": {"model": "whisper-1"}}});
        tell(&mut heard, &older);
        assert_eq!(heard.transcriber(), Some("whisper-1"));
    }

    #[test]
    fn other_events_tell_nothing_whatever_they_hold() {
        let mut heard = Heard::default();
        assert!(!may_tell(br#"{"type":"response.output_audio.delta","delta":"AAAA"}"#));
        let quoting = json!({"type": "response.output_text.delta", "delta": "\"response.done\"",
            "response": {"usage": {"input_tokens": 1}}});
        heard.take(quoting.to_string().as_bytes());
        for garbage in [&b"\xff"[..], b"", b"[]", b"{", br#"{"type":"session.created"}"#] {
            heard.take(garbage);
        }
        let observed = heard.observed();
        assert_eq!((observed.usage, observed.runs_on), (Usage::default(), false));
        for garbage in [r#"{"type":"response.done"}"#, r#"{"type":"response.done","response":7}"#] {
            let mut heard = Heard::default();
            heard.take(garbage.as_bytes());
            let observed = heard.observed();
            assert_eq!((observed.usage, observed.runs_on), (Usage::default(), true));
        }
    }
}
