//! The audit trail against whoever holds the database: every kind of tampering is named.

use std::{fs, process::Output};

use portcullis_testkit::{client, process::Setup};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::world::{World, on_both_engines, succeed};

/// Does to the database what nobody should.
async fn tamper(world: &World, statements: &[&'static str]) {
    match &world.database_url {
        None => {
            let path = world.gate.setup().data_dir().join("portcullis.db");
            let url = format!("sqlite://{}", path.display());
            let mut database = SqliteConnection::connect(&url).await.unwrap();
            for sql in statements {
                sqlx::query(*sql).execute(&mut database).await.unwrap();
            }
        }
        Some(url) => {
            let mut database = PgConnection::connect(url).await.unwrap();
            for sql in statements {
                sqlx::query(*sql).execute(&mut database).await.unwrap();
            }
        }
    }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What `audit verify` finds, and whether it ended well.
fn verify(setup: &Setup, more: &[&str]) -> (bool, Vec<String>) {
    let output = setup.run(&[&["audit", "verify", "--json"], more].concat()).unwrap();
    let reports: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let found = reports.as_array().unwrap().iter().flat_map(|report| {
        let name = report["organisation_slug"].as_str().unwrap_or("instance").to_owned();
        let found = report["found"].as_array().unwrap().clone();
        found.into_iter().map(move |text| format!("{name}: {}", text.as_str().unwrap()))
    });
    (output.status.success(), found.collect())
}

on_both_engines! {
    async fn every_kind_of_tampering_is_named(engine) {
        let world = World::start(engine).await;
        for n in 0..4 {
            let body = json!({"name": format!("key {n}"), "scopes": []});
            succeed(world.post("/v1/api-keys/workspace/service", &body)).await;
        }
        let trail = succeed(world.get("/v1/admin/audit-logs")).await;
        let last = trail["data"][0]["id"].as_u64().unwrap();
        assert!(last >= 6, "{trail}");
        let setup = world.gate.setup();
        assert_eq!(verify(setup, &[]), (true, vec![]));
        tamper(&world, &[
            "CREATE TABLE kept_events AS SELECT * FROM audit_events",
            "CREATE TABLE kept_chains AS SELECT * FROM audit_chains",
        ]).await;

        for (statements, expected) in [
            (
                // Another name for what was made, and the searched columns left alone.
                &["UPDATE audit_events SET event = REPLACE(event, 'key 0', 'key 9')
                    WHERE event LIKE '%key 0%'"] as &[&'static str],
                "was edited",
            ),
            (&["UPDATE audit_events SET outcome = 'denied' WHERE seq = 4"], "event 4 was edited"),
            (&["UPDATE audit_events SET client = '192.0.2.1' WHERE seq = 4"], "event 4 was edited"),
            (&["DELETE FROM audit_events WHERE seq = 4"], "events 4 to 4 were deleted"),
            (
                &["INSERT INTO audit_events SELECT chain, 1000, created_at, workspace_id,
                    actor_kind, actor_id, user_id, action, resource, resource_id, outcome, status,
                    method, path, client, request_id, event, hash, signature
                    FROM audit_events WHERE seq = 3 AND chain = (SELECT id FROM organisations)"],
                "event 1000 was inserted",
            ),
            (
                &[
                    "UPDATE audit_events SET seq = 2000 WHERE seq = 4",
                    "UPDATE audit_events SET seq = 4 WHERE seq = 5",
                    "UPDATE audit_events SET seq = 5 WHERE seq = 2000",
                ],
                "event 4 was moved",
            ),
            (&["DELETE FROM audit_events WHERE seq > 5"], "were cut off the end"),
            (&["DELETE FROM audit_chains"], "the recorded end of the chain was changed"),
            (&["DELETE FROM audit_events"], "were cut off the end"),
            (&["DELETE FROM audit_events", "DELETE FROM audit_chains"], "the whole trail is missing"),
        ] {
            // Without the checkpoints of this node: the database alone must give it away.
            for name in ["audit-checkpoints.jsonl", "audit-checkpoints.1.jsonl"] {
                let path = setup.data_dir().join(name);
                if path.exists() {
                    fs::rename(&path, path.with_extension("aside")).unwrap();
                }
            }
            tamper(&world, statements).await;
            let (is_good, found) = verify(setup, &[]);
            assert!(!is_good && !found.is_empty(), "{statements:?}");
            let named = found.iter().filter(|text| text.starts_with("acme: "));
            assert!(named.clone().any(|text| text.contains(expected)), "{statements:?}: {found:?}");
            tamper(&world, &[
                "DELETE FROM audit_events",
                "DELETE FROM audit_chains",
                "INSERT INTO audit_events SELECT * FROM kept_events",
                "INSERT INTO audit_chains SELECT * FROM kept_chains",
            ]).await;
            assert_eq!(verify(setup, &[]), (true, vec![]), "{statements:?}");
        }
    }

    async fn a_checkpoint_gives_away_what_the_database_does_not(engine) {
        let world = World::start(engine).await;
        for n in 0..3 {
            let body = json!({"name": format!("key {n}"), "scopes": []});
            succeed(world.post("/v1/api-keys/workspace/service", &body)).await;
        }
        let setup = world.gate.setup();
        let checkpoint = setup.run(&["audit", "checkpoint"]).unwrap();
        assert!(checkpoint.status.success());
        let kept = setup.data_dir().join("kept.jsonl");
        fs::write(&kept, &checkpoint.stdout).unwrap();
        let kept = ["--checkpoints", kept.to_str().unwrap()];
        assert_eq!(verify(setup, &kept), (true, vec![]));
        // The end is cut off, and the recorded end put where the rest ends.
        tamper(&world, &[
            "DELETE FROM audit_events WHERE seq > 5",
            "UPDATE audit_chains SET seq = 5, hash = (SELECT hash FROM audit_events
                WHERE audit_events.chain = audit_chains.chain AND audit_events.seq = 5)
                WHERE seq > 5",
        ]).await;
        let (is_good, found) = verify(setup, &kept);
        assert!(!is_good);
        assert!(found.iter().any(|text| text.contains("cut off the end")), "{found:?}");

        // What nobody has signed is no checkpoint.
        let forged = setup.data_dir().join("forged.jsonl");
        let text = out(&checkpoint).replace("\\\"seq\\\":", "\\\"seq\\\":1");
        fs::write(&forged, text).unwrap();
        let words = ["audit", "verify", "--checkpoints", forged.to_str().unwrap()];
        let refused = setup.run(&words).unwrap();
        assert!(!refused.status.success());
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("line 1") && said.contains("no checkpoint"), "{said}");
    }

    async fn an_export_is_checked_without_the_instance(engine) {
        let world = World::start(engine).await;
        let secret = "sk-canary-0123456789";
        world.virtual_key_with("openai", "there", secret, &world.upstream.base_url()).await;
        let export = world.get("/v1/admin/audit-logs/export?format=jsonl").send().await.unwrap();
        assert_eq!(export.status, 200);
        let setup = world.gate.setup();
        let key = setup.run(&["audit", "key"]).unwrap();
        let head = succeed(world.get("/v1/admin/audit-logs/head")).await;
        assert_eq!(head["public_key"], out(&key).trim(), "{head}");
        let elsewhere = Setup::new();
        let file = elsewhere.data_dir().with_extension("jsonl");
        let path = file.to_str().unwrap().to_owned();
        let check = |text: &str| {
            fs::write(&file, text).unwrap();
            let words =
                ["audit", "verify", "--json", "--file", &path, "--public-key", out(&key).trim()]
                    .map(str::to_owned);
            elsewhere.run(&words.each_ref().map(String::as_str)).unwrap()
        };
        let text = export.text();
        assert!(check(&text).status.success());
        let mut lines: Vec<&str> = text.lines().collect();
        let gone = lines.remove(1);
        let report = check(&lines.join("\n"));
        assert!(!report.status.success());
        assert!(out(&report).contains("events 2 to 2 were deleted"), "{}", out(&report));
        let edited = gone.replace("success", "failed");
        let report = check(&text.replace(gone, &edited));
        assert!(out(&report).contains("event 2 was edited"), "{}", out(&report));
        let broken = check("nonsense");
        assert!(String::from_utf8_lossy(&broken.stderr).contains("line 1"));

        // A leaked secret is found by its fingerprint, which is no secret.
        let fingerprint = setup.feed(&["audit", "fingerprint"], &format!("{secret}\n")).unwrap();
        let fingerprint = out(&fingerprint).trim().to_owned();
        assert!(!fingerprint.is_empty());
        let path = format!("/v1/admin/audit-logs?text={fingerprint}");
        let found = succeed(world.get(&path)).await;
        assert!(found["total"].as_u64().unwrap() >= 1, "{found}");
        assert!(!text.contains("canary"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_writes_down_where_the_trail_ends() {
    let mut world = World::start(crate::world::Engine::Sqlite).await;
    succeed(world.post("/v1/api-keys/workspace/service", &json!({"name": "x"}))).await;
    world.gate.terminate();
    world.gate.ended_within(crate::world::PATIENCE).await;
    let path = world.gate.setup().data_dir().join("audit-checkpoints.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().count() >= 2, "at its start and at its end: {text}");
    assert!(world.gate.output().contains("audit checkpoint"));
    assert_eq!(verify(world.gate.setup(), &[]), (true, vec![]));
    world.gate.start_again().await;
    let call = client::get(world.gate.url("/v1/api-keys")).bearer(&world.made.api_key);
    assert_eq!(succeed(call).await["total"], 2);
}
