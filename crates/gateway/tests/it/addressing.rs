//! Where a call goes: every form of naming the target, and which outranks which (data-plane
//! reference §4).

use http::{HeaderValue, Request};
use http_body_util::Full;
use portcullis_domain::{IntegrationModel, IntegrationModels};
use serde_json::json;

use crate::support::{Ask, CLAUDE_SECRET, World, form};

const OPEN: Option<&str> = Some("Bearer sk-vaulted-openai-7f3a9c");

#[tokio::test]
async fn every_form_of_naming_a_virtual_key_reaches_it() {
    let world = World::new().await;
    let plain = || Ask::chat("gpt-4o-mini");
    for ask in [
        Ask::chat("@open/gpt-4o-mini"),
        plain().header("x-portkey-provider", "@open"),
        plain().header("x-portkey-provider", "@open/whatever"),
        plain().header("x-portkey-virtual-key", "open"),
        plain().header("x-portkey-virtual-key", "@open"),
        plain().header("x-portkey-config", r#"{"provider":"@open"}"#),
        plain().header("x-portkey-config", r#"{"virtual_key":"open"}"#),
        plain().header("x-portkey-config", r#"{"virtualKey":"open"}"#),
        Ask::chat("@open/gpt-4o-mini").header("x-portkey-provider", "@open"),
    ] {
        let answer = world.send(ask).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-portkey-provider"), "openai");
        assert_eq!(answer.header("x-portkey-last-used-option-index"), "config");
        assert_eq!(answer.header("x-portkey-retry-attempt-count"), "0");
        assert_eq!(answer.header("x-portkey-cache-status"), "DISABLED");
        let request = world.only_request();
        assert_eq!(request.path, "/v1/chat/completions");
        assert_eq!(request.header("authorization"), OPEN);
        assert_eq!(request.json.unwrap()["model"], "gpt-4o-mini");
        world.upstream.forget();
    }
    let log = world.recorder.closed().pop().unwrap();
    assert_eq!(log.virtual_key.as_deref(), Some("open"));
    assert_eq!(log.provider.as_deref(), Some("openai"));
    assert_eq!(log.model_asked.as_deref(), Some("gpt-4o-mini"));
}

#[tokio::test]
async fn the_first_place_that_names_a_target_decides() {
    let world = World::new().await;
    for slug in ["one", "two", "three", "four"] {
        let models = IntegrationModels::default();
        let secret = format!("sk-{slug}");
        world.virtual_key(slug, "openai", &secret, &world.upstream.base_url(), models).await;
    }
    let mut ask = Ask::chat("@four/gpt-4o-mini");
    for (name, value, winner) in [
        // A provider alone ranks below a virtual key that the model names.
        ("x-portkey-provider", "openai", "four"),
        ("x-portkey-virtual-key", "three", "three"),
        ("x-portkey-config", r#"{"virtual_key":"one"}"#, "one"),
    ] {
        ask = ask.header(name, value);
        assert_eq!(world.send(ask.clone()).await.status, 200);
        let expected = format!("Bearer sk-{winner}");
        let request = world.only_request();
        assert_eq!(request.header("authorization"), Some(&*expected));
        assert_eq!(request.json.unwrap()["model"], "gpt-4o-mini", "{winner}");
        world.upstream.forget();
    }
    let ask = Ask::chat("@four/gpt-4o-mini")
        .header("x-portkey-provider", "@two")
        .header("x-portkey-virtual-key", "three");
    assert_eq!(world.send(ask).await.status, 200);
    assert_eq!(world.only_request().header("authorization"), Some("Bearer sk-two"));
}

#[tokio::test]
async fn a_models_own_slashes_and_signs_stay() {
    let world = World::new().await;
    for (asked, sent) in [
        ("@open/meta/llama-3", "meta/llama-3"),
        ("@open/@cf/meta/llama-3", "@cf/meta/llama-3"),
        ("meta/llama-3", "meta/llama-3"),
    ] {
        world.send(Ask::chat(asked).header("x-portkey-provider", "@open")).await;
        assert_eq!(world.only_request().json.unwrap()["model"], sent);
        world.upstream.forget();
    }
    // No virtual key is called `cf`: this is a model's name.
    let ask = Ask::chat("@cf/meta/llama-3")
        .header("x-portkey-provider", "openai")
        .header("x-portkey-custom-host", world.upstream.base_url())
        .header("authorization", "Bearer sk-own");
    world.send(ask).await;
    assert_eq!(world.only_request().json.unwrap()["model"], "@cf/meta/llama-3");
}

#[tokio::test]
async fn a_form_and_a_query_name_the_target_too() {
    let world = World::new().await;
    let (kind, body) = form(&[("prompt", "p"), ("model", "@open/whisper-1")]);
    let ask = Ask::new("POST", "/v1/audio/transcriptions").header("content-type", kind).body(body);
    let answer = world.send(ask).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["text"], "I heard 256 bytes.");
    let request = world.only_request();
    assert_eq!(request.header("authorization"), OPEN);
    let (_, expected) = form(&[("prompt", "p"), ("model", "whisper-1")]);
    assert_eq!(sent_bytes(&request), expected);
    let log = world.only_log();
    assert_eq!(log.model_asked.as_deref(), Some("whisper-1"));
    assert_eq!(log.usage.audio_millis, Some(3000));
    assert!(log.cost.is_some());

    world.upstream.forget();
    let ask = Ask::new("GET", "/v1/unknown/thing?a=1&model=%40open%2Fgpt-4o&b=2");
    assert_eq!(world.send(ask).await.status, 200);
    let request = world.only_request();
    assert_eq!((&*request.path, &*request.query), ("/v1/unknown/thing", "a=1&model=gpt%2D4o&b=2"));
    assert_eq!(request.header("authorization"), OPEN);
}

fn sent_bytes(request: &portcullis_testkit::upstream::Recorded) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(request.base64.as_deref().unwrap()).unwrap()
}

#[tokio::test]
async fn what_names_no_target_is_refused() {
    let world = World::new().await;
    for (ask, text) in [
        (Ask::chat("gpt-4o-mini"), "no provider is named"),
        (Ask::chat("@nobody/gpt-4o-mini"), "no virtual key 'nobody'"),
        (Ask::chat("@/gpt-4o-mini"), "no virtual key ''"),
        (Ask::chat("@open"), "no model is named"),
        (Ask::chat("@open/"), "no model is named"),
        (Ask::chat("m").header("x-portkey-provider", "@Nobody"), "no virtual key 'Nobody'"),
        (Ask::chat("m").header("x-portkey-virtual-key", "a b"), "no virtual key 'a b'"),
        (Ask::chat("m").header("x-portkey-provider", "nobody"), "no provider 'nobody'"),
        (Ask::chat("m").header("x-portkey-config", "pc-saved-1"), "no saved config"),
        (Ask::chat("m").header("x-portkey-config", "[1]"), "neither a config's slug nor"),
        (Ask::chat("m").header("x-portkey-config", r#"{"cache":{}}"#), "'cache' is not served"),
        (Ask::chat("m").header("x-portkey-config", r#"{"provider":1}"#), "wrong type"),
        (Ask::new("GET", "/v1/files"), "no provider is named"),
    ] {
        let message = world.send(ask).await.refused(400, None);
        assert!(message.contains(text), "{message}");
    }
    assert_eq!(world.upstream.count(), 0);
    assert!(world.recorder.opened().is_empty());
}

#[tokio::test]
async fn another_workspaces_virtual_keys_are_out_of_reach() {
    let world = World::new().await;
    let other = world.other_workspace();
    let key = world.api_key(|key| key.workspace_id = other);
    let with = |ask: Ask| ask.without_key().header("x-portkey-api-key", &key);
    for ask in [
        Ask::chat("@open/gpt-4o-mini"),
        Ask::chat("gpt-4o-mini").header("x-portkey-provider", "@open"),
        Ask::chat("gpt-4o-mini").header("x-portkey-virtual-key", "open"),
        Ask::chat("gpt-4o-mini").header("x-portkey-config", r#"{"virtual_key":"open"}"#),
    ] {
        let message = world.send(with(ask)).await.refused(400, None);
        assert!(message.contains("no virtual key 'open' in this workspace"), "{message}");
    }
    let models = world.send(with(Ask::new("GET", "/v1/models"))).await.json();
    assert_eq!(models["data"], json!([]));
    assert_eq!(world.upstream.count(), 0);
}

#[tokio::test]
async fn an_expired_virtual_key_is_refused() {
    let world = World::new().await;
    let host = world.upstream.base_url();
    // The harness lets Groq's keys expire after a millisecond.
    world.virtual_key("brief", "groq", "sk-brief", &host, IntegrationModels::default()).await;
    assert_eq!(world.send(Ask::chat("@brief/llama")).await.status, 200);
    world.clock.advance_millis(1);
    let answer = world.send(Ask::chat("@brief/llama")).await;
    answer.refused(401, Some("01"));
    assert_eq!(answer.json()["error"]["type"], "virtual_key_expired_error");
    assert_eq!(world.upstream.count(), 1);
}

#[tokio::test]
async fn a_model_off_the_list_is_refused_wherever_it_is_named() {
    let world = World::new().await;
    assert_eq!(world.send(Ask::chat("@strict/gpt-4o-mini")).await.status, 200);
    world.upstream.forget();
    let (kind, body) = form(&[("model", "whisper-1")]);
    let transcribe = Ask::new("POST", "/v1/audio/transcriptions").header("content-type", kind);
    for ask in [
        Ask::chat("@strict/gpt-4o"),
        Ask::chat("gpt-4o").header("x-portkey-provider", "@strict"),
        transcribe.body(body).header("x-portkey-virtual-key", "strict"),
        Ask::new("GET", "/v1/other?model=@strict/gpt-4o"),
        Ask::post("/v1/other/path", &json!({"model": "@strict/gpt-4o"})),
    ] {
        let answer = world.send(ask).await;
        answer.refused(412, None);
        assert_eq!(answer.json()["error"]["type"], "model_not_allowed_error");
        assert_eq!(answer.header("x-should-retry"), "false");
    }
    // Two models in one body: readers would disagree on which one counts.
    let twice = r#"{"model":"@strict/gpt-4o-mini","model":"@strict/gpt-4o"}"#;
    for path in ["/v1/chat/completions", "/v1/other"] {
        let ask = Ask::new("POST", path).header("content-type", "application/json").body(twice);
        world.send(ask.header("x-portkey-provider", "@strict")).await.refused(400, None);
    }
    assert_eq!(world.upstream.count(), 0);
}

#[tokio::test]
async fn a_model_off_the_list_is_refused_also_where_it_is_named_inside() {
    let world = World::new().await;
    let ask = |path: &str, more: serde_json::Value| {
        let mut body = json!({"model": "gpt-4o-mini", "input": "a", "messages": []});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Ask::post(path, &body)
    };
    let image = |model: &str| json!({"tools": [{"type": "image_generation", "model": model}]});
    let transcription = json!({"input_audio_transcription": {"model": "whisper-1"}});
    for (path, more, word) in [
        ("/v1/responses", image("gpt-image-1"), "'gpt-image-1' is not enabled"),
        ("/v1/messages", image("gpt-image-1"), "'gpt-image-1' is not enabled"),
        ("/v1/realtime/sessions", transcription, "'whisper-1' is not enabled"),
        (
            "/v1/responses",
            json!({"tools": [{"type": "image_generation"}]}),
            "'tools' does not name",
        ),
    ] {
        let asked = ask(path, more.clone()).header("x-portkey-virtual-key", "strict");
        let answer = world.send(asked).await;
        assert!(answer.refused(412, None).contains(word), "{path}");
        assert_eq!(answer.json()["error"]["type"], "model_not_allowed_error");
    }
    assert_eq!(world.upstream.count(), 0);
    let function = json!({"tools": [{"type": "function", "name": "f", "parameters":
        {"type": "object", "properties": {"model": {"type": "string"}}}}]});
    for (slug, more) in
        [("strict", image("gpt-4o-mini")), ("strict", function), ("open", image("gpt-image-1"))]
    {
        let asked = ask("/v1/responses", more).header("x-portkey-virtual-key", slug);
        assert_eq!(world.send(asked).await.status, 200);
    }
}

#[tokio::test]
async fn where_models_are_restricted_an_unknown_one_is_refused() {
    let world = World::new().await;
    let v1 = world.upstream.base_url();
    let all_but_one = IntegrationModels {
        allow_all: true,
        listed: vec![IntegrationModel { slug: "gpt-4o".to_owned(), enabled: false }],
    };
    world.virtual_key("most", "openai", "sk-most", &v1, all_but_one).await;
    let allowed = json!({"model": "gpt-4o-mini", "models": ["gpt-4o"]});
    let (kind, unnamed) = form(&[("prompt", "a")]);
    let opaque = |path| Ask::new("POST", path).header("content-type", "application/octet-stream");
    for slug in ["strict", "most"] {
        for ask in [
            Ask::post("/v1/chat/completions", &json!({"messages": []})),
            Ask::post("/v1/chat/completions", &json!({"model": 5, "messages": []})),
            Ask::post("/v1/chat/completions", &allowed),
            Ask::new("POST", "/v1/chat/completions"),
            Ask::post("/v1/responses", &json!({"prompt": {"id": "p1"}})),
            Ask::post("/v1/batches", &json!({"input_file_id": "f1"})),
            Ask::new("POST", "/v1/audio/transcriptions")
                .header("content-type", &kind)
                .body(unnamed.clone()),
            opaque("/v1/audio/transcriptions").body("RIFF"),
            // What is proxied may be the very same endpoint in another spelling.
            Ask::post("/v1/threads/runs", &json!({"a": 1})),
            Ask::post("/v1/threads/runs", &json!([1])),
            opaque("/v1/Chat/completions").body("{}"),
            opaque("/v1/other?model=gpt-4o-mini").body("{}"),
            Ask::post("/v1/other?model=gpt-4o", &json!({"model": "gpt-4o-mini"})),
            Ask::post("/v1/engines/gpt-4o/completions", &json!({"model": "gpt-4o-mini"})),
        ] {
            let answer = world.send(ask.header("x-portkey-virtual-key", slug)).await;
            answer.refused(412, None);
            assert_eq!(answer.json()["error"]["type"], "model_not_allowed_error");
        }
    }
    assert_eq!(world.upstream.count(), 0);
    for ask in [
        Ask::chat("gpt-4o-mini"),
        Ask::post("/v1/other", &json!({"model": "gpt-4o-mini"})),
        Ask::new("GET", "/v1/threads/t1"),
        Ask::new("GET", "/v1/files"),
    ] {
        let answer = world.send(ask.header("x-portkey-virtual-key", "strict")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[tokio::test]
async fn an_older_header_names_the_provider_too() {
    let world = World::new().await;
    let ask = Ask::chat("gpt-4o-mini").header("x-portkey-mode", "proxy @open");
    assert_eq!(world.send(ask).await.status, 200);
    assert_eq!(world.only_request().header("authorization"), OPEN);
}

#[tokio::test]
async fn each_dialect_reaches_each_provider() {
    let world = World::new().await;
    let chat = world.send(Ask::chat("@claude/claude-sonnet-4")).await;
    assert_eq!(chat.json()["object"], "chat.completion");
    let request = world.only_request();
    assert_eq!(request.path, "/v1/messages");
    assert_eq!(request.header("x-api-key"), Some(CLAUDE_SECRET));
    assert_eq!(request.header("authorization"), None);
    world.upstream.forget();

    let messages = json!({"model": "@open/gpt-4o-mini", "max_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}]});
    let answer = world.send(Ask::post("/v1/messages", &messages)).await;
    assert_eq!(answer.json()["type"], "message", "{}", answer.text());
    assert_eq!(world.only_request().path, "/v1/chat/completions");
    world.upstream.forget();

    assert_eq!(world.send(Ask::chat("@azure/gpt-4o")).await.status, 200);
    let request = world.only_request();
    assert_eq!(request.path, "/openai/deployments/gpt-4o/chat/completions");
    assert_eq!(request.header("api-key"), Some("sk-vaulted-azure"));
}

#[tokio::test]
async fn an_inline_config_carries_a_credential_and_a_host() {
    let world = World::new().await;
    let config = json!({"provider": "openai", "api_key": "sk-inline",
        "custom_host": world.upstream.base_url(), "request_timeout": 5000});
    let ask = Ask::chat("gpt-4o-mini").header("x-portkey-config", config.to_string());
    assert_eq!(world.send(ask.header("authorization", "Bearer sk-other")).await.status, 200);
    assert_eq!(world.only_request().header("authorization"), Some("Bearer sk-inline"));
}

#[tokio::test]
async fn an_inline_config_adds_metadata_and_forwards_headers() {
    let world = World::new().await;
    let config = json!({"virtual_key": "open", "retry": {"attempts": 3}, "invented": true,
        "metadata": {"team": "config", "env": "config"}, "forward_headers": ["X-One"]});
    let ask = Ask::chat("gpt-4o-mini")
        .header("x-portkey-config", config.to_string())
        .header("x-portkey-metadata", r#"{"env":"header"}"#)
        .header("x-one", "a")
        .header("x-one", "b");
    assert_eq!(world.send(ask).await.status, 200);
    let sent = world.only_request().headers;
    let values = sent.iter().filter(|(name, _)| name == "x-one").map(|(_, value)| value.as_str());
    assert_eq!(values.collect::<Vec<_>>(), ["a", "b"]);
    let log = world.only_log();
    assert_eq!((&*log.metadata["team"], &*log.metadata["env"]), ("config", "header"));
    let config = r#"{"virtual_key":"open","strategy":{"mode":"fallback"}}"#;
    let ask = Ask::chat("gpt-4o-mini").header("x-portkey-config", config);
    let message = world.send(ask).await.refused(400, None);
    assert!(message.contains("'strategy' is not served"), "{message}");
}

#[tokio::test]
async fn paths_outside_the_version_are_not_ours() {
    let world = World::new().await;
    for path in ["/v1", "/v1beta/models", "/"] {
        let ask = Ask::new("GET", path).header("x-portkey-provider", "@open");
        world.send(ask).await.refused(404, None);
    }
    let mut request = Request::new(Full::default());
    *request.uri_mut() = "/v1/files".parse().unwrap();
    *request.method_mut() = http::Method::TRACE;
    let key = HeaderValue::from_str(&world.key).unwrap();
    request.headers_mut().insert("x-portkey-api-key", key);
    let answer = crate::support::Answer::of(world.call(request).await).await;
    answer.refused(400, None);
    assert_eq!(world.upstream.count(), 0);
}

#[tokio::test]
async fn a_credential_that_another_node_sealed_a_moment_ago_opens() {
    let mut world = World::new().await;
    assert_eq!(world.send(Ask::chat("@open/gpt-4o-mini")).await.status, 200);
    world.rotate_on_another_node().await;
    let host = world.upstream.base_url();
    world.virtual_key("new", "openai", "sk-new", &host, IntegrationModels::default()).await;
    let answer = world.send(Ask::chat("@new/gpt-4o-mini")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}
