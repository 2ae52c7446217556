//! What passes between client and provider, and what never does.

use portcullis_testkit::upstream::Recorded;
use serde_json::json;

use crate::support::{Answer, Ask, CLAUDE_SECRET, OPENAI_SECRET, World};

/// Everything that must stay here, on any call.
fn with_our_headers(ask: Ask) -> Ask {
    let headers = [
        ("x-portkey-trace-id", "t-1"),
        ("x-portkey-metadata", r#"{"_user":"ann"}"#),
        ("x-portkey-cache-force-refresh", "true"),
        ("x-portkey-invented-by-a-caller", "1"),
        ("x-portkey-default-input-guardrails", "[]"),
        ("x-portkey-sensitive-headers", "x-custom"),
        ("x-portkey-nitro-mode", "true"),
        ("x-portkey-beta", "a,b"),
        ("x-auth-organisation-details", r#"{"id":"other"}"#),
        ("authorization", "Bearer OPENAI_API_KEY"),
        ("cookie", "session=1"),
        ("accept-encoding", "gzip"),
        ("connection", "keep-alive, x-hop"),
        ("x-hop", "1"),
        ("proxy-authorization", "Basic eA=="),
        ("te", "trailers"),
        ("metadata-flavor", "Google"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-custom", "kept on proxied paths"),
    ];
    headers.into_iter().fold(ask, |ask, (name, value)| ask.header(name, value))
}

fn names(request: &Recorded) -> Vec<&str> {
    request.headers.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn nothing_of_ours_reaches_a_provider() {
    let world = World::new().await;
    world.send(with_our_headers(Ask::chat("@open/gpt-4o-mini"))).await;
    let request = world.only_request();
    let mut sent = names(&request);
    sent.sort_unstable();
    assert_eq!(sent, ["authorization", "content-length", "content-type", "host"]);
    world.upstream.forget();

    let ask = Ask::post("/v1/unknown/path?x=1", &json!({"a": 1}));
    world.send(with_our_headers(ask.header("x-portkey-provider", "@open"))).await;
    let request = world.only_request();
    let mut sent = names(&request);
    sent.sort_unstable();
    assert_eq!(sent, ["authorization", "content-length", "content-type", "host", "x-custom"]);
    assert_eq!(request.header("authorization"), Some("Bearer sk-vaulted-openai-7f3a9c"));
}

#[tokio::test]
async fn named_headers_are_forwarded_but_dangerous_ones_never() {
    let world = World::new().await;
    let ask = with_our_headers(Ask::chat("@open/gpt-4o-mini")).header(
        "x-portkey-forward-headers",
        r#"["X-Custom", "Authorization", x-api-key, cookie, host, metadata-flavor,
            x-portkey-api-key, x-portkey-forward-headers, connection, te, accept-encoding]"#
            .replace('\n', ""),
    );
    world.send(ask).await;
    let request = world.only_request();
    let mut sent = names(&request);
    sent.sort_unstable();
    assert_eq!(sent, ["authorization", "content-length", "content-type", "host", "x-custom"]);
    assert_eq!(request.header("authorization"), Some("Bearer sk-vaulted-openai-7f3a9c"));
}

#[tokio::test]
async fn a_vaulted_credential_goes_nowhere_else() {
    let world = World::new().await;
    // Whatever the client says, it is another upstream that would have to hear it.
    let elsewhere = World::new().await;
    let host = elsewhere.upstream.base_url();
    for (name, value) in [
        ("x-portkey-custom-host", host.as_str()),
        ("x-portkey-config", &json!({"virtual_key": "open", "custom_host": host}).to_string()),
    ] {
        let ask = Ask::chat("@open/gpt-4o-mini").header(name, value);
        let message = world.send(ask).await.refused(400, None);
        assert!(message.contains("custom host cannot be combined"), "{message}");
        assert_eq!(world.upstream.count(), 0);
    }
    for (model, name) in [
        ("@open/gpt-4o-mini", "x-portkey-huggingface-base-url"),
        ("@open/gpt-4o-mini", "x-portkey-azure-foundry-url"),
        ("@azure/gpt-4o", "x-portkey-azure-resource-name"),
        ("@azure/gpt-4o", "x-portkey-azure-deployment-id"),
        ("@azure/gpt-4o", "x-portkey-azure-ad-token"),
        ("@open/gpt-4o-mini", "openai-organization"),
        ("@open/gpt-4o-mini", "openai-project"),
        ("@open/gpt-4o-mini", "host"),
        ("@open/gpt-4o-mini", "x-forwarded-host"),
    ] {
        let value = if name.ends_with("url") { host.as_str() } else { "elsewhere.example" };
        let answer = world.send(Ask::chat(model).header(name, value)).await;
        assert_eq!(answer.status, 200, "{name}");
        let request = world.only_request();
        assert!(!format!("{request:?}").contains("elsewhere"), "{name}: {request:?}");
        assert_eq!(request.header("host"), Some(&*world.upstream.address().to_string()));
        world.upstream.forget();
    }
    assert_eq!(elsewhere.upstream.connections(), 0);
}

#[tokio::test]
async fn private_hosts_are_refused_in_every_spelling() {
    let world = World::new().await;
    for host in [
        "http://10.0.0.1/v1",
        "http://192.168.1.1",
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]/",
        "http://metadata.google.internal/v1",
        "http://metadata/v1",
        "http://[::1]/v1",
        "http://[::ffff:10.0.0.1]/v1",
        "http://[::ffff:a00:1]/v1",
        "http://0x7f000001/v1",
        "http://2130706433/v1",
        "http://017700000001/v1",
        "http://127.1/v1",
        "http://0/v1",
        "http://0.0.0.0/v1",
        "http://localhost/v1",
        "http://LOCALHOST./v1",
        "http://printer.local/v1",
        "http://100.64.0.1/v1",
        "http://user:pass@api.example.com/v1",
        "http://api.example.com\\@10.0.0.1/v1",
        "http://api%2eexample.com/v1",
        "ftp://api.example.com/v1",
        "file:///etc/passwd",
        "//10.0.0.1/v1",
        "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/v1",
        "http://127\u{3002}0.0.1/v1",
        "http://example.com:0/v1",
        // The path of the call would be cut off, or go into the query, or climb.
        "http://example.com/v1#f",
        "http://example.com/v1?x=1",
        "http://example.com/v1/../x",
        "http://example.com/v1/%2e%2E/x",
    ] {
        let ask = Ask::chat("m")
            .header("x-portkey-provider", "openai")
            .header("authorization", "Bearer sk-own")
            .header("x-portkey-custom-host", host);
        let message = world.send(ask).await.refused(400, None);
        assert!(message.contains("custom host is refused"), "{host}: {message}");
    }
    let ask = Ask::chat("m")
        .header("x-portkey-provider", "huggingface")
        .header("authorization", "Bearer hf-own")
        .header("x-portkey-huggingface-base-url", "http://10.0.0.1");
    world.send(ask).await.refused(400, None);
    let ask = Ask::chat("m")
        .header("x-portkey-provider", "azure-openai")
        .header("authorization", "Bearer sk-own")
        .header("x-portkey-azure-resource-name", "evil.example/x?");
    world.send(ask).await.refused(400, None);
    assert!(world.recorder.opened().is_empty());
}

#[tokio::test]
async fn a_path_cannot_climb_out_of_the_providers_base() {
    let world = World::new().await;
    for path in [
        "/v1/../admin",
        "/v1/files/../../admin",
        "/v1/%2e%2e/admin",
        "/v1/a/%2E%2e/%2e%2E/admin",
        "/v1/..%2fadmin",
        "/v1/a%2f..%2f..%2fadmin",
        "/v1/..%5cadmin",
        "/v1/a\\..\\admin",
        "/v1/./a",
        "/v1/a%00b",
        "/v1/a%0d%0ab",
        "/v1/%ff",
        "/v1/ch%61t/completions",
        "/v1/files%2Fx",
        "/v1/files%5Cx",
        "/v1/a%2Db",
        "/v1/a%",
    ] {
        let Ok(uri) = path.parse::<http::Uri>() else { continue };
        let ask = Ask::new("GET", &uri.to_string()).header("x-portkey-provider", "@open");
        world.send(ask).await.refused(400, None);
    }
    assert_eq!(world.upstream.count(), 0);
    let ask = Ask::new("GET", "/v1/a..b/...%20/c").header("x-portkey-provider", "@open");
    assert_eq!(world.send(ask).await.status, 200);
}

#[tokio::test]
async fn the_credential_never_comes_back_to_the_client() {
    let world = World::new().await;
    let shows = |answer: &Answer| {
        let all = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
        all.contains(OPENAI_SECRET) || all.contains(CLAUDE_SECRET)
    };
    for ask in [
        Ask::chat("@open/gpt-4o-mini"),
        Ask::chat("@claude/claude-sonnet-4"),
        Ask::chat("@open/status-401"),
        Ask::chat("@open/status-500"),
        Ask::chat("@open/reset"),
        Ask::new("GET", "/v1/echo?model=@open/x"),
    ] {
        let answer = world.send(ask).await;
        assert!(!shows(&answer), "{}", answer.text());
        for name in ["set-cookie", "connection", "content-length", "alt-svc"] {
            assert!(!answer.headers.contains_key(name), "{name}");
        }
    }
    let logs = serde_json::to_string(&world.recorder.closed()).unwrap();
    assert!(!logs.contains(OPENAI_SECRET) && !logs.contains(CLAUDE_SECRET), "{logs}");
    assert!(!logs.contains(&world.key), "{logs}");
}

#[tokio::test]
async fn our_own_key_is_never_sent_as_a_providers() {
    let world = World::new().await;
    let config = json!({"provider": "openai", "api_key": world.key}).to_string();
    for (name, value) in [("x-portkey-config", &config), ("x-portkey-azure-ad-token", &world.key)] {
        let ask = Ask::chat("gpt-4o-mini")
            .header("x-portkey-provider", "azure-openai")
            .header("x-portkey-azure-resource-name", "acme")
            .header(name, value);
        let message = world.send(ask).await.refused(400, None);
        assert!(message.contains("the gateway's own keys"), "{message}");
    }
    assert!(world.recorder.opened().is_empty());
}
