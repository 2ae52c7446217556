//! What clients send by mistake or on purpose, and what providers do to us: the contract's status
//! and body, nothing changed, and the gate still healthy.

use std::{fs, time::Duration};

use portcullis_domain::{ApiKeyToken, Clock as _};
use portcullis_runtime::{SystemClock, SystemDice};
use portcullis_testkit::{
    client::{self, Call, raw},
    process::free_address,
};
use serde_json::{Value, json};

use crate::world::{
    Via as _, World, assert_refusal, chat_body, on_both_engines, refused, succeed, until_status,
};

/// Bytes of memory the process may ever have used.
const MEMORY: u64 = 512 << 20;

on_both_engines! {
    async fn refused_requests_change_nothing(engine) {
        let world = hasty(engine).await;
        let before = state(&world).await;
        broken_bodies(&world).await;
        large_bodies(&world).await;
        header_bombs(&world).await;
        keys(&world).await;
        names(&world).await;
        hosts(&world).await;
        slow_clients(&world).await;
        paths(&world).await;
        assert_eq!(state(&world).await, before, "nothing changed");
        assert_eq!(world.upstream.count(), 0, "nothing reached the provider");

        succeed(world.chat("gpt-4o-mini")).await;
        let most = peak_memory(world.gate.pid());
        assert!(most < MEMORY, "{} MiB", most >> 20);
        assert!(!world.gate.output().contains("panicked"), "{}", world.gate.output());
    }

    async fn failing_providers_become_the_contracts_errors(engine) {
        let world = hasty(engine).await;
        let before = state(&world).await;
        let mut calls = 0;
        for (model, status, kind) in [
            ("gpt-4o+hang", 408, "timeout_error"),
            ("gpt-4o+reset", 502, "upstream_error"),
            ("gpt-4o+die-after-0-chunks", 502, "upstream_error"),
        ] {
            let call = world.chat(model).header("x-portkey-request-timeout", "300");
            let answer = refused(call, status).await;
            assert_eq!(answer.json()["error"]["type"], kind, "{model}: {}", answer.text());
            calls += 1;
        }
        // A provider's own error keeps its status, and says whose it is.
        for status in [400, 401, 404, 429, 500, 503] {
            let answer = world.chat(&format!("gpt-4o+status-{status}")).send().await.unwrap();
            assert_eq!(answer.status, status);
            let body = answer.json();
            assert!(body["error"]["message"].is_string(), "{body}");
            assert_ne!(answer.header("x-portkey-trace-id"), "");
            calls += 1;
        }
        let answer = refused(
            world.post("/v1/chat/completions", &chat_body("gpt-4o")).via("nowhere"), 503,
        ).await;
        assert_eq!(answer.json()["error"]["type"], "upstream_error");
        calls += 1;

        // In the middle of a stream: an error event, and no end that looks like a good one.
        for (model, path) in [
            ("gpt-4o+chunks-9+die-after-3-chunks", "/v1/chat/completions"),
            ("gpt-4o+chunks-9+hang-after-3-chunks", "/v1/chat/completions"),
            ("gpt-4o+chunks-9+die-after-3-chunks", "/v1/messages"),
            ("gpt-4o+chunks-9+die-after-3-chunks", "/v1/responses"),
        ] {
            let mut body = chat_body(model);
            body["stream"] = json!(true);
            body["max_tokens"] = json!(9);
            body["input"] = json!("x");
            let stream = world.post(path, &body).via("openai").send().await.unwrap();
            assert_eq!(stream.status, 200);
            let text = stream.text();
            assert!(text.contains("\"error\""), "{path} {model}: {text}");
            assert!(!text.contains("[DONE]") && !text.contains("message_stop"), "{path}: {text}");
            calls += 1;
        }
        let logs = world.logs_of(calls).await;
        assert!(logs.iter().all(|log| log["is_success"] == false), "{logs:?}");
        assert_eq!(state(&world).await, before);
        succeed(world.chat("gpt-4o-mini")).await;
        assert!(!world.gate.output().contains("panicked"), "{}", world.gate.output());
    }
}

/// A gate that does not wait long for anybody.
async fn hasty(engine: crate::world::Engine) -> World {
    let world = World::start_with(engine, |setup| {
        setup
            .env("PORTCULLIS_SERVER__HEADER_TIMEOUT_S", "1")
            .env("PORTCULLIS_GATEWAY__BODY_IDLE_S", "1")
            .env("PORTCULLIS_GATEWAY__UPSTREAM_IDLE_S", "1")
    })
    .await;
    world.virtual_key("openai", "openai").await;
    let nowhere = format!("http://{}/v1", free_address());
    world.virtual_key_with("openai", "nowhere", "sk-x", &nowhere).await;
    world
}

/// What an administrator sees.
async fn state(world: &World) -> Vec<Value> {
    let mut state = Vec::new();
    for path in ["/v1/virtual-keys", "/v1/integrations", "/v1/providers", "/v1/api-keys"] {
        state.push(succeed(world.get(path)).await);
    }
    state
}

async fn broken_bodies(world: &World) {
    let send = |path: &str, body: &str| {
        let call = client::post(world.gate.url(path)).bearer(&world.made.api_key);
        let call = call.header("content-type", "application/json").via("openai");
        call.body(body.to_owned())
    };
    let deep = "[".repeat(100_000);
    for body in ["{", "{\"model\": \"gpt-4o\"", "[]", "\"text\"", "nul", "\u{0}", &deep] {
        for path in ["/v1/chat/completions", "/v1/messages", "/v1/embeddings", "/v1/responses"] {
            refused(send(path, body), 400).await;
        }
    }
    for body in ["{", "[]", "\"text\"", "{\"name\": 5}", &deep] {
        refused(send("/v1/virtual-keys", body), 400).await;
        refused(send("/v1/api-keys/workspace/service", body), 400).await;
    }
    let xml = client::post(world.gate.url("/v1/chat/completions")).bearer(&world.made.api_key);
    let xml = xml.header("content-type", "text/xml").via("openai").body("<a/>");
    refused(xml, 400).await;
}

async fn large_bodies(world: &World) {
    const SIZE: usize = 100_000_000;
    for path in ["/v1/chat/completions", "/v1/virtual-keys"] {
        let head = |length: &str| {
            format!(
                "POST {path} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\n\
                 x-portkey-virtual-key: openai\r\ncontent-type: application/json\r\n\
                 connection: close\r\n{length}\r\n\r\n",
                world.made.api_key
            )
        };
        // Declared: refused before a byte of it was sent.
        let declared = head(&format!("content-length: {SIZE}")).into_bytes();
        // Not declared: refused at the bound.
        let mut chunked = head("transfer-encoding: chunked").into_bytes();
        chunked.extend_from_slice(format!("{SIZE:x}\r\n").as_bytes());
        chunked.resize(chunked.len() + SIZE, b' ');
        chunked.extend_from_slice(b"\r\n0\r\n\r\n");
        for request in [declared, chunked] {
            let answer = answer(world, &request).await;
            assert!(answer.starts_with("HTTP/1.1 413 "), "{path}: {answer}");
            assert!(answer.contains("\"status\":\"failure\""), "{answer}");
        }
    }
}

async fn header_bombs(world: &World) {
    let many: String = (0..2_000).map(|n| format!("x-bomb-{n}: 1\r\n")).collect();
    let large = format!("x-bomb: {}\r\n", "b".repeat(1 << 20));
    let path = format!("x-a: 1\r\nx-b: {}\r\n", "b".repeat(200 << 10));
    let few: String = (0..150).map(|n| format!("x-bomb-{n}: 1\r\n")).collect();
    for headers in [many, large, path, few] {
        let request = format!("GET /v1/models HTTP/1.1\r\nhost: gate\r\n{headers}\r\n");
        let answer = answer(world, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        assert!(answer.contains("\"status\":\"failure\""), "{answer}");
    }
}

async fn keys(world: &World) {
    let with = |key: &str| {
        let call = client::post(world.gate.url("/v1/chat/completions"));
        call.header("x-portkey-api-key", key).json(&chat_body("gpt-4o")).via("openai")
    };
    let admin = |key: &str| client::get(world.gate.url("/v1/virtual-keys")).bearer(key);
    let unknown = ApiKeyToken::mint("production", &SystemDice);
    let mut mistyped = world.made.api_key.clone();
    let last = if mistyped.pop() == Some('x') { 'y' } else { 'x' };
    mistyped.push(last);
    let cut = &world.made.api_key[..world.made.api_key.len() - 3];
    for key in [unknown.danger_expose(), &mistyped, cut, "nonsense", "pck_"] {
        for answer in [refused(with(key), 401).await, refused(admin(key), 401).await] {
            assert_eq!(answer.json()["error"]["code"], "03", "{}", answer.text());
            assert!(!answer.text().contains(key), "{}", answer.text());
        }
    }
    let none = client::post(world.gate.url("/v1/chat/completions")).json(&chat_body("gpt-4o"));
    refused(none, 401).await;

    let now = SystemClock.now();
    let body = json!({
        "name": "short", "scopes": ["completions.write"],
        "expires_at": now.plus_millis(500).to_string(),
    });
    let (id, expired) = world.api_key(&body).await;
    until_status(|| admin(&expired), 401).await;
    let answer = refused(with(&expired), 401).await;
    assert_eq!(answer.json()["error"]["code"], "01", "{}", answer.text());
    succeed(world.delete(&format!("/v1/api-keys/{id}"))).await;

    let narrow = json!({"name": "narrow", "scopes": ["prompts.render"]});
    let (id, narrow) = world.api_key(&narrow).await;
    for answer in [refused(with(&narrow), 403).await, refused(admin(&narrow), 403).await] {
        assert_eq!(answer.json()["error"]["code"], "033", "{}", answer.text());
    }
    succeed(world.delete(&format!("/v1/api-keys/{id}"))).await;
}

async fn names(world: &World) {
    let chat = |model: &str| world.post("/v1/chat/completions", &chat_body(model));
    for slug in ["unknown", "@unknown", "no such slug", "../openai", "OPENAI!"] {
        refused(chat("gpt-4o").via(slug), 400).await;
    }
    refused(chat("@unknown/gpt-4o"), 400).await;
    refused(chat("gpt-4o"), 400).await;
    refused(chat("gpt-4o").header("x-portkey-provider", "no-such-provider"), 400).await;
    refused(chat("gpt-4o").header("x-portkey-config", "{broken"), 400).await;
    refused(chat("gpt-4o").header("x-portkey-config", "pc-none-123"), 400).await;
    let timeout = chat("gpt-4o").via("openai").header("x-portkey-request-timeout", "soon");
    refused(timeout, 400).await;
    for path in ["/v1/virtual-keys/none", "/v1/providers/none", "/v1/integrations/none"] {
        refused(world.get(path), 404).await;
        refused(world.delete(path), 404).await;
    }
}

async fn hosts(world: &World) {
    let port = world.upstream.address().port();
    let to = |host: &str| -> Call {
        let call = client::post(world.gate.url("/v1/chat/completions"))
            .header("x-portkey-api-key", &world.made.api_key)
            .header("x-portkey-provider", "openai")
            .header("authorization", "Bearer sk-x")
            .header("x-portkey-custom-host", host);
        call.json(&chat_body("gpt-4o"))
    };
    for host in [
        // Plain.
        "http://10.0.0.1/v1",
        "http://172.16.0.1/v1",
        "http://192.168.1.1/v1",
        "http://100.64.0.1/v1",
        "http://169.254.1.1/v1",
        "http://0.0.0.0/v1",
        "http://127.0.0.2/v1",
        "http://224.0.0.1/v1",
        "http://192.0.2.1/v1",
        "http://198.18.0.1/v1",
        "http://255.255.255.255/v1",
        // Cloud metadata.
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]/v1",
        "http://metadata/v1",
        "http://metadata.google.internal/v1",
        "http://kubernetes/v1",
        "http://instance-data/v1",
        "http://100.100.100.200/v1",
        // IPv6 and what hides in it.
        "http://[::1]/v1",
        "http://[::]/v1",
        "http://[::ffff:10.0.0.1]/v1",
        "http://[::ffff:a00:1]/v1",
        "http://[64:ff9b::a00:1]/v1",
        "http://[fe80::1]/v1",
        "http://[fc00::1]/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://[2002:a00:1::]/v1",
        // Numbers in other spellings: of a private address, and of the one that is allowed.
        "http://167772161/v1",
        "http://0x0a000001/v1",
        "http://012.0.0.1/v1",
        "http://10.1/v1",
        "http://0xa.0.0.1/v1",
        "http://10.0.1/v1",
        "http://2130706433/v1",
        "http://0x7f.1/v1",
        "http://127.1/v1",
        "http://%31%30.0.0.1/v1",
        "http://10.0.0.1./v1",
        "http://10.0.0.1%2f/v1",
        // Names that are at home.
        "http://router.local/v1",
        "http://db.internal/v1",
        "http://a.localhost/v1",
        "http://printer.lan/v1",
        "http://x.onion/v1",
        // No URL of a host.
        "ftp://example.com/v1",
        "file:///etc/passwd",
        "http:///v1",
        "gopher://10.0.0.1/",
        "http://user:pass@10.0.0.1/v1",
        "http://user@example.com/v1",
        "10.0.0.1",
        "http://",
        "http://exa_mple!.com/v1",
        "http://a.b.c.d.e.f.g.h.i.j.k.l/v1",
    ] {
        refused(to(host), 400).await;
    }
    // The allow-list holds an address, not its spellings.
    refused(to(&format!("http://2130706433:{port}/v1")), 400).await;
    refused(to(&format!("http://[::ffff:127.0.0.1]:{port}/v1")), 400).await;
    refused(to(&format!("http://example.com/{}", "a".repeat(3000))), 400).await;
    let config = json!({"provider": "openai", "api_key": "sk-x", "custom_host": "http://10.0.0.1"});
    let call = world.post("/v1/chat/completions", &chat_body("gpt-4o"));
    refused(call.header("x-portkey-config", &config.to_string()), 400).await;
}

async fn slow_clients(world: &World) {
    let patience = Duration::from_secs(15);
    let head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nx-slow: ";
    let (quiet, body) = (raw(world.gate.address(), head, patience), async {
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\n\
             x-portkey-virtual-key: openai\r\ncontent-type: application/json\r\n\
             content-length: 1000\r\n\r\n{{\"model\":",
            world.made.api_key
        );
        raw(world.gate.address(), request.as_bytes(), patience).await
    });
    let start = std::time::Instant::now();
    let (quiet, body) = tokio::join!(quiet, body);
    assert!(start.elapsed() < patience, "both were cut off");
    let quiet = String::from_utf8_lossy(&quiet.unwrap()).into_owned();
    assert!(quiet.is_empty() || quiet.starts_with("HTTP/1.1 408 "), "{quiet}");
    let body = String::from_utf8_lossy(&body.unwrap()).into_owned();
    assert!(body.starts_with("HTTP/1.1 408 "), "{body}");
    assert!(body.contains("timeout_error"), "{body}");
}

async fn paths(world: &World) {
    for path in
        ["/v1/../admin", "/v1/%2e%2e/models", "/v1/a/%2E%2E/b", "/v1/a\\b", "/v1/a%5c..%5cb"]
    {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\n\
             x-portkey-virtual-key: openai\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            world.made.api_key
        );
        let answer = answer(world, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
    }
    let nowhere = client::get(world.gate.url("/nowhere")).send().await.unwrap();
    assert_eq!(
        (nowhere.status, nowhere.json()),
        (404, json!({"message": "Not Found", "ok": false}))
    );
    for path in
        ["/v1/configs", "/v1/prompts", "/v1/policies/usage-limits", "/v1/analytics/graphs/cost"]
    {
        let answer = world.get(path).send().await.unwrap();
        assert_refusal(&answer, 404);
        assert!(answer.text().contains("not served"), "{}", answer.text());
    }
    refused(world.put("/v1/virtual-keys", &json!({})), 405).await;
}

async fn answer(world: &World, request: &[u8]) -> String {
    let bytes = raw(world.gate.address(), request, Duration::from_secs(30)).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The most memory the process has used so far, in bytes.
fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
