//! The client libraries that people use, unmodified, against the real binary.
//!
//! Each journey is a program in `acceptance/`. It gets a running gateway, a key and a scripted
//! provider; it asserts what its client should see. When it ends, the provider's journal is checked
//! here: no secret or header of ours got through, and exactly the intended calls arrived.

use std::{path::Path, process::Command};

use portcullis_testkit::{
    postgres::Postgres,
    process::{Initialised, Portcullis, Setup, free_address},
    upstream::{Recorded, Upstream},
};

use crate::{
    step::{self, Outcome},
    tools,
};

/// Which part of the suite to run; all of it by default.
#[derive(clap::Args, Default)]
pub(crate) struct Arguments {
    /// Only on this engine: sqlite or postgres
    #[arg(long, value_name = "ENGINE")]
    engine: Option<Engine>,
    /// Only journeys whose name holds this
    #[arg(long, value_name = "NAME", default_value = "")]
    only: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    Sqlite,
    Postgres,
}

const JOURNEYS: [&str; 11] = [
    "python/portkey_admin.py",
    "python/portkey_people.py",
    "python/portkey_calls.py",
    "python/openai_calls.py",
    "python/openai_realtime.py",
    "python/anthropic_calls.py",
    "python/third_party.py",
    "js/portkey.mjs",
    "js/people.mjs",
    "js/openai.mjs",
    "js/anthropic.mjs",
];

/// Fuzzed alone: what is there afterwards is nobody's to rely on.
const FUZZER: &str = "python/fuzz.py";

/// The credential in the vault; nothing else may reach the provider.
const PROVIDER_KEY: &str = "sk-acceptance-5f2c81d09a";

/// Runs the journeys on each engine.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let root = step::root();
    // Whoever names a binary wants that one judged, not a new build.
    if std::env::var_os("PORTCULLIS_BIN").is_none() {
        step::run(step::cargo().args(["build", "--quiet", "--package", "portcullis"]))?;
    }
    let python = tools::python(&root.join("acceptance/python/requirements.txt"))?;
    tools::node(&root.join("acceptance/js"))?;
    let engines = [Engine::Sqlite, Engine::Postgres];
    let wanted = |engine: &Engine| arguments.engine.is_none_or(|only| only == *engine);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let mut passed = 0;
    for engine in engines.into_iter().filter(wanted) {
        passed += runtime.block_on(on(engine, &arguments.only, &python))?;
    }
    println!("acceptance: {passed} journeys passed");
    Ok(())
}

/// One engine's run: a gateway with a fresh database, used by every journey in turn.
async fn on(engine: Engine, only: &str, python: &Path) -> Outcome<usize> {
    if engine == Engine::Postgres {
        tools::packages(&[&tools::POSTGRESQL])?;
    }
    let setup = fresh(engine);
    let initialised = setup.init();
    let gate = setup.serve().await;
    let upstream = Upstream::start().await.map_err(|error| format!("upstream: {error}"))?;
    let mut passed = 0;
    for journey in JOURNEYS.into_iter().filter(|journey| journey.contains(only)) {
        println!("\n{journey} on {engine:?}");
        upstream.forget();
        let mut program = program(journey, python, &gate, &initialised, &upstream);
        let meant = drive(&mut program, journey, &gate)?;
        let faults = faults(&upstream.requests(), meant, &initialised);
        if !faults.is_empty() {
            return Err(format!("{journey}: at the provider:\n  {}", faults.join("\n  ")));
        }
        passed += 1;
    }
    if FUZZER.contains(only) {
        println!("\n{FUZZER} on {engine:?}");
        upstream.forget();
        let setup = fresh(engine);
        let initialised = setup.init();
        let gate = setup.serve().await;
        drive(&mut program(FUZZER, python, &gate, &initialised, &upstream), FUZZER, &gate)?;
        passed += 1;
    }
    Ok(passed)
}

/// An instance on a database of its own.
fn fresh(engine: Engine) -> Setup {
    match engine {
        Engine::Sqlite => Setup::new(),
        Engine::Postgres => {
            Setup::new().env("PORTCULLIS_DATABASE_URL", &Postgres::shared().fresh_database())
        }
    }
}

fn program(
    journey: &str,
    python: &Path,
    gate: &Portcullis,
    initialised: &Initialised,
    upstream: &Upstream,
) -> Command {
    let path = step::root().join("acceptance").join(journey);
    let mut program = Command::new(if journey.ends_with(".py") { python } else { "node".as_ref() });
    program.arg(path);
    // A key or a base URL of the person who runs this would change what the clients do.
    for name in std::env::vars_os().map(|(name, _)| name) {
        let name_ = name.to_string_lossy();
        if ["PORTKEY_", "OPENAI_", "ANTHROPIC_"].iter().any(|prefix| name_.starts_with(prefix)) {
            program.env_remove(&name);
        }
    }
    program
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PORTCULLIS_URL", gate.url(""))
        .env("PORTCULLIS_API_KEY", &initialised.api_key)
        .env("PORTCULLIS_WORKSPACE", &initialised.workspace_id)
        .env("PORTCULLIS_OWNER", &initialised.owner_email)
        .env("PORTCULLIS_OWNER_PASSWORD", &initialised.owner_password)
        .env("UPSTREAM_URL", upstream.base_url())
        .env("UPSTREAM_KEY", PROVIDER_KEY)
        .env("THIRD_PARTY_PORT", free_address().port().to_string());
    program
}

/// Runs a journey and returns how many calls it meant for the provider.
fn drive(program: &mut Command, journey: &str, gate: &Portcullis) -> Outcome<usize> {
    let output = program.output().map_err(|error| format!("{journey}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let log = gate.output();
        let log: Vec<&str> = log.lines().rev().take(20).collect();
        let log: Vec<&str> = log.into_iter().rev().collect();
        let log = log.join("\n");
        return Err(format!("{journey} failed\n{complaint}\nthe gateway said last:\n{log}"));
    }
    let count = said.lines().find_map(|line| line.strip_prefix("upstream calls: ")?.parse().ok());
    count.ok_or_else(|| format!("{journey} ended without its count of calls"))
}

/// What the provider should not have seen.
fn faults(requests: &[Recorded], meant: usize, ours: &Initialised) -> Vec<String> {
    let mut faults = Vec::new();
    if requests.len() != meant {
        let paths: Vec<&str> = requests.iter().map(|request| request.path.as_str()).collect();
        faults.push(format!("{} calls instead of {meant}: {paths:?}", requests.len()));
    }
    for request in requests {
        let at = format!("{} {}", request.method, request.path);
        for (name, value) in &request.headers {
            if name.starts_with("x-portkey-") {
                faults.push(format!("{at}: header {name}"));
            }
            if value.contains(&ours.api_key) || value.contains("pck_") {
                faults.push(format!("{at}: our API key in {name}"));
            }
            if value.contains("OPENAI_API_KEY") {
                faults.push(format!("{at}: the client's placeholder in {name}"));
            }
        }
        let bearer =
            request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let credential = bearer.or_else(|| request.header("x-api-key"));
        if credential != Some(PROVIDER_KEY) {
            faults.push(format!("{at}: not the credential of the vault"));
        }
        let body = request.json.as_ref().map(ToString::to_string).unwrap_or_default();
        if body.contains(&ours.api_key) {
            faults.push(format!("{at}: our API key in the body"));
        }
        let model = request.json.as_ref().and_then(|json| json["model"].as_str());
        if model.is_some_and(|model| model.starts_with('@')) {
            faults.push(format!("{at}: the virtual key's slug in the model"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use portcullis_testkit::client;
    use serde_json::json;

    use super::*;

    fn ours() -> Initialised {
        serde_json::from_value(json!({
            "organisation_id": "o", "organisation_slug": "acme",
            "workspace_id": "w", "workspace_slug": "ws",
            "owner_email": "o@acme.test", "owner_password": "p",
            "api_key": "pck_master",
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn what_the_provider_must_not_see_is_seen() {
        let upstream = Upstream::start().await.unwrap();
        let call = || client::post(format!("{}/chat/completions", upstream.base_url()));
        let body = json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": "x" }] });

        call().bearer(PROVIDER_KEY).json(&body).send().await.unwrap();
        assert!(faults(&upstream.requests(), 1, &ours()).is_empty());
        assert_eq!(faults(&upstream.requests(), 2, &ours()).len(), 1);

        upstream.forget();
        let leaky = call().bearer("OPENAI_API_KEY").header("x-portkey-trace-id", "1");
        leaky.header("x-other", "pck_master").json(&body).send().await.unwrap();
        // The placeholder, the header, the key, and the wrong credential.
        assert_eq!(faults(&upstream.requests(), 1, &ours()).len(), 4);
    }
}
