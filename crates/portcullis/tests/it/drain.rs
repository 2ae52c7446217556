//! SIGTERM: what is under way is finished, what has ended is kept.

use std::time::Duration;

use serde_json::json;

use crate::world::{PATIENCE, Via as _, World, chat_body, on_both_engines, succeed};

on_both_engines! {
    async fn a_stream_in_flight_finishes_and_every_log_is_kept(engine) {
        let mut world = World::start(engine).await;
        world.virtual_key("openai", "openai").await;
        for _ in 0..5 {
            succeed(world.chat("gpt-4o-mini")).await;
        }
        let mut body = chat_body("gpt-4o-mini+chunks-20+gap-30");
        body["stream"] = json!(true);
        let mut stream =
            world.post("/v1/chat/completions", &body).via("openai").open().await.unwrap();
        let first = stream.chunk().await.unwrap().expect("the stream begins");

        world.gate.terminate();
        let rest = stream.finish().await.expect("the stream goes on to its end");
        assert!(!first.is_empty());
        assert!(rest.text().ends_with("data: [DONE]\n\n"), "{}", rest.text());
        assert!(world.gate.ended_within(PATIENCE).await.success(), "{}", world.gate.output());
        let refused = world.get("/v1/models").send().await;
        assert!(refused.is_err(), "no new calls");

        world.gate.start_again().await;
        let logs = world.logs_of(6).await;
        assert!(logs.iter().all(|log| log["state"] == "finished"), "{logs:?}");
        assert_eq!(logs[0]["stream_mode"], 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_never_ends_is_cut_at_the_bound() {
    let mut world = World::start_with(crate::world::Engine::Sqlite, |setup| {
        setup.env("PORTCULLIS_SERVER__DRAIN_S", "1")
    })
    .await;
    world.virtual_key("openai", "openai").await;
    let mut body = chat_body("gpt-4o-mini+hang-after-2-chunks");
    body["stream"] = json!(true);
    let mut stream = world.post("/v1/chat/completions", &body).via("openai").open().await.unwrap();
    stream.chunk().await.unwrap().expect("the stream begins");
    world.gate.terminate();
    assert!(world.gate.ended_within(Duration::from_secs(15)).await.success());
    world.gate.start_again().await;
    let logs = world.logs_of(1).await;
    assert_ne!(logs[0]["state"], "finished", "{logs:?}");
    assert_eq!(logs[0]["is_success"], false);
}
