//! What a batch took, counted when its output passes.

use portcullis_domain::{
    IntegrationModels, Log, LogState, NanoDollars, StoredContent, UsageSource,
};
use serde_json::{Value, json};

use crate::support::{Answer, Ask, START, World};

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
    node.virtual_key("ours", "openai", "sk-c", &host, IntegrationModels::default()).await;
    assert_eq!(one(&node, "ours", &id).await, ours);
    // Elsewhere, the same id is another's.
    let theirs = batch(&node, "open", &lines).await;
    assert_eq!(theirs, id, "the upstream counts its batches");
    assert_ne!(one(&node, "open", &theirs).await, ours);
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

/// A provider that gives, time and again, the description of a batch and then an answer for its
/// output; where it is.
fn provider_of(batches: Vec<(Value, String)>) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}/v1", listener.local_addr().unwrap());
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
    std::thread::spawn(move || {
        for (batch, output) in batches {
            let batch = batch.to_string();
            let batch = format!("{head}\r\ncontent-length: {}\r\n\r\n{batch}", batch.len());
            for answer in [batch, output] {
                let mut stream = listener.accept().unwrap().0;
                assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
                stream.write_all(answer.as_bytes()).unwrap();
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                // Until the other side has seen it.
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
    });
    host
}

/// What the provider tells of a batch that has ended, changed so.
fn described(change: Value) -> Value {
    let mut batch = json!({"id": "batch_1", "output_file_id": "file-1", "status": "completed",
        "created_at": 1_750_000_000});
    for (name, value) in change.as_object().unwrap() {
        batch[name] = value.clone();
    }
    batch
}

/// An answer that states its length.
fn answer(status: &str, length: usize, more: &str, body: &str) -> String {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n");
    format!("{head}{more}\r\n{body}")
}

/// How many logs of batches come of one such output.
async fn counted(world: &World, batch: Value, answer: String) -> usize {
    let host = provider_of(vec![(batch, answer)]);
    world.virtual_key("own", "openai", "sk-a", &host, IntegrationModels::default()).await;
    output(world, "own", "batch_1").await;
    logs(world).0.len()
}

#[tokio::test]
async fn what_is_not_the_whole_output_of_a_batch_does_not_count() {
    let world = World::new().await;
    let lines = chat("gpt-4o-mini", 1000, 100).repeat(3);
    let cut = &lines[..lines.len() / 3 * 2];
    let until_close = |body: &str| format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
         {:x}\r\n{lines}\r\n0\r\n\r\n",
        lines.len()
    );
    let whole = || answer("200 OK", lines.len(), "", &lines);
    let silent = || described(json!({}));
    let stated = |completed: u64, failed: u64, error_file: Value| {
        let counts = json!({"total": 9, "completed": completed, "failed": failed});
        described(json!({"request_counts": counts, "error_file_id": error_file}))
    };
    let (none, errors) = (|| Value::Null, || json!("file-e"));
    let part = "content-range: bytes 0-9/99\r\n";
    for (n, (batch, answer, counts)) in [
        (silent(), whole(), 1),
        (silent(), chunked, 1),
        // Cut off, by its length or by its last line.
        (silent(), answer("200 OK", lines.len() + 1, "", &lines), 0),
        (silent(), until_close(&lines[..lines.len() - 9]), 0),
        (silent(), answer("206 Partial Content", lines.len(), part, &lines), 0),
        (silent(), answer("200 OK", lines.len(), "content-encoding: gzip\r\n", &lines), 0),
        (silent(), answer("404 Not Found", lines.len(), "", &lines), 0),
        // Between two lines, nothing shows it but the batch's own count.
        (silent(), until_close(cut), 0),
        (silent(), until_close(&lines), 0),
        (stated(0, 0, none()), until_close(&lines), 0),
        (stated(3, 0, none()), until_close(cut), 0),
        (stated(3, 0, none()), until_close(&lines), 1),
        (stated(3, 0, none()), answer("200 OK", cut.len(), "", cut), 0),
        (stated(2, 0, none()), answer("200 OK", cut.len(), "", cut), 1),
        // What failed is in the output, or in a file of its own.
        (stated(2, 1, none()), answer("200 OK", cut.len(), "", cut), 0),
        (stated(2, 1, none()), whole(), 1),
        (stated(2, 1, errors()), answer("200 OK", cut.len(), "", cut), 1),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(counted(&world, batch, answer).await, counts, "{n}");
    }
}

#[tokio::test]
async fn only_a_batch_that_has_ended_and_says_when_it_was_made_counts() {
    const DAY: i64 = 24 * 3600;
    let world = World::new().await;
    let lines = chat("gpt-4o-mini", 1000, 100);
    let now = START / 1_000_000;
    let status = |status: Value| json!({"status": status});
    let made = |at: Value| json!({"created_at": at});
    for (change, counts) in [
        (status(json!("expired")), 1),
        (status(json!("cancelled")), 1),
        (status(json!("failed")), 1),
        (status(json!("COMPLETED")), 1),
        (status(json!("in_progress")), 0),
        (status(json!("finalizing")), 0),
        (status(json!("cancelling")), 0),
        (status(Value::Null), 0),
        (json!({"id": null}), 0),
        (made(json!(1_750_000_000.5)), 1),
        (made(Value::Null), 0),
        (made(json!(-1)), 0),
        // 13 months, and a clock that is a little ahead.
        (made(json!(now - 396 * DAY)), 1),
        (made(json!(now - 397 * DAY)), 0),
        (made(json!(now + 240)), 1),
        (made(json!(now + 360)), 0),
    ] {
        let whole = answer("200 OK", lines.len(), "", &lines);
        let found = counted(&world, described(change.clone()), whole).await;
        assert_eq!(found, counts, "{change}");
    }
}

#[tokio::test]
async fn a_batch_is_told_apart_by_its_place_and_time() {
    let world = World::new().await;
    let lines = chat("gpt-4o-mini", 1000, 100);
    let whole = || answer("200 OK", lines.len(), "", &lines);
    let other = described(json!({"created_at": 1_750_000_001}));
    let batches = [described(json!({})), described(json!({})), other, described(json!({}))];
    let host = provider_of(batches.into_iter().map(|batch| (batch, whole())).collect());
    let elsewhere = provider_of(vec![(described(json!({})), whole())]);
    let mut ids = Vec::new();
    for (n, host) in
        [&host, &host, &host, &format!("{host}/other"), &elsewhere].into_iter().enumerate()
    {
        let slug = format!("own-{n}");
        world.virtual_key(&slug, "openai", "sk-a", host, IntegrationModels::default()).await;
        output(&world, &slug, "batch_1").await;
        let (batches, call) = logs(&world);
        let [log] = &batches[..] else { panic!("{batches:?}") };
        // A span of its own, below the call's.
        assert_eq!(log.parent_span_id.as_deref(), Some(&*call.span_id));
        assert!(log.span_id.len() == 16 && log.span_id != call.span_id, "{}", log.span_id);
        assert_eq!(log.trace_id, call.trace_id);
        ids.push(log.id);
    }
    assert_eq!(ids[0], ids[1]);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
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
