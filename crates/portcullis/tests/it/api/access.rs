//! What narrows access besides scopes: addresses, and one's own data only.

use http::Method;
use portcullis_domain::{
    ApiKeyKind, CallId, Clock as _, Log, OrganisationRole, ScopeSet, UserId, Workspace,
    WorkspaceRole,
};
use portcullis_runtime::{SystemClock, SystemDice};
use portcullis_store::{LogRow, Tx};
use serde_json::{Value, json};

use super::{Admin, Credential, Somebody};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_works_from_its_addresses_only() {
    let admin = Admin::start().await;
    let make = async |addresses: Value| {
        let body = json!({
            "name": "x", "scopes": ["virtual_keys.list"], "allowed_addresses": addresses,
        });
        admin.call(&admin.master, "POST /v1/api-keys/workspace/service", &body).await
    };
    for nonsense in [json!(["somewhere"]), json!(["10.0.0.0/33"]), json!("192.0.2.7"), json!([5])] {
        assert_eq!(make(nonsense).await.status, 400);
    }
    // The requests of these tests come from 192.0.2.7.
    for (addresses, expected) in [
        (json!([]), 200),
        (json!(["192.0.2.7"]), 200),
        (json!(["192.0.2.0/24", "2001:db8::/32"]), 200),
        (json!(["192.0.2.8"]), 403),
        (json!(["10.0.0.0/8"]), 403),
    ] {
        let made = make(addresses.clone()).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let key = made.body["key"].as_str().unwrap();
        let reply = admin.call(key, "GET /v1/virtual-keys", &Value::Null).await;
        assert_eq!(reply.status, expected, "{addresses}: {}", reply.body);
        if expected == 403 {
            // No header makes it come from somewhere else.
            let who = Credential::Key(key.to_owned());
            let headers = [("x-forwarded-for", "10.0.0.1"), ("x-real-ip", "10.0.0.1")];
            let path = "/v1/virtual-keys";
            let (forged, _) = admin.ask(&who, Method::GET, path, String::new(), &headers).await;
            assert_eq!(forged.status, 403);
            let told = admin.told("list").await;
            assert_eq!(told[0]["outcome"], "denied", "{told:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_can_be_shown_their_own_calls_only() {
    let admin = Admin::start().await;
    let organisation = admin.workspace.organisation_id;
    let member = OrganisationRole::Member;
    let places = [(&admin.workspace, WorkspaceRole::Member)];
    let one = admin.somebody("one", organisation, member, &places).await;
    let two = admin.somebody("two", organisation, member, &places).await;
    let scopes = ScopeSet::parse(["logs.view", "logs.list"]).unwrap();
    let kind = ApiKeyKind::WorkspaceUser;
    let (_, key) = admin.key_of(&admin.workspace, kind, scopes, Some(one.id)).await;
    let own = admin.log(&admin.workspace, Some(one.id)).await;
    let others = admin.log(&admin.workspace, Some(two.id)).await;
    let nobodys = admin.log(&admin.workspace, None).await;
    let seen = async |who: &Credential| {
        let list = admin.call_as(who, "GET /v1/logs", &Value::Null).await.body;
        let mut single = Vec::new();
        for id in [&own, &others, &nobodys] {
            let path = format!("GET /v1/logs/{id}");
            single.push(admin.call_as(who, &path, &Value::Null).await.status);
        }
        (list["total"].as_u64().unwrap(), single)
    };
    let key = Credential::Key(key);
    for who in [&one.session, &two.session, &key] {
        assert_eq!(seen(who).await, (3, vec![200, 200, 200]));
    }
    let roles = json!({"member": {"own_data_only": true}});
    admin.ok("PUT /v1/admin/organisation", json!({"settings": {"roles": roles}})).await;
    assert_eq!(seen(&one.session).await, (1, vec![200, 404, 404]));
    assert_eq!(seen(&two.session).await, (1, vec![404, 200, 404]));
    assert_eq!(seen(&key).await, (1, vec![200, 404, 404]), "their key sees no more than they");
    assert_eq!(seen(&Credential::Key(admin.master.clone())).await.0, 3);
    let after = format!("GET /v1/logs?after={others}");
    assert_eq!(admin.call_as(&one.session, &after, &Value::Null).await.status, 400);
}

/// Whoever sees their own calls only gets no sight of others' by way of a key or a role.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_shown_their_own_calls_only_makes_a_key_that_sees_more() {
    let admin = Admin::start().await;
    let organisation = admin.workspace.organisation_id;
    let roles = json!({"manager": {"own_data_only": true}, "member": {"own_data_only": false}});
    admin.ok("PUT /v1/admin/organisation", json!({"settings": {"roles": roles}})).await;
    let member = OrganisationRole::Member;
    let places = [(&admin.workspace, WorkspaceRole::Manager)];
    let manager = admin.somebody("manager", organisation, member, &places).await;
    let other = admin.somebody("other", organisation, member, &places).await;
    let outside = admin.somebody("outside", organisation, member, &[]).await;
    let workspace = admin.workspace.id.to_string();
    let sight = ScopeSet::parse(["logs.view"]).unwrap();
    let kind = ApiKeyKind::WorkspaceService;
    let (seeing, _) = admin.key(&admin.workspace, kind, sight).await;
    let (blind, _) = admin.key(&admin.workspace, kind, ScopeSet::EMPTY).await;
    let new = |user: Option<&Somebody>, scopes: &[&str]| {
        let user = user.map(|user| user.id.to_string());
        json!({"name": "x", "workspace_id": workspace, "user_id": user, "scopes": scopes})
    };
    let (service, user) =
        ("POST /v1/api-keys/workspace/service", "POST /v1/api-keys/workspace/user");
    let people = format!("/v1/admin/workspaces/{workspace}/users");
    let add = |role: &str| json!({"users": [{"id": outside.id, "role": role}]});
    let by_id = |verb: &str, id: &str| format!("{verb} /v1/api-keys/{id}");
    for (call, body, status) in [
        (service.to_owned(), new(None, &["logs.view"]), 400),
        (service.to_owned(), new(None, &["logs.list"]), 400),
        (service.to_owned(), new(None, &["logs.export"]), 400),
        (service.to_owned(), new(None, &["analytics.view"]), 400),
        (service.to_owned(), new(None, &["completions.write", "logs.write"]), 200),
        (user.to_owned(), new(Some(&other), &["logs.view"]), 400),
        (user.to_owned(), new(Some(&manager), &["logs.view"]), 200),
        (by_id("PUT", &blind), json!({"scopes": ["logs.view"]}), 400),
        (by_id("PUT", &blind), json!({"scopes": ["virtual_keys.list"]}), 200),
        (by_id("PUT", &seeing), json!({"name": "mine"}), 403),
        (format!("POST /v1/api-keys/{seeing}/rotate"), json!({}), 403),
        (by_id("DELETE", &seeing), Value::Null, 200),
        // A member would see everybody's calls here.
        (format!("POST {people}"), add("member"), 400),
        (format!("POST {people}"), add("manager"), 200),
        (format!("PUT {people}/{}", outside.id), json!({"role": "member"}), 400),
    ] {
        let reply = admin.call_as(&manager.session, &call, &body).await;
        assert_eq!(reply.status, status, "{call} {body}: {}", reply.body);
    }
}

impl Admin {
    /// A log of a call, of somebody's key or of another one.
    pub(crate) async fn log(&self, workspace: &Workspace, user: Option<UserId>) -> String {
        let id = CallId::mint(&SystemClock, &SystemDice);
        let log: Log = serde_json::from_value(json!({
            "id": id, "state": "finished", "created_at": SystemClock.now(),
            "organisation_id": workspace.organisation_id, "organisation_name": "",
            "workspace_id": workspace.id, "workspace_slug": workspace.slug.as_str(),
            "environment_id": workspace.default_environment, "environment": "production",
            "api_key_id": id, "user_id": user, "endpoint": "chatComplete", "request_method": "POST",
            "request_url": "/v1/chat/completions", "is_proxy_call": false, "stream": false,
            "trace_id": "t", "span_id": "s", "attempts": 1, "retry_success_count": 0,
            "cache_status": "DISABLED", "is_success": true, "usage": {}, "usage_source": "none",
            "request_bytes": 0, "response_bytes": 0, "response_chunks": 0, "timings": {},
            "node_id": id, "gateway_version": "", "stored_content": "none",
        }))
        .unwrap();
        let fields = serde_json::to_string(&log).unwrap();
        let rows = [LogRow { log: &log, fields_json: &fields, content: None }];
        let write = async |tx: &mut Tx| tx.logs().insert_batch(&rows).await;
        assert!(self.db.write(write).await.unwrap().is_empty());
        id.to_string()
    }
}
