//! Nobody gets further than they were let: attempts to climb, one by one and at random.

use portcullis_domain::{ApiKeyKind, OrganisationRole, Scope, ScopeSet, Workspace, WorkspaceRole};
use serde_json::{Value, json};

use super::{Admin, Credential, Somebody};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_owner_stays() {
    let admin = Admin::start().await;
    let organisation = admin.workspace.organisation_id;
    let owners = admin.ok("GET /v1/admin/users?role=owner", Value::Null).await;
    assert_eq!(owners["total"], 1, "{owners}");
    let first = format!("/v1/admin/users/{}", owners["data"][0]["id"].as_str().unwrap());
    for (call, body) in [
        (format!("DELETE {first}"), Value::Null),
        (format!("PUT {first}"), json!({"role": "member"})),
        (format!("PUT {first}"), json!({"role": "admin"})),
    ] {
        let message = admin.fails(&call, body, 409).await;
        assert!(message.contains("last owner"), "{call}: {message}");
    }
    // Of two, each taking the other out at the same time, one stays.
    for round in 0..5 {
        let name = format!("second-{round}");
        let second = admin.somebody(&name, organisation, OrganisationRole::Owner, &[]).await;
        let other = format!("/v1/admin/users/{}", second.id);
        let (put, delete) = (format!("PUT {first}"), format!("DELETE {other}"));
        let demote = json!({"role": "member"});
        let (one, two) = tokio::join!(
            admin.call(&admin.master, &put, &demote),
            admin.call(&admin.master, &delete, &Value::Null),
        );
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{one:?} {two:?}");
        admin.call(&admin.master, &put, &json!({"role": "owner"})).await;
        admin.call(&admin.master, &delete, &Value::Null).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_changes_or_removes_somebody_who_may_do_more() {
    let admin = Admin::start().await;
    let organisation = admin.workspace.organisation_id;
    let here = |role| [(&admin.workspace, role)];
    let place = here(WorkspaceRole::Admin);
    let member = OrganisationRole::Member;
    let owner = admin.somebody("owner", organisation, OrganisationRole::Owner, &[]).await;
    let plain = admin.somebody("admin", organisation, OrganisationRole::Admin, &[]).await;
    let head = admin.somebody("head", organisation, member, &place).await;
    let place = here(WorkspaceRole::Manager);
    let manager = admin.somebody("manager", organisation, member, &place).await;

    let of_owner = format!("/v1/admin/users/{}", owner.id);
    let workspace = format!("/v1/admin/workspaces/{}/users", admin.workspace.id);
    let of_head = format!("{workspace}/{}", head.id);
    // What somebody is in the organisation counts in its workspaces too.
    let body = json!({"users": [{"id": owner.id, "role": "member"}]});
    admin.ok(&format!("POST {workspace}"), body).await;
    let place_of_owner = format!("{workspace}/{}", owner.id);
    for (who, call, body, status) in [
        (&plain, format!("PUT {of_owner}"), json!({"role": "member"}), 403),
        (&plain, format!("DELETE {of_owner}"), Value::Null, 403),
        (&plain, format!("PUT /v1/admin/users/{}", plain.id), json!({"role": "owner"}), 400),
        (&plain, format!("PUT /v1/admin/users/{}", head.id), json!({"role": "owner"}), 400),
        (&manager, format!("PUT {of_head}"), json!({"role": "member"}), 403),
        (&manager, format!("DELETE {of_head}"), Value::Null, 403),
        (&head, format!("DELETE {place_of_owner}"), Value::Null, 403),
        (&head, format!("PUT {place_of_owner}"), json!({"role": "manager"}), 403),
        (&plain, format!("DELETE {place_of_owner}"), Value::Null, 403),
        (&manager, format!("PUT {workspace}/{}", manager.id), json!({"role": "admin"}), 400),
        (
            &manager,
            format!("POST {workspace}"),
            json!({"users": [
                {"id": plain.id, "role": "admin"},
            ]}),
            400,
        ),
        (
            &plain,
            "PUT /v1/admin/organisation".to_owned(),
            json!({"settings": {
                "billing_contact": "me@acme.test",
            }}),
            403,
        ),
    ] {
        let refused = admin.call_as(&who.session, &call, &body).await;
        assert_eq!(refused.status, status, "{call} {body}: {}", refused.body);
    }
    let path = format!("DELETE {workspace}/{}", manager.id);
    let allowed = admin.call_as(&head.session, &path, &Value::Null).await;
    assert_eq!(allowed.status, 200);
    let path = format!("DELETE {place_of_owner}");
    assert_eq!(admin.call_as(&owner.session, &path, &Value::Null).await.status, 200);
}

/// Taking back a key or an invite takes its scope and nothing else: it gives nobody anything, and
/// whoever finds one leaked must be able to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_do_more_can_be_taken_back_but_not_taken_over() {
    let admin = Admin::start().await;
    let kind = ApiKeyKind::OrganisationService;
    let held = [
        "organisation_service_api_keys.delete",
        "organisation_service_api_keys.rotate",
        "organisation_users.delete",
        "organisation_users.update",
    ];
    let (_, lesser) = admin.key(&admin.workspace, kind, ScopeSet::parse(held).unwrap()).await;
    let (id, whole) = admin.key(&admin.workspace, kind, ScopeSet::all()).await;
    let body = json!({"email": "new@people.test", "role": "owner"});
    let invite = admin.ok("POST /v1/admin/users/invites", body).await;
    let invite = format!("/v1/admin/users/invites/{}", invite["id"].as_str().unwrap());
    for (call, status) in [
        (format!("POST /v1/api-keys/{id}/rotate"), 403),
        (format!("POST {invite}/resend"), 400),
        (format!("DELETE /v1/api-keys/{id}"), 200),
        (format!("DELETE {invite}"), 200),
    ] {
        let reply = admin.call(&lesser, &call, &Value::Null).await;
        assert_eq!(reply.status, status, "{call}: {}", reply.body);
    }
    assert_eq!(admin.call(&whole, "GET /v1/api-keys", &Value::Null).await.status, 401);
    assert_eq!(admin.ok(&format!("GET {invite}"), Value::Null).await["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_opens_what_they_do_not_hold() {
    let admin = Admin::start().await;
    let organisation = admin.workspace.organisation_id;
    let kind = ApiKeyKind::OrganisationService;
    let scopes = [
        "workspaces.create",
        "workspace_users.create",
        "organisation_settings.read",
        "organisation_settings.update",
    ];
    let held = ScopeSet::parse(scopes).unwrap();
    let (_, lesser) = admin.key(&admin.workspace, kind, held).await;
    let somebody = admin.somebody("some", organisation, OrganisationRole::Member, &[]).await;

    // A workspace's first members are members like any others.
    let body = json!({"name": "New", "users": [somebody.id]});
    let refused = admin.call(&lesser, "POST /v1/admin/workspaces", &body).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let plain = admin.call(&lesser, "POST /v1/admin/workspaces", &json!({"name": "New"})).await;
    assert_eq!(plain.status, 200, "{}", plain.body);
    admin.ok("POST /v1/admin/workspaces", body).await;

    // Neither a feature nor the sight of others' calls.
    let update = "PUT /v1/admin/organisation";
    let switch = |member| json!({"settings": {"roles": {"member": member}}});
    let opens = switch(json!({"features": {"virtual_keys": "delete"}}));
    assert_eq!(admin.call(&lesser, update, &opens).await.status, 400);
    let closes = switch(json!({"own_data_only": true}));
    assert_eq!(admin.call(&lesser, update, &closes).await.status, 200);
    let refused = admin.call(&lesser, update, &switch(json!({"own_data_only": false}))).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.body["message"].as_str().unwrap().contains("logs.view"), "{}", refused.body);
    admin.ok(update, switch(json!({"own_data_only": false}))).await;
}

/// Random acts of people and keys of middling rank: whatever succeeds, nobody ends up with a
/// credential or a role that may do what none of them could from the beginning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_series_of_acts_climbs() {
    let admin = Admin::start().await;
    let home = admin.workspace.clone();
    let next_door = admin.second_workspace().await;
    let organisation = home.organisation_id;
    let member = OrganisationRole::Member;
    let place = [(&home, WorkspaceRole::Manager)];
    let manager = admin.somebody("manager", organisation, member, &place).await;
    let place = [(&home, WorkspaceRole::Member)];
    let plain = admin.somebody("plain", organisation, member, &place).await;
    // A manager's key without the right to read logs, and nothing of the organisation's.
    let held: ScopeSet = Scope::ALL
        .iter()
        .copied()
        .filter(|scope| scope.fits_workspace())
        .filter(|scope| !scope.name().starts_with("logs.") && *scope != Scope::WorkspacesUpdate)
        .collect();
    let (_, key) = admin.key(&home, ApiKeyKind::WorkspaceService, held).await;
    let mut random = Random(20_261_125);
    let mut actors = vec![manager.session.clone(), plain.session.clone(), Credential::Key(key)];
    let mut ids: Vec<String> = Vec::new();
    let mut done = 0;
    for _ in 0..1000 {
        // Half of it by those who may do something, so that something comes of it.
        let among = if random.below(2) == 0 { 3 } else { actors.len() };
        let who = actors[random.below(among)].clone();
        let (call, body) = act(&mut random, [&home, &next_door], [&manager, &plain], &ids);
        let reply = admin.call_as(&who, &call, &body).await;
        assert!([200, 400, 401, 403, 404, 409].contains(&reply.status), "{call}: {}", reply.body);
        if reply.status == 200 {
            done += 1;
            if let (Some(id), Some(key)) = (reply.body["id"].as_str(), reply.body["key"].as_str()) {
                ids.push(id.to_owned());
                actors.push(Credential::Key(key.to_owned()));
            }
        }
    }
    assert!(done > 30 && ids.len() > 10, "{done} acts, {} keys", ids.len());
    for actor in &actors {
        for call in [
            "GET /v1/admin/users",
            "GET /v1/audit-logs",
            "GET /v1/admin/organisation",
            "POST /v1/admin/workspaces",
            "POST /v1/admin/users/invites",
            "POST /v1/api-keys/organisation/service",
        ] {
            let reply = admin.call_as(actor, call, &json!({"name": "x"})).await;
            assert!([401, 403, 404].contains(&reply.status), "{call}: {}", reply.body);
        }
        let path = format!("PUT /v1/admin/workspaces/{}", home.id);
        let reply = admin.call_as(actor, &path, &json!({"name": "mine"})).await;
        assert!([401, 403].contains(&reply.status), "{}", reply.body);
        let path = format!("GET /v1/admin/workspaces/{}", next_door.id);
        let reply = admin.call_as(actor, &path, &Value::Null).await;
        assert!([401, 403, 404].contains(&reply.status), "{}", reply.body);
    }
    for person in [&manager, &plain] {
        let path = format!("GET /v1/admin/workspaces/{}/users/{}", home.id, person.id);
        let reply = admin.call(&admin.master, &path, &Value::Null).await;
        assert!(reply.status == 404 || reply.body["role"] != "admin", "{}", reply.body);
    }
}

/// Something that could be tried.
fn act(
    random: &mut Random,
    workspaces: [&Workspace; 2],
    people: [&Somebody; 2],
    keys: &[String],
) -> (String, Value) {
    let workspace = workspaces[random.below(8) / 7].id.to_string();
    let person = people[random.below(2)].id.to_string();
    let role = ["admin", "manager", "member", "owner"][random.below(4)];
    let kind = ["organisation/service", "workspace/service", "workspace/user"][random.below(3)];
    let scopes: Vec<&str> =
        (0..random.below(6)).map(|_| Scope::ALL[random.below(Scope::ALL.len())].name()).collect();
    let user = if kind.ends_with("user") { json!(person) } else { Value::Null };
    let some = if keys.is_empty() { "x" } else { &keys[random.below(keys.len())] };
    let place = format!("/v1/admin/workspaces/{workspace}/users");
    match random.below(8) {
        0..=2 => (
            format!("POST /v1/api-keys/{kind}"),
            json!({"name": "x", "workspace_id": workspace, "user_id": user, "scopes": scopes}),
        ),
        3 => (format!("PUT /v1/api-keys/{some}"), json!({"scopes": scopes})),
        4 => {
            let body = json!({"key_transition_period_ms": 0});
            (format!("POST /v1/api-keys/{some}/rotate"), body)
        }
        5 => (format!("PUT {place}/{person}"), json!({"role": role})),
        6 => (format!("POST {place}"), json!({"users": [{"id": person, "role": role}]})),
        _ => (format!("PUT /v1/admin/users/{person}"), json!({"role": role})),
    }
}

/// A small generator (splitmix64), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}
