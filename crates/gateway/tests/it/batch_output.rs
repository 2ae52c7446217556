//! `/v1/batches/{id}/output`: the batch first, then the content of the file that it names.

use portcullis_domain::{IntegrationModels, LogState, NanoDollars};
use serde_json::{Value, json};

use crate::support::{Answer, Ask, World, form};

/// A batch of the virtual key that is as `metadata` say, and its id.
async fn batch(world: &World, key: &str, metadata: Value) -> String {
    let (kind, body) = form(&[("purpose", "batch")]);
    let upload = Ask::new("POST", "/v1/files").header("content-type", kind).body(body);
    let file = world.send(upload.header("x-portkey-virtual-key", key)).await.json();
    let create = json!({"input_file_id": file["id"], "endpoint": "/v1/chat/completions",
        "completion_window": "24h", "metadata": metadata});
    let create = Ask::post("/v1/batches", &create).header("x-portkey-virtual-key", key);
    let batch = world.send(create).await.json();
    world.recorder.forget();
    batch["id"].as_str().unwrap_or_else(|| panic!("{batch}")).to_owned()
}

async fn output(world: &World, key: &str, id: &str) -> Answer {
    let ask = Ask::new("GET", &format!("/v1/batches/{id}/output"));
    world.send(ask.header("x-portkey-virtual-key", key)).await
}

#[tokio::test]
async fn the_output_of_a_batch_comes_in_one_call() {
    let world = World::new().await;
    for (key, provider, prefix, secret) in [
        ("open", "openai", "/v1", ("authorization", "Bearer sk-vaulted-openai-7f3a9c")),
        ("azure", "azure-openai", "/openai", ("api-key", "sk-vaulted-azure")),
    ] {
        let id = batch(&world, key, json!({"status": "completed"})).await;
        let answer = output(&world, key, &id).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let lines: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(answer.body, lines);
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("x-portkey-provider"), provider);

        let requests = world.upstream.requests();
        let paths: Vec<&str> = requests.iter().map(|request| &*request.path).collect();
        let serial = id.strip_prefix("batch_").unwrap();
        assert_eq!(
            paths,
            [format!("{prefix}/batches/{id}"), format!("{prefix}/files/file-out-{serial}/content")]
        );
        for request in &requests {
            assert_eq!(request.header(secret.0), Some(secret.1));
            assert_eq!(request.query.contains("api-version"), key == "azure");
        }
        // Each request was recorded before it was made, and the call once.
        let opened = world.recorder.opened();
        let seen: Vec<(u32, usize)> =
            opened.iter().map(|(log, seen)| (log.attempts, *seen)).collect();
        assert_eq!(seen, [(1, 0), (2, 1)]);
        let log = world.only_log();
        assert!(opened.iter().all(|(opened, _)| opened.id == log.id));
        assert_eq!((log.state, log.is_success, log.attempts), (LogState::Finished, true, 2));
        assert_eq!((&*log.endpoint, log.cost), ("getBatchOutput", Some(NanoDollars(0))));
        assert_eq!((log.response_bytes, log.retry_success_count), (256, 0));
        assert_eq!(world.content().await, [None, Some(lines)]);
        world.recorder.forget();
    }
}

#[tokio::test]
async fn a_batch_without_output_is_told_with_its_status() {
    let world = World::new().await;
    for (metadata, expected) in [
        (json!({}), "no output yet: its status is 'validating'"),
        (json!({"status": "in_progress"}), "no output yet: its status is 'in_progress'"),
        (json!({"status": "expired"}), "no output: its status is 'expired'"),
        (
            json!({"status": "failed", "error_file_id": "file-e"}),
            "no output: its status is 'failed', and its errors are in the file 'file-e'",
        ),
    ] {
        let id = batch(&world, "open", metadata).await;
        let answer = output(&world, "open", &id).await;
        let message = answer.refused(404, None);
        assert!(message.contains(expected), "{message}");
        assert_eq!(answer.json()["error"]["type"], "not_found_error");
        let log = world.only_log();
        assert_eq!((log.state, log.error.as_deref()), (LogState::Failed, Some("output_missing")));
        assert_eq!((log.attempts, log.cost), (1, Some(NanoDollars(0))));
        assert_eq!(log.response_status, Some(404));
    }
}

#[tokio::test]
async fn what_the_provider_refuses_is_the_calls_answer() {
    let world = World::new().await;
    let answer = output(&world, "open", "batch_unknown").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("openai error: No such object."), "{}", answer.text());
    assert_eq!(world.only_log().attempts, 1);
    world.recorder.forget();

    // The batch is there, its file is not.
    let lost = json!({"status": "completed", "output_file_id": "file-lost"});
    let id = batch(&world, "open", lost).await;
    assert_eq!(output(&world, "open", &id).await.status, 404);
    let log = world.only_log();
    assert_eq!((log.attempts, log.error.as_deref()), (2, Some("provider_error")));
    world.recorder.forget();

    // A name that is no file's: nothing is asked for with it.
    let id = batch(&world, "open", json!({"output_file_id": "../models"})).await;
    output(&world, "open", &id).await.refused(502, None);
    assert_eq!(world.upstream.count(), 1);
    world.recorder.forget();

    let garbage = Ask::new("GET", "/v1/batches/b1/output?script=garbage");
    let answer = world.send(garbage.header("x-portkey-virtual-key", "open")).await;
    assert!(answer.refused(502, None).contains("no JSON object"));
}

#[tokio::test]
async fn a_description_too_large_to_be_a_batch_is_not_read_on() {
    let world = World::new().await;
    let id = batch(&world, "open", json!({"padding": "x".repeat(2 << 20)})).await;
    let message = output(&world, "open", &id).await.refused(502, None);
    assert!(message.contains("larger answer"), "{message}");
}

#[tokio::test]
async fn a_dialect_without_such_batches_says_so() {
    let world = World::new().await;
    let host = world.upstream.base_url();
    world.virtual_key("own", "anthropic", "sk-a", &host, IntegrationModels::default()).await;
    let message = output(&world, "own", "b1").await.refused(400, None);
    assert!(message.contains("'getBatchOutput'"), "{message}");
    assert_eq!(world.upstream.count(), 0);
}
