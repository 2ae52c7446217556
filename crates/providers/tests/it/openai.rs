//! The OpenAI-compatible adapter: what is sent.

use http::{HeaderValue, Method};
use portcullis_domain::{FaultKind, Retry};
use portcullis_providers::{Endpoint, adapter::PreparedBody, catalog};

use crate::call::{Call, sent};

const CHAT: &str = "/chat/completions";

fn text(call: &Call) -> String {
    String::from_utf8(sent(&call.prepare().unwrap()).to_vec()).unwrap()
}

#[test]
fn the_same_dialect_goes_through_byte_for_byte() {
    let body = "{ \"model\":\"gpt-4o\",\n \"temperature\": 1.0, \"new_option\":{\"a\":[1e3]} }";
    let call = Call::post("openai", CHAT, body);
    let prepared = call.prepare().unwrap();
    assert_eq!(prepared.url, "https://api.openai.com/v1/chat/completions");
    assert_eq!(prepared.method, Method::POST);
    assert_eq!(sent(&prepared), body.as_bytes());
    let authorization = &prepared.headers["authorization"];
    assert_eq!(authorization, "Bearer sk-provider-secret");
    assert!(authorization.is_sensitive());
    assert_eq!(prepared.headers["content-type"], "application/json");
    assert_eq!(prepared.headers.len(), 2);
}

#[test]
fn the_slug_leaves_the_model_and_nothing_else_changes() {
    let mut call = Call::post("openai", CHAT, r#"{"n":1.0 ,"model" : "@main/gpt-4o", "x":null}"#);
    call.model = Some("gpt-4o");
    assert_eq!(text(&call), r#"{"n":1.0 ,"model" : "gpt-4o", "x":null}"#);
    let mut call = Call::post("openai", "/threads", r#"{"a":1}"#);
    call.model = Some("from-the-query");
    assert_eq!(text(&call), r#"{"a":1}"#);
}

#[test]
fn usage_is_asked_for_where_it_is_understood_and_not_yet_asked_for() {
    for (provider, path, body, expected) in [
        (
            "openai",
            CHAT,
            r#"{"model":"m","stream":true}"#,
            r#"{"stream_options":{"include_usage":true},"model":"m","stream":true}"#,
        ),
        (
            "openai",
            "/completions",
            r#"{"stream":true,"stream_options":null}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            "groq",
            CHAT,
            r#"{"stream":true,"stream_options":{"include_obfuscation":false}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}"#,
        ),
        (
            "openai",
            CHAT,
            r#"{"stream":true,"stream_options":{"include_usage":false}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
    ] {
        assert_eq!(text(&Call::post(provider, path, body)), expected, "{body}");
    }
    for (provider, path, body) in [
        ("openai", CHAT, r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
        ("openai", CHAT, r#"{"stream":true,"stream_options":7}"#),
        ("openai", CHAT, r#"{"stream":false}"#),
        ("openai", "/responses", r#"{"stream":true}"#),
        ("openai", "/threads/runs", r#"{"stream":true}"#),
        ("mistral-ai", CHAT, r#"{"stream":true}"#),
    ] {
        assert_eq!(text(&Call::post(provider, path, body)), body);
    }
}

#[test]
fn nothing_of_the_gateway_or_the_clients_sign_in_leaves() {
    let mut call = Call::post("openai", CHAT, "{}");
    for (name, value) in [
        ("x-portkey-api-key", "pck_secret"),
        ("x-portkey-metadata", "{}"),
        ("authorization", "Bearer pck_secret"),
        ("cookie", "session=1"),
        ("x-portkey-openai-organization", "org-1"),
        ("openai-project", "proj-1"),
        ("openai-beta", "assistants=v2"),
    ] {
        call.headers.insert(name, HeaderValue::from_static(value));
    }
    let headers = call.prepare().unwrap().headers;
    let mut names: Vec<_> = headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    let expected =
        ["authorization", "content-type", "openai-beta", "openai-organization", "openai-project"];
    assert_eq!(names, expected);
    assert_eq!(headers["openai-organization"], "org-1");
    call.credential = r#"{"key":"k","settings":{"openai_organization":"org-saved"}}"#;
    assert_eq!(call.prepare().unwrap().headers["openai-organization"], "org-saved");
}

#[test]
fn settings_decide_host_and_headers() {
    let mut call = Call::post("openai", CHAT, "{}");
    call.query = Some("a=b");
    call.credential = r#"{"key":"k","settings":{"custom_host":"https://llm.example/v2/",
        "custom_headers":{"X-Team":"blue","authorization":"Basic abc"}}}"#;
    let prepared = call.prepare().unwrap();
    assert_eq!(prepared.url, "https://llm.example/v2/chat/completions?a=b");
    assert_eq!(prepared.headers["x-team"], "blue");
    assert_eq!(prepared.headers["authorization"], "Basic abc");
    for bad in ["host", "Content-Length", "transfer-encoding", "a b"] {
        let credential = format!(r#"{{"settings":{{"custom_headers":{{"{bad}":"1"}}}}}}"#);
        call.credential = Box::leak(credential.into_boxed_str());
        assert!(call.prepare().is_err(), "{bad}");
    }
    call.credential = "{\"key\":\"line\\nbreak\"}";
    let fault = call.prepare().err().unwrap();
    assert!(!fault.to_string().contains("break"));
}

#[test]
fn addresses_with_settings_in_them_are_filled_in_or_refused() {
    let url = |provider, credential| {
        let mut call = Call::post(provider, CHAT, "{}");
        call.credential = credential;
        call.prepare().map(|prepared| prepared.url).map_err(|fault| (fault.kind, fault.retry))
    };
    let account = r#"{"settings":{"workers_ai_account_id":"abc123"}}"#;
    let expected = "https://api.cloudflare.com/client/v4/accounts/abc123/ai/v1/chat/completions";
    assert_eq!(url("workers-ai", account).as_deref(), Ok(expected));
    let missing = Err((FaultKind::BadRequest, Retry::NextTarget));
    assert_eq!(url("workers-ai", "{}"), missing);
    assert_eq!(url("ollama", "{}"), missing);
    for account in ["evil.example/#", "a..b", ".a", "a@b", ""] {
        let credential = format!(r#"{{"settings":{{"snowflake_account":"{account}"}}}}"#);
        let credential = Box::leak(credential.into_boxed_str());
        assert_eq!(url("snowflake", credential), Err((FaultKind::BadRequest, Retry::Stop)));
    }
    let region = r#"{"settings":{"aws_region":"eu-west-1"}}"#;
    let expected = "https://bedrock-mantle.eu-west-1.api.aws/v1/chat/completions";
    assert_eq!(url("bedrock-mantle", region).as_deref(), Ok(expected));
    assert_eq!(url("bedrock-mantle", r#"{"settings":{"aws_region":"a/b"}}"#).ok(), None);
    for address in ["https://acme.example", "https://acme.example/models/"] {
        let credential = format!(r#"{{"settings":{{"azure_foundry_url":"{address}"}}}}"#);
        let credential = Box::leak(credential.into_boxed_str());
        let expected = "https://acme.example/openai/v1/chat/completions";
        assert_eq!(url("azure-ai", credential).as_deref(), Ok(expected));
    }
    for base in ["https://x.endpoints.example", "https://x.endpoints.example/v1/"] {
        let credential = format!(r#"{{"settings":{{"huggingface_base_url":"{base}"}}}}"#);
        let credential = Box::leak(credential.into_boxed_str());
        let expected = "https://x.endpoints.example/v1/chat/completions";
        assert_eq!(url("huggingface", credential).as_deref(), Ok(expected));
    }
}

#[test]
fn unknown_paths_are_proxied_but_never_climb() {
    let mut call = Call::post("openai", "/vector_stores/vs_1/search", "{}");
    call.query = Some("limit=2");
    let url = call.prepare().unwrap().url;
    assert_eq!(url, "https://api.openai.com/v1/vector_stores/vs_1/search?limit=2");
    for path in ["/a/../../x", "/..", "/a/%2e%2E/b", "/a/./b", "/a\\..\\b", "/a/..%2fb"] {
        call.path = path;
        assert_eq!(call.prepare().err().map(|fault| fault.kind), Some(FaultKind::BadRequest));
    }
    call.path = "/files/a..b";
    assert!(call.prepare().is_ok());
}

#[test]
fn the_output_of_a_batch_is_a_file() {
    for provider in ["openai", "azure-openai"] {
        let mut call = Call::post(provider, "/batches/b_1/output", "{}");
        (call.method, call.body) = (Method::GET, None);
        let fault = call.prepare().err().unwrap();
        assert_eq!(fault.kind, FaultKind::BadRequest);
        assert!(fault.public.contains("getBatchOutput"), "{}", fault.public);
    }
}

#[test]
fn only_openai_itself_has_realtime_sessions() {
    let prepared = |provider| {
        let mut call = Call::post(provider, "/realtime", "{}");
        (call.method, call.body, call.query) = (Method::GET, None, Some("model=gpt-realtime"));
        call.prepare()
    };
    let opened = prepared("openai").unwrap();
    assert_eq!(opened.url, "https://api.openai.com/v1/realtime?model=gpt-realtime");
    assert_eq!(opened.headers["authorization"], "Bearer sk-provider-secret");
    for provider in ["groq", "mistral-ai", "anthropic"] {
        let fault = prepared(provider).err().unwrap();
        assert_eq!(fault.kind, FaultKind::BadRequest);
        assert!(fault.public.contains("'realtime'"), "{}", fault.public);
    }
}

#[test]
fn bodies_that_cannot_be_read_are_forwarded() {
    let mut call = Call::post("openai", "/audio/transcriptions", "{}");
    call.body = None;
    let prepared = call.prepare().unwrap();
    assert!(matches!(prepared.body, PreparedBody::Forward));
    assert!(!prepared.headers.contains_key("content-type"));
    (call.method, call.path) = (Method::GET, "/models");
    assert!(matches!(call.prepare().unwrap().body, PreparedBody::Empty));
}

#[test]
fn every_compatible_provider_is_asked_at_its_own_address() {
    for provider in catalog::all() {
        if provider.name == "anthropic" || provider.name == "azure-openai" {
            continue;
        }
        let mut call = Call::post(provider.name, CHAT, "{}");
        call.credential = r#"{"key":"k","settings":{"snowflake_account":"acc",
            "workers_ai_account_id":"acc","aws_region":"us-east-1"}}"#;
        if provider.base_url.is_empty() {
            call.credential = r#"{"key":"k","settings":{"custom_host":"https://own.example"}}"#;
        }
        let prepared = call.prepare().unwrap_or_else(|fault| panic!("{}: {fault}", provider.name));
        assert!(prepared.url.starts_with("https://"), "{}", prepared.url);
        assert!(prepared.url.ends_with("/chat/completions"), "{}", prepared.url);
        assert!(!prepared.url.contains(['{', '}']), "{}", prepared.url);
        let own = provider.path(Endpoint::ChatComplete);
        assert!(own.is_none_or(|own| prepared.url.ends_with(own)));
        let keyed = prepared.headers.values().filter(|value| value.is_sensitive()).count();
        assert_eq!(keyed, 1, "{}", provider.name);
    }
    let reka = Call::post("reka-ai", CHAT, "{}").prepare().unwrap();
    assert_eq!(reka.headers["x-api-key"], "sk-provider-secret");
    assert!(!reka.headers.contains_key("authorization"));
}
