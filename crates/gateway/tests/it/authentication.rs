//! Who calls: every form of authentication, and every refusal (data-plane reference §2).

use portcullis_domain::{PreviousDigest, Scope, ScopeSet, Timestamp};

use crate::support::{Ask, START, World, scopes};

/// The headers of each client, as observed (clients reference).
#[tokio::test]
async fn every_form_of_authentication_is_accepted() {
    let world = World::new().await;
    let ours = world.key.clone();
    let bearer = format!("Bearer {ours}");
    let forms: [&[(&str, &str)]; 9] = [
        &[("x-portkey-api-key", &ours)],
        // Portkey's Python SDK.
        &[("x-portkey-api-key", &ours), ("authorization", "Bearer OPENAI_API_KEY")],
        // Portkey's JavaScript SDK on OpenAI's routes, with and without the scheme.
        &[("x-portkey-api-key", &ours), ("authorization", &bearer)],
        &[("x-portkey-api-key", &ours), ("authorization", &ours)],
        // OpenAI's SDKs.
        &[("authorization", &bearer)],
        &[("authorization", &ours)],
        &[("AUTHORIZATION", &format!("bearer  {ours}"))],
        // Anthropic's SDK: plain, and with a bearer of its own beside a dummy.
        &[("x-api-key", &ours)],
        &[("authorization", &bearer), ("x-api-key", "dummy")],
    ];
    for form in forms {
        let mut ask = Ask::chat("@open/gpt-4o-mini").without_key();
        for (name, value) in form {
            ask = ask.header(name, value);
        }
        let answer = world.send(ask).await;
        assert_eq!(answer.status, 200, "{form:?}: {}", answer.text());
        let request = world.only_request();
        let sent = format!("{:?}", request.headers);
        assert!(!sent.contains(&ours) && !sent.contains("OPENAI_API_KEY"), "{form:?}: {sent}");
        assert_eq!(
            request.header("authorization"),
            Some("Bearer sk-vaulted-openai-7f3a9c"),
            "{form:?}"
        );
        world.upstream.forget();
    }
}

#[tokio::test]
async fn a_credential_beside_the_key_is_the_providers() {
    let world = World::new().await;
    let host = world.upstream.base_url();
    let ask = Ask::chat("gpt-4o-mini")
        .header("x-portkey-provider", "openai")
        .header("x-portkey-custom-host", &host)
        .header("authorization", "sk-brought-along");
    assert_eq!(world.send(ask.clone()).await.status, 200);
    assert_eq!(world.only_request().header("authorization"), Some("Bearer sk-brought-along"));
    world.upstream.forget();

    // The placeholder is no credential: the provider itself then says what is missing.
    let ask = Ask::chat("gpt-4o-mini")
        .header("x-portkey-provider", "openai")
        .header("x-portkey-custom-host", &host)
        .header("authorization", "Bearer OPENAI_API_KEY");
    let answer = world.send(ask).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["provider"], "openai");
    assert_eq!(world.only_request().header("authorization"), None);
    world.upstream.forget();

    // A target that has a credential of its own does not take the caller's.
    let ask = Ask::chat("@open/gpt-4o-mini").header("authorization", "Bearer sk-brought-along");
    assert_eq!(world.send(ask).await.status, 200);
    let sent = format!("{:?}", world.only_request().headers);
    assert!(!sent.contains("sk-brought-along"), "{sent}");
}

#[tokio::test]
async fn a_claude_subscription_token_stays_a_bearer() {
    let world = World::new().await;
    let body = serde_json::json!({"model": "claude-sonnet-4", "max_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}]});
    let ask = Ask::post("/v1/messages", &body)
        .header("x-portkey-provider", "anthropic")
        .header("x-portkey-custom-host", world.upstream.base_url())
        .header("authorization", "Bearer sk-ant-oat01-abc")
        .header("x-api-key", "dummy");
    assert_eq!(world.send(ask).await.status, 200);
    let request = world.only_request();
    assert_eq!(request.header("authorization"), Some("Bearer sk-ant-oat01-abc"));
    assert_eq!(request.header("x-api-key"), None);
}

#[tokio::test]
async fn a_key_that_nobody_knows_is_refused() {
    let world = World::new().await;
    let mut mistyped = world.key.clone();
    mistyped.replace_range(10..11, if &mistyped[10..11] == "a" { "b" } else { "a" });
    let foreign = World::new().await.api_key(|_| {});
    let none = Ask::chat("@open/gpt-4o-mini").without_key();
    for ask in [
        none.clone(),
        none.clone().header("authorization", "Bearer OPENAI_API_KEY"),
        none.clone().header("x-portkey-api-key", mistyped),
        none.clone().header("x-portkey-api-key", &world.key[..world.key.len() - 1]),
        none.clone().header("x-portkey-api-key", "sk-looks-like-another"),
        none.clone().header("x-portkey-api-key", "eyJhbGciOi.eyJzdWIi.c2ln"),
        none.clone().header("x-portkey-api-key", foreign),
        none.clone().header("x-api-key", "sk-ant-api03-abc"),
        none.clone().header("authorization", b"Bearer \xff\xfe"),
    ] {
        let answer = world.send(ask).await;
        let message = answer.refused(401, Some("03"));
        assert!(!message.contains("looks-like"), "{message}");
        assert_eq!(answer.json()["error"]["type"], "authentication_error");
    }
    assert_eq!(world.upstream.count(), 0);
    assert!(world.recorder.closed().is_empty());
}

#[tokio::test]
async fn an_expired_key_is_refused_from_its_instant_on() {
    let world = World::new().await;
    let key = world.api_key(|key| {
        key.expires_at = Some(Timestamp::from_micros(START + 1_000_000));
    });
    let ask = Ask::chat("@open/gpt-4o-mini").without_key().header("x-portkey-api-key", key);
    assert_eq!(world.send(ask.clone()).await.status, 200);
    world.clock.advance_millis(1000);
    world.send(ask).await.refused(401, Some("01"));
    assert_eq!(world.upstream.count(), 1);
}

#[tokio::test]
async fn a_rotated_key_works_until_its_window_closes() {
    let world = World::new().await;
    // Its digest goes over to the key that follows it.
    let old = world.api_key(|key| key.scopes = ScopeSet::EMPTY);
    let digest = world.digest(&old);
    let new = world.api_key(|key| {
        let until = Timestamp::from_micros(START + 60_000_000);
        key.previous = Some(PreviousDigest { digest, until });
    });
    let with =
        |key: &str| Ask::chat("@open/gpt-4o-mini").without_key().header("x-portkey-api-key", key);
    assert_eq!(world.send(with(&old)).await.status, 200);
    assert_eq!(world.send(with(&new)).await.status, 200);
    world.clock.advance_millis(60_000);
    world.send(with(&old)).await.refused(401, Some("03"));
    assert_eq!(world.send(with(&new)).await.status, 200);
}

#[tokio::test]
async fn a_missing_scope_is_refused() {
    let world = World::new().await;
    let key = world.api_key(|key| key.scopes = scopes(&[Scope::ModelsList]));
    let with = |ask: Ask| ask.without_key().header("x-portkey-api-key", &key);
    let answer = world.send(with(Ask::chat("@open/gpt-4o-mini"))).await;
    answer.refused(403, Some("033"));
    assert_eq!(answer.json()["error"]["type"], "permission_error");
    world.send(with(Ask::new("GET", "/v1/files"))).await.refused(403, Some("033"));
    assert_eq!(world.send(with(Ask::new("GET", "/v1/models"))).await.status, 200);
    assert_eq!(world.upstream.count(), 0);
}
