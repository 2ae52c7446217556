//! An instance with 100,000 API keys.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use portcullis_domain::{
    Actor, ApiKey, ApiKeyDefaults, ApiKeyDigest, ApiKeyKind, Dice as _, Id, OrganisationId, Place,
    Scope, ScopeSet, WorkspaceId,
};
use portcullis_runtime::{SystemClock, SystemDice};
use portcullis_store::{Db, Options};
use portcullis_testkit::{client, process::Setup, upstream::Upstream};
use serde_json::json;

use crate::world::{CREDENTIAL, Via as _, chat_body, refused, succeed, until_status};

const KEYS: u64 = 100_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_keys_are_served_and_one_change_is_felt_at_once() {
    let setup = Setup::new();
    let made = setup.init();
    let url = format!("sqlite://{}", setup.data_dir().join("portcullis.db").display());
    seed(&url, &made.organisation_id, &made.workspace_id).await;

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

async fn seed(url: &str, organisation: &str, workspace: &str) {
    let db = Db::connect(url, Options::new(Arc::new(SystemClock))).await.unwrap();
    let organisation = OrganisationId::parse(organisation).unwrap();
    let workspace = WorkspaceId::parse(workspace).unwrap();
    let place = Place::Organisation(organisation);
    let permit = Actor::operator(organisation).permit(Scope::WorkspacesUpdate, place).unwrap();
    let found = db.read().await.unwrap().tenant(organisation).workspaces().find(workspace).await;
    let workspace = found.unwrap().unwrap();
    let (clock, dice) = (SystemClock, SystemDice);
    let now = portcullis_domain::Clock::now(&clock);
    let done: portcullis_store::Result<()> = db
        .write(async |tx| {
            for n in 0..KEYS {
                let mut digest = [0; 32];
                dice.fill(&mut digest);
                let key = ApiKey {
                    id: Id::mint(&clock, &dice),
                    organisation_id: organisation,
                    workspace_id: workspace.id,
                    environment_id: workspace.default_environment,
                    user_id: None,
                    kind: ApiKeyKind::WorkspaceService,
                    name: format!("key {n}"),
                    description: None,
                    digest: ApiKeyDigest(digest),
                    hint: "pc********xyz".to_owned(),
                    previous: None,
                    scopes: ScopeSet::parse(["completions.write"]).unwrap(),
                    defaults: ApiKeyDefaults { metadata: BTreeMap::new() },
                    expires_at: None,
                    created_at: now,
                    updated_at: now,
                };
                tx.api_keys().insert(&permit, &key).await?;
            }
            Ok(())
        })
        .await;
    done.unwrap();
    db.close().await;
}
