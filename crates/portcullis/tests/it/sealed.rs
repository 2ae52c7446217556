//! Sealed values that somebody moves, changes or cuts in the database, field by field: none opens.

use std::time::{Duration, Instant};

use portcullis_domain::Sealed;
use portcullis_store::SEALED_COLUMNS;
use portcullis_testkit::{
    client::{self, Call},
    kms::Transit,
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::{
    kms::{KMS, until},
    world::{
        CREDENTIAL, PATIENCE, Via as _, World, chat_body, on_both_engines, succeed, until_status,
    },
};

const MINE: &str = "slug = 'openai'";

/// Another organisation with the same things.
const SECOND: &str = "
organisations:
  - slug: second
    workspaces:
      - slug: ws-only
        virtual_keys:
          - {slug: theirs, provider: openai, key: {env: SECOND_KEY}, settings: {custom_host: \"UPSTREAM\"}}
        api_keys:
          - {name: calls, permissions: {completions: write}, write_to: calls.key}
    api_keys:
      - {name: settings, scopes: [organisation_settings.read, organisation_settings.update],
         write_to: settings.key}
";

/// The database, past the gate.
enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// One value, by table, column and a condition for its row.
#[derive(Clone, Copy)]
struct At<'a> {
    table: &'a str,
    column: &'a str,
    row: &'a str,
}

impl Database {
    async fn open(world: &World) -> Self {
        match &world.database_url {
            Some(url) => Self::Postgres(PgConnection::connect(url).await.unwrap()),
            None => {
                let path = world.gate.setup().data_dir().join("portcullis.db");
                let url = format!("sqlite://{}", path.display());
                Self::Sqlite(SqliteConnection::connect(&url).await.unwrap())
            }
        }
    }

    /// The condition for a row of that id.
    fn is(&self, column: &str, id: &Value) -> String {
        let id = id.as_str().unwrap().replace('-', "").to_uppercase();
        match self {
            Self::Sqlite(_) => format!("HEX({column}) = '{id}'"),
            Self::Postgres(_) => format!("UPPER(ENCODE({column}, 'hex')) = '{id}'"),
        }
    }

    async fn read(&mut self, At { table, column, row }: At<'_>) -> Vec<u8> {
        let sql = AssertSqlSafe(format!("SELECT {column} FROM {table} WHERE {row}"));
        match self {
            Self::Sqlite(conn) => sqlx::query_scalar(sql).fetch_one(conn).await.unwrap(),
            Self::Postgres(conn) => sqlx::query_scalar(sql).fetch_one(conn).await.unwrap(),
        }
    }

    async fn write(&mut self, At { table, column, row }: At<'_>, value: &[u8]) {
        let sql = AssertSqlSafe(format!("UPDATE {table} SET {column} = $1 WHERE {row}"));
        let rows = match self {
            Self::Sqlite(conn) => {
                sqlx::query(sql).bind(value).execute(conn).await.unwrap().rows_affected()
            }
            Self::Postgres(conn) => {
                sqlx::query(sql).bind(value).execute(conn).await.unwrap().rows_affected()
            }
        };
        assert_eq!(rows, 1, "{table} {row}");
    }

    async fn count(&mut self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(conn) => sqlx::query_scalar(sql).fetch_one(conn).await.unwrap(),
            Self::Postgres(conn) => sqlx::query_scalar(sql).fetch_one(conn).await.unwrap(),
        }
    }

    async fn execute(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(conn) => drop(sqlx::query(sql).execute(conn).await.unwrap()),
            Self::Postgres(conn) => drop(sqlx::query(sql).execute(conn).await.unwrap()),
        }
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

on_both_engines! {
    async fn a_value_opens_where_it_was_sealed_and_as_it_was_sealed_only(engine) {
        let transit = Transit::start("a-token", Duration::ZERO).await;
        let mut world = World::start_with(engine, |setup| {
            setup.env("PORTCULLIS_VAULT__CACHE_S", "1").env("SECOND_KEY", CREDENTIAL)
        })
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
        second_organisation(&world, &transit).await;
        let mut database = Database::open(&world).await;
        for sealed in SEALED_COLUMNS {
            let (table, column) = (sealed.table, sealed.column);
            let at = |row| At { table, column, row };
            match (table, column) {
                ("integrations", "credential") => {
                    let others = [
                        database.read(at("slug = 'second'")).await,
                        database.read(at("slug = 'theirs'")).await,
                    ];
                    let tell = announce("openai");
                    let needs = || world.chat("gpt-4o-mini");
                    holds(&mut database, at(MINE), &others, Some(&tell), &needs).await;
                }
                ("log_contents", "sealed") => {
                    let mine = database.is("log_id", &logs[0]["id"]);
                    let other = database.is("log_id", &logs[1]["id"]);
                    let ours = database.is("organisation_id", &logs[0]["organisation_id"]);
                    let theirs = format!("NOT {ours}");
                    let credential = At { table: "integrations", column: "credential", row: MINE };
                    let others = [
                        database.read(at(&other)).await,
                        database.read(at(&theirs)).await,
                        database.read(credential).await,
                    ];
                    let path = format!("/v1/logs/{}", logs[0]["id"].as_str().unwrap());
                    holds(&mut database, at(&mine), &others, None, &|| world.get(&path)).await;
                }
                // What a node that runs has opened already: with commands, after the rest.
                ("kms_connections", "settings") | ("instance_secrets", "sealed") => {}
                other => panic!("{other:?} is sealed: it wants a case here"),
            }
        }
        world.gate.kill();
        let ours = database.is("organisation_id", &logs[0]["organisation_id"]);
        let rows = [ours.clone(), format!("NOT {ours}")];
        let [connection, theirs] =
            rows.each_ref().map(|row| At { table: "kms_connections", column: "settings", row });
        let secret = |row| At { table: "instance_secrets", column: "sealed", row };
        let (pepper, audit_key) = (secret("name = 'api-key-pepper'"), secret("name = 'audit-key'"));
        let verify = ["vault", "verify", "--organisation", &world.made.organisation_slug];
        for (mine, others, command) in [
            (connection, &[theirs, pepper][..], &verify[..]),
            (pepper, &[audit_key], &["audit", "key"]),
            (audit_key, &[pepper], &["audit", "key"]),
        ] {
            let opens = || world.gate.setup().run(command).unwrap().status.success();
            let value = database.read(mine).await;
            let mut moved = Vec::new();
            for other in others {
                moved.push(database.read(*other).await);
            }
            assert!(opens(), "{command:?}");
            for (what, damaged) in damages(&value, &moved) {
                // Each is a start of the binary: of the bits, one in each half of the envelope.
                let is_spared = ["at 21", "at 97"].iter().all(|at| !what.ends_with(at));
                if what.contains("flipped") && is_spared {
                    continue;
                }
                database.write(mine, &damaged).await;
                assert!(!opens(), "{} {what}", mine.row);
            }
            database.write(mine, &value).await;
            assert!(opens(), "as it was it opens");
        }
    }
}

/// Makes it, connects the same KMS for it, and makes a call.
async fn second_organisation(world: &World, transit: &Transit) {
    let setup = world.gate.setup();
    let file = |name: &str| setup.data_dir().with_file_name(name);
    let document = SECOND.replace("UPSTREAM", &world.upstream.base_url());
    std::fs::write(file("second.yaml"), document).unwrap();
    let applied = setup.run(&["apply", "-f", file("second.yaml").to_str().unwrap()]).unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let key = |name: &str| std::fs::read_to_string(file(name)).unwrap().trim().to_owned();
    let url = world.gate.url(KMS);
    until_status(|| client::get(url.clone()).bearer(&key("settings.key")), 200).await;
    let connect = client::put(url.clone()).bearer(&key("settings.key"));
    succeed(connect.json(&transit.settings())).await;
    let chat = || {
        let call = client::post(world.gate.url("/v1/chat/completions")).bearer(&key("calls.key"));
        call.json(&chat_body("gpt-4o-mini")).via("theirs")
    };
    until_status(chat, 200).await;
    // A log is in the database a moment after its call.
    let mut database = Database::open(world).await;
    let ours = database.is("organisation_id", &world.made.organisation_id.clone().into());
    let begun = Instant::now();
    let sql = format!("SELECT COUNT(*) FROM log_contents WHERE NOT {ours}");
    while database.count(&sql).await == 0 {
        assert!(begun.elapsed() < PATIENCE, "its log is not there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whatever becomes of the value, what needs it is refused, and works again when it is as it was.
async fn holds(
    database: &mut Database,
    at: At<'_>,
    others: &[Vec<u8>],
    announce: Option<&str>,
    needs: &impl Fn() -> Call,
) {
    let value = database.read(at).await;
    assert!(needs().send().await.unwrap().status == 200, "{} is needed", at.column);
    let mut write = async |bytes: &[u8]| {
        database.write(at, bytes).await;
        if let Some(sql) = announce {
            database.execute(sql).await;
        }
    };
    for (what, damaged) in damages(&value, others) {
        // What was refused before must not be what is refused now.
        write(&value).await;
        until_status(needs, 200).await;
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
