//! People's own API keys.

use portcullis_domain::{OrganisationRole, WorkspaceRole};
use serde_json::{Value, json};

use crate::api::{Admin, Credential};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_make_keys_for_themselves_that_do_no_more_than_they_may() {
    let admin = Admin::start().await;
    let places = [(&admin.workspace, WorkspaceRole::Member)];
    let organisation = admin.workspace.organisation_id;
    let person = admin.somebody("own", organisation, OrganisationRole::Member, &places).await;
    let other = admin.somebody("other", organisation, OrganisationRole::Member, &places).await;
    let make = async |who: &Credential, scopes: &[&str]| {
        let body = json!({"name": "mine", "scopes": scopes});
        admin.call_as(who, "POST /auth/api-keys", &body).await
    };
    let refused = make(&person.session, &["virtual_keys.delete"]).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let made = make(&person.session, &["virtual_keys.list", "logs.view"]).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let (id, key) = (made.body["id"].as_str().unwrap(), made.body["key"].as_str().unwrap());
    let list = async |key: &str| admin.call(key, "GET /v1/virtual-keys", &Value::Null).await.status;
    assert_eq!(list(key).await, 200);

    let mine = admin.call_as(&person.session, "GET /auth/api-keys", &Value::Null).await.body;
    assert_eq!((&mine["total"], &mine["data"][0]["id"]), (&json!(1), &json!(id)));
    assert!(!mine.to_string().contains(key));
    let theirs = admin.call_as(&other.session, "GET /auth/api-keys", &Value::Null).await.body;
    assert_eq!(theirs["total"], 0);
    for call in [format!("DELETE /auth/api-keys/{id}"), format!("POST /auth/api-keys/{id}/rotate")]
    {
        let refused = admin.call_as(&other.session, &call, &json!({})).await;
        assert_eq!(refused.status, 404, "{call}");
    }
    let rotate = format!("POST /auth/api-keys/{id}/rotate");
    let now = json!({"key_transition_period_ms": 0});
    let rotated = admin.call_as(&person.session, &rotate, &now).await;
    let new = rotated.body["key"].as_str().unwrap().to_owned();
    assert_eq!((list(key).await, list(&new).await), (401, 200));
    // An overlap is cut short by a rotation without one, and the trail tells of it.
    let overlapping = admin.call_as(&person.session, &rotate, &json!({})).await;
    let newer = overlapping.body["key"].as_str().unwrap().to_owned();
    assert_eq!((list(&new).await, list(&newer).await), (200, 200));
    assert_eq!(admin.call_as(&person.session, &rotate, &json!({})).await.status, 409);
    let cut = admin.call_as(&person.session, &rotate, &now).await;
    let newest = cut.body["key"].as_str().unwrap().to_owned();
    assert_eq!((list(&new).await, list(&newer).await, list(&newest).await), (401, 401, 200));
    let told = admin.told("rotate").await;
    assert_eq!(told[0]["resource"]["id"], id);
    let until = |side: &str| told[0][side]["key_transition_expires_at"].clone();
    assert!(until("before").is_string() && until("after").is_null(), "{}", told[0]);

    // The key shrinks with the person: out of the workspace, it is gone.
    let path = format!("/v1/admin/workspaces/{}/users/{}", admin.workspace.id, person.id);
    admin.ok(&format!("DELETE {path}"), Value::Null).await;
    assert_eq!(list(&newest).await, 401);
    admin.fails(&format!("GET /v1/api-keys/{id}"), Value::Null, 404).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_can_keep_people_from_making_keys() {
    let admin = Admin::start().await;
    let places = [(&admin.workspace, WorkspaceRole::Admin)];
    let organisation = admin.workspace.organisation_id;
    let person = admin.somebody("own", organisation, OrganisationRole::Member, &places).await;
    let settings = json!({"settings": {"personal_api_keys": false}});
    admin.ok("PUT /v1/admin/organisation", settings).await;
    let body = json!({"name": "mine"});
    let refused = admin.call_as(&person.session, "POST /auth/api-keys", &body).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persons_key_shrinks_with_their_role_and_with_the_roles_themselves() {
    let admin = Admin::start().await;
    let places = [(&admin.workspace, WorkspaceRole::Manager)];
    let organisation = admin.workspace.organisation_id;
    let person = admin.somebody("own", organisation, OrganisationRole::Member, &places).await;
    let body = json!({"name": "mine", "scopes": ["virtual_keys.create", "virtual_keys.list"]});
    let made = admin.call_as(&person.session, "POST /auth/api-keys", &body).await.body;
    let key = made["key"].as_str().unwrap();
    let status = async |call: &str, body: Value| admin.call(key, call, &body).await.status;
    let create = async |slug: &str| {
        let body = json!({"name": slug, "slug": slug, "provider": "openai", "key": "sk-abcdefgh"});
        status("POST /v1/virtual-keys", body).await
    };
    assert_eq!(create("one").await, 200);
    let path = format!("PUT /v1/admin/workspaces/{}/users/{}", admin.workspace.id, person.id);
    admin.ok(&path, json!({"role": "member"})).await;
    assert_eq!(create("two").await, 403);
    assert_eq!(status("GET /v1/virtual-keys", Value::Null).await, 200);

    let roles = |member: Value| json!({"settings": {"roles": {"member": member}}});
    let off = json!({"features": {"virtual_keys": "disabled"}});
    admin.ok("PUT /v1/admin/organisation", roles(off)).await;
    assert_eq!(status("GET /v1/virtual-keys", Value::Null).await, 403);
    let write = json!({"features": {"virtual_keys": "write"}});
    admin.ok("PUT /v1/admin/organisation", roles(write)).await;
    assert_eq!(create("three").await, 200);
    admin.ok("PUT /v1/admin/organisation", roles(json!({}))).await;
    assert_eq!(create("four").await, 403);
    assert_eq!(status("GET /v1/virtual-keys", Value::Null).await, 200);
}
