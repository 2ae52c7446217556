//! Migrations.

use std::{collections::BTreeSet, slice};

use portcullis_domain::{EmailAddress, User};
use portcullis_store::Error;
use sqlx::{Connection, PgConnection, Row, SqliteConnection};

use crate::{
    logs,
    support::{World, on_both_engines, sealed},
};

on_both_engines! {
    async fn migrating_again_does_nothing(world) {
        let version = world.db.schema_version().await.unwrap();
        assert!(version >= 1);
        assert_eq!(world.db.pending().await.unwrap(), 0);
        assert_eq!(world.db.migrate().await.unwrap(), version);
    }

    async fn a_later_releases_schema_is_refused(world) {
        let sql = "UPDATE schema_version SET version = 9999";
        match world.db.engine() {
            portcullis_store::Engine::Sqlite => {
                let mut conn = SqliteConnection::connect(&world.url).await.unwrap();
                sqlx::query(sql).execute(&mut conn).await.unwrap();
            }
            portcullis_store::Engine::Postgres => {
                let mut conn = PgConnection::connect(&world.url).await.unwrap();
                sqlx::query(sql).execute(&mut conn).await.unwrap();
            }
        }
        let refused = world.db.migrate().await;
        assert!(matches!(refused, Err(Error::NewerSchema { found: 9999, .. })), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_may_migrate_at_once() {
    let url = tokio::task::spawn_blocking(|| {
        portcullis_testkit::postgres::Postgres::shared().fresh_database()
    });
    let url = url.await.unwrap();
    let world = World::postgres().await;
    let options = || portcullis_store::Options::new(world.time.clone());
    let (one, two) = tokio::join!(
        portcullis_store::Db::connect(&url, options()),
        portcullis_store::Db::connect(&url, options()),
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    let (first, second) = tokio::join!(one.migrate(), two.migrate());
    assert_eq!(first.unwrap(), second.unwrap());
}

/// A database that was made before a call's content was one value goes on where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_before_is_brought_up_and_takes_content() {
    macro_rules! before {
        ($engine:literal) => {
            [
                include_str!(concat!("../../migrations/", $engine, "/0001_first.sql")),
                include_str!(concat!("../../migrations/", $engine, "/0002_audit.sql")),
                include_str!(concat!("../../migrations/", $engine, "/0003_access.sql")),
                include_str!(concat!("../../migrations/", $engine, "/0004_kms.sql")),
                "CREATE TABLE schema_version (version BIGINT NOT NULL);
                 INSERT INTO schema_version (version) VALUES (4);",
            ]
            .concat()
        };
    }
    let directory = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/portcullis.db", directory.path().display());
    let mut conn = SqliteConnection::connect(&format!("{sqlite}?mode=rwc")).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(before!("sqlite"))).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    let postgres = tokio::task::spawn_blocking(|| {
        portcullis_testkit::postgres::Postgres::shared().fresh_database()
    });
    let postgres = postgres.await.unwrap();
    let mut conn = PgConnection::connect(&postgres).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(before!("postgres"))).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();

    for (url, directory) in [(sqlite, Some(directory)), (postgres, None)] {
        let world = World::open(url, directory).await;
        let tenant = world.tenant("acme").await;
        let (log, content) = (logs::draw(&world, &tenant), sealed(3));
        let refused = logs::insert(&world, slice::from_ref(&log), &[(log.id, &content)]).await;
        assert_eq!(refused, []);
        let mut reader = world.db.read().await.unwrap();
        let found = reader.tenant(tenant.organisation.id).logs().content(log.id).await.unwrap();
        assert_eq!(found, Some(content));
    }
}

/// People whose addresses were theirs alone keep their accounts, and others may bear the addresses.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_before_stay_and_others_may_bear_their_addresses() {
    macro_rules! before {
        ($engine:literal, $id:literal) => {
            [
                include_str!(concat!("../../migrations/", $engine, "/0001_first.sql")),
                include_str!(concat!("../../migrations/", $engine, "/0002_audit.sql")),
                include_str!(concat!("../../migrations/", $engine, "/0003_access.sql")),
                include_str!(concat!("../../migrations/", $engine, "/0004_kms.sql")),
                include_str!(concat!("../../migrations/", $engine, "/0005_contents.sql")),
                "CREATE TABLE schema_version (version BIGINT NOT NULL);
                 INSERT INTO schema_version (version) VALUES (5);
                 INSERT INTO users (id, email, password_hash, created_at, first_name, last_name,
                     updated_at) VALUES (",
                $id,
                ", 'Ann@Acme.test', 'a hash', 1, 'Ann', 'One', 2);",
            ]
            .concat()
        };
    }
    let directory = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/portcullis.db", directory.path().display());
    let mut conn = SqliteConnection::connect(&format!("{sqlite}?mode=rwc")).await.unwrap();
    let script = before!("sqlite", "x'0190b7a23f4c7d8e9a1b2c3d4e5f6a7b'");
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    let postgres = tokio::task::spawn_blocking(|| {
        portcullis_testkit::postgres::Postgres::shared().fresh_database()
    });
    let postgres = postgres.await.unwrap();
    let mut conn = PgConnection::connect(&postgres).await.unwrap();
    let script = before!("postgres", "'\\x0190b7a23f4c7d8e9a1b2c3d4e5f6a7b'");
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();

    for (url, directory) in [(sqlite, Some(directory)), (postgres, None)] {
        let world = World::open(url, directory).await;
        let tenant = world.tenant("acme").await;
        let email = EmailAddress::parse("ann@acme.test").unwrap();
        let known = world.db.read().await.unwrap().users().of_email(&email).await.unwrap();
        let [account] = &known[..] else { panic!("{} accounts", known.len()) };
        assert_eq!(account.user.id.to_string(), "0190b7a2-3f4c-7d8e-9a1b-2c3d4e5f6a7b");
        assert_eq!(
            (account.user.email.as_str(), &*account.user.first_name),
            ("Ann@Acme.test", "Ann")
        );
        assert_eq!(account.password_hash.as_ref().unwrap().danger_expose(), "a hash");
        let other = User { id: world.id(), email: email.clone(), ..account.user.clone() };
        let permit = world.permit(tenant.organisation.id);
        world.act(async |act| act.insert_user(&permit, &other, None).await).await.unwrap();
        let both = world.db.read().await.unwrap().users().of_email(&email).await.unwrap();
        assert_eq!(both.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_end_in_the_same_schema() {
    let (sqlite, postgres) = (World::sqlite().await, World::postgres().await);
    let mut conn = SqliteConnection::connect(&sqlite.url).await.unwrap();
    let columns = "SELECT m.name || '.' || c.name || ' '
            || REPLACE(REPLACE(c.type, 'BLOB', 'bytea'), 'INTEGER', 'bigint')
            || CASE WHEN c.\"notnull\" = 1 THEN ' not null' ELSE '' END
        FROM sqlite_schema m JOIN pragma_table_info(m.name) c
        WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
    let indexes = "SELECT m.name || CASE WHEN i.\"unique\" = 1 THEN ' unique ' ELSE ' ' END
            || i.name || CASE WHEN i.partial = 1 THEN ' partial ' ELSE ' ' END
            || (SELECT GROUP_CONCAT(COALESCE(x.name, 'expression'), ',')
                FROM pragma_index_info(i.name) x)
        FROM sqlite_schema m JOIN pragma_index_list(m.name) i
        WHERE m.type = 'table' AND i.origin = 'c'";
    let keys = "SELECT m.name || ' -> ' || f.\"table\" || ' ' || GROUP_CONCAT(f.\"from\", ',')
            || CASE WHEN f.on_delete = 'CASCADE' THEN ' cascade' ELSE '' END
        FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f
        WHERE m.type = 'table' GROUP BY m.name, f.id";
    let primary = "SELECT name || ' ' || (SELECT GROUP_CONCAT(name, ',') FROM
            (SELECT c.name FROM pragma_table_info(m.name) c WHERE c.pk > 0 ORDER BY c.pk))
        FROM sqlite_schema m WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
            AND name <> 'schema_version'";
    let mut ours = BTreeSet::new();
    for sql in [columns, indexes, keys, primary] {
        let rows = sqlx::query(sql).fetch_all(&mut conn).await.unwrap();
        assert!(!rows.is_empty());
        ours.extend(rows.iter().map(|row| row.get::<String, _>(0).to_lowercase()));
    }

    let mut conn = PgConnection::connect(&postgres.url).await.unwrap();
    let columns = "SELECT table_name || '.' || column_name || ' ' || data_type
            || CASE WHEN is_nullable = 'NO' THEN ' not null' ELSE '' END
        FROM information_schema.columns WHERE table_schema = 'public'";
    let indexes = "SELECT t.relname || CASE WHEN i.indisunique THEN ' unique ' ELSE ' ' END
            || x.relname || CASE WHEN i.indpred IS NOT NULL THEN ' partial ' ELSE ' ' END
            || (SELECT STRING_AGG(COALESCE(a.attname, 'expression'), ',' ORDER BY k.place)
                FROM UNNEST(i.indkey::int2[]) WITH ORDINALITY k (number, place)
                LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
                    AND k.number > 0)
        FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
        JOIN pg_class t ON t.oid = i.indrelid
        WHERE t.relnamespace = 'public'::regnamespace AND NOT i.indisprimary";
    let keys = "SELECT c.conrelid::regclass::text || ' -> ' || c.confrelid::regclass::text || ' '
            || (SELECT STRING_AGG(a.attname, ',' ORDER BY k.place)
                FROM UNNEST(c.conkey) WITH ORDINALITY k (number, place)
                JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number)
            || CASE WHEN c.confdeltype = 'c' THEN ' cascade' ELSE '' END
        FROM pg_constraint c WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace";
    let primary = "SELECT c.conrelid::regclass::text || ' '
            || (SELECT STRING_AGG(a.attname, ',' ORDER BY k.place)
                FROM UNNEST(c.conkey) WITH ORDINALITY k (number, place)
                JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number)
        FROM pg_constraint c WHERE c.contype = 'p' AND c.connamespace = 'public'::regnamespace";
    let mut theirs = BTreeSet::new();
    for sql in [columns, indexes, keys, primary] {
        let rows = sqlx::query(sql).fetch_all(&mut conn).await.unwrap();
        assert!(!rows.is_empty());
        theirs.extend(rows.iter().map(|row| row.get::<String, _>(0).to_lowercase()));
    }
    let only_here: Vec<_> = ours.difference(&theirs).collect();
    let only_there: Vec<_> = theirs.difference(&ours).collect();
    assert!(only_here.is_empty() && only_there.is_empty(), "{only_here:#?}\n{only_there:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_does_not_quote_the_row() {
    let world = World::postgres().await;
    let a = world.tenant("acme").await;
    let permit = world.permit(a.organisation.id);
    let mut key = a.virtual_key.clone();
    key.name = "canary-name\0".to_owned();
    let refused =
        world.act(async |act| act.update(&permit, &a.virtual_key, key.clone()).await).await;
    let error = refused.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }));
    let told = format!("{error} {error:?}");
    assert!(!told.contains("canary"), "{told}");
}
