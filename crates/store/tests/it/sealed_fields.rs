//! The list of what must be sealed, against the schema.

use std::collections::BTreeSet;

use portcullis_store::{ERASED_OTHERWISE, ERASED_TABLES, SEALED_COLUMNS};
use sqlx::{Connection as _, Row as _, SqliteConnection};

use crate::support::World;

/// What it is, table and column if it is kept, and words of tables that would keep it.
type Wanted = (&'static str, Option<(&'static str, &'static str)>, &'static [&'static str]);

/// What the design wants sealed, and where it is kept. `None`: this version has no such resource;
/// the words say how its table would be recognised.
const WANTED: &[Wanted] = &[
    ("config template", None, &["config"]),
    ("virtual-key credential and auth configuration", Some(("integrations", "credential")), &[]),
    ("prompt template", None, &["prompt"]),
    ("partial template", None, &["partial"]),
    ("guardrail checks and actions", None, &["guardrail"]),
    ("integration and plugin credentials", Some(("integrations", "credential")), &["plugin"]),
    ("SSO client secret and settings", None, &["sso", "saml", "oidc", "identity_provider"]),
    ("request and response bodies", Some(("log_contents", "sealed")), &[]),
    ("secrets of the instance", Some(("instance_secrets", "sealed")), &[]),
    ("settings of KMS connections", Some(("kms_connections", "settings")), &[]),
];

/// Bytes that are no secret, or are protected in another way: ids, keyed digests, data keys that a
/// KMS has wrapped, signatures and hashes of the audit trail.
const NOT_SEALED: &[&str] = &[
    "id",
    "digest",
    "previous_digest",
    "wrapped",
    "scope",
    "holder",
    "chain",
    "hash",
    "signature",
    "invited_by",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_field_on_the_list_is_sealed_and_every_column_of_bytes_is_known() {
    let world = World::sqlite().await;
    let mut conn = SqliteConnection::connect(&world.url).await.unwrap();
    let sql = "SELECT m.name, c.name, c.type FROM sqlite_schema m JOIN pragma_table_info(m.name) c
        WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
    let rows = sqlx::query(sql).fetch_all(&mut conn).await.unwrap();
    let columns: Vec<(String, String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let sealed: BTreeSet<(&str, &str)> =
        SEALED_COLUMNS.iter().map(|column| (column.table, column.column)).collect();
    let tables: BTreeSet<&str> = columns.iter().map(|(table, _, _)| table.as_str()).collect();

    for (what, kept, words) in WANTED {
        if let Some(place) = kept {
            assert!(sealed.contains(place), "{what}: {place:?} is not in SEALED_COLUMNS");
        }
        // A resource that arrives brings its sealed column along, and its line above.
        for table in tables.iter().filter(|table| words.iter().any(|word| table.contains(word))) {
            let has_one = sealed.iter().any(|(sealed, _)| sealed == table);
            assert!(has_one, "{what}: the table {table} has no sealed column");
        }
    }
    for (table, column) in &sealed {
        let there = columns.iter().find(|(t, c, _)| t == table && c == column);
        let (_, _, kind) = there.unwrap_or_else(|| panic!("{table}.{column} is not in the schema"));
        assert_eq!(kind, "BLOB", "{table}.{column}");
        assert!(
            WANTED.iter().any(|(_, kept, _)| *kept == Some((table, column))),
            "{table}.{column} is sealed for no reason that is listed here"
        );
    }
    for (table, column, kind) in &columns {
        let is_known = sealed.contains(&(table, column))
            || NOT_SEALED.contains(&column.as_str())
            || column.ends_with("_id")
            || column.ends_with("_hash");
        assert!(kind != "BLOB" || is_known, "{table}.{column}: sealed, or not secret? List it.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_of_tenants_is_erased_with_them() {
    let world = World::sqlite().await;
    let mut conn = SqliteConnection::connect(&world.url).await.unwrap();
    let sql = "SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
        WHERE m.type = 'table' AND c.name = 'organisation_id'";
    let rows = sqlx::query(sql).fetch_all(&mut conn).await.unwrap();
    let tables: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let erased = ERASED_TABLES.iter().map(|table| table.name);
    let erased: BTreeSet<String> =
        erased.chain(ERASED_OTHERWISE.iter().copied()).map(str::to_owned).collect();
    assert_eq!(tables, erased, "a table is erased with its organisation, or said to be otherwise");
}
