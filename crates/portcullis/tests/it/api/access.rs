//! What narrows access besides scopes: addresses, and one's own data only.

use http::Method;
use portcullis_domain::{
    ApiKeyKind, CallId, Clock as _, Log, OrganisationRole, ScopeSet, UserId, Workspace,
    WorkspaceRole,
};
use portcullis_runtime::{SystemClock, SystemDice};
use portcullis_store::{LogRow, Tx};
use serde_json::{Value, json};

use super::{Admin, Credential};

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
