//! Attacks across tenants on the data plane: whoever belongs to one organisation and knows names and
//! ids of another gets from every kind of call what names give that nothing bears; and no call of
//! theirs uses a credential of the other.

use std::{
    fs,
    time::{Duration, Instant},
};

use portcullis_testkit::{
    client::{self, Answer, Call},
    token::TokenSigner,
};
use serde_json::{Value, json};

use crate::world::{Engine, PATIENCE, Via as _, World, chat_body, succeed, until_status};

const THEIRS: &str = "sk-their-credential";

/// The other organisation. One of its virtual keys is called as one of ours.
const DOCUMENT: &str = r#"
organisations:
  - slug: second
    workspaces:
      - slug: ws-theirs
        virtual_keys:
          - {slug: their-key, provider: openai, key: {env: THEIRS}, settings: {custom_host: "UPSTREAM"}}
          - {slug: openai, provider: openai, key: {env: THEIRS}, settings: {custom_host: "UPSTREAM"}}
        api_keys:
          - {name: app, permissions: {completions: write, metrics: read}, write_to: their.key}
"#;

/// Names of the same length: of what is theirs, and of nothing.
struct Names {
    virtual_key: &'static str,
    log: String,
    file: String,
    batch: String,
    organisation: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_another_organisation_can_be_called_or_told_from_nothing() {
    let world = World::start_with(Engine::Sqlite, |setup| setup.env("THEIRS", THEIRS)).await;
    world.virtual_key("openai", "openai").await;
    let their_key = second_organisation(&world);
    let (theirs, nothing) = names(&world, &their_key).await;
    let callers = callers(&world).await;
    let used = uses_of_theirs(&world);
    let their_logs = async || {
        let logs = client::get(world.gate.url("/v1/logs?limit=500")).bearer(&their_key);
        succeed(logs).await["data"].clone()
    };
    let before = their_logs().await;
    assert!(used > 0 && !before.as_array().unwrap().is_empty());

    let mut tried = 0;
    for (caller, key) in &callers {
        let both = calls(&world, &theirs).into_iter().zip(calls(&world, &nothing));
        for ((what, call), (_, like)) in both {
            let as_caller = |call: Call| match key.strip_prefix("cookie ") {
                Some(cookie) => call.header("cookie", cookie),
                None => call.header("x-portkey-api-key", key),
            };
            let reached = as_caller(call).send().await.unwrap();
            let missed = as_caller(like).send().await.unwrap();
            assert_eq!(
                nameless(&reached, &theirs),
                nameless(&missed, &nothing),
                "{caller}: {what}"
            );
            let is_list = what.starts_with("models");
            assert!(is_list || reached.status >= 400, "{caller}: {what}: {}", reached.text());
            tried += 1;
        }
    }
    assert!(tried > 150, "{tried}");
    assert_eq!(uses_of_theirs(&world), used, "their credential was used");
    assert_eq!(their_logs().await, before, "they were told of it");

    // The names that both have lead each to its own.
    let chat = |key: &str| {
        let call = client::post(world.gate.url("/v1/chat/completions")).bearer(key);
        call.json(&chat_body("gpt-4o-mini")).via("openai")
    };
    succeed(chat(&world.made.api_key)).await;
    assert_eq!(uses_of_theirs(&world), used);
    succeed(chat(&their_key)).await;
    assert_eq!(uses_of_theirs(&world), used + 1);

    // Neither are their names in our logs told from those of nothing.
    let logs = settled_logs(&world).await;
    let of = |name: &str| {
        let about = logs.iter().filter(|log| log.to_string().contains(name));
        let mut shown: Vec<String> = about.map(|log| timeless(log, name)).collect();
        shown.sort_unstable();
        shown
    };
    let (of_theirs, of_nothing) = (of(theirs.virtual_key), of(nothing.virtual_key));
    assert!(!of_theirs.is_empty());
    assert_eq!(of_theirs, of_nothing);
}

/// All of our logs, once the last call's is among them: logs arrive in the order in which calls end.
async fn settled_logs(world: &World) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let logs = world.logs().await;
        if logs.iter().any(|log| log["is_success"] == true && log["virtual_key"] == "openai") {
            return logs;
        }
        assert!(begun.elapsed() < PATIENCE, "the last call's log is not there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Makes the second organisation; the key of its application.
fn second_organisation(world: &World) -> String {
    let setup = world.gate.setup();
    let path = setup.data_dir().with_file_name("second.yaml");
    fs::write(&path, DOCUMENT.replace("UPSTREAM", &world.upstream.base_url())).unwrap();
    let applied = setup.run(&["apply", "-f", path.to_str().unwrap()]).unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    fs::read_to_string(path.with_file_name("their.key")).unwrap().trim().to_owned()
}

/// How many calls the provider has had with their credential.
fn uses_of_theirs(world: &World) -> usize {
    let bearer = format!("Bearer {THEIRS}");
    let requests = world.upstream.requests();
    requests.iter().filter(|request| request.header("authorization") == Some(&bearer)).count()
}

/// What they have: made by calls of their own.
async fn names(world: &World, their_key: &str) -> (Names, Names) {
    let post = |path: &str| client::post(world.gate.url(path)).bearer(their_key).via("their-key");
    until_status(|| post("/v1/chat/completions").json(&chat_body("gpt-4o-mini")), 200).await;
    let form = "--b\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\n\
        content-disposition: form-data; name=\"file\"; filename=\"f.jsonl\"\r\n\r\n{}\r\n--b--\r\n";
    let upload = post("/v1/files").header("content-type", "multipart/form-data; boundary=b");
    let file = succeed(upload.body(form)).await["id"].as_str().unwrap().to_owned();
    let batch = json!({
        "input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h",
    });
    let batch = succeed(post("/v1/batches").json(&batch)).await["id"].as_str().unwrap().to_owned();
    let logs = || client::get(world.gate.url("/v1/logs?limit=500")).bearer(their_key);
    let start = Instant::now();
    let log = loop {
        let logs = succeed(logs()).await;
        match logs["data"].as_array().unwrap() {
            logs if logs.len() == 3 => break logs[0].clone(),
            _ => assert!(start.elapsed() < PATIENCE, "{logs}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let text = |name: &str| log[name].as_str().unwrap().to_owned();
    // An id of the same form that is nobody's.
    let other = |id: &str| {
        let last = if id.ends_with('0') { '1' } else { '0' };
        format!("{}{last}", &id[..id.len() - 1])
    };
    let organisation = world.made.organisation_id.clone();
    let theirs = Names {
        virtual_key: "their-key",
        log: text("id"),
        file,
        batch,
        organisation: text("organisation_id"),
    };
    assert_ne!(theirs.organisation, organisation);
    let nothing = Names {
        virtual_key: "no-ones-k",
        log: other(&theirs.log),
        file: other(&theirs.file),
        batch: other(&theirs.batch),
        organisation: other(&theirs.organisation),
    };
    assert_eq!(theirs.virtual_key.len(), nothing.virtual_key.len());
    (theirs, nothing)
}

/// A credential of every kind, of the first organisation; and none.
async fn callers(world: &World) -> Vec<(String, String)> {
    let mut callers = vec![("master key".to_owned(), world.made.api_key.clone())];
    let workspace = &world.made.workspace_id;
    for (kind, scopes) in [
        ("organisation/service", json!(["completions.write", "logs.view", "models.list"])),
        ("workspace/service", json!(["completions.write", "logs.view", "models.list"])),
        // It may look at logs of its calls only.
        ("workspace/service", json!(["completions.write"])),
    ] {
        let body = json!({"name": "x", "scopes": scopes});
        let made = succeed(world.post(&format!("/v1/api-keys/{kind}"), &body)).await;
        callers.push((format!("{kind} {scopes}"), made["key"].as_str().unwrap().to_owned()));
    }
    let body = json!({
        "email": "ann@acme.test", "role": "member",
        "workspaces": [{"id": workspace, "role": "admin"}],
        "workspace_api_key_details": {"scopes": ["completions.write", "logs.view", "logs.list"]},
    });
    let invite = succeed(world.post("/v1/admin/users/invites", &body)).await;
    let token = invite["invite_link"].as_str().unwrap().split_once('#').unwrap().1;
    let body = json!({"token": token, "password": "three blind mice"});
    let accept = client::post(world.gate.url("/auth/invites/accept")).json(&body);
    let accepted = accept.send().await.unwrap();
    assert_eq!(accepted.status, 200, "{}", accepted.text());
    let key = accepted.json()["api_keys"][0]["key"].as_str().unwrap().to_owned();
    callers.push(("a person's key".to_owned(), key));
    let cookie = accepted.header("set-cookie").split(';').next().unwrap();
    callers.push(("a session".to_owned(), format!("cookie {cookie}")));

    let signers = [TokenSigner::rsa("rsa"), TokenSigner::p256("p256")];
    let keys: Vec<Value> = signers.iter().map(TokenSigner::jwk).collect();
    let scopes = json!(["completions.write", "logs.view", "logs.list", "models.list"]);
    let issuer = json!({"jwks": {"keys": keys}, "scopes": scopes});
    succeed(world.put("/v1/admin/organisation/token-issuer", &issuer)).await;
    let claims = json!({
        "portkey_oid": world.made.organisation_id, "scope": "completions.write logs.view logs.list",
        "exp": 4_000_000_000_u64, "sub": "attacker",
    });
    let mut within = claims.clone();
    within["portkey_workspace"] = json!(workspace);
    for (signer, claims) in signers.iter().zip([claims, within]) {
        callers.push((format!("a token: {claims}"), signer.sign(&claims)));
    }
    callers
}

/// Every way to name something in a call.
fn calls(world: &World, names: &Names) -> Vec<(&'static str, Call)> {
    let Names { virtual_key, log, file, batch, organisation } = names;
    let post = |path: &str, body: &Value| client::post(world.gate.url(path)).json(body);
    let get = |path: &str| client::get(world.gate.url(path));
    let chat = || post("/v1/chat/completions", &chat_body("gpt-4o-mini"));
    let config = |config: Value| chat().header("x-portkey-config", &config.to_string());
    let model = |path: &str| post(path, &chat_body(&format!("@{virtual_key}/gpt-4o-mini")));
    let form = format!(
        "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n@{virtual_key}/whisper-1\r\n\
         --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n\
         --b--\r\n"
    );
    let transcription = client::post(world.gate.url("/v1/audio/transcriptions"))
        .header("content-type", "multipart/form-data; boundary=b")
        .body(form);
    let socket = |path: &str| {
        let upgrade = get(path).header("connection", "upgrade").header("upgrade", "websocket");
        let upgrade = upgrade.header("sec-websocket-version", "13");
        upgrade.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    vec![
        ("virtual key", chat().via(virtual_key)),
        ("virtual key with @", chat().via(&format!("@{virtual_key}"))),
        ("provider", chat().header("x-portkey-provider", &format!("@{virtual_key}"))),
        ("organisation", chat().via(organisation)),
        ("model", model("/v1/chat/completions")),
        ("model of a message", model("/v1/messages")),
        ("model of a completion", model("/v1/completions")),
        ("model of a response", model("/v1/responses")),
        ("model of an embedding", model("/v1/embeddings")),
        ("model of a rerank", model("/v1/rerank")),
        ("model of a form", transcription),
        ("model in a query", get(&format!("/v1/anything?model=%40{virtual_key}%2Fgpt-4o"))),
        ("a path of the provider's", post("/v1/anything/else", &json!({})).via(virtual_key)),
        ("config's virtual key", config(json!({"virtual_key": virtual_key}))),
        ("config's virtualKey", config(json!({"virtualKey": virtual_key}))),
        ("config's provider", config(json!({"provider": format!("@{virtual_key}")}))),
        ("config's targets", config(json!({"targets": [{"virtual_key": virtual_key}]}))),
        ("saved config", chat().header("x-portkey-config", &format!("pc-{virtual_key}"))),
        ("models of a key", get("/v1/models").via(virtual_key)),
        ("models, integrated", {
            let all = get("/v1/models").via(virtual_key);
            all.header("x-portkey-fetch-integrated-models", "true")
        }),
        ("models by query", get(&format!("/v1/models?provider={virtual_key}"))),
        ("models by query with @", get(&format!("/v1/models?provider=%40{virtual_key}"))),
        ("realtime", socket(&format!("/v1/realtime?model=%40{virtual_key}%2Fgpt-4o-realtime"))),
        ("realtime by header", socket("/v1/realtime?model=gpt-4o-realtime").via(virtual_key)),
        ("file", get(&format!("/v1/files/{file}")).via(virtual_key)),
        ("file's content", get(&format!("/v1/files/{file}/content")).via(virtual_key)),
        ("batch", get(&format!("/v1/batches/{batch}")).via(virtual_key)),
        ("batch's output", get(&format!("/v1/batches/{batch}/output")).via(virtual_key)),
        ("files", get("/v1/files").via(virtual_key)),
        ("log", get(&format!("/v1/logs/{log}"))),
        ("log by its organisation", get(&format!("/v1/logs/{organisation}"))),
        ("virtual key's record", get(&format!("/v1/virtual-keys/{virtual_key}"))),
    ]
}

/// All of an answer, without those names and what is every answer's own.
fn nameless(answer: &Answer, names: &Names) -> (u16, String, String) {
    let own = ["x-portkey-trace-id", "date"];
    let headers = answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let mut headers: Vec<String> =
        headers.map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.sort_unstable();
    let Names { virtual_key, log, file, batch, organisation } = names;
    let texts = [headers.join("\n"), answer.text()].map(|text| {
        [*virtual_key, log, file, batch, organisation]
            .into_iter()
            .fold(text, |text, name| text.replace(name, "NAME"))
    });
    let [headers, body] = texts;
    (answer.status, headers, body)
}

/// What a log says of what was asked for and what came of it, without the name.
fn timeless(log: &Value, name: &str) -> String {
    let said = [
        "ai_model",
        "ai_org",
        "attempts",
        "config",
        "cost_nano_dollars",
        "endpoint",
        "error",
        "error_detail",
        "integration_id",
        "is_success",
        "metadata",
        "mode",
        "model_asked",
        "model_served",
        "request_bytes",
        "request_url",
        "response_bytes",
        "response_status_code",
        "state",
        "stored_content",
        "virtual_key",
        "workspace_id",
    ];
    said.map(|field| format!("{field}: {}", log[field])).join("\n").replace(name, "NAME")
}
