//! Writes at the same time: none brings back what another has taken away.

use std::time::Duration;

use portcullis_domain::{OrganisationRole, WorkspaceRole};
use serde_json::{Value, json};

use super::{Admin, permit};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renaming_never_brings_a_rotated_out_key_back() {
    let admin = Admin::start().await;
    for round in 0..15 {
        let body = json!({"name": "raced", "scopes": ["virtual_keys.list"]});
        let made = admin.ok("POST /v1/api-keys/workspace/service", body).await;
        let (id, old) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
        let put = format!("PUT /v1/api-keys/{id}");
        let renamings = async {
            for name in 0..4 {
                let name = json!({"name": format!("round {round}, name {name}")});
                let reply = admin.call(&admin.master, &put, &name).await;
                assert!([200, 409].contains(&reply.status), "{} {}", reply.status, reply.body);
            }
        };
        // Whoever meets another's write is told to read again; the renamings come to an end.
        let rotation = async {
            let rotate = format!("POST /v1/api-keys/{id}/rotate");
            let at_once = json!({"key_transition_period_ms": 0});
            loop {
                let reply = admin.call(&admin.master, &rotate, &at_once).await;
                if reply.status != 409 {
                    return reply;
                }
            }
        };
        let ((), rotated) = tokio::join!(renamings, rotation);
        assert_eq!(rotated.status, 200, "{}", rotated.body);
        let new = rotated.body["key"].as_str().unwrap();
        let list = "GET /v1/virtual-keys";
        assert_eq!(admin.call(old, list, &Value::Null).await.status, 401, "round {round}");
        assert_eq!(admin.call(new, list, &Value::Null).await.status, 200, "round {round}");
    }
}

/// A removal that was asked for before somebody was made more, and comes after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_removes_somebody_who_was_made_more_meanwhile() {
    let admin = Admin::start().await;
    let organisation = admin.workspace.organisation_id;
    let permit = permit(organisation);
    let places = [(&admin.workspace, WorkspaceRole::Manager)];
    let member = OrganisationRole::Member;
    let (owner, lesser) = (OrganisationRole::Owner, OrganisationRole::Admin);
    let lesser = admin.somebody("lesser", organisation, lesser, &[]).await;
    let manager = admin.somebody("manager", organisation, member, &places).await;
    let some = admin.somebody("some", organisation, member, &places).await;
    let owners = admin.ok("GET /v1/admin/users?role=owner", Value::Null).await;
    let first = owners["data"][0]["id"].as_str().unwrap().parse().unwrap();
    let first = portcullis_domain::UserId::from_uuid(first);
    // Readers go on while somebody writes, and a removal waits for its turn to write.
    let (before, wait) = (Duration::from_millis(50), Duration::from_millis(300));

    let place = format!("DELETE /v1/admin/workspaces/{}/users/{}", admin.workspace.id, some.id);
    let rises = admin.act(async |act| {
        let mut tenant = act.tenant(organisation);
        let place = tenant.workspace_members().find_in(admin.workspace.id, some.id).await?.unwrap();
        let mut head = place.clone();
        head.role = WorkspaceRole::Admin;
        tokio::time::sleep(wait).await;
        act.update(&permit, &place, head).await.map(drop)
    });
    let removal = async {
        tokio::time::sleep(before).await;
        admin.call_as(&manager.session, &place, &Value::Null).await
    };
    let ((), removed) = tokio::join!(rises, removal);
    assert_eq!(removed.status, 403, "{}", removed.body);

    let call = format!("DELETE /v1/admin/users/{}", some.id);
    let becomes = async |user, role| {
        admin
            .act(async |act| {
                let member = act.tenant(organisation).members().find(user).await?.unwrap();
                let mut after = member.clone();
                after.role = role;
                tokio::time::sleep(wait).await;
                act.update(&permit, &member, after).await.map(drop)
            })
            .await;
    };
    let removal = async {
        tokio::time::sleep(before).await;
        admin.call_as(&lesser.session, &call, &Value::Null).await
    };
    let ((), removed) = tokio::join!(becomes(some.id, owner), removal);
    assert_eq!(removed.status, 403, "an owner by now: {}", removed.body);

    let removal = async {
        tokio::time::sleep(before).await;
        admin.call(&admin.master, &call, &Value::Null).await
    };
    let ((), removed) = tokio::join!(becomes(first, member), removal);
    assert_eq!(removed.status, 409, "the last owner by now: {}", removed.body);
}
