//! One damaged row must not keep the rest from working, least of all revocations.

use portcullis_control::load_snapshot;
use portcullis_domain::{ApiKeyKind, ScopeSet};
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};

use super::Admin;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_read_stops_no_revocation() {
    let admin = Admin::start().await;
    let kind = ApiKeyKind::OrganisationService;
    let (_, damaged) = admin.key(&admin.workspace, kind, ScopeSet::all()).await;
    let (id, revoked) = admin.key(&admin.workspace, kind, ScopeSet::all()).await;
    let status =
        async |key: &str| admin.call(key, "GET /v1/virtual-keys", &Value::Null).await.status;
    assert_eq!((status(&damaged).await, status(&revoked).await), (200, 200));

    let file = admin._directory.path().join("portcullis.db");
    let url = format!("sqlite://{}", file.display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
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
