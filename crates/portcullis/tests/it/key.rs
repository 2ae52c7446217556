//! API keys over their life, on the server that changed them and on another that shares the
//! database.

use std::time::Duration;

use portcullis_domain::{Clock as _, Timestamp};
use portcullis_runtime::SystemClock;
use portcullis_testkit::{
    client::{self, Call},
    process::{Portcullis, Setup},
};
use serde_json::{Value, json};

use crate::world::{
    Engine, PATIENCE, Via as _, World, chat_body, on_both_engines, refused, succeed, until_status,
};

/// How soon a change must be felt, on every server.
const FELT_WITHIN: Duration = Duration::from_secs(1);

on_both_engines! {
    async fn a_key_is_made_shown_changed_rotated_and_deleted(engine) {
        let world = World::start(engine).await;
        world.virtual_key("openai", "openai").await;
        let body = json!({
            "name": "app", "description": "the app", "scopes": ["logs.view", "completions.write"],
            "workspace_id": world.made.workspace_slug, "environment": "staging",
            "defaults": {"metadata": {"team": "blue"}}, "type": "workspace", "sub-type": "service",
        });
        let (id, key) = world.api_key(&body).await;
        assert!(key.starts_with("pck_staging_"), "{key}");
        succeed(chat(&world.gate, &key)).await;

        let path = format!("/v1/api-keys/{id}");
        let shown = succeed(world.get(&path)).await;
        let masked = format!("{}********{}", &key[..2], &key[key.len() - 3..]);
        assert_eq!(shown["key"], masked.as_str(), "{shown}");
        assert_eq!(shown["scopes"], json!(["logs.view", "completions.write"]));
        assert_eq!((&shown["type"], &shown["status"]), (&json!("workspace-service"), &json!("active")));
        let listed = succeed(world.get("/v1/api-keys")).await;
        assert_eq!(listed["total"], 2);
        assert!(!listed.to_string().contains(&key));

        assert_eq!(succeed(world.put(&path, &json!({"name": "renamed"}))).await, json!({}));
        assert_eq!(succeed(world.get(&path)).await["name"], "renamed");
        succeed(chat(&world.gate, &key)).await;

        // With overlap both work; a further rotation has to wait.
        let rotate = format!("{path}/rotate");
        let rotated = succeed(world.post(&rotate, &json!({"key_transition_period_ms": 1_800_000}))).await;
        assert!(rotated["key_transition_expires_at"].is_string(), "{rotated}");
        let second = rotated["key"].as_str().unwrap().to_owned();
        assert_ne!(second, key);
        succeed(chat(&world.gate, &key)).await;
        succeed(chat(&world.gate, &second)).await;
        refused(world.post(&rotate, &json!({})), 409).await;
        refused(world.post(&rotate, &json!({"key_transition_period_ms": 5})), 400).await;
        refused(world.post(&rotate, &json!({"key_transition_period_ms": 1_800_000})), 409).await;
        let logs = world.logs_of(4).await;
        assert!(logs.iter().all(|log| log["environment"] == "staging" && log["metadata"]["team"] == "blue"));
        assert!(logs.iter().all(|log| log["api_key_id"] == id.as_str()));

        assert_eq!(succeed(world.delete(&path)).await, json!({}));
        refused(world.get(&path), 404).await;
        refused(chat(&world.gate, &key), 401).await;
        refused(chat(&world.gate, &second), 401).await;
    }

    async fn a_withdrawn_key_is_refused_within_a_second_everywhere(engine) {
        let world = World::start(engine).await;
        world.virtual_key("openai", "openai").await;
        let other = other_node(&world).await;
        let nodes = [Some(&world.gate), other.as_ref()];

        let (_, deleted) = withdraw(&world, nodes, 401, async |id, _| {
            succeed(world.delete(&format!("/v1/api-keys/{id}"))).await
        }).await;
        for node in nodes.into_iter().flatten() {
            let answer = refused(chat(node, &deleted), 401).await;
            assert_eq!(answer.json()["error"]["code"], "03");
        }

        let (rotated, _) = withdraw(&world, nodes, 401, async |id, _| {
            let path = format!("/v1/api-keys/{id}/rotate");
            succeed(world.post(&path, &json!({"key_transition_period_ms": 0}))).await
        }).await;
        let fresh = rotated["key"].as_str().unwrap();
        for node in nodes.into_iter().flatten() {
            succeed(chat(node, fresh)).await;
        }

        // In the overlap of one rotation, another without overlap ends both former secrets.
        let (rotated, _) = withdraw(&world, nodes, 401, async |id, _| {
            let path = format!("/v1/api-keys/{id}/rotate");
            let first = succeed(world.post(&path, &json!({}))).await;
            let second = first["key"].as_str().unwrap();
            for node in nodes.into_iter().flatten() {
                until_status(|| chat(node, second), 200).await;
            }
            let last = succeed(world.post(&path, &json!({"key_transition_period_ms": 0}))).await;
            let start = std::time::Instant::now();
            for node in nodes.into_iter().flatten() {
                until_status(|| chat(node, second), 401).await;
            }
            assert!(start.elapsed() < FELT_WITHIN, "{:?}", start.elapsed());
            last
        }).await;
        for node in nodes.into_iter().flatten() {
            succeed(chat(node, rotated["key"].as_str().unwrap())).await;
        }

        let (_, narrowed) = withdraw(&world, nodes, 403, async |id, _| {
            succeed(world.put(&format!("/v1/api-keys/{id}"), &json!({"scopes": ["logs.view"]}))).await
        }).await;
        let answer = refused(chat(&world.gate, &narrowed), 403).await;
        assert_eq!(answer.json()["error"]["code"], "033");

        let (_, expired) = withdraw(&world, nodes, 401, async |id, now| {
            let body = json!({"expires_at": now});
            succeed(world.put(&format!("/v1/api-keys/{id}"), &body)).await
        }).await;
        for node in nodes.into_iter().flatten() {
            let answer = refused(chat(node, &expired), 401).await;
            assert_eq!(answer.json()["error"]["code"], "01");
        }
    }

    async fn defaults_are_of_the_workspace_and_of_the_key(engine) {
        let world = World::start(engine).await;
        world.virtual_key("openai", "openai").await;
        let workspace = format!("/v1/admin/workspaces/{}", world.made.workspace_slug);
        let (id, key) = world.api_key(&json!({"name": "app", "scopes": ["completions.write"]})).await;
        let refusal = async |call: Call| {
            refused(call, 400).await.json()["message"].as_str().unwrap().to_owned()
        };
        let set = async |workspace_defaults: Value, key_defaults: Value| {
            succeed(world.put(&workspace, &json!({"defaults": workspace_defaults}))).await;
            let path = format!("/v1/api-keys/{id}");
            succeed(world.put(&path, &json!({"defaults": key_defaults}))).await;
        };
        set(
            json!({"metadata": {"team": "blue"}, "config_id": "pc-shared", "input_guardrails": ["pg-words"]}),
            json!({"config_id": "pc-own", "output_guardrails": ["pg-tone"]}),
        )
        .await;
        let shown = succeed(world.get(&workspace)).await["defaults"].clone();
        assert_eq!((&shown["config_id"], &shown["metadata"]["team"]), (&json!("pc-shared"), &json!("blue")));
        assert_eq!(shown["input_guardrails"], json!(["pg-words"]));
        let shown = succeed(world.get(&format!("/v1/api-keys/{id}"))).await["defaults"].clone();
        assert_eq!((&shown["config_id"], &shown["output_guardrails"]), (&json!("pc-own"), &json!(["pg-tone"])));
        // What cannot be looked up yet is refused, in the order in which it would count.
        assert!(refusal(chat(&world.gate, &key)).await.contains("'pc-own'"));
        set(json!({}), json!({"output_guardrails": ["pg-tone"]})).await;
        assert!(refusal(chat(&world.gate, &key)).await.contains("workspace's default config 'pc-shared'"));
        let inline = || chat(&world.gate, &key).header("x-portkey-config", "{}");
        assert!(refusal(inline()).await.contains("workspace's guardrail 'pg-words'"));
        set(json!({"config_id": null, "input_guardrails": []}), json!({"output_guardrails": ["pg-tone"]})).await;
        assert!(refusal(chat(&world.gate, &key)).await.contains("API Key's guardrail 'pg-tone'"));
        set(json!({}), json!({"metadata": {"app": "search"}})).await;
        succeed(chat(&world.gate, &key)).await;
        let start = std::time::Instant::now();
        let log = loop {
            let logs = world.logs().await;
            match logs.iter().find(|log| log["response_status_code"] == 200) {
                Some(log) => break log.clone(),
                None => assert!(start.elapsed() < PATIENCE, "{logs:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let metadata = ["team", "app"].map(|name| log["metadata"][name].clone());
        assert_eq!(metadata, [json!("blue"), json!("search")]);
        for wrong in [json!({"config_id": "not a slug"}), json!({"input_guardrails": vec!["pg-x"; 51]})] {
            refused(world.put(&workspace, &json!({"defaults": wrong.clone()})), 400).await;
            refused(world.put(&format!("/v1/api-keys/{id}"), &json!({"defaults": wrong})), 400).await;
        }
    }

    async fn a_key_expires_by_itself(engine) {
        let world = World::start(engine).await;
        world.virtual_key("openai", "openai").await;
        // The end as it is told: its text has milliseconds.
        let told = SystemClock.now().plus_millis(1500).to_string();
        let end = Timestamp::parse(&told).unwrap();
        let (_, key) = world.api_key(&json!({
            "name": "short", "scopes": ["completions.write"], "expires_at": told,
        })).await;
        succeed(chat(&world.gate, &key)).await;
        until_status(|| chat(&world.gate, &key), 401).await;
        let late = SystemClock.now().micros() - end.micros();
        assert!((0..=1_000_000).contains(&late), "refused {late} µs after its end");
    }

    async fn a_changed_virtual_key_is_felt_within_a_second(engine) {
        let world = World::start(engine).await;
        world.virtual_key("openai", "openai").await;
        let other = other_node(&world).await;
        let nodes = [Some(&world.gate), other.as_ref()];
        for node in nodes.into_iter().flatten() {
            until_status(|| chat(node, &world.made.api_key), 200).await;
        }
        let changed = json!({"key": "sk-second-credential"});
        succeed(world.put("/v1/virtual-keys/openai", &changed)).await;
        for node in nodes.into_iter().flatten() {
            let sent = async || {
                succeed(chat(node, &world.made.api_key)).await;
                let last = world.upstream.requests().pop().expect("a request arrived");
                last.header("authorization") == Some("Bearer sk-second-credential")
            };
            let start = std::time::Instant::now();
            while !sent().await {
                assert!(start.elapsed() < FELT_WITHIN, "the old credential is still in use");
            }
        }
        succeed(world.delete("/v1/virtual-keys/openai")).await;
        for node in nodes.into_iter().flatten() {
            let took = until_status(|| chat(node, &world.made.api_key), 400).await;
            assert!(took < FELT_WITHIN, "{took:?}");
        }
    }
}

/// Makes a key, sees it work on every node, withdraws it, and sees every node refuse it in time.
/// Returns what the withdrawal answered, and the key.
async fn withdraw(
    world: &World,
    nodes: [Option<&Portcullis>; 2],
    status: u16,
    act: impl AsyncFnOnce(&str, &str) -> Value,
) -> (Value, String) {
    let body = json!({"name": "app", "scopes": ["completions.write"]});
    let (id, key) = world.api_key(&body).await;
    for node in nodes.into_iter().flatten() {
        let took = until_status(|| chat(node, &key), 200).await;
        assert!(took < FELT_WITHIN, "a new key took {took:?}");
    }
    let answer = act(&id, &SystemClock.now().to_string()).await;
    let start = std::time::Instant::now();
    for node in nodes.into_iter().flatten() {
        until_status(|| chat(node, &key), status).await;
    }
    assert!(start.elapsed() < FELT_WITHIN, "a withdrawn key took {:?}", start.elapsed());
    (answer, key)
}

/// A second server on the same database, where the engine lets several in.
async fn other_node(world: &World) -> Option<Portcullis> {
    let url = world.database_url.as_ref()?;
    let key = world.gate.setup().data_dir().join("vault.key");
    let setup = Setup::new()
        .env("PORTCULLIS_DATABASE_URL", url)
        .env("PORTCULLIS_VAULT__LOCAL_KEY_FILE", key.to_str().unwrap());
    Some(setup.serve().await)
}

fn chat(node: &Portcullis, key: &str) -> Call {
    let call = client::post(node.url("/v1/chat/completions")).header("x-portkey-api-key", key);
    call.json(&chat_body("gpt-4o-mini")).via("openai")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_server_of_a_database_with_another_vault_key_says_so() {
    let world = World::start(Engine::Postgres).await;
    let url = world.database_url.as_ref().unwrap();
    let foreign = Setup::new().env("PORTCULLIS_DATABASE_URL", url);
    let served = foreign.run(&["serve", "--listen", "127.0.0.1:0"]).unwrap();
    assert!(!served.status.success());
    let said = String::from_utf8_lossy(&served.stderr).into_owned();
    assert!(said.contains("vault"), "{said}");
}
