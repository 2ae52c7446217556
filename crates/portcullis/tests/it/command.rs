//! The subcommands, as an operator uses them.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Output};

use portcullis_testkit::process::{Setup, free_address};
use serde_json::Value;

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
        let call = portcullis_testkit::client::get(gate.url("/v1/virtual-keys")).bearer(key);
        assert_eq!(succeed(call).await["total"], 0);
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
        let call = portcullis_testkit::client::get(gate.url("/v1/api-keys")).bearer(&made.api_key);
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
