//! Secrets put in on one side must come out at the provider and nowhere else: not in a file, not
//! in the database, not in a log at its most talkative, not in an error, not in the metrics; and in
//! no encoding that something on the way may have applied.

use std::{fs, path::Path};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use portcullis_testkit::{
    client::{self, Call},
    postgres::Postgres,
    process::free_address,
};
use serde_json::{Value, json};

use crate::world::{CREDENTIAL, PATIENCE, Via as _, World, on_both_engines, succeed};

/// Has characters that JSON, URLs and base64 write differently.
pub(crate) const CREDENTIAL_CANARY: &str = "sk-Kanarienvogel/~+?=\"4711\\Schluessel";
pub(crate) const PROMPT_CANARY: &str = "Zaunkönig \"unter\"\tdem \\ Dach? ~~ÿ";
/// The value of a header; of ASCII alone.
pub(crate) const HEADER_CANARY: &str = "Kopfzeile/~+?=\"0815\\Kanari";
/// Not secret: shows that the search finds what is there.
pub(crate) const MARKER: &str = "marker-of-a-call-that-is-not-secret";

on_both_engines! {
    async fn with_content_off_nothing_is_found_anywhere(engine) {
        let mut world = talkative(engine).await;
        let app = json!({"name": "app", "scopes": ["completions.write"]});
        let (_, app_key) = world.api_key(&app).await;
        let mut answers = Vec::new();
        for call in every_way_to_fail(&world).await {
            let call = call
                .header("x-portkey-debug", "false")
                .header("x-portkey-trace-id", MARKER)
                .header("x-canary", HEADER_CANARY);
            // A reset by the provider may also cut the answer.
            if let Ok(answer) = call.send().await {
                answers.push((format!("answer {}", answer.status), answer.body.to_vec()));
            }
        }
        let failed = answers.iter().filter(|(_, body)| contains(body, b"\"error\"")).count();
        assert!(failed >= 18, "{failed} failed: {answers:?}");
        for fine in [
            prompt(&world, "gpt-4o-mini", false),
            world.post("/v1/chat/completions", &prompt_body("claude-x")).via("canary-claude"),
        ] {
            let fine = fine.header("x-portkey-debug", "false").header("x-canary", HEADER_CANARY);
            succeed(fine.header("x-portkey-trace-id", MARKER)).await;
        }
        assert!(world.gate.output().contains("DEBUG"), "the log is at its most talkative");
        assert_arrived(&world);
        let mut places = seen_by_admins(&world).await;
        places.extend(answers);

        let api_key = world.made.api_key.clone();
        let secrets = [CREDENTIAL_CANARY, PROMPT_CANARY, HEADER_CANARY, &app_key, &api_key];
        assert_clean(everything(&world, &places), &secrets);
        // What a crash leaves behind, and what an orderly end does.
        world.gate.kill();
        assert_clean(everything(&world, &places), &secrets);
        world.gate.start_again().await;
        world.gate.terminate();
        assert!(world.gate.ended_within(PATIENCE).await.success());
        assert_clean(everything(&world, &places), &secrets);
    }

    async fn where_none_is_to_be_kept_none_is(engine) {
        let world = World::start_with(engine, |setup| {
            setup.env("PORTCULLIS_RECORD__MAX_KEPT_KIB", "0")
        })
        .await;
        let upstream = world.upstream.base_url();
        world.virtual_key_with("openai", "canary", CREDENTIAL, &upstream).await;
        succeed(prompt(&world, "gpt-4o-mini", false)).await;
        let logs = world.logs_of(1).await;
        assert_eq!(logs[0]["stored_content"], "none", "{}", logs[0]);
        let path = format!("/v1/logs/{}", logs[0]["id"].as_str().unwrap());
        let detail = succeed(world.get(&path)).await;
        for member in ["/request/body", "/request/headers", "/request/portkeyHeaders",
            "/response/body", "/response/headers", "/transformedRequest", "/originalResponse"]
        {
            assert!(detail.pointer(member).is_some_and(Value::is_null), "{member}: {detail}");
        }
    }

    async fn with_content_on_it_is_kept_only_sealed(engine) {
        let world = talkative(engine).await;
        for call in [
            prompt(&world, "gpt-4o-mini", false),
            prompt(&world, "gpt-4o-mini", true),
            world.post("/v1/chat/completions", &prompt_body("claude-x")).via("canary-claude"),
        ] {
            let call = call.header("x-portkey-trace-id", MARKER).header("x-canary", HEADER_CANARY);
            assert_eq!(call.send().await.unwrap().status, 200);
        }
        let logs = world.logs_of(3).await;
        let mut details = Vec::new();
        for log in &logs {
            let path = format!("/v1/logs/{}", log["id"].as_str().unwrap());
            let detail = succeed(world.get(&path)).await;
            let said = &detail["request"]["body"]["messages"][0]["content"];
            assert_eq!(said, &format!("{PROMPT_CANARY} [script chunks-3]"), "{detail}");
            assert_eq!(detail["request"]["headers"]["x-canary"], HEADER_CANARY, "{detail}");
            details.push((path, detail.to_string().into_bytes()));
        }
        assert_arrived(&world);
        let secrets = [CREDENTIAL_CANARY, PROMPT_CANARY, HEADER_CANARY, &world.made.api_key];
        assert_clean(everything(&world, &[]), &secrets);
        // Whoever may read content sees no credential there either.
        assert_clean(details, &[CREDENTIAL_CANARY, &world.made.api_key]);
    }
}

async fn talkative(engine: crate::world::Engine) -> World {
    let world = World::start_with(engine, |setup| {
        setup.env("PORTCULLIS_LOG__FILTER", "trace").env("PORTCULLIS_GATEWAY__UPSTREAM_IDLE_S", "1")
    })
    .await;
    let upstream = world.upstream.base_url();
    world.virtual_key_with("openai", "canary", CREDENTIAL_CANARY, &upstream).await;
    world.virtual_key_with("anthropic", "canary-claude", CREDENTIAL_CANARY, &upstream).await;
    let nowhere = format!("http://{}/v1", free_address());
    world.virtual_key_with("openai", "canary-nowhere", CREDENTIAL_CANARY, &nowhere).await;
    world.virtual_key_with("openai", "openai", CREDENTIAL, &upstream).await;
    world
}

fn prompt_body(model: &str) -> Value {
    let content = format!("{PROMPT_CANARY} [script chunks-3]");
    json!({"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": content}]})
}

pub(crate) fn prompt(world: &World, model: &str, stream: bool) -> Call {
    let mut body = prompt_body(model);
    body["stream"] = json!(stream);
    world.post("/v1/chat/completions", &body).via("canary")
}

async fn every_way_to_fail(world: &World) -> Vec<Call> {
    let direct = |host: &str| {
        let call = client::post(world.gate.url("/v1/chat/completions"))
            .header("x-portkey-api-key", &world.made.api_key)
            .header("x-portkey-provider", "openai")
            .header("x-portkey-custom-host", host)
            // A header cannot carry all of it.
            .header("authorization", &format!("Bearer {CREDENTIAL_CANARY}"));
        call.json(&prompt_body("gpt-4o-mini"))
    };
    let raw = |text: String| {
        let call = client::post(world.gate.url("/v1/chat/completions"))
            .bearer(&world.made.api_key)
            .header("content-type", "application/json");
        call.via("canary").body(text)
    };
    let admin = |path: &str, body: Value| world.post(path, &body);
    let quoted = json!(PROMPT_CANARY);
    vec![
        prompt(world, "gpt-4o-mini+status-500", false),
        prompt(world, "gpt-4o-mini+status-401", true),
        prompt(world, "gpt-4o-mini+reset", false),
        prompt(world, "gpt-4o-mini+garbage", false),
        prompt(world, "gpt-4o-mini+hang", false).header("x-portkey-request-timeout", "100"),
        prompt(world, "gpt-4o-mini+die-after-2-chunks", true),
        prompt(world, "gpt-4o-mini+die-after-1-chunks", false),
        prompt(world, "gpt-4o-mini+hang-after-2-chunks", true),
        prompt(world, "gpt-4o-mini+error-after-2-chunks", true),
        world.post("/v1/messages", &prompt_body("claude-x+status-529")).via("canary-claude"),
        world.post("/v1/messages", &prompt_body("gpt-4o+status-500")).via("canary"),
        world.post("/v1/chat/completions", &prompt_body("gpt-4o")).via("canary-nowhere"),
        world.post("/v1/chat/completions", &prompt_body("gpt-4o")).via("no-such-key"),
        direct("http://10.0.0.1/v1"),
        direct(&format!("http://{}/v1", free_address())),
        raw(format!(r#"{{"model": "gpt-4o", "messages": [{{"content": {quoted}}}"#)),
        raw(format!(r#"{{"model": 5, "messages": {quoted}}}"#)),
        raw(quoted.to_string()),
        // The secret in the wrong place of an admin call.
        admin(
            "/v1/virtual-keys",
            json!({
                "name": "x", "provider": "openai", "key": [CREDENTIAL_CANARY],
            }),
        ),
        admin(
            "/v1/virtual-keys",
            json!({
                "name": "x", "provider": "openai", "key": CREDENTIAL_CANARY,
                "configurations": CREDENTIAL_CANARY,
            }),
        ),
        admin(
            "/v1/virtual-keys",
            json!({
                "name": "x", "provider": "openai", "key": CREDENTIAL_CANARY,
                "expires_at": CREDENTIAL_CANARY,
            }),
        ),
        admin(
            "/v1/integrations",
            json!({
                "name": "x", "ai_provider_id": "openai", "create_default_provider": CREDENTIAL_CANARY,
            }),
        ),
        admin(
            "/v1/virtual-keys",
            json!({
                "name": "x", "slug": "canary", "provider": "openai", "key": CREDENTIAL_CANARY,
            }),
        ),
    ]
}

/// Without this, nothing was tested.
fn assert_arrived(world: &World) {
    let arrived = world.upstream.requests();
    let bearer = format!("Bearer {CREDENTIAL_CANARY}");
    let keyed = arrived.iter().find(|request| request.header("authorization") == Some(&bearer));
    let keyed = keyed.expect("the credential reached the provider");
    let said = keyed.json.as_ref().map(Value::to_string).unwrap_or_default();
    assert!(said.contains("Zaunkönig"), "the prompt reached the provider: {said}");
}

/// Answers of the admin API, which no secret may be in either.
async fn seen_by_admins(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut seen = Vec::new();
    for path in [
        "/v1/virtual-keys",
        "/v1/virtual-keys/canary",
        "/v1/integrations",
        "/v1/integrations/canary",
        "/v1/providers",
        "/v1/providers/canary",
        "/v1/api-keys",
        "/v1/logs",
    ] {
        let answer = world.get(path).send().await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        seen.push((path.to_owned(), answer.body.to_vec()));
    }
    let metrics = client::get(format!("http://{}/metrics", world.gate.metrics_address()));
    let metrics = metrics.send().await.unwrap();
    assert!(metrics.text().contains("snapshot_revision"), "{}", metrics.text());
    seen.push(("/metrics".to_owned(), metrics.body.to_vec()));
    seen
}

/// Every byte the gate left anywhere.
pub(crate) fn everything(world: &World, answers: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let mut places = answers.to_vec();
    files(&world.gate.setup().data_dir(), &mut places);
    places.push(("the process's log".to_owned(), world.gate.output().into_bytes()));
    if let Some(url) = &world.database_url {
        places.push(("PostgreSQL".to_owned(), Postgres::shared().dump(url)));
        let log = Postgres::shared().write_ahead_log();
        assert!(contains(&log, MARKER.as_bytes()), "what is written is in it: the search works");
        places.push(("PostgreSQL's write-ahead log".to_owned(), log));
    }
    let found = |name: &str| {
        places
            .iter()
            .any(|(place, bytes)| place.contains(name) && contains(bytes, MARKER.as_bytes()))
    };
    let database = if world.database_url.is_some() { "PostgreSQL" } else { "portcullis.db" };
    assert!(found(database), "the calls are in the database: the search works");
    places
}

fn files(directory: &Path, places: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, places);
        } else if let Ok(bytes) = fs::read(&path) {
            // A segment may be removed while we look.
            places.push((path.display().to_string(), bytes));
        }
    }
}

#[track_caller]
pub(crate) fn assert_clean(places: Vec<(String, Vec<u8>)>, secrets: &[&str]) {
    for secret in secrets {
        assert_absent(&places, secret, &encodings(secret));
    }
}

/// As [`assert_clean`], for a secret that is no text.
#[track_caller]
pub(crate) fn assert_no_bytes(places: &[(String, Vec<u8>)], what: &str, secret: &[u8]) {
    assert_absent(places, what, &encodings_of_bytes(secret));
}

#[track_caller]
fn assert_absent(places: &[(String, Vec<u8>)], what: &str, encodings: &[(String, Vec<u8>)]) {
    for (encoding, needle) in encodings {
        for (place, bytes) in places {
            assert!(!contains(bytes, needle), "{what} as {encoding} in {place}");
        }
    }
}

/// The secret in every encoding that something may have written it in.
fn encodings(secret: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = secret.as_bytes();
    let escaped = json!(secret).to_string().trim_matches('"').to_owned();
    let ascii: String = escaped
        .chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) })
        .collect();
    let debug = format!("{secret:?}").trim_matches('"').to_owned();
    let percent: String = bytes
        .iter()
        .map(|&b| {
            if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }
        })
        .collect();
    let mut all = encodings_of_bytes(bytes);
    all.extend([
        ("JSON".to_owned(), escaped.clone().into_bytes()),
        ("ASCII JSON".to_owned(), ascii.into_bytes()),
        ("JSON in JSON".to_owned(), json!(escaped).to_string().trim_matches('"').into()),
        ("debug text".to_owned(), debug.into_bytes()),
        ("a URL".to_owned(), percent.into_bytes()),
    ]);
    // Any recognisable part of it, too: a truncated secret is still one.
    // Of an API key, the part that is secret: the words before it are anybody's, and stand in rows
    // behind bytes of any kind.
    let words = secret.strip_prefix("pck_").and_then(|rest| Some(4 + rest.find('_')? + 1));
    let secret = &secret[words.unwrap_or(0)..];
    let start = secret.char_indices().nth(if words.is_some() { 0 } else { 3 });
    let start = start.map_or(0, |(at, _)| at);
    let part = secret[start..].chars().take(10).collect::<String>();
    all.push(("a part".to_owned(), part.into_bytes()));
    all
}

fn encodings_of_bytes(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let numbers = format!("{bytes:?}").trim_matches(['[', ']']).to_owned();
    let mut all = vec![
        ("bytes".to_owned(), bytes.to_vec()),
        ("numbers".to_owned(), numbers.replace(' ', "").into_bytes()),
        ("debug numbers".to_owned(), numbers.into_bytes()),
        ("upper-case hex".to_owned(), hex.to_uppercase().into_bytes()),
        ("hex".to_owned(), hex.into_bytes()),
    ];
    // Wherever it stood in what was encoded: the characters that depend on it alone.
    for shift in 0..3 {
        let shifted = [vec![0; shift], bytes.to_vec()].concat();
        let whole = shifted.len() / 3 * 4;
        let start = [0, 2, 3][shift];
        for (name, text) in
            [("base64", STANDARD.encode(&shifted)), ("base64url", URL_SAFE.encode(&shifted))]
        {
            all.push((format!("{name} at {shift}"), text.as_bytes()[start..whole].to_vec()));
        }
    }
    all
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

#[test]
fn the_search_finds_a_secret_in_every_encoding() {
    for inside in ["", "x", "xy"] {
        let text = format!("{inside}{CREDENTIAL_CANARY} and more");
        for haystack in [
            text.clone(),
            STANDARD.encode(&text),
            URL_SAFE.encode(&text),
            json!({"a": text}).to_string(),
            json!({"a": json!(text).to_string()}).to_string(),
        ] {
            let found = encodings(CREDENTIAL_CANARY)
                .iter()
                .any(|(_, needle)| contains(haystack.as_bytes(), needle));
            assert!(found, "{haystack}");
        }
    }
}
