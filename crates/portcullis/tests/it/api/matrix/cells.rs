//! Every route with calls of it: harmless ones, because they ask for what fails once it is
//! permitted, or change nothing, or take away what was made for it. What each needs is stated here
//! and not taken from the code.

use serde_json::{Value, json};

use super::things::Things;

/// A call of a route.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// Method and path as the table has them.
    pub(crate) route: &'static str,
    /// The path that is called; `FRESH` stands for what is made anew.
    pub(crate) path: String,
    pub(crate) body: Value,
    /// The scopes of which one must be held at the place.
    pub(crate) needs: &'static [&'static str],
    /// The scopes that open the door, if there are more: others count for other kinds of things.
    pub(crate) door: &'static [&'static str],
    pub(crate) place: Where,
    /// Whether a workspace's key means its own workspace, whichever is named.
    pub(crate) at_home: bool,
    /// The scopes of which one must be held in a workspace by whoever holds nothing beyond it, for
    /// whom it is about that workspace.
    pub(crate) confined: &'static [&'static str],
    /// What is answered to whoever may.
    pub(crate) allowed: &'static [u16],
    /// What must be made anew, once the call has taken it away.
    pub(crate) fresh: Option<Fresh>,
}

/// Where an act takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// Wherever the scope is held: a list of what may be seen.
    Anywhere,
    /// In the organisation as a whole.
    Organisation,
    /// In the workspace.
    Workspace,
}

/// Something that is made to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fresh {
    VirtualKey,
    Provider,
    Integration,
    WorkspaceIntegration,
    ApiKey,
    OrganisationKey,
    PersonKey,
    Member,
    Person,
    Issuer,
}

/// A call of a route that is one's own session's, or everybody's.
pub(crate) struct OwnCell {
    pub(crate) route: &'static str,
    pub(crate) path: String,
    pub(crate) body: Value,
    /// What is answered to somebody who is signed in; if it is open, to everybody.
    pub(crate) allowed: &'static [u16],
    pub(crate) is_open: bool,
}

use Where::{Anywhere, Organisation, Workspace};

fn cell(route: &'static str, needs: &'static [&'static str], place: Where) -> Cell {
    let (_, path) = route.split_once(' ').unwrap();
    Cell {
        route,
        path: path.to_owned(),
        body: Value::Null,
        needs,
        door: needs,
        place,
        at_home: false,
        confined: &[],
        allowed: &[200],
        fresh: None,
    }
}

impl Cell {
    /// Puts a value where the path has a parameter, the first that is left.
    fn of(mut self, value: &str) -> Self {
        let (before, rest) = self.path.split_once('{').unwrap();
        let (_, after) = rest.split_once('}').unwrap();
        self.path = format!("{before}{value}{after}");
        self
    }

    fn query(mut self, query: &str) -> Self {
        self.path = format!("{}?{query}", self.path);
        self
    }

    fn body(mut self, body: Value) -> Self {
        self.body = body;
        self
    }

    fn at_home(mut self) -> Self {
        self.at_home = true;
        self
    }

    fn confined(mut self, needs: &'static [&'static str]) -> Self {
        self.confined = needs;
        self
    }

    fn door(mut self, door: &'static [&'static str]) -> Self {
        self.door = door;
        self
    }

    fn answers(mut self, allowed: &'static [u16]) -> Self {
        self.allowed = allowed;
        self
    }

    fn fresh(mut self, fresh: Fresh) -> Self {
        self.fresh = Some(fresh);
        self
    }
}

/// The administrative calls, on those things.
pub(crate) fn cells(t: &Things) -> Vec<Cell> {
    [
        organisation(),
        kms(t),
        workspaces(t),
        people(t),
        api_keys(t),
        providers(t),
        integrations(t),
        trails(t),
    ]
    .concat()
}

fn organisation() -> Vec<Cell> {
    const READ: &[&str] = &["organisation_settings.read"];
    const UPDATE: &[&str] = &["organisation_settings.update"];
    let path = "PUT /v1/admin/organisation";
    let billing = json!({"settings": {"billing_contact": "nonsense"}});
    vec![
        cell("GET /v1/admin/organisation", READ, Organisation),
        cell(path, UPDATE, Organisation).body(json!({})),
        cell(path, UPDATE, Organisation).body(billing).answers(&[400]),
        cell("GET /v1/admin/organisation/token-issuer", READ, Organisation).fresh(Fresh::Issuer),
        cell("PUT /v1/admin/organisation/token-issuer", UPDATE, Organisation)
            .body(json!({"jwks": {"keys": []}, "scopes": []}))
            .answers(&[400]),
        cell("DELETE /v1/admin/organisation/token-issuer", UPDATE, Organisation)
            .fresh(Fresh::Issuer),
    ]
}

fn kms(_: &Things) -> Vec<Cell> {
    const READ: &[&str] = &["organisation_settings.read"];
    const UPDATE: &[&str] = &["organisation_settings.update"];
    vec![
        cell("GET /v1/admin/organisation/kms", READ, Organisation),
        cell("GET /v1/admin/organisation/kms/guide", READ, Organisation)
            .query("provider=vault-transit"),
        cell("PUT /v1/admin/organisation/kms", UPDATE, Organisation)
            .body(json!({"provider": "nonsense"}))
            .answers(&[400]),
        // None of its own is connected.
        cell("DELETE /v1/admin/organisation/kms", UPDATE, Organisation).answers(&[409]),
        cell("POST /v1/admin/organisation/kms/verify", UPDATE, Organisation),
        cell("POST /v1/admin/organisation/kms/rotate", UPDATE, Organisation),
    ]
}

fn workspaces(t: &Things) -> Vec<Cell> {
    let (one, all) = ("/v1/admin/workspaces/{workspaceId}", "GET /v1/admin/workspaces");
    assert_eq!(one.rsplit_once('/').unwrap().0, all.split_once(' ').unwrap().1);
    let workspace = |route, needs| cell(route, needs, Workspace).of(&t.workspace);
    let environments = "GET /v1/admin/workspaces/{workspaceId}/environments";
    let read_one = "GET /v1/admin/workspaces/{workspaceId}/environments/{environmentId}";
    let update_one = "PUT /v1/admin/workspaces/{workspaceId}/environments/{environmentId}";
    let delete_one = "DELETE /v1/admin/workspaces/{workspaceId}/environments/{environmentId}";
    let (reads, updates) = (&["workspaces.read"], &["workspaces.update"]);
    let nameless = json!({"name": ""});
    vec![
        cell(all, &["workspaces.list"], Anywhere),
        cell("POST /v1/admin/workspaces", &["workspaces.create"], Organisation)
            .body(nameless.clone())
            .answers(&[400]),
        workspace("GET /v1/admin/workspaces/{workspaceId}", reads),
        workspace("PUT /v1/admin/workspaces/{workspaceId}", updates).body(json!({})),
        // It is the default one, which stays.
        workspace("DELETE /v1/admin/workspaces/{workspaceId}", &["workspaces.delete"])
            .answers(&[409]),
        workspace(environments, reads),
        workspace("POST /v1/admin/workspaces/{workspaceId}/environments", updates)
            .body(nameless)
            .answers(&[400]),
        workspace(read_one, reads).of(&t.environment),
        workspace(update_one, updates).of(&t.environment).body(json!({})),
        workspace(delete_one, updates).of(&t.environment).answers(&[409]),
    ]
}

fn people(t: &Things) -> Vec<Cell> {
    let organisation = |route, needs| cell(route, needs, Organisation);
    let workspace = |route, needs| cell(route, needs, Workspace).of(&t.workspace);
    let add = json!({"users": [{"id": t.user, "role": "member"}]});
    let invite = json!({"email": "nonsense", "role": "member"});
    let member = json!({"role": "member"});
    vec![
        organisation("GET /v1/admin/users", &["organisation_users.list"]),
        organisation("GET /v1/admin/users/{userId}", &["organisation_users.read"]).of(&t.user),
        organisation("PUT /v1/admin/users/{userId}", &["organisation_users.update"])
            .of(&t.user)
            .body(member.clone()),
        organisation("DELETE /v1/admin/users/{userId}", &["organisation_users.delete"])
            .of("FRESH")
            .fresh(Fresh::Person),
        organisation("GET /v1/admin/users/invites", &["organisation_users.list"]),
        organisation("POST /v1/admin/users/invites", &["organisation_users.create"])
            .body(invite)
            .answers(&[400]),
        organisation("GET /v1/admin/users/invites/{inviteId}", &["organisation_users.read"])
            .of(&t.invite),
        // It was accepted.
        organisation("DELETE /v1/admin/users/invites/{inviteId}", &["organisation_users.delete"])
            .of(&t.invite)
            .answers(&[409]),
        organisation(
            "POST /v1/admin/users/invites/{inviteId}/resend",
            &["organisation_users.update"],
        )
        .of(&t.invite)
        .answers(&[409]),
        workspace("GET /v1/admin/workspaces/{workspaceId}/users", &["workspace_users.list"]),
        // They belong to it already, or the caller holds less than a member.
        workspace("POST /v1/admin/workspaces/{workspaceId}/users", &["workspace_users.create"])
            .body(add)
            .answers(&[409, 400]),
        workspace(
            "GET /v1/admin/workspaces/{workspaceId}/users/{userId}",
            &["workspace_users.read"],
        )
        .of(&t.user),
        workspace(
            "PUT /v1/admin/workspaces/{workspaceId}/users/{userId}",
            &["workspace_users.update"],
        )
        .of(&t.user)
        .body(member),
        workspace(
            "DELETE /v1/admin/workspaces/{workspaceId}/users/{userId}",
            &["workspace_users.delete"],
        )
        .of("FRESH")
        .fresh(Fresh::Member),
    ]
}

/// The scopes of the three kinds of keys for what is done.
macro_rules! kinds {
    ($verb:literal) => {
        [
            concat!("organisation_service_api_keys.", $verb),
            concat!("workspace_service_api_keys.", $verb),
            concat!("workspace_user_api_keys.", $verb),
        ]
    };
}

fn api_keys(t: &Things) -> Vec<Cell> {
    const READ: [&str; 3] = kinds!("read");
    const UPDATE: [&str; 3] = kinds!("update");
    const ROTATE: [&str; 3] = kinds!("rotate");
    const DELETE: [&str; 3] = kinds!("delete");
    const LIST: [&str; 3] = kinds!("list");
    let (all, one) = ("GET /v1/api-keys", "GET /v1/api-keys/{id}");
    let nameless = json!({"name": "", "workspace_id": t.workspace});
    let of_person = json!({"name": "", "workspace_id": t.workspace, "user_id": t.user});
    let organisation = "POST /v1/api-keys/organisation/service";
    let service = "POST /v1/api-keys/workspace/service";
    let user = "POST /v1/api-keys/workspace/user";
    let mut cells = vec![
        cell(all, &LIST, Anywhere),
        cell(organisation, &["organisation_service_api_keys.create"], Organisation)
            .body(json!({"name": ""}))
            .answers(&[400]),
        cell(service, &["workspace_service_api_keys.create"], Workspace)
            .body(nameless)
            .at_home()
            .answers(&[400]),
        cell(user, &["workspace_user_api_keys.create"], Workspace)
            .body(of_person)
            .at_home()
            .answers(&[400]),
    ];
    let fresh = [
        (Organisation, &DELETE[..1], Fresh::OrganisationKey),
        (Workspace, &DELETE[1..2], Fresh::ApiKey),
        (Workspace, &DELETE[2..], Fresh::PersonKey),
    ];
    cells.extend(fresh.map(|(place, delete, fresh)| {
        cell("DELETE /v1/api-keys/{id}", delete, place).door(&DELETE).of("FRESH").fresh(fresh)
    }));
    let kinds = [
        (Organisation, &t.organisation_key, &READ[..1], &UPDATE[..1], &ROTATE[..1]),
        (Workspace, &t.workspace_key, &READ[1..2], &UPDATE[1..2], &ROTATE[1..2]),
        (Workspace, &t.user_key, &READ[2..], &UPDATE[2..], &ROTATE[2..]),
    ];
    for (place, id, read, update, rotate) in kinds {
        let overlap = json!({"key_transition_period_ms": 5});
        cells.extend([
            cell(one, read, place).door(&READ).of(id),
            cell("PUT /v1/api-keys/{id}", update, place).door(&UPDATE).of(id).body(json!({})),
            cell("POST /v1/api-keys/{id}/rotate", rotate, place)
                .door(&ROTATE)
                .of(id)
                .body(overlap)
                .answers(&[400]),
        ]);
    }
    cells
}

fn providers(t: &Things) -> Vec<Cell> {
    let there = |route, needs| cell(route, needs, Workspace).of(&t.virtual_key).at_home();
    let within = format!("workspace_id={}", t.workspace);
    let read = &["virtual_keys.read", "virtual_keys.copy"];
    let new_virtual_key =
        json!({"name": "", "provider": "openai", "key": "sk-1", "workspace_id": t.workspace});
    let new_provider = json!({"name": "", "integration_id": t.shared, "workspace_id": t.workspace});
    let fresh = |route, needs| cell(route, needs, Workspace).of("FRESH").query(&within).at_home();
    vec![
        cell("GET /v1/virtual-keys", &["virtual_keys.list"], Anywhere),
        cell("GET /v1/virtual-keys", &["virtual_keys.list"], Workspace).query(&within).at_home(),
        cell("POST /v1/virtual-keys", &["virtual_keys.create"], Workspace)
            .body(new_virtual_key)
            .at_home()
            .answers(&[400]),
        there("GET /v1/virtual-keys/{slug}", read).query(&within),
        there("PUT /v1/virtual-keys/{slug}", &["virtual_keys.update"])
            .query(&within)
            .body(json!({})),
        there("POST /v1/virtual-keys/{slug}/duplicate", &["virtual_keys.duplicate"])
            .query(&within)
            .body(json!({"slug": t.virtual_key}))
            .answers(&[409]),
        fresh("DELETE /v1/virtual-keys/{slug}", &["virtual_keys.delete"]).fresh(Fresh::VirtualKey),
        cell("GET /v1/providers", &["providers.list"], Anywhere),
        cell("GET /v1/providers", &["providers.list"], Workspace).query(&within).at_home(),
        cell("POST /v1/providers", &["providers.create"], Workspace)
            .body(new_provider)
            .at_home()
            .answers(&[400]),
        there("GET /v1/providers/{slug}", &["providers.read"]).query(&within),
        there("PUT /v1/providers/{slug}", &["providers.update"]).query(&within).body(json!({})),
        fresh("DELETE /v1/providers/{slug}", &["providers.delete"]).fresh(Fresh::Provider),
    ]
}

/// The scopes of the two kinds of owners for what is done.
macro_rules! owners {
    ($verb:literal) => {
        [concat!("organisation_integrations.", $verb), concat!("workspace_integrations.", $verb)]
    };
}

fn integrations(t: &Things) -> Vec<Cell> {
    const READ: [&str; 2] = owners!("read");
    const UPDATE: [&str; 2] = owners!("update");
    const CREATE: [&str; 2] = owners!("create");
    const DELETE: [&str; 2] = owners!("delete");
    const LIST: [&str; 2] = owners!("list");
    let (all, new) = ("GET /v1/integrations", "POST /v1/integrations");
    let body = |workspace: Option<&str>| json!({"name": "", "ai_provider_id": "openai", "key": "sk-1", "workspace_id": workspace});
    let mut cells = vec![
        cell(all, &LIST, Anywhere),
        cell(new, &CREATE[1..], Workspace)
            .door(&CREATE)
            .body(body(Some(&t.workspace)))
            .at_home()
            .answers(&[400]),
        // Whoever is of a workspace only means that one.
        cell(new, &CREATE[..1], Organisation)
            .door(&CREATE)
            .body(body(None))
            .confined(&CREATE[1..])
            .answers(&[400]),
        cell("DELETE /v1/integrations/{slug}", &DELETE[..1], Organisation)
            .door(&DELETE)
            .of("FRESH")
            .fresh(Fresh::Integration),
        cell("DELETE /v1/integrations/{slug}", &DELETE[1..], Workspace)
            .door(&DELETE)
            .of("FRESH")
            .fresh(Fresh::WorkspaceIntegration),
    ];
    let owners = [
        (Organisation, &t.shared, &READ[..1], &UPDATE[..1]),
        (Workspace, &t.virtual_key, &READ[1..], &UPDATE[1..]),
    ];
    for (place, slug, read, update) in owners {
        let reads = |route| cell(route, read, place).door(&READ).of(slug);
        let updates = |route, body| cell(route, update, place).door(&UPDATE).of(slug).body(body);
        cells.extend([
            reads("GET /v1/integrations/{slug}"),
            updates("PUT /v1/integrations/{slug}", json!({})),
            reads("GET /v1/integrations/{slug}/models"),
            updates("PUT /v1/integrations/{slug}/models", json!({"models": []})),
            updates("DELETE /v1/integrations/{slug}/models", Value::Null).query("slugs=none"),
            reads("GET /v1/integrations/{slug}/workspaces"),
            updates("PUT /v1/integrations/{slug}/workspaces", json!({"workspaces": []})),
        ]);
    }
    cells
}

fn trails(t: &Things) -> Vec<Cell> {
    let audit = |route| cell(route, &["audit_logs.list"], Organisation);
    let (list, one) = ("GET /v1/logs", "GET /v1/logs/{id}");
    vec![
        cell(list, &["logs.list", "logs.view"], Anywhere),
        // Whoever makes calls may look one up; its content is seen with `logs.view` only.
        cell(one, &["logs.view", "completions.write", "logs.write"], Workspace).of(&t.log),
        audit("GET /v1/audit-logs"),
        audit("GET /v1/admin/audit-logs"),
        audit("GET /v1/admin/audit-logs/export"),
        audit("GET /v1/admin/audit-logs/head"),
    ]
}

/// The calls of what is one's own, or everybody's.
pub(crate) fn own_cells() -> Vec<OwnCell> {
    let own = |route: &'static str, body: Value, allowed: &'static [u16]| {
        let (_, path) = route.split_once(' ').unwrap();
        let path = path.replace("{id}", "x").replace("{sessionId}", "x");
        OwnCell { route, path, body, allowed, is_open: false }
    };
    let open = |route, body, allowed| OwnCell { is_open: true, ..own(route, body, allowed) };
    let passwords = json!({"current_password": "wrong", "new_password": "three blind mice"});
    vec![
        open("GET /v1/openapi.json", Value::Null, &[200]),
        open("POST /auth/sign-in", json!({"email": "", "password": ""}), &[401, 429]),
        open("POST /auth/invites/look-up", json!({"token": "x"}), &[404]),
        open("POST /auth/invites/accept", json!({"token": "x"}), &[404]),
        own("GET /auth/session", Value::Null, &[200]),
        own("PUT /auth/session/organisation", json!({"organisation": "nothing"}), &[404]),
        own("GET /auth/sessions", Value::Null, &[200]),
        own("DELETE /auth/sessions/{sessionId}", Value::Null, &[404]),
        own("PUT /auth/user", json!({}), &[200]),
        own("PUT /auth/password", passwords, &[400, 401]),
        own("GET /auth/api-keys", Value::Null, &[200]),
        // Whoever has no workspace has no keys in any.
        own("POST /auth/api-keys", json!({"name": ""}), &[400, 404]),
        own("POST /auth/api-keys/{id}/rotate", json!({}), &[404]),
        own("DELETE /auth/api-keys/{id}", Value::Null, &[404]),
        own("POST /auth/sign-out", Value::Null, &[200]),
        own("POST /auth/sign-out-everywhere", Value::Null, &[200]),
    ]
}
