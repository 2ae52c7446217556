//! Whatever becomes of a call: opened before the provider sees it, and closed exactly once.

use std::{future::Future, io::Read, pin::pin, time::Duration};

use http_body_util::BodyExt;
use portcullis_domain::{IntegrationModels, Log, LogState, NanoDollars, Usage, UsageSource};
use portcullis_gateway::GatewaySettings;
use portcullis_testkit::upstream::End;
use serde_json::json;

use crate::support::{Ask, World};

/// Where the client hangs up.
#[derive(Clone, Copy, Debug)]
enum HangUp {
    Never,
    BeforePolling,
    /// Once the upstream has been called, if it ever is.
    BeforeHead,
    BeforeBody,
    AfterFrames(usize),
}

const POINTS: [HangUp; 6] = [
    HangUp::Never,
    HangUp::BeforePolling,
    HangUp::BeforeHead,
    HangUp::BeforeBody,
    HangUp::AfterFrames(1),
    HangUp::AfterFrames(3),
];

fn outcomes() -> Vec<Ask> {
    let speech = json!({"model": "@open/tts-1+die-after-1-chunks", "input": "a", "voice": "b"});
    let mut asks = vec![
        Ask::chat("@open/gpt-4o-mini"),
        Ask::chat("@open/slow-20"),
        Ask::chat("@open/hang").header("x-portkey-request-timeout", "60"),
        Ask::chat("@open/status-500"),
        Ask::chat("@open/reset"),
        Ask::chat("@open/die-after-1-chunks"),
        Ask::chat("@open/garbage"),
        Ask::chat("@claude/claude-sonnet-4"),
        Ask::chat("@nobody/x"),
        Ask::chat("@strict/gpt-4o"),
        Ask::chat("@open/x").body("{"),
        Ask::new("GET", "/v1/proxied?model=@open/x"),
        Ask::new("GET", "/v1/models").header("x-portkey-provider", "@open"),
        Ask::post("/v1/audio/speech", &speech),
    ];
    for script in ["chunks-6", "chunks-6+gap-5", "die-after-2-chunks", "error-after-2-chunks"] {
        asks.push(Ask::stream(&format!("@open/{script}")));
        asks.push(Ask::stream(&format!("@claude/{script}")));
    }
    asks.push(Ask::stream("@open/hang-after-2-chunks"));
    asks
}

/// Lives through one call and hangs up where it is told.
async fn live_through(world: &World, ask: Ask, hang_up: HangUp) {
    let mut call = pin!(world.begin(ask));
    let response = match hang_up {
        HangUp::BeforePolling => return,
        HangUp::BeforeHead => {
            let called = pin!(async {
                for _ in 0..100 {
                    if world.upstream.count() > 0 {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
            tokio::select! {
                biased;
                () = called => return,
                response = &mut call => response,
            }
        }
        _ => call.await,
    };
    let mut left = match hang_up {
        HangUp::BeforeBody => 0,
        HangUp::AfterFrames(count) => count,
        _ => usize::MAX,
    };
    let mut body = response.into_body();
    while left > 0 {
        match body.frame().await {
            Some(Ok(_)) => left -= 1,
            Some(Err(_)) | None => return,
        }
    }
}

#[tokio::test]
async fn every_outcome_is_opened_before_and_closed_once() {
    let settings = GatewaySettings {
        upstream_idle_timeout: Duration::from_millis(100),
        ..GatewaySettings::default()
    };
    let world = World::with(settings).await;
    for ask in outcomes() {
        for hang_up in POINTS {
            world.recorder.forget();
            live_through(&world, ask.clone(), hang_up).await;
            let what = format!("{hang_up:?} of {:?}", ask.clone().request("").into_body());
            check(&world, &what, hang_up);
        }
    }
}

fn check(world: &World, what: &str, hang_up: HangUp) {
    let (opened, closed) = (world.recorder.opened(), world.recorder.closed());
    // A call that was never polled does not exist; any other leaves one record.
    let expected = usize::from(!matches!(hang_up, HangUp::BeforePolling));
    assert_eq!(closed.len(), expected, "{what}: {closed:?}");
    assert!(opened.len() <= 1, "{what}");
    for (log, seen) in &opened {
        assert_eq!(*seen, 0, "{what}: the upstream saw the call before it was opened");
        assert_eq!(log.id, closed[0].id, "{what}");
    }
    assert!(world.upstream.count() <= opened.len(), "{what}");
    closed.iter().for_each(|log| sound(log, what));
}

fn sound(log: &Log, what: &str) {
    assert!(log.response_status.is_some(), "{what}");
    assert_eq!(log.is_success, log.error.is_none(), "{what}: {log:?}");
    if log.is_success {
        assert_eq!(log.state, LogState::Finished, "{what}");
    }
    let timings = log.timings;
    assert!(timings.total >= timings.upstream && timings.gateway <= timings.total, "{what}");
}

#[tokio::test]
async fn hanging_up_before_the_head_closes_the_upstream_connection() {
    let world = World::new().await;
    {
        let call = world.begin(Ask::chat("@open/hang"));
        tokio::select! {
            _ = call => panic!("the upstream never answers"),
            () = world.upstream_called() => {}
        }
    }
    let log = world.only_log();
    assert_eq!((log.state, log.response_status), (LogState::HungUp, Some(499)));
    assert_eq!(log.error.as_deref(), Some("client_gone"));
    world.upstream_ended(End::HungUp).await;
}

/// A provider that takes connections, tells by one signal that bytes have come, and says nothing.
/// Where it is.
fn silent_provider(scheme: &str) -> (String, tokio::sync::oneshot::Receiver<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("{scheme}://{}/v1", listener.local_addr().unwrap());
    let (came, has_come) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0]).unwrap();
        came.send(()).unwrap();
        // Until the other side gives up.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    (host, has_come)
}

#[tokio::test]
async fn hanging_up_costs_nothing_until_the_provider_may_have_seen_the_request() {
    let world = World::new().await;
    // The first never comes to see it: its side of the TLS handshake is missing.
    for (scheme, is_charged) in [("https", false), ("http", true)] {
        let (host, has_come) = silent_provider(scheme);
        world.virtual_key(scheme, "openai", "sk-x", &host, IntegrationModels::default()).await;
        {
            let call = world.begin(Ask::chat(&format!("@{scheme}/gpt-4o-mini")));
            tokio::select! {
                _ = call => panic!("the provider never answers"),
                came = has_come => came.unwrap(),
            }
        }
        let log = world.only_log();
        assert_eq!((log.state, log.attempts), (LogState::HungUp, 1));
        let cost = log.cost.expect("the model has a price");
        if is_charged {
            assert_eq!(log.usage_source, UsageSource::Estimate);
            assert!(log.usage.input_tokens.is_some() && cost > NanoDollars(0), "{log:?}");
        } else {
            assert_eq!((log.usage, log.usage_source), (Usage::default(), UsageSource::None));
            assert_eq!(cost, NanoDollars(0));
        }
        world.recorder.forget();
    }
}

#[tokio::test]
async fn what_ends_while_the_provider_is_dialled_costs_nothing() {
    let world = World::new().await;
    let (host, _has_come) = silent_provider("https");
    world.virtual_key("slow", "openai", "sk-x", &host, IntegrationModels::default()).await;
    let ask = Ask::chat("@slow/gpt-4o-mini").header("x-portkey-request-timeout", "50");
    world.send(ask).await.refused(408, None);
    assert_eq!(world.only_log().cost, Some(NanoDollars(0)));
}

#[tokio::test]
async fn hanging_up_in_the_middle_closes_the_upstream_connection() {
    let world = World::new().await;
    let mut response = world.begin(Ask::stream("@open/hang-after-3-chunks")).await;
    assert!(response.body_mut().frame().await.is_some_and(|frame| frame.is_ok()));
    assert!(world.recorder.closed().is_empty());
    drop(response);
    let log = world.only_log();
    assert_eq!((log.state, log.response_status), (LogState::HungUp, Some(200)));
    assert!(!log.is_success);
    assert!(log.usage.output_tokens.is_some());
    world.upstream_ended(End::HungUp).await;
}

#[tokio::test]
async fn an_answer_without_a_body_is_finished_with_its_head() {
    let world = World::new().await;
    let ask = Ask::new("DELETE", "/v1/things/1?script=status-204");
    let response = world.begin(ask.header("x-portkey-provider", "@open")).await;
    assert_eq!(response.status(), 204);
    // A server does not look into the body of a 204.
    drop(response);
    assert_eq!(world.only_log().state, LogState::Finished);
}

/// Would not compile if a call's future could not move between threads.
#[test]
fn calls_are_send() {
    fn is_send<F: Future + Send>(_: &F) {}
    let _ = |world: &World| {
        let request = http::Request::new(http_body_util::Full::new(bytes::Bytes::new()));
        let address = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        is_send(&world.gateway.call(request, address));
    };
}
