//! The OpenAI-compatible adapter: what the client gets, and what is observed.

use std::{fs, path::PathBuf};

use bytes::Bytes;
use http::{Method, StatusCode};
use portcullis_domain::{Fault, FaultKind, Retry, Usage};
use portcullis_providers::{Endpoint, adapter::Observed};

use crate::call::{Call, head};

const EVENTS: &str = "text/event-stream; charset=utf-8";
const JSON: &str = "application/json";

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/openai").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn chat(provider: &'static str) -> Call {
    Call::post(provider, "/chat/completions", r#"{"stream":true}"#)
}

/// A stream that was asked to state its usage by its own caller.
fn open_chat(provider: &'static str) -> Call {
    let body = r#"{"stream":true,"stream_options":{"include_usage":true}}"#;
    Call::post(provider, "/chat/completions", body)
}

fn tokens(input: u64, output: u64) -> Usage {
    Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() }
}

fn observed(id: &str, model: &str, finish: &str, output_chars: u64, usage: Usage) -> Observed {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Observed {
        usage,
        output_chars,
        model: text(model),
        id: text(id),
        finish_reason: text(finish),
        // OpenAI's own chat fixtures, which share an id, state the tier.
        service_tier: (id == "chatcmpl-C1").then(|| "default".to_owned()),
        ..Observed::default()
    }
}

/// Every stream: the fixture, the call, the fixture the client gets, what is observed.
fn streams() -> Vec<(&'static str, Call, &'static str, Observed)> {
    let gpt = "gpt-4o-2024-08-06";
    let stated = Usage {
        cache_read_tokens: Some(4),
        reasoning_tokens: Some(3),
        input_audio_tokens: Some(0),
        output_audio_tokens: Some(0),
        accepted_prediction_tokens: Some(0),
        rejected_prediction_tokens: Some(0),
        ..tokens(19, 10)
    };
    let deepseek =
        Usage { cache_read_tokens: Some(16), reasoning_tokens: Some(9), ..tokens(30, 12) };
    let router = Usage { cache_read_tokens: Some(0), ..tokens(11, 2) };
    let response =
        Usage { cache_read_tokens: Some(5), reasoning_tokens: Some(2), ..tokens(37, 11) };
    let searched = Usage { web_searches: Some(1), ..response };
    let images = Usage {
        images: Some(1),
        input_image_tokens: Some(40),
        output_image_tokens: Some(50),
        ..tokens(50, 50)
    };
    let responses = || Call::post("openai", "/responses", r#"{"stream":true}"#);
    let image = Call::post("openai", "/images/generations", r#"{"stream":true}"#);
    let failed = Observed {
        error: Some("The server had an error while processing your request".to_owned()),
        ..observed("chatcmpl-C1", gpt, "", 2, Usage::default())
    };
    vec![
        (
            "chat_plain",
            chat("openai"),
            "",
            observed("chatcmpl-C1", gpt, "stop", 22, Usage::default()),
        ),
        (
            "chat_usage",
            chat("openai"),
            "chat_usage.hidden",
            observed("chatcmpl-C1", gpt, "stop", 9, stated),
        ),
        ("chat_usage", open_chat("openai"), "", observed("chatcmpl-C1", gpt, "stop", 9, stated)),
        (
            "azure_crlf",
            chat("openai"),
            "azure_crlf.hidden",
            observed("chatcmpl-A", "gpt-4o-2024-11-20", "length", 2, tokens(8, 1)),
        ),
        (
            "tools",
            chat("openai"),
            "",
            observed("chatcmpl-C1", gpt, "tool_calls", 19, Usage::default()),
        ),
        (
            "deepseek",
            chat("deepseek"),
            "deepseek.hidden",
            observed("d-1", "deepseek-reasoner", "stop", 5, deepseek),
        ),
        (
            "deepseek",
            open_chat("deepseek"),
            "",
            observed("d-1", "deepseek-reasoner", "stop", 5, deepseek),
        ),
        (
            "mistral",
            chat("mistral-ai"),
            "",
            observed("m1", "mistral-small-latest", "stop", 4, tokens(5, 4)),
        ),
        (
            "groq",
            chat("groq"),
            "",
            observed("chatcmpl-g", "llama-3.3-70b-versatile", "stop", 3, tokens(36, 2)),
        ),
        (
            "moonshot",
            chat("moonshot"),
            "",
            observed("cmpl-k", "moonshot-v1-8k", "stop", 3, tokens(19, 13)),
        ),
        (
            "openrouter",
            chat("openrouter"),
            "openrouter.hidden",
            observed("gen-1", "meta-llama/llama-3.1-8b-instruct", "stop", 2, router),
        ),
        (
            "openrouter",
            open_chat("openrouter"),
            "",
            observed("gen-1", "meta-llama/llama-3.1-8b-instruct", "stop", 2, router),
        ),
        ("error_midway", chat("openai"), "", failed),
        ("bare_cr", chat("openai"), "", observed("chatcmpl-C1", gpt, "stop", 2, Usage::default())),
        (
            "responses",
            responses(),
            "",
            observed("resp_1", "gpt-4.1-2025-04-14", "completed", 8, searched),
        ),
        (
            "responses_incomplete",
            responses(),
            "",
            observed(
                "resp_1",
                "gpt-4.1-2025-04-14",
                "incomplete",
                8,
                Usage { web_searches: None, ..response },
            ),
        ),
        ("images", image, "", observed("", "", "", 0, images)),
    ]
}

#[test]
fn streams_give_the_same_wherever_they_are_split() {
    for (name, call, hidden, expected) in streams() {
        let bytes = fixture(&format!("{name}.sse"));
        let client = if hidden.is_empty() { name } else { hidden };
        let client = fixture(&format!("{client}.sse"));
        let check = |pieces: &[&[u8]], how: &str| {
            let (given, seen) = call.answered(EVENTS, pieces);
            let text = String::from_utf8_lossy(&given);
            assert_eq!(text, String::from_utf8_lossy(&client), "{name}, {how}");
            assert_eq!(format!("{seen:?}"), format!("{expected:?}"), "{name}, {how}");
        };
        check(&[&bytes], "whole");
        check(&bytes.chunks(1).collect::<Vec<_>>(), "byte by byte");
        for at in 1..bytes.len() {
            check(&[&bytes[..at], &bytes[at..]], &format!("split at {at}"));
        }
    }
}

#[test]
fn what_needs_no_change_is_handed_on_without_a_copy() {
    let bytes = Bytes::from(fixture("chat_plain.sse"));
    let mut reply = chat("openai").prepare().unwrap().reply;
    reply.head(StatusCode::OK, &head(EVENTS));
    let mut out = Vec::new();
    reply.push(bytes.clone(), &mut out).unwrap();
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].as_ptr(), bytes.as_ptr());
    assert_eq!(out[0].len(), bytes.len());
}

#[test]
fn a_stream_that_breaks_off_ends_with_an_error_and_no_done() {
    let fault = Fault::upstream(FaultKind::UpstreamBroken, Retry::Stop, "it \"broke\" off")
        .with_detail("internal detail");
    let bytes = fixture("chat_plain.sse");
    let half = &bytes[..bytes.len() / 2];
    let mut reply = chat("openai").prepare().unwrap().reply;
    reply.head(StatusCode::OK, &head(EVENTS));
    let mut out = Vec::new();
    reply.push(Bytes::copy_from_slice(half), &mut out).unwrap();
    reply.fail(&fault, &mut out);
    let given = String::from_utf8(out.concat()).unwrap();
    let (before, last) = given.trim_end().rsplit_once("\n\n").unwrap();
    assert!(half.starts_with(before.as_bytes()), "only whole events come before");
    let error = serde_json::from_str::<serde_json::Value>(&last["data: ".len()..]).unwrap();
    assert_eq!(error["error"]["message"], "it \"broke\" off");
    assert_eq!(error["error"]["code"], "upstream_broken");
    assert!(!given.contains("[DONE]") && !given.contains("internal detail"));

    let mut reply = Call::post("openai", "/responses", "{}").prepare().unwrap().reply;
    reply.head(StatusCode::OK, &head(EVENTS));
    let mut out = Vec::new();
    reply.fail(&fault, &mut out);
    assert!(out.concat().starts_with(b"event: error\ndata: {"));
    let mut reply = chat("openai").prepare().unwrap().reply;
    reply.head(StatusCode::OK, &head(JSON));
    let mut out = Vec::new();
    reply.fail(&fault, &mut out);
    assert!(out.is_empty());
}

const CHUNK: &str =
    r#"data: {"id":"c1","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}"#;

fn ends(call: &Call, stream: &str) -> (Result<(), Fault>, String, Observed) {
    let mut reply = call.prepare().unwrap().reply;
    reply.head(StatusCode::OK, &head(EVENTS));
    let mut out = Vec::new();
    reply.push(Bytes::copy_from_slice(stream.as_bytes()), &mut out).unwrap();
    let ended = reply.finish(&mut out);
    if let Err(fault) = &ended {
        reply.fail(fault, &mut out);
    }
    (ended, String::from_utf8(out.concat()).unwrap(), reply.observed().clone())
}

#[test]
fn a_stream_must_say_that_it_is_over() {
    let completions = Call::post("openai", "/completions", r#"{"stream":true}"#);
    let responses = Call::post("openai", "/responses", r#"{"stream":true}"#);
    let created = r#"data: {"type":"response.created","response":{"id":"r1"}}"#;
    for (call, stream) in [
        (&chat("openai"), format!("{CHUNK}\n\n")),
        (&chat("openai"), format!("{CHUNK}\n\n{}", &CHUNK[..40])),
        (&chat("openai"), String::new()),
        (&completions, "data: {\"id\":\"c1\",\"choices\":[{\"text\":\"a\"}]}\n\n".to_owned()),
        (&responses, format!("{created}\n\n")),
        // What a model says is no sign.
        (&responses, format!("{created}\n\ndata: {{\"delta\":\"response.completed\"}}\n\n")),
    ] {
        let (ended, given, _) = ends(call, &stream);
        assert_eq!(ended.unwrap_err().kind, FaultKind::UpstreamBroken, "{stream}");
        assert!(given.ends_with("\n\n") && given.contains("ended its stream too early"), "{given}");
    }
    for (call, stream) in [
        (&chat("openai"), format!("{CHUNK}\n\ndata: [DONE]\n\n")),
        (&chat("openai"), format!("{CHUNK}\n\ndata: [DONE]")),
        (&chat("openai"), CHUNK.replace("null", r#""stop""#)),
        (&responses, format!("{created}\n\ndata: {{\"type\":\"response.failed\"}}\n\n")),
        (&responses, format!("{created}\n\ndata: {{\"type\":\"error\",\"message\":\"no\"}}\n\n")),
        // Of these nobody knows how they end.
        (&Call::post("openai", "/audio/speech", "{}"), "data: {}\n\n".to_owned()),
    ] {
        let (ended, given, seen) = ends(call, &stream);
        assert!(ended.is_ok(), "{stream}");
        assert_eq!(given, stream);
        assert_eq!(seen.error.as_deref(), stream.contains("no\"").then_some("no"));
    }
}

#[test]
fn nothing_is_added_behind_the_last_event() {
    let fault = Fault::upstream(FaultKind::UpstreamBroken, Retry::Stop, "broke off");
    let last = r#"data: {"type":"response.completed","response":{"id":"r1"}}"#;
    for (path, last) in [("/chat/completions", "data: [DONE]"), ("/responses", last)] {
        let mut reply = Call::post("openai", path, r#"{"stream":true}"#).prepare().unwrap().reply;
        reply.head(StatusCode::OK, &head(EVENTS));
        let mut out = Vec::new();
        assert!(!reply.is_complete());
        reply.push(Bytes::from(format!("{last}\n\n")), &mut out).unwrap();
        assert!(reply.is_complete());
        reply.fail(&fault, &mut out);
        assert_eq!(out.concat(), format!("{last}\n\n").as_bytes());
    }
}

#[test]
fn documents_are_handed_on_and_watched() {
    let chat = r#"{"id":"c1","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,
        "message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#;
    let response = r#"{"id":"r1","status":"completed","error":null,"model":"gpt-4.1",
        "output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],
        "usage":{"input_tokens":7,"output_tokens":2}}"#;
    let cases: [(&str, &str, Observed); 8] = [
        ("/chat/completions", chat, observed("c1", "gpt-4o", "stop", 0, tokens(3, 1))),
        ("/responses", response, observed("r1", "gpt-4.1", "completed", 0, tokens(7, 2))),
        (
            "/embeddings",
            r#"{"object":"list","data":[{"embedding":[0.5]}],"model":"e3",
                "usage":{"prompt_tokens":8,"total_tokens":8}}"#,
            observed("", "e3", "", 0, Usage { input_tokens: Some(8), ..Usage::default() }),
        ),
        (
            "/images/generations",
            r#"{"created":1,"data":[{"url":"u"},{"url":"v"}]}"#,
            observed("", "", "", 0, Usage { images: Some(2), ..Usage::default() }),
        ),
        (
            "/audio/transcriptions",
            r#"{"text":"Four","usage":{"type":"duration","seconds":4}}"#,
            observed("", "", "", 4, Usage { audio_millis: Some(4000), ..Usage::default() }),
        ),
        (
            "/audio/transcriptions",
            r#"{"task":"transcribe","duration":"8.47","text":"Four"}"#,
            observed("", "", "", 4, Usage { audio_millis: Some(8470), ..Usage::default() }),
        ),
        (
            "/ocr",
            r#"{"pages":[],"model":"ocr","usage_info":{"pages_processed":3}}"#,
            observed("", "ocr", "", 0, Usage { pages: Some(3), ..Usage::default() }),
        ),
        ("/chat/completions", "{not json", observed("", "", "", 0, Usage::default())),
    ];
    for (path, document, expected) in cases {
        let call = Call::post("openai", path, "{}");
        for at in [0, document.len() / 2] {
            let (first, second) = document.as_bytes().split_at(at);
            let (given, seen) = call.answered(JSON, &[first, second]);
            assert_eq!(given, document.as_bytes());
            assert_eq!(format!("{seen:?}"), format!("{expected:?}"), "{path}");
        }
    }
}

#[test]
fn usage_of_calls_long_settled_does_not_count_again() {
    let mut call = Call::post("openai", "/responses/resp_1", "{}");
    (call.method, call.body) = (Method::GET, None);
    let document = br#"{"id":"resp_1","usage":{"input_tokens":7,"output_tokens":2}}"#;
    let (_, seen) = call.answered(JSON, &[document]);
    assert_eq!(seen.usage, Usage::default());
}

#[test]
fn read_aloud_text_is_counted_from_the_request() {
    let call = Call::post("openai", "/audio/speech", r#"{"input":"\u00e9t\u00e9","voice":"a"}"#);
    let (given, seen) = call.answered("audio/mpeg", &[b"\xFF\xFB", b"\x90"]);
    assert_eq!(given, b"\xFF\xFB\x90");
    assert_eq!(seen.usage.characters, Some(3));
}

#[test]
fn errors_come_in_one_form_unless_proxied() {
    let body = br#"{"error":{"message":"Wrong key sk-provider-secret","type":"auth","code":"c"}}"#;
    let status = StatusCode::UNAUTHORIZED;
    let call = Call::post("groq", "/chat/completions", "{}");
    let (given, seen) = call.answered_with(status, "text/html", &[&body[..9], &body[9..]]);
    let expected = r#"{"error":{"message":"groq error: Wrong key sk********ret","type":"auth",
        "param":null,"code":"c"},"provider":"groq"}"#;
    let value = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&given), value(expected.as_bytes()));
    assert_eq!(seen.error.as_deref(), Some("Wrong key sk********ret"));
    let content_type = call.prepare().unwrap().reply.head(status, &head("text/html"));
    assert_eq!(content_type, Some(JSON));

    let proxied = Call::post("groq", "/threads", "{}");
    let (given, seen) = proxied.answered_with(status, JSON, &[body]);
    assert_eq!(given, body);
    assert_eq!(seen.error.as_deref(), Some("Wrong key sk********ret"));
    let mut long = vec![b'x'; 2_000_000];
    long[0] = b'<';
    let (given, seen) = call.answered_with(StatusCode::BAD_GATEWAY, "text/html", &[&long]);
    assert!(given.len() < 1000);
    assert!(seen.error.is_some_and(|error| error.len() <= 500));
}

#[test]
fn what_goes_on_in_the_background_says_so() {
    for (status, runs_on) in [("queued", true), ("in_progress", true), ("completed", false)] {
        let document = format!(r#"{{"id":"r1","status":"{status}","usage":null}}"#);
        let call = Call::post("openai", "/responses", "{}");
        let (_, seen) = call.answered(JSON, &[document.as_bytes()]);
        assert_eq!((seen.runs_on, seen.finish_reason.is_none()), (runs_on, runs_on), "{status}");
    }
}

#[test]
fn what_only_manages_repeats_usage_that_is_not_its_own() {
    let document = br#"{"id":"r1","usage":{"input_tokens":7,"output_tokens":2}}"#;
    for (path, is_own) in
        [("/responses/r1/cancel", false), ("/chat/completions/c1", false), ("/other/c1", true)]
    {
        let (_, seen) = Call::post("openai", path, "{}").answered(JSON, &[document]);
        assert_eq!(seen.usage != Usage::default(), is_own, "{path}");
        assert_eq!(Endpoint::of(&Method::POST, path).is_managed_path(path), !is_own, "{path}");
    }
}

#[test]
fn hostile_words_are_cut_and_hostile_nesting_is_not_followed() {
    let long = "x".repeat(1000);
    let document = format!(
        r#"{{"id":"{long}","model":"{long}","service_tier":"{long}",
            "choices":[{{"finish_reason":"{long}"}}]}}"#
    );
    let (_, seen) = chat("openai").answered(JSON, &[document.as_bytes()]);
    for word in [seen.id, seen.model, seen.service_tier, seen.finish_reason] {
        assert_eq!(word.map(|word| word.len()), Some(256));
    }
    let deep = 200_000;
    let nested = format!("{}{{}}{}", r#"{"response":"#.repeat(deep), "}".repeat(deep));
    let (given, _) = chat("openai").answered(JSON, &[nested.as_bytes()]);
    assert_eq!(given.len(), nested.len());
}
