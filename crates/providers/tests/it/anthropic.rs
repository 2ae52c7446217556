//! The Anthropic adapter, and messages over providers of OpenAI's dialect: goldens of what is sent
//! and given, streams split everywhere, and what must be refused.

#![allow(clippy::unwrap_used, reason = "also in helpers: a failed step is a failed test")]

use std::{fs, path::PathBuf};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::CONTENT_TYPE};
use portcullis_domain::{Fault, FaultKind, Retry, Secret};
use portcullis_providers::{
    Endpoint,
    adapter::{Ask, AskBody, Observed, Prepared, PreparedBody, Reply},
    catalog,
    credential::Credential,
    request::JsonRequest,
};

/// A call, with what most calls have.
pub(crate) struct Call<'a> {
    provider: &'static str,
    endpoint: Endpoint,
    path: &'a str,
    body: Option<&'a str>,
    model: Option<&'a str>,
    key: &'a str,
    headers: HeaderMap,
    strict: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn new(provider: &'static str, endpoint: Endpoint, body: Option<&'a str>) -> Self {
        Call {
            provider,
            endpoint,
            path: "/files",
            body,
            model: None,
            key: "sk-ant-api03-test",
            headers: HeaderMap::new(),
            strict: true,
        }
    }

    pub(crate) fn prepare(&self) -> Result<Prepared, Fault> {
        let request = self.body.map(|body| JsonRequest::parse(body.to_owned().into()).unwrap());
        let key = Secret::new(self.key.to_owned());
        let credential = Credential::new(Some(key), Default::default());
        let provider = catalog::find(self.provider).unwrap();
        provider.adapter().prepare(&Ask {
            endpoint: self.endpoint,
            method: if self.body.is_some() { &Method::POST } else { &Method::GET },
            path: self.path,
            query: None,
            headers: &self.headers,
            body: request.as_ref().map_or(AskBody::None, AskBody::Json),
            model: self.model.or(request.as_ref().and_then(JsonRequest::model)),
            provider,
            credential: &credential,
            strict: self.strict,
            now_millis: 1_700_000_000_123,
        })
    }

    fn refusal(&self) -> Fault {
        self.prepare().err().expect("the call is refused")
    }
}

pub(crate) const MINIMAL: &str =
    r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;
const STREAMED: &str = r#"{"model":"m","max_tokens":9,"stream":true,
    "stream_options":{"include_usage":true},"messages":[{"role":"user","content":"x"}]}"#;

fn folder(name: &str) -> Vec<(String, String)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/anthropic").join(name);
    let mut files: Vec<_> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

pub(crate) fn sent(prepared: &Prepared) -> String {
    match &prepared.body {
        PreparedBody::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        PreparedBody::Empty | PreparedBody::Forward => String::new(),
    }
}

/// What a reply makes of an answer that arrives in these pieces.
pub(crate) fn answer<'a>(
    mut reply: Box<dyn Reply>,
    status: u16,
    kind: &'static str,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (String, Observed) {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply.head(StatusCode::from_u16(status).unwrap(), &headers);
    let mut out = Vec::new();
    let mut done = Ok(());
    for piece in pieces {
        done = done.and_then(|()| reply.push(Bytes::copy_from_slice(piece), &mut out));
    }
    if let Err(fault) = done.and_then(|()| reply.finish(&mut out)) {
        reply.fail(&fault, &mut out);
    }
    (String::from_utf8(out.concat()).unwrap(), reply.observed().clone())
}

pub(crate) fn streamed(call: &Call<'_>, text: &str) -> (String, Observed) {
    answer(call.prepare().unwrap().reply, 200, "text/event-stream", [text.as_bytes()])
}

/// What was observed, without what was not.
fn seen(observed: &Observed) -> String {
    let all = format!("{observed:#?}");
    let untold = [": None,", "runs_on: false,", "beside: [],"];
    let tells = |line: &&str| !untold.iter().any(|end| line.ends_with(end));
    all.lines().filter(tells).map(|line| format!("{line}\n")).collect()
}

/// JSON with line breaks and the members in their order.
fn pretty(text: &str) -> String {
    let mut out = String::new();
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for c in text.chars() {
        if quoted {
            out.push(c);
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' => {
                quoted = true;
                out.push(c);
            }
            '{' | '[' => {
                depth += 1;
                out.push(c);
                out.push('\n');
                out.push_str(&"  ".repeat(depth));
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                out.push('\n');
                out.push_str(&"  ".repeat(depth));
                out.push(c);
            }
            ',' => {
                out.push_str(",\n");
                out.push_str(&"  ".repeat(depth));
            }
            ':' => out.push_str(": "),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

#[test]
fn chat_requests_become_messages_requests() {
    for (name, body) in folder("chat_requests") {
        let prepared = Call::new("anthropic", Endpoint::ChatComplete, Some(&body)).prepare();
        let prepared = prepared.unwrap();
        assert_eq!(prepared.url, "https://api.anthropic.com/v1/messages");
        insta::assert_snapshot!(format!("chat_request__{name}"), pretty(&sent(&prepared)));
    }
}

#[test]
fn messages_become_chat_completions() {
    for (name, body) in folder("answers").into_iter().filter(|(name, _)| name != "models") {
        for strict in [true, false] {
            let mut call = Call::new("anthropic", Endpoint::ChatComplete, Some(MINIMAL));
            call.strict = strict;
            let status = if name == "error" { 400 } else { 200 };
            let reply = call.prepare().unwrap().reply;
            let (text, observed) = answer(reply, status, "application/json", [body.as_bytes()]);
            let suffix = if strict { "" } else { "__loose" };
            insta::assert_snapshot!(
                format!("answer__{name}{suffix}"),
                format!("{}\n\n{}", pretty(&text), seen(&observed))
            );
        }
    }
}

#[test]
fn message_streams_become_chunks() {
    for (name, stream) in folder("streams") {
        for strict in [true, false] {
            let mut call = Call::new("anthropic", Endpoint::ChatComplete, Some(STREAMED));
            call.strict = strict;
            let (text, observed) = streamed(&call, &stream);
            let suffix = if strict { "" } else { "__loose" };
            insta::assert_snapshot!(
                format!("stream__{name}{suffix}"),
                format!("{text}\n{}", seen(&observed))
            );
        }
    }
}

#[test]
fn messages_requests_become_chat_requests() {
    for (name, body) in folder("messages_requests") {
        let prepared = Call::new("openai", Endpoint::Messages, Some(&body)).prepare().unwrap();
        assert_eq!(prepared.url, "https://api.openai.com/v1/chat/completions");
        insta::assert_snapshot!(format!("messages_request__{name}"), pretty(&sent(&prepared)));
    }
}

#[test]
fn chat_completions_become_messages() {
    for (name, body) in folder("chat_answers") {
        let status = if name == "error" { 429 } else { 200 };
        let reply = Call::new("openai", Endpoint::Messages, Some(MINIMAL)).prepare().unwrap().reply;
        let (text, observed) = answer(reply, status, "application/json", [body.as_bytes()]);
        insta::assert_snapshot!(
            format!("chat_answer__{name}"),
            format!("{}\n\n{}", pretty(&text), seen(&observed))
        );
    }
}

#[test]
fn chunks_become_message_streams() {
    for (name, stream) in folder("chat_streams") {
        let call = Call::new("openai", Endpoint::Messages, Some(STREAMED));
        let (text, observed) = streamed(&call, &stream);
        insta::assert_snapshot!(
            format!("chat_stream__{name}"),
            format!("{text}\n{}", seen(&observed))
        );
    }
}

/// Every call that can get a stream, with the fixtures of that stream.
pub(crate) fn all_streams() -> Vec<(Call<'static>, String)> {
    let mut all = Vec::new();
    for (_, stream) in folder("streams") {
        for endpoint in [Endpoint::ChatComplete, Endpoint::Messages] {
            let mut call = Call::new("anthropic", endpoint, Some(STREAMED));
            call.strict = false;
            all.push((call, stream.clone()));
        }
    }
    for (_, stream) in folder("chat_streams") {
        all.push((Call::new("openai", Endpoint::Messages, Some(STREAMED)), stream));
    }
    all
}

#[test]
fn a_stream_split_anywhere_gives_the_same() {
    for (call, stream) in all_streams() {
        let (text, observed) = streamed(&call, &stream);
        let seen = format!("{observed:?}");
        for at in 1..stream.len() {
            let (left, right) = stream.as_bytes().split_at(at);
            let reply = call.prepare().unwrap().reply;
            let (split, observed) = answer(reply, 200, "text/event-stream", [left, right]);
            assert_eq!(split, text, "split at {at}");
            assert_eq!(format!("{observed:?}"), seen, "split at {at}");
        }
        let reply = call.prepare().unwrap().reply;
        let bytes = stream.as_bytes().chunks(1);
        assert_eq!(answer(reply, 200, "text/event-stream", bytes).0, text);
    }
}

#[test]
fn a_stream_that_breaks_off_ends_in_an_error_event() {
    for (call, stream) in all_streams() {
        let half = &stream.as_bytes()[..stream.len() / 2];
        let reply = call.prepare().unwrap().reply;
        let (text, _) = answer(reply, 200, "text/event-stream", [half]);
        // What came before is whole, and the error is the last word.
        let data = text.trim_end().lines().last().unwrap().strip_prefix("data: ").unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["error"]["message"], "The provider ended its stream too early.");
        assert!(!text.contains("[DONE]"), "{text}");
    }
}

#[test]
fn anthropics_own_dialect_passes_untouched() {
    let body = " {\"max_tokens\" : 1.0e1, \"model\":\"@main/claude-opus-4-5\", \"new\":[1.50] }";
    let mut call = Call::new("anthropic", Endpoint::Messages, Some(body));
    call.model = Some("claude-opus-4-5");
    let prepared = call.prepare().unwrap();
    assert_eq!(prepared.url, "https://api.anthropic.com/v1/messages");
    assert_eq!(sent(&prepared), body.replace("@main/", ""));
    for (name, stream) in folder("streams") {
        let (text, observed) = streamed(&call, &stream);
        assert_eq!(text, stream);
        insta::assert_snapshot!(format!("native__{name}"), seen(&observed));
    }
    for (name, whole) in folder("answers") {
        let status = if name == "error" { 400 } else { 200 };
        let reply = call.prepare().unwrap().reply;
        let (text, observed) = answer(reply, status, "application/json", [whole.as_bytes()]);
        assert_eq!(text, whole);
        assert_eq!(observed.error.is_some(), name == "error");
        assert_eq!(observed.usage.output_tokens.is_some(), name != "error" && name != "models");
    }
}

#[test]
fn a_call_carries_anthropics_headers() {
    let mut call = Call::new("anthropic", Endpoint::CountTokens, Some(MINIMAL));
    let plain = call.prepare().unwrap();
    assert_eq!(plain.url, "https://api.anthropic.com/v1/messages/count_tokens");
    assert_eq!(plain.headers["x-api-key"], "sk-ant-api03-test");
    assert!(plain.headers["x-api-key"].is_sensitive());
    assert_eq!(plain.headers["anthropic-version"], "2023-06-01");
    assert!(!plain.headers.contains_key("authorization"));
    assert!(!plain.headers.contains_key("anthropic-beta"));

    call.key = "sk-ant-oat01-test";
    call.headers.insert("anthropic-version", HeaderValue::from_static("2030-01-01"));
    call.headers.append("anthropic-beta", HeaderValue::from_static("one"));
    call.headers.append("anthropic-beta", HeaderValue::from_static("two,three"));
    call.headers.insert("x-portkey-anthropic-beta", HeaderValue::from_static("zero"));
    let own = call.prepare().unwrap();
    assert_eq!(own.headers["authorization"], "Bearer sk-ant-oat01-test");
    assert!(own.headers["authorization"].is_sensitive());
    assert!(!own.headers.contains_key("x-api-key"));
    assert_eq!(own.headers["anthropic-version"], "2030-01-01");
    assert_eq!(own.headers["anthropic-beta"], "zero,one,two,three");
}

#[test]
fn models_are_listed_in_openais_shape() {
    let prepared = Call::new("anthropic", Endpoint::ListModels, None).prepare().unwrap();
    assert_eq!(prepared.url, "https://api.anthropic.com/v1/models?limit=1000");
    let (_, list) = folder("answers").into_iter().find(|(name, _)| name == "models").unwrap();
    let (text, _) = answer(prepared.reply, 200, "application/json", [list.as_bytes()]);
    insta::assert_snapshot!("models", pretty(&text));
}

#[test]
fn usage_is_told_to_those_who_ask_for_it() {
    let quiet = STREAMED.replace("true}", "false}");
    let (_, stream) = folder("streams").into_iter().find(|(name, _)| name == "text").unwrap();
    let call = Call::new("anthropic", Endpoint::ChatComplete, Some(&quiet));
    let (text, observed) = streamed(&call, &stream);
    assert!(!text.contains("\"usage\""));
    assert!(text.ends_with("data: [DONE]\n\n"));
    assert_eq!(observed.usage.total_tokens(), Some(21));
}

#[test]
fn effort_is_told_as_each_model_takes_it() {
    let sent_for = |model: &str| {
        let body = format!(
            r#"{{"model":"{model}","reasoning_effort":"high","temperature":0,"max_tokens":9000,
                "messages":[{{"role":"user","content":"x"}},{{"role":"assistant","content":" \n"}}]}}"#
        );
        let call = Call::new("anthropic", Endpoint::ChatComplete, Some(&body));
        serde_json::from_str::<serde_json::Value>(&sent(&call.prepare().unwrap())).unwrap()
    };
    let never = sent_for("claude-3-5-haiku-20241022");
    assert!(never["thinking"].is_null() && never["output_config"].is_null());
    let early = sent_for("claude-sonnet-4-5");
    assert_eq!(early["thinking"]["budget_tokens"], 4_500);
    assert!(early["temperature"].is_null() && early["output_config"].is_null());
    let later = sent_for("claude-opus-5");
    assert_eq!(later["output_config"]["effort"], "high");
    assert!(later["thinking"].is_null());
    // A message that shows nothing makes no turn.
    assert_eq!(later["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn a_key_that_a_server_repeats_is_masked() {
    let refused = br#"{"error":{"message":"no such key: sk-ant-api03-test",
        "type":"sk-ant-api03-test","param":"sk-ant-api03-test","code":"sk-ant-api03-test"}}"#;
    for (provider, endpoint) in
        [("anthropic", Endpoint::ChatComplete), ("openai", Endpoint::Messages)]
    {
        let reply = Call::new(provider, endpoint, Some(MINIMAL)).prepare().unwrap().reply;
        let (text, observed) = answer(reply, 401, "application/json", [&refused[..]]);
        assert!(text.contains("no such key: sk********est"), "{text}");
        assert!(!text.contains("sk-ant-api03-test"), "{text}");
        assert_eq!(observed.error.as_deref(), Some("no such key: sk********est"));
    }
}

#[test]
fn unknown_paths_are_proxied() {
    let mut call = Call::new("anthropic", Endpoint::Proxy, Some("{ \"requests\":[] }"));
    call.path = "/messages/batches";
    let prepared = call.prepare().unwrap();
    assert_eq!(prepared.url, "https://api.anthropic.com/v1/messages/batches");
    assert_eq!(sent(&prepared), "{ \"requests\":[] }");
    let (text, observed) =
        answer(prepared.reply, 404, "application/json", [&b"{\"message\":\"no\"}"[..]]);
    assert_eq!(text, "{\"message\":\"no\"}");
    assert_eq!(observed.error.as_deref(), Some("no"));
}

#[test]
fn what_cannot_be_expressed_is_refused() {
    for endpoint in [Endpoint::Embed, Endpoint::CreateSpeech, Endpoint::ImageGenerate] {
        let fault = Call::new("anthropic", endpoint, Some(MINIMAL)).refusal();
        assert_eq!((fault.kind, fault.retry), (FaultKind::BadRequest, Retry::NextTarget));
        assert!(fault.public.contains(endpoint.name()));
    }
    let fault = Call::new("openai", Endpoint::CountTokens, Some(MINIMAL)).refusal();
    assert_eq!((fault.kind, fault.retry), (FaultKind::BadRequest, Retry::NextTarget));

    let chat = |rest: &str| {
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}]{rest}}}"#)
    };
    for (rest, word) in [
        (r#","n":2"#, "`n`"),
        (r#","functions":[]"#, "`tools`"),
        (r#","max_tokens":-1"#, "`max_tokens`"),
        (r#","temperature":"hot""#, "`temperature`"),
        (r#","stop":{}"#, "`stop`"),
        (r#","tools":[{"type":"custom","custom":{"name":"x"}}]"#, "function"),
        (r#","response_format":{"type":"grammar"}"#, "`response_format.type`"),
    ] {
        let body = chat(rest);
        let fault = Call::new("anthropic", Endpoint::ChatComplete, Some(&body)).refusal();
        assert_eq!(fault.kind, FaultKind::BadRequest);
        assert!(fault.public.contains(word), "{rest}: {}", fault.public);
    }
    for messages in [
        "1",
        "[1]",
        "[{}]",
        r#"[{"role":"function"}]"#,
        r#"[{"role":"user","content":1}]"#,
        r#"[{"role":"user","content":[{"type":"input_audio"}]}]"#,
        r#"[{"role":"tool","content":"x"}]"#,
        r#"[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"[]"}}]}]"#,
    ] {
        let body = format!(r#"{{"model":"m","messages":{messages}}}"#);
        let fault = Call::new("anthropic", Endpoint::ChatComplete, Some(&body)).refusal();
        assert_eq!(fault.kind, FaultKind::BadRequest, "{messages}");
    }
}

#[test]
fn a_proxied_body_names_the_model_without_its_slug() {
    for (body, given) in [
        (r#"{"model":"@claude/claude-2.1", "n":1.0}"#, r#"{"model":"claude-2.1", "n":1.0}"#),
        // The query's model is not the body's.
        (r#"{"requests":[]}"#, r#"{"requests":[]}"#),
    ] {
        let mut call = Call::new("anthropic", Endpoint::Proxy, Some(body));
        (call.path, call.model) = ("/complete", Some("claude-2.1"));
        assert_eq!(sent(&call.prepare().unwrap()), given);
    }
}
