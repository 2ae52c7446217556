//! Sealed values that somebody moves, changes or cuts in the database, field by field: none opens.

use std::time::{Duration, Instant};

use portcullis_domain::Sealed;
use portcullis_store::SEALED_COLUMNS;
use portcullis_testkit::{client::Call, kms::Transit};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use crate::{
    kms::{KMS, until},
    world::{Engine, PATIENCE, World, succeed, until_status},
};

const MINE: &str = "slug = 'openai'";

/// One value, by table, column and a condition for its row.
#[derive(Clone, Copy)]
struct At<'a> {
    table: &'a str,
    column: &'a str,
    row: &'a str,
}

impl At<'_> {
    async fn read(self, conn: &mut SqliteConnection) -> Vec<u8> {
        let Self { table, column, row } = self;
        let sql = format!("SELECT {column} FROM {table} WHERE {row}");
        sqlx::query(AssertSqlSafe(sql)).fetch_one(conn).await.unwrap().get(0)
    }

    async fn write(self, conn: &mut SqliteConnection, value: &[u8]) {
        let Self { table, column, row } = self;
        let sql = format!("UPDATE {table} SET {column} = $1 WHERE {row}");
        let done = sqlx::query(AssertSqlSafe(sql)).bind(value).execute(conn).await.unwrap();
        assert_eq!(done.rows_affected(), 1, "{table} {row}");
    }
}

/// What may become of a value: another field's or row's, each of `others`; a bit flipped, in every
/// part of the envelope; its end cut off.
fn damages(value: &[u8], others: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
    let moved = others.iter().enumerate().map(|(n, other)| (format!("moved {n}"), other.clone()));
    let flips = (0..value.len()).filter(|at| {
        // Every seventh byte of the header, the first of the ciphertext, the last of the tag.
        (*at < Sealed::HEADER_LEN && at % 7 == 0)
            || [Sealed::HEADER_LEN, value.len() - 1].contains(at)
    });
    let flipped = flips.map(|at| {
        let mut bytes = value.to_vec();
        bytes[at] ^= 1 << (at % 8);
        (format!("bit flipped at {at}"), bytes)
    });
    let cut = [1, value.len() - Sealed::HEADER_LEN]
        .map(|by| (format!("{by} bytes cut off"), value[..value.len() - by].to_vec()));
    moved.chain(flipped).chain(cut).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_opens_where_it_was_sealed_and_as_it_was_sealed_only() {
    let transit = Transit::start("a-token", Duration::ZERO).await;
    let mut world =
        World::start_with(Engine::Sqlite, |setup| setup.env("PORTCULLIS_VAULT__CACHE_S", "1"))
            .await;
    for slug in ["openai", "second"] {
        world.virtual_key("openai", slug).await;
    }
    succeed(world.put(KMS, &transit.settings())).await;
    until(&world, "active").await;
    for _ in 0..2 {
        succeed(world.chat("gpt-4o-mini")).await;
    }
    let logs = world.logs_of(2).await;
    let url = format!("sqlite://{}", world.gate.setup().data_dir().join("portcullis.db").display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    for sealed in SEALED_COLUMNS {
        let (table, column) = (sealed.table, sealed.column);
        let at = |row| At { table, column, row };
        match (table, column) {
            ("integrations", "credential") => {
                let (mine, other) = (at(MINE), at("slug = 'second'"));
                let others = [other.read(&mut conn).await];
                let tell = announce("openai");
                holds(&mut conn, mine, &others, Some(&tell), &|| world.chat("gpt-4o-mini")).await;
            }
            ("log_contents", "sealed") => {
                let row = |log: &Value| {
                    let id = log["id"].as_str().unwrap().replace('-', "").to_uppercase();
                    format!("HEX(log_id) = '{id}'")
                };
                let (mine, other) = (row(&logs[0]), row(&logs[1]));
                let credential = At { table: "integrations", column: "credential", row: MINE };
                let others = [at(&other).read(&mut conn).await, credential.read(&mut conn).await];
                let path = format!("/v1/logs/{}", logs[0]["id"].as_str().unwrap());
                holds(&mut conn, at(&mine), &others, None, &|| world.get(&path)).await;
            }
            // What a node that runs has opened already: with commands, after the rest.
            ("kms_connections", "settings") | ("instance_secrets", "sealed") => {}
            other => panic!("{other:?} is sealed: it wants a case here"),
        }
    }
    world.gate.kill();
    let connection = At { table: "kms_connections", column: "settings", row: "state = 'active'" };
    let secret = |row| At { table: "instance_secrets", column: "sealed", row };
    let (pepper, audit_key) = (secret("name = 'api-key-pepper'"), secret("name = 'audit-key'"));
    let verify = ["vault", "verify", "--organisation", &world.made.organisation_slug];
    for (mine, other, command) in [
        (connection, pepper, &verify[..]),
        (pepper, audit_key, &["audit", "key"]),
        (audit_key, pepper, &["audit", "key"]),
    ] {
        let opens = || world.gate.setup().run(command).unwrap().status.success();
        let (value, other) = (mine.read(&mut conn).await, other.read(&mut conn).await);
        assert!(opens(), "{command:?}");
        for (what, damaged) in damages(&value, &[other]) {
            // Each is a start of the binary: of the bits, one in each half of the envelope.
            let is_spared = ["at 21", "at 97"].iter().all(|at| !what.ends_with(at));
            if what.contains("flipped") && is_spared {
                continue;
            }
            mine.write(&mut conn, &damaged).await;
            assert!(!opens(), "{} {what}", mine.row);
        }
        mine.write(&mut conn, &value).await;
        assert!(opens(), "as it was it opens");
    }
}

/// Whatever becomes of the value, what needs it is refused, and works again when it is as it was.
async fn holds(
    conn: &mut SqliteConnection,
    at: At<'_>,
    others: &[Vec<u8>],
    announce: Option<&str>,
    needs: &impl Fn() -> Call,
) {
    let value = at.read(conn).await;
    assert!(needs().send().await.unwrap().status == 200, "{} is needed", at.column);
    let mut write = async |bytes: &[u8]| {
        at.write(conn, bytes).await;
        if let Some(sql) = announce {
            sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut *conn).await.unwrap();
        }
    };
    for (what, damaged) in damages(&value, others) {
        write(&damaged).await;
        let begun = Instant::now();
        // The data plane hears of it in a moment.
        let answer = loop {
            let answer = needs().send().await.unwrap();
            if answer.status != 200 {
                break answer;
            }
            assert!(begun.elapsed() < PATIENCE, "{} {} {what}: it opens", at.table, at.row);
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert!(answer.status >= 400, "{what}: {}", answer.text());
    }
    write(&value).await;
    until_status(needs, 200).await;
}

/// Tells the data plane of a changed row, as a write through the API does.
fn announce(slug: &str) -> String {
    format!(
        "INSERT INTO outbox (organisation_id, subject_kind, subject_id, created_at)
         SELECT organisation_id, 'integration', id, created_at FROM integrations WHERE slug = '{slug}'"
    )
}
