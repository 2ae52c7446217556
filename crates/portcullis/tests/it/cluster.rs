//! Two nodes on one PostgreSQL: what is taken away on one is gone on the other within a second.

use std::time::Duration;

use portcullis_testkit::{
    client::{self, Call},
    process::{Portcullis, Setup},
};
use serde_json::{Value, json};

use crate::world::{Engine, Via as _, World, chat_body, succeed, until_status};

/// From the answer of the one node to the refusal of the other.
const WITHIN: Duration = Duration::from_secs(1);

struct Two {
    world: World,
    other: Portcullis,
}

impl Two {
    async fn start() -> Self {
        let world = World::start(Engine::Postgres).await;
        let url = world.database_url.clone().unwrap();
        let key = world.gate.setup().data_dir().join("vault.key");
        let other = Setup::new()
            .env("PORTCULLIS_DATABASE_URL", &url)
            .env("PORTCULLIS_VAULT__LOCAL_KEY_FILE", key.to_str().unwrap());
        let other = other.serve().await;
        world.virtual_key("openai", "openai").await;
        Self { world, other }
    }

    /// A call of the data plane at the other node.
    fn chat(&self, key: &str) -> Call {
        let call = client::post(self.other.url("/v1/chat/completions")).bearer(key);
        call.json(&chat_body("gpt-4o-mini")).via("openai")
    }

    /// A call of the admin API at the other node.
    fn list(&self, key: &str) -> Call {
        client::get(self.other.url("/v1/virtual-keys")).bearer(key)
    }

    /// Somebody new, as the workspace's member of that role, with a key of their own: their id, the
    /// key, and their session's cookie.
    async fn person(&self, name: &str, role: &str) -> (String, String, String) {
        let workspace = &self.world.made.workspace_id;
        let body = json!({
            "email": format!("{name}@acme.test"), "role": "member",
            "workspaces": [{"id": workspace, "role": role}],
            "workspace_api_key_details": {
                "scopes": ["completions.write", "virtual_keys.list", "virtual_keys.update"],
            },
        });
        let invite = succeed(self.world.post("/v1/admin/users/invites", &body)).await;
        let token = invite["invite_link"].as_str().unwrap().split_once('#').unwrap().1;
        let body = json!({"token": token, "password": "three blind mice"});
        let accept = client::post(self.world.gate.url("/auth/invites/accept")).json(&body);
        let answer = accept.send().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let body = answer.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&body["user"]["id"]), text(&body["api_keys"][0]["key"]), cookie)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_away_on_one_node_is_gone_on_the_other_within_a_second() {
    let two = Two::start().await;
    let users = "/v1/admin/users";
    let places = format!("/v1/admin/workspaces/{}/users", two.world.made.workspace_id);

    // A revoked key.
    let body = json!({"name": "x", "scopes": ["completions.write", "virtual_keys.list"]});
    let (id, key) = two.world.api_key(&body).await;
    until_status(|| two.chat(&key), 200).await;
    until_status(|| two.list(&key), 200).await;
    succeed(two.world.delete(&format!("/v1/api-keys/{id}"))).await;
    within("a revoked key calls", until_status(|| two.chat(&key), 401).await);
    within("a revoked key administers", until_status(|| two.list(&key), 401).await);

    // A narrowed key.
    let (id, key) = two.world.api_key(&body).await;
    until_status(|| two.chat(&key), 200).await;
    let narrow = json!({"scopes": ["virtual_keys.list"]});
    succeed(two.world.put(&format!("/v1/api-keys/{id}"), &narrow)).await;
    within("a narrowed key", until_status(|| two.chat(&key), 403).await);

    // A narrowed role: what the person's key and session may no longer do.
    let (id, key, cookie) = two.person("ann", "manager").await;
    let update = || {
        let url = two.other.url("/v1/virtual-keys/openai");
        client::put(url).bearer(&key).json(&json!({"note": "seen"}))
    };
    let session = |path: &str| client::get(two.other.url(path)).header("cookie", &cookie);
    until_status(update, 200).await;
    let keys = || session("/v1/api-keys");
    until_status(keys, 200).await;
    succeed(two.world.put(&format!("{places}/{id}"), &json!({"role": "member"}))).await;
    within("a narrowed role's key", until_status(update, 403).await);
    within("a narrowed role's session", until_status(keys, 403).await);
    assert_eq!(two.chat(&key).send().await.unwrap().status, 200, "a member still calls");

    // What a role comes to in the organisation.
    let roles =
        json!({"settings": {"roles": {"member": {"features": {"virtual_keys": "disabled"}}}}});
    succeed(two.world.put("/v1/admin/organisation", &roles)).await;
    within("a switch of a role", until_status(|| two.list(&key), 403).await);

    // A removed member.
    succeed(two.world.delete(&format!("{users}/{id}"))).await;
    within("a removed member's key", until_status(|| two.chat(&key), 401).await);
    within("a removed member's session", until_status(keys, 403).await);

    // Signed out everywhere.
    let (_, _, cookie) = two.person("bob", "member").await;
    let session = || client::get(two.other.url("/auth/session")).header("cookie", &cookie);
    let csrf = succeed(session()).await["csrf_token"].as_str().unwrap().to_owned();
    let out = client::post(two.world.gate.url("/auth/sign-out-everywhere"));
    succeed(out.header("cookie", &cookie).header("x-csrf-token", &csrf)).await;
    within("a session that was ended", until_status(session, 401).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_write_one_sound_trail() {
    let two = Two::start().await;
    let master = &two.world.made.api_key;
    let make = async |gate: &Portcullis, name: String| {
        let call = client::post(gate.url("/v1/api-keys/workspace/service")).bearer(master);
        let answer = call.json(&json!({"name": name, "scopes": []})).send().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    for round in 0..10 {
        let both = [&two.world.gate, &two.other];
        let made = both.iter().enumerate().map(|(n, gate)| make(gate, format!("{round}-{n}")));
        futures_util::future::join_all(made).await;
    }
    let verified = two.world.gate.setup().run(&["audit", "verify"]).unwrap();
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{said}");
    let trail = two.world.get("/v1/admin/audit-logs?action=create&resource_type=api_key");
    assert!(succeed(trail).await["total"].as_u64().unwrap() >= 20);
}

fn within(what: &str, took: Duration) {
    assert!(took < WITHIN, "{what}: {took:?}");
}
