//! What a batch took, counted when its output passes.

use portcullis_domain::{
    IntegrationModels, Log, LogState, NanoDollars, StoredContent, UsageSource,
};
use serde_json::{Value, json};

use crate::support::{Answer, Ask, World};

/// When the upstream says that its batches were made.
const MADE: i64 = 1_750_000_000_000_000;

fn line(model: &str, usage: Value) -> String {
    let body = json!({"id": "x", "object": "chat.completion", "model": model, "usage": usage});
    let response = json!({"status_code": 200, "request_id": "r", "body": body});
    format!("{}\n", json!({"id": "b", "custom_id": "c", "response": response, "error": null}))
}

fn chat(model: &str, input: u64, output: u64) -> String {
    line(model, json!({"prompt_tokens": input, "completion_tokens": output}))
}

/// A completed batch whose output is `lines`, and its id.
async fn batch(world: &World, key: &str, lines: &str) -> String {
    let form = format!(
        "--cut\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
         --cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\
         content-type: application/jsonl\r\n\r\n{lines}\r\n--cut--\r\n"
    );
    let upload = Ask::new("POST", "/v1/files")
        .header("content-type", "multipart/form-data; boundary=cut")
        .body(form);
    let file = world.send(upload.header("x-portkey-virtual-key", key)).await.json();
    let create = json!({"input_file_id": file["id"], "endpoint": "/v1/chat/completions",
        "completion_window": "24h", "metadata": {"status": "completed"}});
    let create = Ask::post("/v1/batches", &create).header("x-portkey-virtual-key", key);
    let batch = world.send(create).await.json();
    world.recorder.forget();
    batch["id"].as_str().unwrap_or_else(|| panic!("{batch}")).to_owned()
}

fn fetch(key: &str, id: &str, query: &str) -> Ask {
    let ask = Ask::new("GET", &format!("/v1/batches/{id}/output{query}"));
    ask.header("x-portkey-virtual-key", key)
}

async fn output(world: &World, key: &str, id: &str) -> Answer {
    world.send(fetch(key, id, "")).await
}

/// The logs of batches, and that of the one call beside them.
fn logs(world: &World) -> (Vec<Log>, Log) {
    let (batches, mut calls): (Vec<_>, Vec<_>) =
        world.recorder.closed().into_iter().partition(|log| log.endpoint == "batch");
    assert_eq!(calls.len(), 1, "{calls:?}");
    world.recorder.forget();
    (batches, calls.remove(0))
}

#[tokio::test]
async fn a_batch_is_one_log_with_what_its_lines_took() {
    let world = World::new().await;
    let lines = chat("gpt-4o-mini", 1000, 100) + &chat("gpt-4o-mini", 500, 0);
    for (key, provider) in [("open", "openai"), ("azure", "azure-openai")] {
        let id = batch(&world, key, &lines).await;
        // However the provider cuts it, the client gets what it sent.
        let mut first: Option<Log> = None;
        for query in ["", "?script=split-1", "?script=split-7"] {
            let answer = world.send(fetch(key, &id, query)).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (200, &*lines));
            let (batches, call) = logs(&world);
            // The call itself costs nothing, and comes to what it always came to.
            assert_eq!((&*call.endpoint, call.cost), ("getBatchOutput", Some(NanoDollars(0))));
            assert_eq!((call.usage.input_tokens, call.state), (None, LogState::Finished));
            let [log] = &batches[..] else { panic!("{batches:?}") };
            assert_ne!(log.id, call.id);
            assert_eq!((log.usage.input_tokens, log.usage.output_tokens), (Some(1500), Some(100)));
            // Half of 0.15 and of 0.60 dollars a million.
            assert_eq!(
                (log.usage_source, log.cost),
                (UsageSource::Provider, Some(NanoDollars(142_500)))
            );
            assert!(log.price_origin.is_some());
            assert_eq!(log.model_served.as_deref(), Some("gpt-4o-mini"));
            assert_eq!(log.upstream_id.as_deref(), Some(&*id));
            assert_eq!(log.request_url, format!("/v1/batches/{id}/output"));
            assert_eq!(log.created_at.micros(), MADE);
            assert_eq!((log.state, log.is_success), (LogState::Finished, true));
            assert_eq!(
                (log.provider.as_deref(), log.virtual_key.as_deref()),
                (Some(provider), Some(key))
            );
            assert_eq!(log.stored_content, StoredContent::None);
            assert_eq!((log.attempts, log.response_bytes, log.timings.total), (0, 0, 0));
            // Told as often as it is fetched, and each time the same: the store takes it once.
            let same = first.get_or_insert_with(|| log.clone());
            assert_eq!((log.id, log.created_at), (same.id, same.created_at));
        }
    }
}

#[tokio::test]
async fn a_batch_is_the_same_through_another_node_and_key_and_no_other_batch() {
    let world = World::new().await;
    let lines = chat("gpt-4o-mini", 1000, 100);
    let id = batch(&world, "open", &lines).await;
    let one = async |world: &World, key: &str, id: &str| {
        assert_eq!(output(world, key, id).await.status, 200);
        let (batches, _) = logs(world);
        batches.into_iter().map(|log| log.id).collect::<Vec<_>>()
    };
    let ours = one(&world, "open", &id).await;
    assert_eq!(ours.len(), 1);
    // Another integration with the same provider.
    let host = world.upstream.base_url();
    world.virtual_key("twin", "openai", "sk-b", &host, IntegrationModels::default()).await;
    assert_eq!(one(&world, "twin", &id).await, ours);
    // Another node: of what identifies the batch, nothing is this process's own.
    let node = World::new().await;
    let twin = batch(&node, "open", &lines).await;
    assert_eq!(twin, id, "the upstream counts its batches");
    assert_eq!(one(&node, "open", &twin).await, ours);
    // What differs is another one.
    let other = batch(&world, "open", &lines).await;
    let other_provider = batch(&world, "azure", &lines).await;
    let other_organisation = world.another_organisation().await;
    let others = [
        one(&world, "open", &other).await,
        one(&world, "azure", &other_provider).await,
        one(&other_organisation, "open", &id).await,
    ];
    assert!(others.iter().all(|ids| ids.len() == 1 && *ids != ours), "{others:?}");
}

#[tokio::test]
async fn each_model_has_a_log_of_its_own() {
    let world = World::new().await;
    let lines = chat("gpt-4o", 1000, 0) + &chat("gpt-4o-mini", 1000, 0) + &chat("unheard-of", 1, 1);
    let id = batch(&world, "open", &lines).await;
    output(&world, "open", &id).await;
    let (batches, _) = logs(&world);
    let found: Vec<_> =
        batches.iter().map(|log| (log.model_served.as_deref().unwrap(), log.cost)).collect();
    let priced = |nano| Some(NanoDollars(nano));
    let expected = [
        ("gpt-4o", priced(1_250_000)),
        ("gpt-4o-mini", priced(75_000)),
        // Without a price, and not free.
        ("unheard-of", None),
    ];
    assert_eq!(found, expected);
    let mut ids: Vec<_> = batches.iter().map(|log| log.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn a_line_without_usage_is_not_free_and_one_of_an_error_costs_nothing() {
    let world = World::new().await;
    let refused = json!({"status_code": 400, "body": {"error": {"message": "no"}}});
    let refused = format!("{}\n", json!({"custom_id": "c", "response": refused}));
    let expired =
        format!("{}\n", json!({"custom_id": "c", "response": null, "error": {"code": "e"}}));
    let known = chat("gpt-4o-mini", 1000, 0);
    let silent = line("gpt-4o-mini", Value::Null);
    for (lines, costs) in [
        ([&*known, &refused, &expired].concat(), vec![Some(NanoDollars(75_000))]),
        ([&*known, &silent].concat(), vec![None]),
        ([&*known, "{\"custom_id\":\"1\"}\n"].concat(), vec![Some(NanoDollars(75_000)), None]),
        ([&*refused, &expired].concat(), vec![]),
    ] {
        let id = batch(&world, "open", &lines).await;
        assert_eq!(output(&world, "open", &id).await.text(), lines);
        let (batches, _) = logs(&world);
        let found: Vec<_> = batches.iter().map(|log| log.cost).collect();
        assert_eq!(found, costs, "{lines}");
        assert!(batches.iter().all(|log| log.usage.input_tokens != Some(0)));
    }
}

#[tokio::test]
async fn without_content_a_batch_is_counted_all_the_same() {
    let world = World::new().await;
    let id = batch(&world, "open", &chat("gpt-4o-mini", 1000, 0)).await;
    world.send(fetch("open", &id, "").header("x-portkey-debug", "false")).await;
    assert!(world.recorder.contents().iter().all(Option::is_none));
    let (batches, _) = logs(&world);
    assert_eq!(batches[0].cost, Some(NanoDollars(75_000)));
}

/// A provider that gives the description of a batch, and then this answer for its output; where it
/// is.
fn provider_of(batch: &Value, output: String) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}/v1", listener.local_addr().unwrap());
    let batch = batch.to_string();
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
    let batch = format!("{head}\r\ncontent-length: {}\r\n\r\n{batch}", batch.len());
    std::thread::spawn(move || {
        for answer in [batch, output] {
            let mut stream = listener.accept().unwrap().0;
            assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
            stream.write_all(answer.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            // Until the other side has seen it.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    host
}

#[tokio::test]
async fn what_is_not_the_whole_output_of_a_dated_batch_does_not_count() {
    let world = World::new().await;
    let lines = chat("gpt-4o-mini", 1000, 100).repeat(3);
    let head = |status: &str, length: usize, more: &str| {
        format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n{lines}"
        )
    };
    let until_close =
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", &lines[..lines.len() - 9]);
    let whole = || head("200 OK", lines.len(), "");
    let dated = |at: Value| json!({"id": "batch_1", "output_file_id": "file-1", "created_at": at});
    let good = dated(json!(1_750_000_000));
    let nameless = json!({"output_file_id": "file-1", "created_at": 1_750_000_000});
    for (n, (batch, answer, counts)) in [
        (&good, whole(), 1),
        (&dated(json!(1_750_000_000.5)), whole(), 1),
        // Cut off, by its length or by its last line.
        (&good, head("200 OK", lines.len() + 1, ""), 0),
        (&good, until_close, 0),
        (&good, head("206 Partial Content", lines.len(), "content-range: bytes 0-9/99\r\n"), 0),
        (&good, head("200 OK", lines.len(), "content-encoding: gzip\r\n"), 0),
        (&good, head("404 Not Found", lines.len(), ""), 0),
        (&nameless, whole(), 0),
        (&dated(json!(null)), whole(), 0),
        (&dated(json!(-1)), whole(), 0),
        // Years ahead of the clock: no month is made for it.
        (&dated(json!(4_000_000_000_i64)), whole(), 0),
    ]
    .into_iter()
    .enumerate()
    {
        let (host, slug) = (provider_of(batch, answer), format!("own-{n}"));
        world.virtual_key(&slug, "openai", "sk-a", &host, IntegrationModels::default()).await;
        output(&world, &slug, "batch_1").await;
        assert_eq!(logs(&world).0.len(), counts, "{n}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_early_counts_nothing() {
    let world = World::new().await;
    let id = batch(&world, "open", &chat("gpt-4o-mini", 1000, 0).repeat(4)).await;
    // What it does not read does not pass.
    drop(world.begin(fetch("open", &id, "?script=split-64")).await);
    let (batches, call) = logs(&world);
    assert_eq!((batches.len(), call.state), (0, LogState::HungUp));
    output(&world, "open", &id).await;
    assert_eq!(logs(&world).0.len(), 1);
}
