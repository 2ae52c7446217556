//! The subcommands, as an operator uses them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use portcullis_testkit::{
    client,
    process::{Setup, free_address},
};
use serde_json::{Value, json};

use crate::world::{World, on_both_engines, setup, succeed};

on_both_engines! {
    async fn init_twice_changes_nothing(engine) {
        let world = World::start(engine).await;
        let words = ["init", "--organisation", "Other", "--owner", "b@other.test", "--json"];
        let again = world.gate.setup().run(&words).unwrap();
        assert!(!again.status.success());
        assert_eq!(out(&again), "");
        assert!(err(&again).contains("nothing was changed"), "{}", err(&again));
        let keys = succeed(world.get("/v1/api-keys")).await;
        assert_eq!(keys["total"], 1, "{keys}");
        assert_eq!(keys["data"][0]["organisation_id"], world.made.organisation_id.as_str());
        assert_eq!(world.made.owner_email, "owner@acme.test");
        assert!(!world.made.owner_password.is_empty());
    }

    async fn serve_initialises_an_empty_directory(engine) {
        let (setup, _) = setup(engine).await;
        let gate = setup.serve().await;
        let path = gate.setup().data_dir().join("first-credentials.json");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let directory = fs::metadata(gate.setup().data_dir()).unwrap().permissions().mode();
        assert_eq!(directory & 0o777, 0o700);
        let made: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let key = made["api_key"].as_str().unwrap();
        assert!(gate.output().contains("first-credentials.json"), "{}", gate.output());
        assert!(!gate.output().contains(key), "the key itself is not for the log");
        let call = client::get(gate.url("/v1/virtual-keys")).bearer(key);
        assert_eq!(succeed(call).await["total"], 0);
    }

    async fn unlock_ends_the_wait_of_an_address(engine) {
        let world = World::start(engine).await;
        let sign_in = async |password: &str| {
            let body = json!({"email": world.made.owner_email, "password": password});
            let call = client::post(world.gate.url("/auth/sign-in")).json(&body);
            call.send().await.unwrap().status
        };
        let mut refused = 0;
        let start = std::time::Instant::now();
        while refused < 3 && start.elapsed() < crate::world::PATIENCE {
            refused += usize::from(sign_in("wrong").await == 429);
        }
        let unlock = |email: &str| world.gate.setup().run(&["unlock", email]).unwrap();
        let unlocked = unlock(&world.made.owner_email);
        assert!(unlocked.status.success(), "{}", err(&unlocked));
        assert!(out(&unlocked).contains("failed sign-ins with owner@acme.test are forgotten"));
        assert_eq!(sign_in(&world.made.owner_password).await, 200);
        let again = unlock(&world.made.owner_email);
        assert!(out(&again).contains("no failed sign-in"), "{}", out(&again));
        let wrong = unlock("nobody");
        assert!(!wrong.status.success() && err(&wrong).contains("e-mail"), "{}", err(&wrong));
    }

    async fn migrate_brings_the_schema_up_to_date_once(engine) {
        let (setup, _) = setup(engine).await;
        let first = setup.run(&["migrate"]).unwrap();
        assert!(first.status.success(), "{}", err(&first));
        assert!(out(&first).contains("applied"), "{}", out(&first));
        let second = setup.run(&["migrate"]).unwrap();
        assert!(out(&second).contains("was up to date"), "{}", out(&second));
        let made = setup.init();
        let gate = setup.serve().await;
        let call = client::get(gate.url("/v1/api-keys")).bearer(&made.api_key);
        assert_eq!(succeed(call).await["total"], 1);
    }

    async fn the_vaults_keys_change_and_values_stay_readable(engine) {
        let mut world = World::start(engine).await;
        world.virtual_key("openai", "openai").await;
        succeed(world.chat("gpt-4o-mini")).await;
        let slug = world.made.organisation_slug.clone();
        let before = status(world.gate.setup());

        let rotated = world.gate.setup().run(&["vault", "rotate", "--organisation", &slug]).unwrap();
        assert!(rotated.status.success(), "{}", err(&rotated));
        let after = status(world.gate.setup());
        let keys = |status: &Value| organisation(status, &slug)["data_keys"].as_array().unwrap().len();
        assert_eq!(keys(&after), keys(&before) + 1, "{after}");
        let fresh = |status: &Value| {
            let keys = organisation(status, &slug)["data_keys"].as_array().unwrap().clone();
            keys.iter().filter(|key| key["state"] == "active").cloned().collect::<Vec<_>>()
        };
        assert_eq!(fresh(&after).len(), 1, "one key seals: {after}");
        assert_ne!(fresh(&after)[0]["id"], fresh(&before)[0]["id"]);

        let rewrapped = world.gate.setup().run(&["vault", "rewrap"]).unwrap();
        assert!(rewrapped.status.success(), "{}", err(&rewrapped));
        let path = "/v1/admin/audit-logs?user_type=operator&resource_type=data_key";
        let told = succeed(world.get(path)).await;
        let told: Vec<(&Value, &Value)> = told["data"].as_array().unwrap().iter()
            .map(|told| (&told["event"]["action"], &told["event"]["request"]["path"])).collect();
        assert!(told.contains(&(&json!("rotate"), &json!("vault rotate"))), "{told:?}");
        assert!(told.contains(&(&json!("update"), &json!("vault rewrap"))), "{told:?}");
        let unknown = world.gate.setup().run(&["vault", "rotate", "--organisation", "no"]).unwrap();
        assert!(!unknown.status.success());
        assert!(err(&unknown).contains(&slug), "it names those there are: {}", err(&unknown));

        // The running server and the next one open what the older key sealed, and seal anew.
        for _ in 0..2 {
            succeed(world.chat("gpt-4o-mini")).await;
            let shown = succeed(world.get("/v1/integrations/openai")).await;
            assert!(shown["masked_key"].as_str().is_some_and(|key| key.contains('*')), "{shown}");
            world.gate.terminate();
            assert!(world.gate.ended_within(crate::world::PATIENCE).await.success());
            world.gate.start_again().await;
        }
        for log in world.logs_of(3).await {
            let detail = succeed(world.get(&format!("/v1/logs/{}", log["id"].as_str().unwrap())));
            assert!(detail.await["request"]["body"]["messages"].is_array());
        }
        let table = world.gate.setup().run(&["vault", "status"]).unwrap();
        assert!(out(&table).contains(&slug) && out(&table).contains("data key"), "{}", out(&table));
    }
}

on_both_engines! {
    async fn the_local_key_is_changed_and_everything_opens(engine) {
        let keys = tempfile::tempdir().unwrap();
        let (setup, url) = setup(engine).await;
        let made = setup.init();
        let old = setup.data_dir().join("vault.key");
        let mut gate = setup.serve().await;
        let credential = json!({"name": "one", "slug": "one", "provider": "openai", "key": "sk-abcdefgh"});
        let post = client::post(gate.url("/v1/virtual-keys")).bearer(&made.api_key);
        succeed(post.json(&credential)).await;

        let new = keys.path().join("new.key");
        write_key(&new, "11");
        // The same data under the new key, with and without the old one.
        let data = gate.setup().data_dir();
        let with = |former: bool| {
            let setup = Setup::new()
                .env("PORTCULLIS_DATA__DIR", data.to_str().unwrap())
                .env("PORTCULLIS_VAULT__LOCAL_KEY_FILE", new.to_str().unwrap());
            let setup = match &url {
                None => setup,
                Some(url) => setup.env("PORTCULLIS_DATABASE_URL", url),
            };
            let former = if former { old.to_str().unwrap() } else { "" };
            setup.env("PORTCULLIS_VAULT__FORMER_KEY_FILE", former)
        };
        for words in [&["serve", "--listen", "127.0.0.1:0"][..], &INIT] {
            let refused = with(false).run(words).unwrap();
            assert!(!refused.status.success());
            let said = err(&refused);
            assert!(said.contains("the vault key does not fit this database"), "{said}");
            assert!(said.contains("vault.former_key_file"), "{said}");
        }
        let shown = with(false).run(&["vault", "status"]).unwrap();
        assert!(out(&shown).contains("DOES NOT OPEN"), "{}", out(&shown));
        assert!(status(&with(false)).to_string().contains("\"unwraps\":false"));
        assert!(!with(false).run(&["vault", "rewrap"]).unwrap().status.success());

        let rewrapped = with(true).run(&["vault", "rewrap"]).unwrap();
        assert!(rewrapped.status.success(), "{}", err(&rewrapped));
        assert!(!status(&with(false)).to_string().contains("\"unwraps\":false"));
        gate.kill();
        fs::remove_file(&old).unwrap();
        let moved = with(false).serve().await;
        for path in ["/v1/integrations/one", "/v1/virtual-keys/one"] {
            succeed(client::get(moved.url(path)).bearer(&made.api_key)).await;
        }
    }

    async fn a_lost_key_is_not_replaced_and_a_first_data_key_is_made(engine) {
        let (setup, _) = setup(engine).await;
        let made = setup.init();
        let slug = made.organisation_slug.as_str();
        let before = status(&setup);
        assert!(before.as_array().unwrap().iter().all(|one| one["organisation_slug"] != slug));
        let rotated = setup.run(&["vault", "rotate", "--organisation", slug]).unwrap();
        assert!(rotated.status.success(), "{}", err(&rotated));
        assert!(out(&rotated).contains(slug), "{}", out(&rotated));
        assert_eq!(organisation(&status(&setup), slug)["data_keys"].as_array().unwrap().len(), 1);

        let key = setup.data_dir().join("vault.key");
        fs::remove_file(&key).unwrap();
        for words in [&INIT[..], &["vault", "status"]] {
            let refused = setup.run(words).unwrap();
            assert!(!refused.status.success());
            assert!(err(&refused).contains("no new key would open"), "{}", err(&refused));
            assert!(!key.exists(), "a new key would only hide the loss");
        }
    }
}

const INIT: [&str; 5] = ["init", "--organisation", "Other", "--owner", "b@other.test"];

fn write_key(path: &Path, pair: &str) {
    fs::write(path, pair.repeat(32)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn the_local_key_can_come_through_a_descriptor() {
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("key");
    write_key(&key, "2a");
    let script = format!("exec \"$@\" 3<{}", key.display());
    let binary = portcullis_testkit::process::binary();
    let words = ["sh", "-c", &script, "sh", binary.to_str().unwrap()];
    let setup = Setup::of(words).env("PORTCULLIS_VAULT__LOCAL_KEY_FD", "3");
    let made = setup.init();
    let gate = setup.serve().await;
    assert!(!gate.setup().data_dir().join("vault.key").exists());
    let body = json!({"name": "one", "slug": "one", "provider": "openai", "key": "sk-abcdefgh"});
    succeed(client::post(gate.url("/v1/virtual-keys")).bearer(&made.api_key).json(&body)).await;
    let keys = status(gate.setup());
    assert!(!keys.to_string().contains("\"unwraps\":false"), "{keys}");
}

#[tokio::test]
async fn the_help_begins_with_two_ways_to_begin() {
    let help = out(&Setup::new().run(&["--help"]).unwrap());
    let lines: Vec<&str> = help.lines().map(str::trim).collect();
    for line in ["portcullis demo", "portcullis serve", ""] {
        assert!(lines.contains(&line), "no line '{line}': {help}");
    }
}

#[tokio::test]
async fn check_says_what_the_settings_come_to() {
    let setup = Setup::new().env("PORTCULLIS_DATABASE_URL", "postgres://gate:hunter2@db.test/gate");
    let checked = setup.run(&["check"]).unwrap();
    assert!(checked.status.success(), "{}", err(&checked));
    let text = out(&checked);
    assert!(text.contains("sound") && text.contains("db.test"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert!(!setup.data_dir().exists(), "checking makes nothing");
}

#[tokio::test]
async fn complaints_about_settings_name_their_place_and_field() {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    let path = file.path().to_str().unwrap();
    for (text, field) in [
        ("[server]\nlisten = 'nowhere'", "server.listen"),
        ("[server]\nlisten = 5", "listen"),
        ("[server]\nlissten = 'x'", "lissten"),
        ("[server", "server"),
        ("[database]\nurl = 'mysql://x'", "database.url"),
        ("[vault]\nkms = 'none'", "vault.kms"),
        ("[log]\nformat = 'xml'", "log.format"),
        ("[vault]\nlocal_key_fd = 1", "vault.local_key_fd"),
        ("[vault]\nlocal_key_fd = 3\nlocal_key_env = 'X'", "vault.local_key_env"),
        ("[vault]\nformer_key_file = 'x'\nformer_key_env = 'X'", "vault.former_key_env"),
    ] {
        fs::write(path, text).unwrap();
        let checked = Setup::new().run(&["check", "--config", path]).unwrap();
        assert!(!checked.status.success(), "{text}");
        let complaint = err(&checked);
        assert!(complaint.contains(field), "{text}: {complaint}");
        assert!(complaint.starts_with("portcullis: "), "{complaint}");
    }
    // A fault of form also names the file.
    fs::write(path, "[server]\nlisten = 5").unwrap();
    let checked = Setup::new().run(&["check", "--config", path]).unwrap();
    assert!(err(&checked).contains(path), "{}", err(&checked));
    let checked = Setup::new().env("PORTCULLIS_SERVER__WORKERS", "many").run(&["check"]).unwrap();
    assert!(err(&checked).contains("PORTCULLIS_SERVER__WORKERS"), "{}", err(&checked));
    let much =
        Setup::new().env("PORTCULLIS_RECORD__MAX_KEPT_KIB", "15361").run(&["check"]).unwrap();
    let said = err(&much);
    assert!(said.contains("max_kept_kib") && said.contains("at most 15360"), "{said}");
    let checked = Setup::new().env("PORTCULLIS_EGRESS_ALLOW", "300.0.0.0/8").run(&["check"]);
    let complaint = err(&checked.unwrap());
    assert!(complaint.contains("egress.allow") && complaint.contains("300.0.0.0/8"), "{complaint}");
    let checked = Setup::new().run(&["check", "--config", "/no/such.toml"]).unwrap();
    assert!(err(&checked).contains("/no/such.toml"), "{}", err(&checked));
}

#[tokio::test]
async fn a_taken_port_and_an_unreachable_database_are_told_plainly() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let setup = Setup::new().env("PORTCULLIS_METRICS__LISTEN", "");
    let served = setup.run(&["serve", "--listen", &address]).unwrap();
    assert!(!served.status.success());
    assert!(err(&served).contains("server.listen") && err(&served).contains(&address));

    let url = format!("postgres://gate:hunter2@{}/gate", free_address());
    let setup = Setup::new().env("PORTCULLIS_DATABASE_URL", &url);
    let migrated = setup.run(&["migrate"]).unwrap();
    assert!(!migrated.status.success());
    assert!(err(&migrated).contains("database"), "{}", err(&migrated));
    assert!(!err(&migrated).contains("hunter2"), "{}", err(&migrated));
}

#[tokio::test]
async fn completions_are_shell_code() {
    let printed = Setup::new().run(&["completions", "bash"]).unwrap();
    assert!(printed.status.success());
    let text = out(&printed);
    assert!(text.contains("complete -F _portcullis") && text.contains("vault"), "{text}");
}

fn status(setup: &Setup) -> Value {
    let shown = setup.run(&["vault", "status", "--json"]).unwrap();
    assert!(shown.status.success(), "{}", err(&shown));
    serde_json::from_slice(&shown.stdout).unwrap()
}

fn organisation<'a>(status: &'a Value, slug: &str) -> &'a Value {
    let found = status.as_array().unwrap().iter().find(|one| one["organisation_slug"] == slug);
    found.unwrap_or_else(|| panic!("no {slug} in {status}"))
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a command comes to that nobody listens to.
fn unheard(words: &[&str]) -> Output {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    Command::new(env!("CARGO_BIN_EXE_portcullis")).args(words).stdout(full).output().unwrap()
}

#[test]
fn first_credentials_that_could_not_be_printed_are_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    for json in [&["--json"][..], &[]] {
        let dir = format!("{dir}/{}", json.len());
        let words = ["init", "--organisation", "A", "--owner", "a@a.test", "--data-dir", &dir];
        let output = unheard(&[&words[..], json].concat());
        assert_eq!(output.status.code(), Some(1));
        assert!(err(&output).contains("run init again"), "{}", err(&output));
    }
}

#[test]
fn completions_that_nobody_reads_are_no_panic() {
    let output = unheard(&["completions", "bash"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("nothing can be printed"), "{}", err(&output));
    let mut heard = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let heard = heard.args(["completions", "bash"]).output().unwrap();
    assert!(heard.status.success() && out(&heard).contains("complete"));
}
