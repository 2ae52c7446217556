//! Signing in to Azure as an application of Entra.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use portcullis_domain::{FaultKind, IntegrationModels, LogState, NanoDollars};
use portcullis_gateway::GatewaySettings;
use portcullis_providers::credential::Credential;
use serde_json::{Value, json};

use crate::support::{Ask, World};

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const SECRET: &str = "8Q~canary/secret+&=";
/// The upstream takes what begins so.
const TOKEN: &str = "sk-eyJ.canary-token-1";

/// What Entra, played here, was sent, and what it answers.
#[derive(Clone, Default)]
struct Entra {
    asked: Arc<Mutex<Vec<String>>>,
    /// Status and body.
    answer: Arc<Mutex<(u16, String)>>,
    /// How long it thinks.
    thinks: Arc<Mutex<Duration>>,
}

impl Entra {
    /// Starts it. It numbers its tokens.
    fn start(thinks: Duration) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = format!("http://{}", listener.local_addr().unwrap());
        let entra = Self { thinks: Arc::new(Mutex::new(thinks)), ..Self::default() };
        entra
            .answers(200, json!({"token_type": "Bearer", "expires_in": 3600, "access_token": "*"}));
        let played = entra.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, entra) = (stream.unwrap(), played.clone());
                std::thread::spawn(move || entra.serve(&mut stream));
            }
        });
        (entra, authority)
    }

    fn serve(&self, stream: &mut (impl Read + Write)) {
        let mut seen = String::new();
        let mut buffer = [0; 4096];
        loop {
            let read = stream.read(&mut buffer).unwrap_or(0);
            if read == 0 {
                return;
            }
            seen.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
            if !seen.contains("\r\n\r\n") || !seen.ends_with("default") {
                continue;
            }
            let n = {
                let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
                asked.push(std::mem::take(&mut seen));
                asked.len()
            };
            let thinks = *self.thinks.lock().unwrap_or_else(PoisonError::into_inner);
            std::thread::sleep(thinks);
            let (status, body) = self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let body = body.replace('*', &format!("sk-eyJ.canary-token-{n}"));
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    }

    fn answers(&self, status: u16, body: impl ToString) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = (status, body.to_string());
    }

    fn thinks(&self, time: Duration) {
        *self.thinks.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A world whose Entra is played, with the virtual keys `entra` (Azure OpenAI) and `foundry`
/// (Azure AI Foundry) at the upstream.
async fn world(thinks: Duration) -> (World, Entra) {
    let (entra, entra_authority) = Entra::start(thinks);
    let world = World::with(GatewaySettings { entra_authority, ..Default::default() }).await;
    let azure = format!("http://{}/openai", world.upstream.address());
    for (slug, provider, host) in
        [("entra", "azure-openai", &*azure), ("foundry", "azure-ai", &world.upstream.base_url())]
    {
        save(&world, slug, provider, host, app()).await;
    }
    (world, entra)
}

fn app() -> Value {
    json!({"azure_auth_mode": "entra", "azure_entra_tenant_id": TENANT,
        "azure_entra_client_id": "app-1", "azure_entra_client_secret": SECRET})
}

async fn save(world: &World, slug: &str, provider: &str, host: &str, mut settings: Value) {
    settings["custom_host"] = host.into();
    let credential = json!({"settings": settings}).to_string();
    let credential = Credential::parse(credential.as_bytes()).unwrap();
    world.saved(slug, provider, &credential, IntegrationModels::default()).await;
}

#[tokio::test]
async fn an_application_signs_in_once_and_its_token_is_the_credential() {
    let (world, entra) = world(Duration::ZERO).await;
    for _ in 0..3 {
        let answer = world.send(Ask::chat("@entra/gpt-4o")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(world.only_log().state, LogState::Finished);
        let request = world.only_request();
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
        assert_eq!(request.header("api-key"), None);
        assert!(!format!("{request:?}").contains("canary/secret"), "{request:?}");
        world.recorder.forget();
    }
    let asked = entra.asked();
    let [asked] = &asked[..] else { panic!("{asked:?}") };
    let (head, form) = asked.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("POST /{TENANT}/oauth2/v2.0/token HTTP/1.1\r\n")), "{head}");
    assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
    let expected = "grant_type=client_credentials&client_id=app-1\
        &client_secret=8Q%7Ecanary%2Fsecret%2B%26%3D\
        &scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default";
    assert_eq!(form, expected);

    // The same application elsewhere: the same token.
    assert_eq!(world.send(Ask::chat("@foundry/gpt-4o")).await.status, 200);
    assert_eq!(world.only_request().header("authorization"), Some(&*format!("Bearer {TOKEN}")));
    assert_eq!(entra.asked().len(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_after_two_thirds_of_its_life() {
    let (world, entra) = world(Duration::ZERO).await;
    for (advance, sign_ins) in [(0, 1), (2_399_000, 1), (2_000, 2), (2_399_000, 2)] {
        world.clock.advance_millis(advance);
        assert_eq!(world.send(Ask::chat("@entra/gpt-4o")).await.status, 200);
        assert_eq!(entra.asked().len(), sign_ins);
        let token = format!("Bearer sk-eyJ.canary-token-{sign_ins}");
        assert_eq!(world.only_request().header("authorization"), Some(&*token));
        world.recorder.forget();
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_used_until_it_ends() {
    let (world, entra) = world(Duration::ZERO).await;
    assert_eq!(world.send(Ask::chat("@entra/gpt-4o")).await.status, 200);
    entra.answers(500, "");
    // Asked for anew after two thirds of an hour, and then every ten seconds.
    for (advance, sign_ins, status) in
        [(2_401_000, 2, 200), (9_000, 2, 200), (2_000, 3, 200), (827_000, 4, 200), (2_000, 5, 503)]
    {
        world.clock.advance_millis(advance);
        world.recorder.forget();
        assert_eq!(world.send(Ask::chat("@entra/gpt-4o")).await.status, status);
        assert_eq!(entra.asked().len(), sign_ins, "{advance}");
    }
    world.clock.advance_millis(1_000);
    // A refusal is none of these: the application may be gone.
    entra.answers(200, json!({"expires_in": 3600, "access_token": "*"}));
    assert_eq!(world.send(Ask::chat("@entra/gpt-4o")).await.status, 200);
    entra.answers(401, json!({"error": "invalid_client", "error_codes": [7_000_215]}));
    world.clock.advance_millis(2_401_000);
    world.send(Ask::chat("@entra/gpt-4o")).await.refused(400, None);
}

#[tokio::test]
async fn who_finds_a_token_being_renewed_uses_the_old_one() {
    let (world, entra) = world(Duration::from_millis(200)).await;
    assert_eq!(world.send(Ask::chat("@entra/gpt-4o")).await.status, 200);
    world.clock.advance_millis(2_401_000);
    world.recorder.forget();
    let renewing = world.send(Ask::chat("@entra/gpt-4o"));
    let others = async {
        while entra.asked().len() < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let answer = world.send(Ask::chat("@entra/gpt-4o")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(world.only_request().header("authorization"), Some(&*format!("Bearer {TOKEN}")));
    };
    let (renewed, ()) = tokio::join!(renewing, others);
    assert_eq!(renewed.status, 200);
    assert_eq!(entra.asked().len(), 2);
}

#[tokio::test]
async fn calls_at_the_same_time_wait_for_one_sign_in() {
    let (world, entra) = world(Duration::from_millis(100)).await;
    let calls = (0..10).map(|_| world.send(Ask::chat("@entra/gpt-4o")));
    let mut answers = Box::pin(futures_util::future::join_all(calls));
    // Who leaves while it is under way leaves it to the others.
    let first = world.begin(Ask::chat("@entra/gpt-4o"));
    tokio::select! {
        biased;
        _ = first => panic!("Entra thinks"),
        () = tokio::time::sleep(Duration::from_millis(20)) => {}
    }
    assert!(answers.as_mut().await.iter().all(|answer| answer.status == 200));
    assert_eq!(entra.asked().len(), 1);
    let left = world.recorder.closed().into_iter().find(|log| log.state == LogState::HungUp);
    let left = left.unwrap();
    assert_eq!((left.attempts, left.cost), (0, Some(NanoDollars(0))));
}

#[tokio::test]
async fn what_entra_refuses_is_said_by_its_field_and_not_asked_again_at_once() {
    let (world, entra) = world(Duration::ZERO).await;
    let error = |error: &str, code: u64| {
        json!({"error": error, "error_codes": [code],
            "error_description": format!("AADSTS{code}: canary of app-1 {SECRET}")})
    };
    for (answer, field) in [
        (error("invalid_client", 7_000_215), "'azure_entra_client_secret' is wrong"),
        (error("invalid_client", 7_000_222), "'azure_entra_client_secret' has expired"),
        (error("unauthorized_client", 700_016), "'azure_entra_client_id' is of no application"),
        (error("invalid_request", 90_002), "'azure_entra_tenant_id' is of no directory"),
        (error("invalid_resource", 500_011), "'azure_entra_scope' is of no resource"),
        (error("invalid_scope", 70_011), "'azure_entra_scope' is of no resource"),
        (json!({"error": "invalid_client"}), "'azure_entra_client_secret' is not accepted"),
        (json!("nonsense"), "refuses to sign in to Azure"),
    ] {
        entra.answers(401, &answer);
        let before = entra.asked().len();
        for _ in 0..2 {
            let message = world.send(Ask::chat("@entra/gpt-4o")).await.refused(400, None);
            assert!(message.contains(field), "{message}");
            assert!(!message.contains("canary") && !message.contains("app-1"), "{message}");
            let log = world.only_log();
            assert_eq!((log.attempts, log.cost), (0, Some(NanoDollars(0))));
            assert_eq!(log.error.as_deref(), Some(FaultKind::BadRequest.name()));
            assert!(!format!("{log:?}").contains("canary"), "{log:?}");
            world.recorder.forget();
        }
        assert_eq!(entra.asked().len(), before + 1, "{field}");
        world.clock.advance_millis(6_000);
    }
    // As soon as it is mended, it works.
    entra.answers(200, json!({"expires_in": "3600", "access_token": "*"}));
    assert_eq!(world.send(Ask::chat("@entra/gpt-4o")).await.status, 200);
}

#[tokio::test]
async fn an_entra_that_fails_is_an_outage_of_the_provider() {
    let (world, entra) = world(Duration::ZERO).await;
    for (status, body, expected) in [
        (503, "busy".to_owned(), 503),
        (429, "{}".to_owned(), 503),
        (408, "{}".to_owned(), 503),
        (400, json!({"error": "temporarily_unavailable"}).to_string(), 503),
        (200, "<html>".to_owned(), 502),
        (200, json!({"access_token": "a b", "expires_in": 1}).to_string(), 502),
        (200, json!({"access_token": "ab"}).to_string(), 502),
        (200, " ".repeat(1 << 20), 502),
        // No other place is asked.
        (302, String::new(), 503),
    ] {
        entra.answers(status, &body);
        let message = world.send(Ask::chat("@entra/gpt-4o")).await.refused(expected, None);
        assert!(message.contains("Microsoft Entra"), "{message}");
        assert_eq!(world.upstream.count(), 0);
        world.clock.advance_millis(1_000);
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (entra_authority, expected) in [
        (format!("http://{gone}"), 503),
        // The rules of where calls may go hold here too.
        ("http://127.0.0.2:9".to_owned(), 400),
        ("https://169.254.169.254".to_owned(), 400),
    ] {
        let world = World::with(GatewaySettings { entra_authority, ..Default::default() }).await;
        save(&world, "entra", "azure-openai", &world.upstream.base_url(), app()).await;
        world.send(Ask::chat("@entra/gpt-4o")).await.refused(expected, None);
    }
}

#[tokio::test]
async fn a_slow_entra_takes_no_longer_than_the_call_may() {
    let (world, _entra) = world(Duration::from_secs(5)).await;
    let ask = Ask::chat("@entra/gpt-4o").header("x-portkey-request-timeout", "50");
    let message = world.send(ask).await.refused(408, None);
    assert!(message.contains("Microsoft Entra"), "{message}");
}

#[tokio::test]
async fn a_token_is_used_on_while_entra_is_silent() {
    let (world, entra) = world(Duration::ZERO).await;
    assert_eq!(world.send(Ask::chat("@entra/gpt-4o")).await.status, 200);
    world.clock.advance_millis(2_401_000);
    entra.thinks(Duration::from_secs(3600));
    for _ in 0..3 {
        world.recorder.forget();
        let answer = world.send(Ask::chat("@entra/gpt-4o")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(world.only_request().header("authorization"), Some(&*format!("Bearer {TOKEN}")));
        // Nobody asks beside the one that is under way.
        assert_eq!(entra.asked().len(), 2);
    }
}

#[tokio::test]
async fn calls_too_short_for_a_sign_in_get_a_token_in_the_end() {
    let (world, entra) = world(Duration::from_millis(400)).await;
    let mut refused = 0;
    loop {
        let ask = Ask::chat("@entra/gpt-4o").header("x-portkey-request-timeout", "100");
        let answer = world.send(ask).await;
        if answer.status == 200 {
            break;
        }
        assert!(answer.refused(408, None).contains("Microsoft Entra"));
        refused += 1;
        assert!(refused < 100, "{:?}", entra.asked());
    }
    assert!(refused > 0);
    assert_eq!(entra.asked().len(), 1);
}

#[tokio::test]
async fn a_token_that_the_provider_refuses_is_got_anew_but_not_all_the_time() {
    let (world, entra) = world(Duration::ZERO).await;
    let refused = json!({"model": "@entra/gpt-4o",
        "messages": [{"role": "user", "content": "[script status-401]"}]});
    let refused = || Ask::post("/v1/chat/completions", &refused);
    for (advance, sign_ins) in [(0, 2), (9_000, 2), (2_000, 3)] {
        world.clock.advance_millis(advance);
        assert_eq!(world.send(refused()).await.status, 401);
        assert_eq!(world.send(Ask::chat("@entra/gpt-4o")).await.status, 200);
        assert_eq!(entra.asked().len(), sign_ins, "{advance}");
    }
}

#[tokio::test]
async fn an_application_is_one_however_it_is_spelt_and_of_each_organisation_another() {
    let (world, entra) = world(Duration::ZERO).await;
    let mut spelt = app();
    spelt["azure_entra_tenant_id"] = TENANT.to_uppercase().into();
    spelt["azure_entra_client_id"] = "App-1".into();
    let host = format!("http://{}/openai", world.upstream.address());
    save(&world, "spelt", "azure-openai", &host, spelt).await;
    for key in ["spelt", "entra"] {
        assert_eq!(world.send(Ask::chat(&format!("@{key}/gpt-4o"))).await.status, 200);
    }
    assert_eq!(entra.asked().len(), 1);
    assert!(entra.asked()[0].contains(&format!("POST /{TENANT}/")), "{:?}", entra.asked());
    assert!(entra.asked()[0].contains("client_id=app-1&"), "{:?}", entra.asked());
    let other = world.another_organisation().await;
    save(&other, "theirs", "azure-openai", &host, app()).await;
    assert_eq!(other.send(Ask::chat("@theirs/gpt-4o")).await.status, 200);
    assert_eq!(entra.asked().len(), 2);
}

#[tokio::test]
async fn a_token_is_masked_where_the_provider_repeats_it() {
    let (world, _entra) = world(Duration::ZERO).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}/openai", listener.local_addr().unwrap());
    let provider = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
        let body = json!({"error": {"message": format!("{TOKEN} is not welcome, {SECRET}")}});
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 401 X\r\nx-echo: {TOKEN}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
    });
    save(&world, "echo", "azure-openai", &host, app()).await;
    let answer = world.send(Ask::chat("@echo/gpt-4o")).await;
    provider.join().unwrap();
    assert_eq!(answer.status, 401);
    let said = format!("{:?} {}", answer.headers, answer.text());
    assert!(said.contains("is not welcome"), "{said}");
    assert!(!said.contains("canary"), "{said}");
    assert!(!format!("{:?}", world.only_log()).contains("canary"));
}

/// A call that brings its credential along, for a host of its own.
fn brought(world: &World, headers: &[(&str, &str)]) -> Ask {
    let mut ask = Ask::chat("gpt-4o")
        .header("x-portkey-provider", "azure-openai")
        .header("x-portkey-custom-host", format!("http://{}/openai", world.upstream.address()));
    for (name, value) in headers {
        ask = ask.header(&format!("x-portkey-azure-{name}"), value);
    }
    ask
}

#[tokio::test]
async fn an_application_may_come_in_headers() {
    let (world, entra) = world(Duration::ZERO).await;
    let app = [
        ("auth-mode", "entra"),
        ("entra-tenant-id", "contoso.onmicrosoft.com"),
        ("entra-client-id", "app-2"),
        ("entra-client-secret", SECRET),
        ("entra-scope", "api://own/.default"),
    ];
    assert_eq!(world.send(brought(&world, &app)).await.status, 200);
    let request = world.only_request();
    assert_eq!(request.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
    assert!(!format!("{request:?}").contains("canary/secret"), "{request:?}");
    let asked = entra.asked().remove(0);
    assert!(asked.starts_with("POST /contoso.onmicrosoft.com/oauth2/v2.0/token "), "{asked}");
    assert!(asked.ends_with("&scope=api%3A%2F%2Fown%2F.default"), "{asked}");
    // With a virtual key, they say nothing.
    world.recorder.forget();
    let mut ask = Ask::chat("@entra/gpt-4o");
    for (name, value) in app {
        ask = ask.header(&format!("x-portkey-azure-{name}"), value);
    }
    assert_eq!(world.send(ask).await.status, 200);
    assert!(entra.asked()[1].starts_with(&format!("POST /{TENANT}/")), "{:?}", entra.asked());
}

#[tokio::test]
async fn what_cannot_be_honoured_is_refused_before_anybody_is_asked() {
    let (world, entra) = world(Duration::ZERO).await;
    let tenant = ("entra-tenant-id", TENANT);
    let secret = ("entra-client-secret", SECRET);
    let id = ("entra-client-id", "app-1");
    let entra_mode = ("auth-mode", "entra");
    for (headers, expected) in [
        (vec![("auth-mode", "managed")], "'azure_auth_mode' asks for an identity of the machine"),
        (vec![("managed-client-id", "x")], "'azure_managed_client_id' asks for an identity"),
        (vec![("workload-client-id", "x")], "'azure_workload_client_id' asks for an identity"),
        (vec![("auth-mode", "iam")], "'azure_auth_mode' must be"),
        (vec![tenant, id, secret], "'azure_entra_tenant_id' is used with"),
        (vec![entra_mode, id, secret], "'azure_entra_tenant_id' is missing"),
        (vec![entra_mode, tenant, secret], "'azure_entra_client_id' is missing"),
        (vec![entra_mode, tenant, id], "'azure_entra_client_secret' is missing"),
        (
            vec![entra_mode, ("entra-tenant-id", "a/../b"), id, secret],
            "'azure_entra_tenant_id' must",
        ),
        (vec![entra_mode, tenant, id, secret, ("ad-token", "t")], "'azure_ad_token' cannot"),
        (vec![entra_mode, tenant, id, secret, ("entra-scope", "x")], "'azure_entra_scope' must"),
    ] {
        let message = world.send(brought(&world, &headers)).await.refused(400, None);
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("canary"), "{message}");
    }
    // One that was saved earlier.
    let managed = json!({"azure_auth_mode": "managed", "azure_managed_client_id": "x"});
    save(&world, "managed", "azure-openai", &world.upstream.base_url(), managed).await;
    let message = world.send(Ask::chat("@managed/gpt-4o")).await.refused(400, None);
    assert!(message.contains("'azure_managed_client_id'"), "{message}");
    assert_eq!((world.upstream.count(), entra.asked().len()), (0, 0));
    // Other providers do not know these settings.
    let other = Ask::chat("gpt-4o")
        .header("x-portkey-provider", "openai")
        .header("authorization", "Bearer sk-own")
        .header("x-portkey-custom-host", world.upstream.base_url())
        .header("x-portkey-azure-auth-mode", "managed");
    assert_eq!(world.send(other).await.status, 200);
    assert_eq!(world.upstream.count(), 1);
}
