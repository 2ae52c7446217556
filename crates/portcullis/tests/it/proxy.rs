//! Behind a proxy: whose word is taken for where a request came from.

use portcullis_testkit::client;
use serde_json::json;

use crate::world::{Engine, Via as _, World, chat_body, succeed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trusted_proxy_says_where_a_request_came_from() {
    let trusting = |setup: portcullis_testkit::process::Setup| {
        setup.env("PORTCULLIS_SERVER__TRUSTED_PROXIES", "127.0.0.1")
    };
    let world = World::start_with(Engine::Sqlite, trusting).await;
    world.virtual_key("openai", "openai").await;
    let body = json!({
        "name": "confined", "scopes": ["completions.write", "virtual_keys.list"],
        "allowed_addresses": ["192.0.2.0/24"],
    });
    let (_, key) = world.api_key(&body).await;
    for (forwarded, status) in [
        ("192.0.2.7", 200),
        // What stands before the proxy's own word is the client's invention.
        ("192.0.2.7, 198.51.100.1", 403),
        ("198.51.100.1, 192.0.2.7", 200),
        ("nonsense", 403),
    ] {
        let chat = client::post(world.gate.url("/v1/chat/completions")).bearer(&key);
        let chat = chat.json(&chat_body("gpt-4o-mini")).via("openai");
        let chat = chat.header("x-forwarded-for", forwarded).send().await.unwrap();
        assert_eq!(chat.status, status, "{forwarded}: {}", chat.text());
        let list = client::get(world.gate.url("/v1/virtual-keys")).bearer(&key);
        let list = list.header("x-forwarded-for", forwarded).send().await.unwrap();
        assert_eq!(list.status, status, "{forwarded}: {}", list.text());
    }
    let told = world.get("/v1/admin/audit-logs?client_ip=192.0.2.7&user_type=api_key");
    assert_eq!(succeed(told).await["total"], 2);

    // Untrusted, the same header is as if it were not there.
    let world = World::start(Engine::Sqlite).await;
    let (_, key) = world.api_key(&body).await;
    let list = client::get(world.gate.url("/v1/virtual-keys")).bearer(&key);
    let list = list.header("x-forwarded-for", "192.0.2.7").send().await.unwrap();
    assert_eq!(list.status, 403, "{}", list.text());
}
