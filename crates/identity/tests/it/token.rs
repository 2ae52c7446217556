//! Signed tokens as API keys: which are taken, for what, and every way to be refused.

use std::sync::Arc;

use portcullis_domain::{
    ApiKeyKind, Change, Environment, Id, Noun, Organisation, OrganisationId, OrganisationSettings,
    Scope, ScopeSet, Slug, Snapshot, Timestamp, TokenIssuer, Workspace, WorkspaceDefaults,
    WorkspaceId,
};
use portcullis_identity::{TokenRefused, key_of_token, parse_jwks, resembles_signed_token};
use portcullis_testkit::token::TokenSigner;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;

fn id<N: Noun>(number: u8) -> Id<N> {
    let mut bytes = [0; 16];
    bytes[15] = number;
    Id::from_hash(bytes)
}

fn organisation(number: u8) -> OrganisationId {
    id(number)
}

fn workspace(number: u8) -> WorkspaceId {
    id(number)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn scopes(names: &[&str]) -> ScopeSet {
    ScopeSet::parse(names.iter().copied()).unwrap()
}

fn issuer(organisation: OrganisationId, jwks: &Value) -> TokenIssuer {
    TokenIssuer {
        organisation_id: organisation,
        jwks_url: None,
        keys: parse_jwks(&jwks.to_string()).unwrap(),
        issuer: None,
        audience: None,
        scopes: scopes(&["completions.write", "logs.view", "virtual_keys.list"]),
        fetch_error: None,
        created_at: at(0),
        updated_at: at(0),
    }
}

/// Two organisations, each with one workspace of the same slug.
fn snapshot(issuers: Vec<TokenIssuer>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for number in [1, 2] {
        let environment = Environment {
            id: id(number),
            organisation_id: id(number),
            workspace_id: id(number),
            slug: Slug::parse("production").unwrap(),
            name: String::new(),
            created_at: at(0),
            updated_at: at(0),
        };
        let workspace = Workspace {
            id: id(number),
            organisation_id: id(number),
            slug: Slug::parse("team").unwrap(),
            name: String::new(),
            description: None,
            defaults: WorkspaceDefaults::default(),
            default_environment: id(number),
            environments: vec![environment],
            created_at: at(0),
            updated_at: at(0),
        };
        let organisation = Organisation {
            id: id(number),
            slug: Slug::parse("acme").unwrap(),
            name: String::new(),
            default_workspace: id(number),
            settings: OrganisationSettings::default(),
            created_at: at(0),
            updated_at: at(0),
        };
        let changes =
            [Change::Organisation(Arc::new(organisation)), Change::Workspace(Arc::new(workspace))];
        snapshot.apply(1, changes);
    }
    let issuers = issuers.into_iter().map(|issuer| Change::TokenIssuer(Arc::new(issuer)));
    snapshot.apply(1, issuers);
    snapshot
}

fn claims() -> Value {
    json!({
        "portkey_oid": organisation(1),
        "portkey_workspace": "team",
        "scope": ["completions.write"],
        "exp": NOW + 600,
        "email_id": "ann@acme.test",
    })
}

fn with(mut value: Value, name: &str, claim: Value) -> Value {
    value[name] = claim;
    value
}

#[test]
fn a_token_of_either_kind_is_the_key_that_it_claims_to_be() {
    for signer in [TokenSigner::rsa("k"), TokenSigner::p256("k")] {
        let snapshot = snapshot(vec![issuer(id(1), &signer.jwks())]);
        let take = |claims: &Value| {
            let token = signer.sign(claims);
            assert!(resembles_signed_token(&token));
            key_of_token(&token, &snapshot, at(NOW)).unwrap()
        };
        let key = take(&claims());
        assert_eq!(key.kind, ApiKeyKind::WorkspaceService);
        assert_eq!((key.organisation_id, key.workspace_id), (id(1), id(1)));
        assert_eq!(key.scopes, scopes(&["completions.write"]));
        assert!(key.is_token && key.user_id.is_none());
        assert_eq!(key.defaults.metadata["_user"], "ann@acme.test");
        assert_eq!(key.expires_at, Some(at(NOW + 600)));

        // All tokens of one person in one workspace are known by one id.
        let later = take(&with(claims(), "exp", json!(NOW + 700)));
        assert_eq!(later.id, key.id);
        assert_ne!(take(&with(claims(), "email_id", json!("bob@acme.test"))).id, key.id);

        let whole = take(&with(claims(), "portkey_workspace", Value::Null));
        assert_eq!(whole.kind, ApiKeyKind::OrganisationService);
        assert_ne!(whole.id, key.id);
    }
}

#[test]
fn claims_are_read_in_all_their_forms() {
    let signer = TokenSigner::p256("k");
    let snapshot = snapshot(vec![issuer(id(1), &signer.jwks())]);
    let take = |claims: &Value| key_of_token(&signer.sign(claims), &snapshot, at(NOW)).unwrap();
    for claim in [
        json!("completions.write logs.view"),
        json!("portkey.completions.write,portkey.logs.view"),
        json!(["completions.write", "openid", "logs.view", "audit_logs.list"]),
    ] {
        for name in ["scope", "scopes"] {
            let claims = with(with(claims(), "scope", json!([])), name, claim.clone());
            // Beyond what its issuer may give nothing is given.
            let expected = scopes(&["completions.write", "logs.view"]);
            assert_eq!(take(&claims).scopes, expected, "{name} {claim}");
        }
    }
    let mut other = claims();
    let organisation = other.as_object_mut().unwrap().remove("portkey_oid").unwrap();
    other["organisation_id"] = organisation;
    let place = other.as_object_mut().unwrap().remove("portkey_workspace").unwrap();
    other["workspace_slug"] = place;
    other.as_object_mut().unwrap().remove("email_id");
    other["sub"] = json!("subject\n-1");
    other["uid"] = json!("last");
    other["defaults"] = json!({"config_id": "pc-x", "metadata": {"team": "a", "n": 5, "o": {}}});
    let key = take(&other);
    assert_eq!(key.name, "subject-1");
    assert_eq!(key.defaults.config.as_deref(), Some("pc-x"));
    let metadata: Vec<String> =
        key.defaults.metadata.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(metadata, ["_user=subject-1", "n=5", "team=a"]);
    let by_id = with(claims(), "portkey_workspace", json!(workspace(1)));
    assert_eq!(take(&by_id).workspace_id, id(1));
}

#[test]
fn every_flaw_is_refused() {
    let (signer, stranger) = (TokenSigner::rsa("k"), TokenSigner::rsa("k"));
    let curve = TokenSigner::p256("c");
    let jwks = json!({"keys": [signer.jwk(), curve.jwk()]});
    let strict = TokenIssuer {
        issuer: Some("https://id.acme.test".to_owned()),
        audience: Some("portcullis".to_owned()),
        ..issuer(id(1), &jwks)
    };
    let snapshot = snapshot(vec![strict]);
    let good = with(claims(), "iss", json!("https://id.acme.test"));
    let good = with(good, "aud", json!(["other", "portcullis"]));
    let refused = |token: &str| key_of_token(token, &snapshot, at(NOW)).unwrap_err();
    let signed = |claims: &Value| refused(&signer.sign(claims));
    assert!(key_of_token(&signer.sign(&good), &snapshot, at(NOW)).is_ok());
    assert!(key_of_token(&curve.sign(&good), &snapshot, at(NOW)).is_ok());

    for (name, claim, expected) in [
        ("exp", json!(NOW), TokenRefused::Expired),
        ("nbf", json!(NOW + 61), TokenRefused::TooEarly),
        ("iss", json!("https://evil.test"), TokenRefused::Other("issuer")),
        ("iss", Value::Null, TokenRefused::Other("issuer")),
        ("aud", json!("other"), TokenRefused::Other("audience")),
        ("aud", Value::Null, TokenRefused::Other("audience")),
        ("portkey_workspace", json!("other"), TokenRefused::NoWorkspace),
        ("portkey_workspace", json!(workspace(2)), TokenRefused::NoWorkspace),
        ("usage_limits", json!([{"credit_limit": 1}]), TokenRefused::Unenforced("usage_limits")),
        ("rate_limits", json!({}), TokenRefused::Unenforced("rate_limits")),
        ("portkey_oid", json!(organisation(2)), TokenRefused::NoIssuer),
    ] {
        assert_eq!(signed(&with(good.clone(), name, claim)), expected, "{name}");
    }
    for (name, claim) in [
        ("exp", Value::Null),
        ("exp", json!("tomorrow")),
        ("portkey_oid", Value::Null),
        ("portkey_oid", json!("acme")),
        ("organisation_id", json!("another")),
        ("scope", json!(5)),
    ] {
        let told = signed(&with(good.clone(), name, claim));
        assert!(matches!(told, TokenRefused::Malformed(_)), "{name}: {told}");
    }
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("PS256")),
        ("alg", Value::Null),
        ("kid", Value::Null),
        ("crit", json!(["exp"])),
    ] {
        let told = refused(&signer.sign_with(&with(signer.header(), name, value), &good));
        assert!(matches!(told, TokenRefused::Malformed(_)), "{name}: {told}");
    }
    // Neither another key of that name, nor another kind of key under its name.
    assert_eq!(refused(&stranger.sign(&good)), TokenRefused::Signature);
    let other_kid = with(signer.header(), "kid", json!("x"));
    assert_eq!(refused(&signer.sign_with(&other_kid, &good)), TokenRefused::UnknownKey);
    let confused = with(curve.header(), "kid", json!("k"));
    assert_eq!(refused(&curve.sign_with(&confused, &good)), TokenRefused::Signature);
    let confused = with(signer.header(), "kid", json!("c"));
    assert_eq!(refused(&signer.sign_with(&confused, &good)), TokenRefused::Signature);

    let token = signer.sign(&good);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, body) = signed.split_once('.').unwrap();
    let other = signer.sign(&with(good, "scope", json!("logs.view")));
    let other_body = other.split('.').nth(1).unwrap();
    assert_eq!(refused(&format!("{header}.{other_body}.{signature}")), TokenRefused::Signature);
    assert_eq!(refused(&format!("{header}.{body}.")), TokenRefused::Signature);
    for broken in [
        format!("{header}.{body}"),
        format!("{header}..{signature}"),
        format!("{header}.{body}.{signature}="),
        format!("{header}.{body}.not base64"),
        "..".to_owned(),
        String::new(),
        format!("{header}.{}.{signature}", "e".repeat(9000)),
    ] {
        assert!(matches!(refused(&broken), TokenRefused::Malformed(_)), "{broken}");
    }
}

#[test]
fn a_token_that_was_found_good_is_good_while_its_issuer_says_so() {
    let (old, new) = (TokenSigner::p256("k"), TokenSigner::p256("k"));
    let first = snapshot(vec![issuer(id(1), &old.jwks())]);
    let token = old.sign(&claims());
    let key = key_of_token(&token, &first, at(NOW)).unwrap();
    let again = key_of_token(&token, &first, at(NOW + 599)).unwrap();
    assert!(Arc::ptr_eq(&key, &again), "it was not checked again");
    let over = key_of_token(&token, &first, at(NOW + 600)).unwrap_err();
    assert_eq!(over, TokenRefused::Expired);

    // The issuer's keys, or what it may give, have changed.
    let rotated = snapshot(vec![issuer(id(1), &new.jwks())]);
    assert_eq!(key_of_token(&token, &rotated, at(NOW)), Err(TokenRefused::Signature));
    let narrowed = TokenIssuer { scopes: ScopeSet::EMPTY, ..issuer(id(1), &old.jwks()) };
    let key = key_of_token(&token, &snapshot(vec![narrowed]), at(NOW)).unwrap();
    assert!(!key.scopes.contains(Scope::CompletionsWrite));
    assert_eq!(key_of_token(&token, &snapshot(vec![]), at(NOW)), Err(TokenRefused::NoIssuer));
    let mut moved = snapshot(vec![issuer(id(1), &old.jwks())]);
    moved.apply(2, [Change::WorkspaceGone(id(1))]);
    assert_eq!(key_of_token(&token, &moved, at(NOW)), Err(TokenRefused::NoWorkspace));
}

#[test]
fn an_issuer_signs_for_its_own_organisation_only() {
    let (one, two) = (TokenSigner::p256("k"), TokenSigner::p256("k"));
    let snapshot = snapshot(vec![issuer(id(1), &one.jwks()), issuer(id(2), &two.jwks())]);
    let for_two = with(claims(), "portkey_oid", json!(organisation(2)));
    let refused = key_of_token(&one.sign(&for_two), &snapshot, at(NOW));
    assert_eq!(refused, Err(TokenRefused::Signature));
    let taken = key_of_token(&two.sign(&for_two), &snapshot, at(NOW)).unwrap();
    assert_eq!((taken.organisation_id, taken.workspace_id), (id(2), id(2)));
}
