//! An instance with 100,000 API keys.

use std::time::Instant;

use portcullis_testkit::{client, process::Setup, upstream::Upstream};
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};

use crate::world::{CREDENTIAL, Via as _, chat_body, refused, succeed, until_status};

const KEYS: u64 = 100_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_keys_are_served_and_one_change_is_felt_at_once() {
    let setup = Setup::new();
    let made = setup.init();
    let url = format!("sqlite://{}", setup.data_dir().join("portcullis.db").display());
    seed(&url).await;

    let start = Instant::now();
    let gate = setup.serve().await;
    println!("ready with {KEYS} keys after {:?}", start.elapsed());
    let metrics = client::get(format!("http://{}/metrics", gate.metrics_address()));
    let text = metrics.send().await.unwrap().text();
    let counted = text.lines().find(|line| line.contains("api_keys") && !line.starts_with('#'));
    assert!(counted.is_some_and(|line| line.ends_with(&format!(" {}", KEYS + 1))), "{counted:?}");

    let upstream = Upstream::start().await.unwrap();
    let post = |path: &str| client::post(gate.url(path)).bearer(&made.api_key);
    let body = json!({
        "name": "openai", "slug": "openai", "provider": "openai", "key": CREDENTIAL,
        "custom_host": upstream.base_url(),
    });
    succeed(post("/v1/virtual-keys").json(&body)).await;
    let body = json!({"name": "one more", "scopes": ["completions.write"]});
    let start = Instant::now();
    let one = succeed(post("/v1/api-keys/workspace/service").json(&body)).await;
    let key = one["key"].as_str().unwrap();
    let chat = || {
        let call = client::post(gate.url("/v1/chat/completions")).bearer(key);
        call.json(&chat_body("gpt-4o-mini")).via("openai")
    };
    until_status(chat, 200).await;
    println!("a new key works after {:?}", start.elapsed());
    assert!(start.elapsed().as_secs() < 1);

    let path = format!("/v1/api-keys/{}", one["id"].as_str().unwrap());
    succeed(client::delete(gate.url(&path)).bearer(&made.api_key)).await;
    let took = until_status(chat, 401).await;
    assert!(took.as_secs() < 1, "{took:?}");
    refused(chat(), 401).await;
    let page = client::get(gate.url("/v1/api-keys?page_size=2&current_page=49999"));
    let page = succeed(page.bearer(&made.api_key)).await;
    assert_eq!((&page["total"], page["data"].as_array().unwrap().len()), (&json!(KEYS + 1), 2));
}

/// Copies the master key again and again, in the database itself: through the control plane each
/// would leave its trace in the audit trail, which takes a while.
async fn seed(url: &str) {
    let mut database = SqliteConnection::connect(url).await.unwrap();
    let sql = "WITH RECURSIVE numbers (n) AS (
            SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $1
        )
        INSERT INTO api_keys (id, organisation_id, workspace_id, environment_id, kind, name, digest,
            hint, scopes, defaults, created_at, updated_at)
        SELECT randomblob(16), organisation_id, workspace_id, environment_id, 'workspace-service',
            'key ' || n, randomblob(32), 'pc********xyz', '[\"completions.write\"]', '{}',
            created_at, updated_at
        FROM api_keys CROSS JOIN numbers";
    let keys = i64::try_from(KEYS).unwrap();
    let seeded = sqlx::query(sql).bind(keys).execute(&mut database).await.unwrap();
    assert_eq!(seeded.rows_affected(), KEYS);
    database.close().await.unwrap();
}
