//! Signed tokens in place of API keys.

use std::sync::Arc;

use portcullis_domain::{Change, Scope, Timestamp, TokenIssuer};
use portcullis_identity::parse_jwks;
use portcullis_testkit::token::TokenSigner;
use serde_json::{Value, json};

use crate::support::{Ask, START, World, scopes};

fn issue(world: &World, signer: &TokenSigner) {
    let at = Timestamp::from_micros(START);
    let issuer = TokenIssuer {
        organisation_id: world.organisation.id,
        jwks_url: None,
        keys: parse_jwks(&signer.jwks().to_string()).unwrap(),
        issuer: None,
        audience: None,
        scopes: scopes(&[Scope::CompletionsWrite]),
        fetch_error: None,
        created_at: at,
        updated_at: at,
    };
    world.apply([Change::TokenIssuer(Arc::new(issuer))]);
}

fn claims(world: &World) -> Value {
    json!({
        "organisation_id": world.organisation.id,
        "workspace_slug": world.workspace.slug.as_str(),
        "scope": ["portkey.completions.write"],
        "exp": START / 1_000_000 + 60,
        "email_id": "ann@acme.test",
        "defaults": {"metadata": {"team": "blue"}},
    })
}

#[tokio::test]
async fn a_call_with_a_token_is_its_persons() {
    let world = World::new().await;
    let signer = TokenSigner::rsa("k");
    let token = signer.sign(&claims(&world));
    let chat = || Ask::chat("@open/gpt-4o-mini");
    world.send_with(&token, chat()).await.refused(401, Some("03"));
    issue(&world, &signer);
    let said = r#"{"_user":"somebody else"}"#;
    let answer = world.send_with(&token, chat().header("x-portkey-metadata", said)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let log = world.only_log();
    assert_eq!(log.user.as_deref(), Some("ann@acme.test"));
    assert_eq!(log.metadata.get("team").map(String::as_str), Some("blue"));
    // As a bearer token too; and the token goes no further.
    let bearer = Ask::chat("@open/gpt-4o-mini").header("authorization", format!("Bearer {token}"));
    assert_eq!(world.send_with("", bearer).await.status, 200);
    assert!(!format!("{:?}", world.upstream.requests()).contains(&token));
}

#[tokio::test]
async fn a_token_that_is_no_good_is_refused_as_a_key_is() {
    let world = World::new().await;
    let (signer, stranger) = (TokenSigner::p256("k"), TokenSigner::p256("k"));
    issue(&world, &signer);
    let chat = || Ask::chat("@open/gpt-4o-mini");
    world.send_with(&stranger.sign(&claims(&world)), chat()).await.refused(401, Some("03"));
    world.send_with("eyJ.eyJ.x", chat()).await.refused(401, Some("03"));
    let mut plain = claims(&world);
    plain["scope"] = json!([]);
    world.send_with(&signer.sign(&plain), chat()).await.refused(403, Some("033"));
    let mut limited = claims(&world);
    limited["usage_limits"] = json!([{"credit_limit": 5}]);
    let message = world.send_with(&signer.sign(&limited), chat()).await.refused(400, None);
    assert!(message.contains("usage_limits"), "{message}");

    let token = signer.sign(&claims(&world));
    assert_eq!(world.send_with(&token, chat()).await.status, 200);
    world.clock.advance_millis(60_000);
    world.send_with(&token, chat()).await.refused(401, Some("01"));
}
