//! The permission matrix: every administrative route as everybody.

mod actors;
mod cells;
mod foreign;
mod stated;
mod things;
mod trail;

use std::collections::{BTreeSet, HashMap};

use http::Method;
use portcullis_api::Door;
use portcullis_domain::{
    ApiKeyKind, OrganisationRole, RolePreset, RoleSettings, Scope, ScopeSet, UserId, WorkspaceRole,
};
use serde_json::{Value, json};

use self::{
    actors::{Caller, Outcome},
    cells::{Cell, Fresh},
    stated::{Has, Scopes},
    things::Things,
};
use super::{Admin, Credential, Reply};

/// Calls everything as anybody and keeps the count.
struct Calls<'a> {
    admin: &'a Admin,
    things: Things,
    cells: Vec<(Cell, bool)>,
    fresh: HashMap<Fresh, String>,
    count: usize,
}

impl<'a> Calls<'a> {
    async fn new(admin: &'a Admin) -> Self {
        let things = Things::make(admin, &admin.workspace, &admin.master, "acme").await;
        let unnamed = cells::cells(&Things::unknown());
        let cells = cells::cells(&things).into_iter().zip(unnamed).map(|(cell, unnamed)| {
            let names = cell.path != unnamed.path || cell.body != unnamed.body;
            let names = names || cell.fresh.is_some();
            (cell, names)
        });
        let cells = cells.collect();
        Self { admin, things, cells, fresh: HashMap::new(), count: 0 }
    }

    async fn call_all_as(&mut self, caller: &Caller) {
        for (cell, names) in self.cells.clone() {
            self.check(caller, &cell, names).await;
        }
    }

    async fn check(&mut self, caller: &Caller, cell: &Cell, names: bool) {
        let expected = caller.expected(cell, names);
        let path = match cell.fresh {
            None => cell.path.clone(),
            Some(fresh) => cell.path.replace("FRESH", &self.fresh(fresh).await),
        };
        let (method, _) = cell.route.split_once(' ').unwrap();
        let call = format!("{method} {path}");
        let reply = self.admin.call_as(&caller.credential, &call, &cell.body).await;
        assert_eq!(outcome(&reply, cell), expected, "{}: {call}: {reply:?}", caller.name);
        if let Some(fresh) = cell.fresh.filter(|_| reply.status == 200) {
            self.fresh.remove(&fresh);
        }
        self.count += 1;
    }

    /// The name of something that can be taken away.
    async fn fresh(&mut self, fresh: Fresh) -> String {
        if let Some(name) = self.fresh.get(&fresh) {
            return name.clone();
        }
        let (admin, home) = (self.admin, &self.admin.workspace);
        let email = format!("fresh-{}", self.count);
        let member = OrganisationRole::Member;
        let none = || ScopeSet::parse([]).unwrap();
        let name = match fresh {
            Fresh::VirtualKey => {
                admin.virtual_key("fresh").await;
                "fresh".to_owned()
            }
            Fresh::Provider => {
                let body = json!({
                    "name": "fresh", "slug": "fresh-provider",
                    "integration_id": self.things.shared,
                });
                admin.ok("POST /v1/providers", body).await;
                "fresh-provider".to_owned()
            }
            Fresh::Integration => {
                let body = json!({
                    "name": "fresh", "slug": "fresh-shared", "ai_provider_id": "openai",
                    "key": "sk-abcdefgh", "create_default_provider": false,
                });
                admin.ok("POST /v1/integrations", body).await;
                "fresh-shared".to_owned()
            }
            Fresh::Issuer => {
                let jwks = portcullis_testkit::token::TokenSigner::p256("k").jwks();
                let body = json!({"jwks": jwks, "scopes": []});
                admin.ok("PUT /v1/admin/organisation/token-issuer", body).await;
                "token-issuer".to_owned()
            }
            Fresh::WorkspaceIntegration => {
                let body = json!({
                    "name": "fresh", "slug": "fresh-own", "ai_provider_id": "openai",
                    "key": "sk-abcdefgh", "create_default_provider": false,
                    "workspace_id": home.id,
                });
                admin.ok("POST /v1/integrations", body).await;
                "fresh-own".to_owned()
            }
            Fresh::ApiKey => admin.key(home, ApiKeyKind::WorkspaceService, none()).await.0,
            Fresh::OrganisationKey => {
                admin.key(home, ApiKeyKind::OrganisationService, none()).await.0
            }
            Fresh::PersonKey => {
                let person = UserId::parse(&self.things.user).unwrap();
                admin.key_of(home, ApiKeyKind::WorkspaceUser, none(), Some(person)).await.0
            }
            Fresh::Member => {
                let places = [(home, WorkspaceRole::Member)];
                let person = admin.somebody(&email, home.organisation_id, member, &places).await;
                person.id.to_string()
            }
            Fresh::Person => {
                let person = admin.somebody(&email, home.organisation_id, member, &[]).await;
                person.id.to_string()
            }
        };
        self.fresh.insert(fresh, name.clone());
        name
    }
}

/// What an answer says, in short.
fn outcome(reply: &Reply, cell: &Cell) -> Outcome {
    let message = reply.body["message"].as_str().unwrap_or_default();
    match reply.status {
        401 => Outcome::Unknown,
        403 if message.starts_with("the scope '") => Outcome::Denied,
        // The scope is there, and something that holds more is to be changed.
        403 if message.starts_with("it holds the scope") => Outcome::Allowed,
        404 => Outcome::Absent,
        status if cell.allowed.contains(&status) => Outcome::Allowed,
        _ => panic!("{}: {reply:?}", cell.path),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_everybody_as_stated() {
    let admin = Admin::start().await;
    let next_door = admin.second_workspace().await;
    let abroad = admin.second_organisation().await;
    let mut calls = Calls::new(&admin).await;
    let places = [(&admin.workspace, WorkspaceRole::Admin)];
    let organisation = admin.workspace.organisation_id;
    let person = admin.somebody("key", organisation, OrganisationRole::Member, &places).await.id;

    let people = actors::people(&admin, &next_door, "default", false).await;
    let whole = actors::whole_keys(&admin, &next_door, &abroad, person).await;
    let features = actors::feature_keys(&admin, person).await;
    for caller in people.iter().chain(&whole).chain(&features) {
        calls.call_all_as(caller).await;
    }
    let settings = json!({"settings": {"roles": {"preset": "strict"}}});
    admin.ok("PUT /v1/admin/organisation", settings).await;
    for caller in actors::people(&admin, &next_door, "strict", true).await {
        calls.call_all_as(&caller).await;
    }
    assert!(calls.count > 8000, "{}", calls.count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scope_alone_opens_its_own_routes_only() {
    let admin = Admin::start().await;
    let mut calls = Calls::new(&admin).await;
    for scope in stated::all() {
        let caller = actors::key_of(&admin, [scope].into()).await;
        calls.call_all_as(&caller).await;
    }
    // And all others together do not make up for one.
    for (cell, names) in calls.cells.clone() {
        let others = stated::all().into_iter().filter(|scope| !cell.door.contains(scope));
        let caller = actors::key_of(&admin, others.collect()).await;
        calls.check(&caller, &cell, names).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_ones_own_needs_a_session_and_nothing_else() {
    let admin = Admin::start().await;
    let home = admin.workspace.clone();
    let (_, key) = admin.key(&home, ApiKeyKind::OrganisationService, ScopeSet::all()).await;
    let mut callers = vec![(Credential::Nobody, false), (Credential::Key(key), false)];
    let organisation = home.organisation_id;
    for role in OrganisationRole::ALL {
        let person = admin.somebody(role.name(), organisation, role, &[]).await;
        callers.push((person.session, true));
    }
    for role in WorkspaceRole::ALL {
        let name = format!("workspace-{}", role.name());
        let places = [(&home, role)];
        let person = admin.somebody(&name, organisation, OrganisationRole::Member, &places).await;
        callers.push((person.session, true));
    }
    for (number, (caller, is_person)) in callers.iter().enumerate() {
        for cell in cells::own_cells() {
            let (method, _) = cell.route.split_once(' ').unwrap();
            let call = format!("{method} {}", cell.path);
            let reply = admin.call_as(caller, &call, &cell.body).await;
            let ended = cell.route.contains("sign-out-everywhere");
            if cell.is_open || (*is_person && !ended) {
                assert!(cell.allowed.contains(&reply.status), "{number}: {call}: {reply:?}");
            } else {
                // Signing out ended the session that was to end every session.
                assert_eq!(reply.status, 401, "{number}: {call}: {reply:?}");
            }
        }
    }
    let person = admin.somebody("last", organisation, OrganisationRole::Owner, &[]).await;
    let everywhere = "POST /auth/sign-out-everywhere";
    assert_eq!(admin.call_as(&person.session, everywhere, &Value::Null).await.status, 200);
    let after = admin.call_as(&person.session, "GET /auth/session", &Value::Null).await;
    assert_eq!(after.status, 401);
}

/// A new route without a cell fails here; so does a cell of a route that is gone, or whose door is
/// another than stated; and a scope that opens a door behind which no cell needs it.
#[test]
fn every_route_has_its_cells() {
    let things = Things::unknown();
    let mut stated: HashMap<String, Option<BTreeSet<&str>>> = HashMap::new();
    let mut needed: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    for cell in cells::cells(&things) {
        needed.entry(cell.route).or_default().extend(cell.needs);
        let door: BTreeSet<&str> = cell.door.iter().copied().collect();
        let before = stated.insert(cell.route.to_owned(), Some(door.clone()));
        assert!(before.is_none_or(|known| known == Some(door)), "{}", cell.route);
    }
    for (route, needed) in needed {
        assert_eq!(stated[route], Some(needed), "{route}: a scope of its door opens nothing");
    }
    for cell in cells::own_cells() {
        assert!(stated.insert(cell.route.to_owned(), None).is_none(), "{}", cell.route);
    }
    let mut served = HashMap::new();
    for route in portcullis_api::route_table() {
        let door = match route.door {
            Door::Scopes(scopes) => Some(scopes.iter().map(|scope| scope.name()).collect()),
            Door::Open | Door::Session => None,
        };
        served.insert(format!("{} {}", route.method, route.path), door);
        assert!([Method::GET, Method::POST, Method::PUT, Method::DELETE].contains(&route.method));
    }
    assert_eq!(stated, served);
}

#[test]
fn roles_hold_what_the_matrix_says() {
    let names = |scopes: &ScopeSet| scopes.iter().map(Scope::name).collect::<Scopes>();
    let (owner, admin) = (OrganisationRole::Owner.scopes(), OrganisationRole::Admin.scopes());
    assert_eq!(names(&owner), stated::owner());
    assert_eq!(names(&admin), stated::admin());
    assert!(OrganisationRole::Member.scopes().is_empty());
    for (preset, is_strict) in [(RolePreset::Default, false), (RolePreset::Strict, true)] {
        let roles = RoleSettings { preset, ..RoleSettings::default() }.compile();
        let [admin, manager, member] = WorkspaceRole::ALL.map(|role| names(roles.workspace(role)));
        assert_eq!(admin, stated::workspace_admin());
        assert_eq!(manager, stated::workspace_manager());
        assert_eq!(member, stated::workspace_member(is_strict));
    }
    let member = stated::workspace_member(false);
    for (feature, verb, scopes, has) in stated::MATRIX {
        for scope in *scopes {
            let has = *has;
            assert_eq!(names(&admin).contains(scope), has != Has::Owner, "{feature} {verb}");
            assert_eq!(member.contains(scope), has == Has::All, "{feature} {verb}");
        }
    }
}
