//! Signed tokens as API keys of the admin API, and the issuer that signs them.

use portcullis_domain::{ApiKeyKind, Clock as _, ScopeSet};
use portcullis_testkit::token::TokenSigner;
use serde_json::{Value, json};

use super::Admin;

const PATH: &str = "/v1/admin/organisation/token-issuer";
const URL: &str = "https://id.acme.test/keys";

fn claims(admin: &Admin) -> Value {
    json!({
        "portkey_oid": admin.workspace.organisation_id,
        "portkey_workspace": admin.workspace.slug.as_str(),
        "scope": "virtual_keys.list virtual_keys.create audit_logs.list",
        "exp": admin.clock.now().micros() / 1_000_000 + 3600,
        "sub": "service-7",
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_acts_as_the_key_that_it_claims_to_be() {
    let admin = Admin::start().await;
    let signer = TokenSigner::rsa("one");
    let token = signer.sign(&claims(&admin));
    let status = async |token: &str, call: &str| admin.call(token, call, &Value::Null).await.status;
    assert_eq!(status(&token, "GET /v1/virtual-keys").await, 401, "nobody signs yet");
    let scopes = ["virtual_keys.list", "virtual_keys.create"];
    let set = json!({"jwks": signer.jwks(), "scopes": scopes, "issuer": null});
    let shown = admin.ok(&format!("PUT {PATH}"), set).await;
    assert_eq!(shown["keys"], json!([{"kid": "one", "alg": "RS256"}]));
    assert_eq!(status(&token, "GET /v1/virtual-keys").await, 200);
    assert_eq!(status(&token, "GET /v1/audit-logs").await, 403, "its issuer may not give that");
    let body = json!({"name": "x", "slug": "made", "provider": "openai", "key": "sk-abcdefgh"});
    assert_eq!(admin.call(&token, "POST /v1/virtual-keys", &body).await.status, 200);
    let told = admin.told("create").await;
    let actor = &told[0]["actor"];
    assert_eq!((&actor["kind"], &actor["name"]), (&json!("token"), &json!("service-7")));

    let mut limited = claims(&admin);
    limited["rate_limits"] = json!([{"type": "requests", "unit": "rpm", "value": 1}]);
    let refused = admin.call(&signer.sign(&limited), "GET /v1/virtual-keys", &Value::Null).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.body["message"].as_str().unwrap().contains("rate_limits"));

    admin.clock.put_forward(3_600_000);
    assert_eq!(status(&token, "GET /v1/virtual-keys").await, 401, "it has expired");
    let fresh = signer.sign(&claims(&admin));
    assert_eq!(status(&fresh, "GET /v1/virtual-keys").await, 200);
    admin.ok(&format!("DELETE {PATH}"), Value::Null).await;
    assert_eq!(status(&fresh, "GET /v1/virtual-keys").await, 401);
    admin.fails(&format!("GET {PATH}"), Value::Null, 404).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sets_an_issuer_that_gives_more_than_they_hold() {
    let admin = Admin::start().await;
    let held = ScopeSet::parse(["organisation_settings.update", "logs.view"]).unwrap();
    let kind = ApiKeyKind::OrganisationService;
    let (_, key) = admin.key(&admin.workspace, kind, held).await;
    let put = async |scopes: Value| {
        let body = json!({"jwks": TokenSigner::p256("k").jwks(), "scopes": scopes});
        admin.call(&key, &format!("PUT {PATH}"), &body).await
    };
    let refused = put(json!(["logs.view", "completions.write"])).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.body["message"].as_str().unwrap().contains("completions.write"));
    assert_eq!(put(json!(["logs.view"])).await.status, 200);
    for (body, what) in [
        (json!({"scopes": []}), "jwks_url or jwks"),
        (json!({"scopes": [], "jwks": {"keys": []}, "jwks_url": URL}), "not both"),
        (json!({"scopes": [], "jwks": {"keys": []}}), "RSA"),
        (json!({"scopes": ["nonsense"], "jwks": {"keys": []}}), "nonsense"),
        (json!({"scopes": [], "jwks_url": "ftp://x"}), "jwks_url: it may not be asked"),
        (json!({"scopes": [], "jwks_url": URL}), "jwks_url: nobody answers"),
    ] {
        let message = admin.fails(&format!("PUT {PATH}"), body, 400).await;
        assert!(message.contains(what), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_keys_are_followed() {
    let admin = Admin::start().await;
    let (old, new) = (TokenSigner::p256("old"), TokenSigner::p256("new"));
    admin.outside.put(URL, &old.jwks().to_string());
    let set = json!({"jwks_url": URL, "scopes": ["virtual_keys.list"]});
    admin.ok(&format!("PUT {PATH}"), set).await;
    let status = async |signer: &TokenSigner| {
        let token = signer.sign(&claims(&admin));
        admin.call(&token, "GET /v1/virtual-keys", &Value::Null).await.status
    };
    let refresh = async || {
        admin.control.refresh_token_keys().await.unwrap();
        admin.ok(&format!("GET {PATH}"), Value::Null).await
    };
    assert_eq!((status(&old).await, status(&new).await), (200, 401));
    let both = json!({"keys": [old.jwk(), new.jwk()]});
    admin.outside.put(URL, &both.to_string());
    assert_eq!(refresh().await["keys"].as_array().unwrap().len(), 2);
    admin.caught_up().await;
    assert_eq!((status(&old).await, status(&new).await), (200, 200));

    // Whoever cannot be asked keeps the keys they had, and it is said.
    admin.outside.remove(URL);
    assert_eq!(refresh().await["fetch_error"], "nobody answers");
    admin.outside.put(URL, "<html>");
    assert!(refresh().await["fetch_error"].as_str().unwrap().contains("JSON Web Key Set"));
    admin.caught_up().await;
    assert_eq!((status(&old).await, status(&new).await), (200, 200));

    admin.outside.put(URL, &new.jwks().to_string());
    let shown = refresh().await;
    assert_eq!(
        (&shown["fetch_error"], shown["keys"][0]["kid"].as_str()),
        (&Value::Null, Some("new"))
    );
    admin.caught_up().await;
    assert_eq!((status(&old).await, status(&new).await), (401, 200));
    // It is told once for each change, and not each time it was asked.
    let before = admin.told("update").await.len();
    refresh().await;
    let told = admin.told("update").await;
    assert_eq!(told.len(), before);
    assert_eq!(told[0]["actor"]["kind"], "system");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_of_a_token_is_worth_what_its_issuer_may_give() {
    let admin = Admin::start().await;
    let signer = TokenSigner::p256("k");
    let set = async |scopes: &[&str]| {
        let body = json!({"jwks": signer.jwks(), "scopes": scopes});
        admin.ok(&format!("PUT {PATH}"), body).await
    };
    let all = ["organisation_users.create", "workspaces.list"];
    set(&all).await;
    let token = signer.sign(&json!({
        "portkey_oid": admin.workspace.organisation_id, "scope": "organisation_users.create",
        "exp": admin.clock.now().micros() / 1_000_000 + 3600,
    }));
    let invite = async |name: &str| {
        let body = json!({"email": format!("{name}@people.test"), "role": "member"});
        let made = admin.call(&token, "POST /v1/admin/users/invites", &body).await;
        assert_eq!(made.status, 200, "{}", made.body);
        made.body["invite_link"].as_str().unwrap().split_once('#').unwrap().1.to_owned()
    };
    let accept = async |invite: &str| {
        let body = json!({"token": invite, "password": super::auth::PASSWORD});
        let call = "POST /auth/invites/accept";
        admin.call_as(&super::Credential::Nobody, call, &body).await.status
    };
    let (one, two, three) = (invite("one").await, invite("two").await, invite("three").await);
    assert_eq!(accept(&one).await, 200);
    set(&["workspaces.list"]).await;
    assert_eq!(accept(&two).await, 404, "its issuer may not invite any more");
    set(&all).await;
    assert_eq!(accept(&two).await, 200);
    admin.ok(&format!("DELETE {PATH}"), Value::Null).await;
    assert_eq!(accept(&three).await, 404, "nobody answers for it any more");
}
