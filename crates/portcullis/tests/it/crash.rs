//! `kill -9`: every call that reached the provider is in the logs, once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use portcullis_testkit::client::Call;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::{PATIENCE, Via as _, World, chat_body, on_both_engines, succeed};

const CALLS: usize = 200;

on_both_engines! {
    async fn in_the_middle_of_200_streams_no_call_is_lost_or_doubled(engine) {
        let mut world = World::start(engine).await;
        world.virtual_key("openai", "openai").await;
        // A quarter ends by itself, a quarter is hung up on, half is cut by the crash.
        let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut clients = JoinSet::new();
        for n in 0..CALLS {
            let model = if n % 4 == 0 { "gpt-4o+chunks-2" } else { "gpt-4o+chunks-99+gap-500" };
            let call = stream(&world, model, &format!("call-{n}"));
            let (begun, ended) = (Arc::clone(&begun), Arc::clone(&ended));
            clients.spawn(async move {
                let mut stream = call.open().await.expect("an answer begins");
                stream.chunk().await.expect("a chunk").expect("a chunk");
                begun.fetch_add(1, Ordering::SeqCst);
                if n % 4 != 1 {
                    // To its end, or to the crash.
                    let _cut = stream.finish().await;
                }
                ended.fetch_add(1, Ordering::SeqCst);
            });
        }
        until(|| begun.load(Ordering::SeqCst) == CALLS).await;
        // Those that end have ended and those that hang up have hung up.
        until(|| ended.load(Ordering::SeqCst) == CALLS / 2).await;
        assert_eq!(world.upstream.count(), CALLS);
        world.gate.kill();
        while clients.join_next().await.is_some() {}
        world.gate.start_again().await;

        let logs = world.logs_of(CALLS).await;
        assert_once(&logs);
        let states = states(&logs);
        assert_eq!(states["finished"], CALLS / 4, "{states:?}");
        // A hang-up is noticed at the next write: it may have been open still.
        let hung_up = states.get("hung_up").copied().unwrap_or(0);
        assert!(hung_up <= CALLS / 4, "{states:?}");
        assert_eq!(states["interrupted"], CALLS * 3 / 4 - hung_up, "{states:?}");
        let interrupted = logs.iter().filter(|log| log["state"] == "interrupted");
        for log in interrupted {
            assert_eq!(log["is_success"], false, "{log}");
            assert_eq!(log["virtual_key"], "openai", "{log}");
        }
        succeed(world.chat("gpt-4o-mini")).await;
        world.logs_of(CALLS + 1).await;
    }

    async fn twice_in_a_row_and_while_shipping(engine) {
        let mut world = World::start(engine).await;
        world.virtual_key("openai", "openai").await;
        for round in 0..3 {
            let mut clients = JoinSet::new();
            for n in 0..40 {
                // At once, so that ended calls are being shipped when the next ones end.
                let model = if n % 2 == 0 { "gpt-4o" } else { "gpt-4o+chunks-99+gap-500" };
                let call = stream(&world, model, &format!("round-{round}-call-{n}"));
                clients.spawn(async move { drop(call.send().await) });
            }
            let target = (round + 1) * 40;
            until(|| world.upstream.count() == target).await;
            world.gate.kill();
            while clients.join_next().await.is_some() {}
            world.gate.start_again().await;
            // The recovery has just begun.
            world.gate.kill();
            world.gate.start_again().await;
        }
        let logs = world.logs_of(120).await;
        assert_once(&logs);
        assert_eq!(world.upstream.count(), 120);
    }

    async fn while_calls_still_arrive_each_that_reached_the_provider_is_logged(engine) {
        let mut world = World::start(engine).await;
        world.virtual_key("openai", "openai").await;
        let mut clients = JoinSet::new();
        for n in 0..CALLS {
            let call = stream(&world, "gpt-4o+chunks-99+gap-500", &format!("call-{n}"));
            clients.spawn(async move { drop(call.send().await) });
        }
        until(|| world.upstream.count() >= CALLS / 4).await;
        world.gate.kill();
        while clients.join_next().await.is_some() {}
        world.gate.start_again().await;

        let arrived: Vec<String> = world.upstream.requests().iter().map(name_of).collect();
        let deadline = Instant::now() + PATIENCE;
        let logs = loop {
            let logs = world.logs().await;
            let traced = traces(&logs);
            if arrived.iter().all(|name| traced.contains_key(name)) {
                break logs;
            }
            assert!(Instant::now() < deadline, "{} of {}", logs.len(), arrived.len());
        };
        assert_once(&logs);
        // A call is recorded before it is sent: some may have been recorded and not yet sent.
        assert!(logs.len() >= arrived.len() && logs.len() <= CALLS);
    }
}

fn stream(world: &World, model: &str, name: &str) -> Call {
    let mut body = chat_body(model);
    body["stream"] = json!(true);
    body["user"] = json!(name);
    let call = world.post("/v1/chat/completions", &body).via("openai");
    call.header("x-portkey-trace-id", name)
}

fn name_of(request: &portcullis_testkit::upstream::Recorded) -> String {
    let user = request.json.as_ref().and_then(|body| body["user"].as_str());
    user.expect("every call names itself").to_owned()
}

/// How often each trace was logged.
fn traces(logs: &[Value]) -> BTreeMap<String, usize> {
    let mut traces = BTreeMap::new();
    for log in logs {
        *traces.entry(log["trace_id"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    traces
}

fn assert_once(logs: &[Value]) {
    let doubled: Vec<_> = traces(logs).into_iter().filter(|(_, count)| *count != 1).collect();
    assert_eq!(doubled, [], "logged more than once");
}

fn states(logs: &[Value]) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for log in logs {
        *states.entry(log["state"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    states
}

async fn until(mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
