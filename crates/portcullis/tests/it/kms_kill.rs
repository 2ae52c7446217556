//! `kill -9` of the binary in the middle of wrapping data keys anew, while values are sealed anew as
//! well: it goes on, and everything opens throughout.

use std::time::{Duration, Instant};

use portcullis_testkit::kms::{Account, Emulator, Fault, FaultProxy, KeyKind};
use serde_json::{Value, json};

use crate::{
    kms::KMS,
    world::{PATIENCE, World, on_both_engines, succeed},
};

/// How long the KMS takes for each answer.
const SLOW: Duration = Duration::from_millis(200);
/// From the moment when a data key is on its way to be wrapped, to the kill: while it is wrapped,
/// while it is seen to unwrap, and when it is written or about to be.
const KILLS: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(250), Duration::from_millis(410)];

on_both_engines! {
    async fn killed_while_wrapping_anew_it_goes_on_and_everything_opens_throughout(engine) {
        let account = Account::at(Emulator::LocalStack).await;
        let key = account.key(KeyKind::Symmetric).await;
        let proxy = FaultProxy::before(account.url()).await;
        let mut world = World::start_with(engine, |setup| {
            setup
                .env("AWS_ACCESS_KEY_ID", &account.access_key_id)
                .env("AWS_SECRET_ACCESS_KEY", &account.secret_access_key)
                .env("PORTCULLIS_VAULT__RESEAL_PER_S", "1")
        })
        .await;
        world.virtual_key("openai", "openai").await;
        // Values under each of several data keys.
        let data_keys = KILLS.len() + 2;
        for n in 1..=data_keys {
            succeed(world.chat("gpt-4o-mini")).await;
            world.logs_of(n).await;
            if n < data_keys {
                succeed(world.post(&format!("{KMS}/rotate"), &json!({}))).await;
            }
        }
        proxy.set(Fault::Slow(SLOW));
        let body = json!({"provider": "aws", "key_arn": key.arn, "endpoint": proxy.url()});
        succeed(world.put(KMS, &body)).await;
        for kill in KILLS {
            proxy.forget();
            wait(&world, || proxy.count("Encrypt") > 0).await;
            tokio::time::sleep(kill).await;
            world.gate.kill();
            world.gate.start_again().await;
            let left = wrapped_otherwise(&succeed(world.get(KMS)).await, &key.arn);
            assert!(left > 0, "it was not cut off");
            everything_opens(&world, data_keys).await;
        }
        let begun = Instant::now();
        loop {
            let answer = succeed(world.get(KMS)).await;
            let is_rewrapping =
                answer["progress"].as_array().unwrap().iter().any(|work| work["kind"] == "rewrap");
            if !is_rewrapping {
                assert_eq!(wrapped_otherwise(&answer, &key.arn), 0, "{answer}");
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{answer}\n{}", world.gate.output());
            everything_opens(&world, data_keys).await;
        }
        // From nothing but the new wrapping.
        world.gate.kill();
        world.gate.start_again().await;
        everything_opens(&world, data_keys).await;
        everything_was_told(&world, &key.arn).await;
    }
}

/// Of each data key, that it was made and that it was wrapped anew: in the same transactions, so
/// that no kill comes between.
async fn everything_was_told(world: &World, arn: &str) {
    let keys = succeed(world.get(KMS)).await["data_keys"].clone();
    for key in keys.as_array().unwrap() {
        let id = key["id"].as_str().unwrap();
        let path = format!("/v1/admin/audit-logs?resource_type=data_key&text={id}");
        let told = succeed(world.get(&path)).await;
        let told: Vec<&Value> =
            told["data"].as_array().unwrap().iter().map(|e| &e["event"]).collect();
        let of = |event: &Value| event["resource"]["id"] == id;
        let is = |event: &Value, actions: &[&str]| {
            of(event) && actions.iter().any(|action| event["action"] == *action)
        };
        assert!(told.iter().any(|event| is(event, &["create", "rotate"])), "{id} in {told:#?}");
        let moved = told
            .iter()
            .filter(|event| is(event, &["update"]) && event["after"]["kms_key_id"] == arn);
        assert_eq!(moved.count(), 1, "{id} in {told:#?}");
    }
}

fn wrapped_otherwise(answer: &Value, arn: &str) -> usize {
    let keys = answer["data_keys"].as_array().unwrap();
    keys.iter().filter(|key| key["kms_key_id"] != arn).count()
}

async fn wait(world: &World, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{}", world.gate.output());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The credential by a call's being answered, and the content of every log there is.
async fn everything_opens(world: &World, at_least: usize) {
    succeed(world.chat("gpt-4o-mini")).await;
    let logs = world.logs().await;
    assert!(logs.len() >= at_least);
    for log in logs {
        let detail = succeed(world.get(&format!("/v1/logs/{}", log["id"].as_str().unwrap()))).await;
        assert!(detail["request"]["body"].is_object(), "{detail}");
        assert!(detail["response"]["body"].is_object(), "{detail}");
    }
}
