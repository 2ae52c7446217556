//! Who may do what with the organisation's KMS key.

use portcullis_domain::{ApiKeyKind, Scope, ScopeSet};
use serde_json::{Value, json};

use super::Admin;

const KMS: &str = "/v1/admin/organisation/kms";

/// Each call with what it is answered with when it is permitted, where no KMS can be connected.
fn calls() -> [(String, Value, &'static str, u16); 6] {
    let (read, update) = ("organisation_settings.read", "organisation_settings.update");
    [
        (format!("GET {KMS}"), Value::Null, read, 200),
        (format!("GET {KMS}/guide?provider=none"), Value::Null, read, 400),
        (format!("PUT {KMS}"), json!({"provider": "none"}), update, 400),
        (format!("DELETE {KMS}"), Value::Null, update, 409),
        (format!("POST {KMS}/verify"), json!({}), update, 200),
        (format!("POST {KMS}/rotate"), json!({}), update, 200),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_settings_scopes_open_it_and_no_others_do() {
    let admin = Admin::start().await;
    let home = admin.workspace.clone();
    for (call, body, scope, status) in calls() {
        let only = ScopeSet::parse([scope]).unwrap();
        let others = Scope::ALL.iter().map(|scope| scope.name()).filter(|name| *name != scope);
        let others = ScopeSet::parse(others).unwrap();
        let (_, key) = admin.key(&home, ApiKeyKind::OrganisationService, others).await;
        let denied = admin.call(&key, &call, &body).await;
        assert_eq!(denied.status, 403, "{call}: {}", denied.body);
        assert!(denied.body["message"].as_str().unwrap().contains(scope), "{call}");
        let (_, key) = admin.key(&home, ApiKeyKind::OrganisationService, only).await;
        let allowed = admin.call(&key, &call, &body).await;
        assert_eq!(allowed.status, status, "{call}: {}", allowed.body);
        // A workspace's key has nothing to do with the organisation's, whatever scopes it holds.
        let (_, key) = admin.key(&home, ApiKeyKind::WorkspaceService, ScopeSet::all()).await;
        let denied = admin.call(&key, &call, &body).await;
        assert!([403, 404].contains(&denied.status), "{call}: {}", denied.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_organisation_sees_and_turns_its_own_keys_only() {
    let admin = Admin::start().await;
    let abroad = admin.second_organisation().await;
    let (_, foreigner) = admin.key(&abroad, ApiKeyKind::OrganisationService, ScopeSet::all()).await;
    let get = format!("GET {KMS}");
    admin.virtual_key("ours").await;
    let body = json!({"name": "x", "slug": "theirs", "provider": "openai", "key": "sk-abcdefgh"});
    let made = admin.call(&foreigner, "POST /v1/virtual-keys", &body).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let ids = |answer: &Value| -> Vec<String> {
        let keys = answer["data_keys"].as_array().unwrap().iter();
        keys.map(|key| key["id"].as_str().unwrap().to_owned()).collect()
    };
    let ours = ids(&admin.ok(&get, Value::Null).await);
    let theirs = ids(&admin.call(&foreigner, &get, &Value::Null).await.body);
    assert_eq!((ours.len(), theirs.len()), (1, 1));
    assert_ne!(ours, theirs);
    let rotated = admin.call(&foreigner, &format!("POST {KMS}/rotate"), &json!({})).await;
    assert_eq!(rotated.status, 200, "{}", rotated.body);
    assert_eq!(ids(&admin.ok(&get, Value::Null).await), ours, "ours are as they were");
    let theirs_now = ids(&admin.call(&foreigner, &get, &Value::Null).await.body);
    assert!(theirs_now.len() == 2 && theirs_now.contains(&theirs[0]), "{theirs_now:?}");
}
