//! `x-portkey-retry-count` and a config's `retry`: the same target, tried again (data-plane
//! reference §6).

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use portcullis_domain::{IntegrationModels, Log, LogState, NanoDollars};
use portcullis_gateway::GatewaySettings;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::support::{Answer, Ask, World};

/// With waits that nobody notices.
async fn world() -> World {
    World::with(GatewaySettings { retry_wait: Duration::from_millis(1), ..Default::default() })
        .await
}

/// A provider whose answers have these statuses, in turn; the last stays. 0 hangs up instead, 1
/// never answers. What it was sent is kept.
struct Turns {
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Turns {
    async fn take(world: &World, statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::spawn(async move {
            for turn in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let status = *statuses.get(turn).or(statuses.last()).unwrap();
                let body = read(&mut stream).await;
                kept.lock().unwrap().push(body);
                if status == 0 {
                    continue;
                }
                let answer = match status {
                    200 => {
                        r#"{"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#
                    }
                    _ => r#"{"error":{"message":"no"}}"#,
                };
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\
                     \r\nretry-after-ms: 2\r\nconnection: close\r\n\r\n{answer}",
                    answer.len()
                );
                if status > 1 {
                    stream.write_all(head.as_bytes()).await.unwrap();
                }
                // Whoever does not want it hangs up.
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        });
        let host = format!("http://{address}/v1");
        world.virtual_key("turns", "openai", "sk-x", &host, IntegrationModels::default()).await;
        Self { bodies }
    }

    fn count(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }
}

async fn read(stream: &mut tokio::net::TcpStream) -> String {
    let mut text = String::new();
    loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if read == 0 || body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return body.to_owned();
        }
    }
}

fn chat(count: &str) -> Ask {
    Ask::chat("@turns/gpt-4o-mini").header("x-portkey-retry-count", count)
}

/// A call whose config has this rule.
fn ruled(model: &str, retry: &Value) -> Ask {
    Ask::chat(model).header("x-portkey-config", json!({ "retry": retry }).to_string())
}

#[track_caller]
fn counted(answer: &Answer, log: &Log, attempts: u32, count: i32) {
    assert_eq!(answer.header("x-portkey-retry-attempt-count"), count.to_string());
    assert_eq!((log.attempts, log.retry_success_count), (attempts, count));
}

#[tokio::test]
async fn what_may_pass_is_tried_again_until_it_has_passed() {
    let world = world().await;
    let turns = Turns::take(&world, &[429, 500, 502, 503, 529, 200]).await;
    let answer = world.send(chat("5")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let log = world.only_log();
    counted(&answer, &log, 6, 5);
    assert_eq!((log.state, log.is_success), (LogState::Finished, true));
    assert_eq!((log.usage.input_tokens, log.usage.output_tokens), (Some(3), Some(4)));
    let bodies = turns.bodies.lock().unwrap().clone();
    assert!(bodies.iter().all(|body| *body == bodies[0] && body.contains("gpt-4o-mini")));
    // Each was recorded before it was made, as the same call.
    let attempts: Vec<u32> = world.recorder.opened().iter().map(|(log, _)| log.attempts).collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5, 6]);
    assert!(world.recorder.opened().iter().all(|(opened, _)| opened.id == log.id));
}

#[tokio::test]
async fn a_stream_is_tried_again_before_it_begins_and_never_afterwards() {
    let world = world().await;
    let retried = |ask: Ask| ask.header("x-portkey-retry-count", "2");
    for script in ["die-after-2-chunks", "error-after-2-chunks", "chunks-3"] {
        let answer = world.send(retried(Ask::stream(&format!("@open/{script}")))).await;
        counted(&answer, &world.only_log(), 1, 0);
        assert_eq!(world.upstream.count(), 1);
        world.recorder.forget();
    }
    let answer = world.send(retried(Ask::stream("@open/status-503"))).await;
    assert_eq!(answer.status, 503);
    counted(&answer, &world.only_log(), 3, -1);
}

#[tokio::test]
async fn when_all_have_failed_the_last_answer_stands_and_costs_nothing() {
    let world = world().await;
    let turns = Turns::take(&world, &[500, 503, 429]).await;
    let answer = world.send(chat("2")).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json()["error"]["message"], "openai error: no");
    let log = world.only_log();
    counted(&answer, &log, 3, -1);
    assert_eq!((log.response_status, log.cost), (Some(429), Some(NanoDollars(0))));
    assert_eq!(turns.count(), 3);
}

#[tokio::test]
async fn only_what_may_pass_is_tried_again() {
    let world = world().await;
    for status in [400, 401, 404, 408, 409, 501] {
        let ask = Ask::chat(&format!("@open/status-{status}")).header("x-portkey-retry-count", "3");
        let answer = world.send(ask).await;
        assert_eq!(answer.status.as_u16(), status);
        counted(&answer, &world.only_log(), 1, 0);
        world.recorder.forget();
    }
    // A request that may have been read is not sent twice.
    let turns = Turns::take(&world, &[0]).await;
    let answer = world.send(chat("3")).await;
    answer.refused(502, None);
    counted(&answer, &world.only_log(), 1, 0);
    assert_eq!(turns.count(), 1);
    world.recorder.forget();
    // Another kind of failure ends it.
    let turns = Turns::take(&world, &[500, 400]).await;
    let answer = world.send(chat("3")).await;
    assert_eq!(answer.status, 400);
    counted(&answer, &world.only_log(), 2, -1);
    assert_eq!(turns.count(), 2);
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_tried_again() {
    let world = world().await;
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let host = format!("http://127.0.0.1:{port}/v1");
    world.virtual_key("gone", "openai", "sk-x", &host, IntegrationModels::default()).await;
    let ask = Ask::chat("@gone/gpt-4o-mini").header("x-portkey-retry-count", "2");
    let answer = world.send(ask).await;
    answer.refused(503, None);
    let log = world.only_log();
    counted(&answer, &log, 3, -1);
    assert_eq!(
        (log.error.as_deref(), log.cost),
        (Some("upstream_unreachable"), Some(NanoDollars(0)))
    );
}

#[tokio::test]
async fn each_attempt_has_the_time_that_the_call_allows() {
    let world = world().await;
    let turns = Turns::take(&world, &[503, 1]).await;
    let answer = world.send(chat("3").header("x-portkey-request-timeout", "200")).await;
    answer.refused(408, None);
    counted(&answer, &world.only_log(), 2, -1);
    assert_eq!(turns.count(), 2);
}

#[tokio::test]
async fn a_body_that_streams_by_is_not_sent_twice() {
    let world = world().await;
    let ask = Ask::new("POST", "/v1/blobs?script=status-503")
        .header("x-portkey-virtual-key", "open")
        .header("x-portkey-retry-count", "3")
        .header("content-type", "application/octet-stream");
    let answer = world.send(ask.body("abc")).await;
    assert_eq!(answer.status, 503);
    counted(&answer, &world.only_log(), 1, 0);
}

#[tokio::test]
async fn a_client_that_hangs_up_while_we_wait_ends_the_call() {
    let settings = GatewaySettings { retry_wait: Duration::from_secs(3600), ..Default::default() };
    let world = World::with(settings).await;
    let turns = Turns::take(&world, &[503]).await;
    let mut call = Box::pin(world.send(chat("3")));
    while turns.count() == 0 {
        let step = Duration::from_millis(5);
        assert!(tokio::time::timeout(step, &mut call).await.is_err(), "it did not wait");
    }
    let settled = Duration::from_millis(50);
    assert!(tokio::time::timeout(settled, &mut call).await.is_err(), "it did not wait");
    drop(call);
    let log = world.only_log();
    assert_eq!((log.state, log.response_status), (LogState::HungUp, Some(499)));
    assert_eq!((log.attempts, log.cost), (1, Some(NanoDollars(0))));
    assert_eq!(turns.count(), 1);
}

#[tokio::test]
async fn both_steps_of_a_batchs_output_share_the_retries() {
    let world = world().await;
    let ask = Ask::new("GET", "/v1/batches/b1/output?script=status-500");
    let ask = ask.header("x-portkey-virtual-key", "open").header("x-portkey-retry-count", "2");
    let answer = world.send(ask).await;
    assert_eq!(answer.status, 500);
    counted(&answer, &world.only_log(), 3, -1);
}

#[tokio::test]
async fn a_count_that_makes_no_sense_is_refused() {
    let world = world().await;
    for count in ["6", "-1", "many", "", "1.5", "300"] {
        let ask = Ask::chat("@open/gpt-4o-mini").header("x-portkey-retry-count", count);
        let message = world.send(ask).await.refused(400, None);
        assert!(message.contains("from 0 to 5"), "{message}");
    }
    assert_eq!(world.upstream.count(), 0);
    let none = Ask::post("/v1/embeddings", &json!({"model": "@open/e", "input": "a"}));
    let answer = world.send(none.header("x-portkey-retry-count", "0")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-portkey-retry-attempt-count")),
        (200, "0")
    );
}

#[tokio::test]
async fn a_config_says_when_its_target_is_tried_again() {
    let world = world().await;
    let turns = Turns::take(&world, &[429, 500, 200]).await;
    let answer = world.send(ruled("@turns/gpt-4o-mini", &json!({"attempts": 3}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    counted(&answer, &world.only_log(), 3, 2);
    assert_eq!(turns.count(), 3);
    world.recorder.forget();
    // Its statuses replace the others.
    for (status, attempts, count) in [(404, 3, -1), (408, 3, -1), (429, 1, 0), (503, 1, 0)] {
        let retry = json!({"attempts": 2, "on_status_codes": [404, 408]});
        let answer = world.send(ruled(&format!("@open/status-{status}"), &retry)).await;
        assert_eq!(answer.status.as_u16(), status);
        counted(&answer, &world.only_log(), attempts, count);
        world.recorder.forget();
    }
    // An answer that came too late is a 408, and a success stays one.
    let _turns = Turns::take(&world, &[1, 200]).await;
    let retry = json!({"attempts": 1, "onStatusCodes": [200, 408]});
    let ask = ruled("@turns/gpt-4o-mini", &retry).header("x-portkey-request-timeout", "200");
    let answer = world.send(ask).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    counted(&answer, &world.only_log(), 2, 1);
}

#[tokio::test]
async fn a_configs_rule_counts_and_not_the_header() {
    let world = world().await;
    for (retry, attempts) in [
        (json!({"attempts": 2}), 3),
        (json!({"attempts": 0}), 1),
        (json!({"attempts": 3, "on_status_codes": [500]}), 1),
        (json!(null), 2),
    ] {
        let ask = ruled("@open/status-503", &retry).header("x-portkey-retry-count", "1");
        let answer = world.send(ask).await;
        counted(&answer, &world.only_log(), attempts, if attempts == 1 { 0 } else { -1 });
        world.recorder.forget();
    }
    let ask = ruled("@open/status-503", &json!({"attempts": 1}));
    world.send(ask.header("x-portkey-retry-count", "6")).await.refused(400, None);
}

#[tokio::test]
async fn a_provider_with_too_much_to_do_says_how_long_to_wait() {
    // Whoever waits by itself waits too long for this test.
    let settings = GatewaySettings { retry_wait: Duration::from_secs(3600), ..Default::default() };
    let world = World::with(settings).await;
    let turns = Turns::take(&world, &[429, 429, 200]).await;
    let retry = json!({"attempts": 5, "use_retry_after_header": true});
    let answer = world.send(ruled("@turns/gpt-4o-mini", &retry)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    counted(&answer, &world.only_log(), 3, 2);
    assert_eq!(turns.count(), 3);
    world.recorder.forget();
    // A minute is too long: the answer stands.
    let answer = world.send(ruled("@open/status-429+retry-after-60", &retry)).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "60"));
    counted(&answer, &world.only_log(), 1, -1);
    world.recorder.forget();
    // Another status's header says nothing.
    let _turns = Turns::take(&world, &[503]).await;
    let ask = world.send(ruled("@turns/gpt-4o-mini", &retry));
    assert!(tokio::time::timeout(Duration::from_millis(100), ask).await.is_err());
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_is_refused() {
    let world = world().await;
    for (retry, wrong) in [
        (json!({"attempts": 6}), "the config's 'retry.attempts' must"),
        (json!({}), "the config's 'retry.attempts' must"),
        (json!({"attempts": 1, "on_status_codes": [4290]}), "the config's 'retry.on_status_codes'"),
        (json!({"attempts": 1, "use_retry_after_headers": 1}), "'retry.use_retry_after_header'"),
        (json!(2), "the config's 'retry' must be an object"),
    ] {
        let message = world.send(ruled("@open/gpt-4o-mini", &retry)).await.refused(400, None);
        assert!(message.contains(wrong), "{message}");
    }
    assert_eq!(world.upstream.count(), 0);
}
