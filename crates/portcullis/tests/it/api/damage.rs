//! What goes wrong around a write: one damaged row must not keep the rest from working, least of
//! all revocations, and what is done is not answered with an error.

use std::time::Duration;

use portcullis_control::load_snapshot;
use portcullis_domain::{ApiKeyKind, ScopeSet};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use tokio::time::timeout;

use super::Admin;

impl Admin {
    fn url(&self) -> String {
        format!("sqlite://{}", self._directory.path().join("portcullis.db").display())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_read_stops_no_revocation() {
    let admin = Admin::start().await;
    let kind = ApiKeyKind::OrganisationService;
    let (_, damaged) = admin.key(&admin.workspace, kind, ScopeSet::all()).await;
    let (id, revoked) = admin.key(&admin.workspace, kind, ScopeSet::all()).await;
    let status =
        async |key: &str| admin.call(key, "GET /v1/virtual-keys", &Value::Null).await.status;
    assert_eq!((status(&damaged).await, status(&revoked).await), (200, 200));

    let mut conn = SqliteConnection::connect(&admin.url()).await.unwrap();
    for sql in [
        "UPDATE api_keys SET scopes = 'not json' WHERE rowid = (SELECT MIN(rowid) FROM api_keys
             WHERE name = 'a key')",
        "INSERT INTO outbox (organisation_id, subject_kind, subject_id, created_at)
             SELECT organisation_id, 'api_key', id, created_at FROM api_keys
             WHERE scopes = 'not json'",
    ] {
        let done = sqlx::query(sql).execute(&mut conn).await.unwrap();
        assert_eq!(done.rows_affected(), 1);
    }

    admin.ok(&format!("DELETE /v1/api-keys/{id}"), Value::Null).await;
    assert_eq!(status(&revoked).await, 401);
    assert_eq!(status(&damaged).await, 401, "nobody knows any more what it may do");
    assert_eq!(status(&admin.master).await, 200);
    // Nor does it keep a node from starting.
    let snapshot = load_snapshot(&admin.db).await.unwrap();
    let now = portcullis_domain::Clock::now(&portcullis_runtime::SystemClock);
    let digest = |key: &str| admin.pepper.digest(key);
    assert!(snapshot.api_key_by_digest(&digest(&admin.master), now).is_some());
    assert!(snapshot.api_key_by_digest(&digest(&damaged), now).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_made_is_handed_out_whatever_fails_afterwards() {
    let admin = Admin::start().await;
    let mut conn = SqliteConnection::connect(&admin.url()).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut conn).await.unwrap();
    let body = json!({"name": "new", "scopes": []});
    let made = admin.call(&admin.master, "POST /v1/api-keys/workspace/service", &body);
    let hindered = async {
        // It has read what it needs, and waits to write. Then nobody can read any more.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut taken = Vec::new();
        while let Ok(reader) = timeout(Duration::from_millis(200), admin.db.read()).await {
            taken.push(reader.unwrap());
        }
        sqlx::query("ROLLBACK").execute(&mut conn).await.unwrap();
        taken
    };
    let (made, _taken) = tokio::join!(made, hindered);
    assert_eq!(made.status, 200, "{}", made.body);
    assert!(made.body["key"].as_str().is_some_and(|key| !key.is_empty()), "{}", made.body);
}
