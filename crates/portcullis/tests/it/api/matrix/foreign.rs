//! Attacks across tenants: whoever belongs to one organisation and knows every id and slug of
//! another gets from it what names give of which nothing bears any.

use portcullis_domain::{
    ApiKeyKind, Clock as _, Member, OrganisationRole, Scope, ScopeSet, Workspace, WorkspaceRole,
};
use portcullis_runtime::SystemClock;
use portcullis_testkit::token::TokenSigner;
use serde_json::{Value, json};
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::{
    cells::{self, Fresh},
    things::Things,
};
use crate::api::{Admin, Credential, permit};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_another_organisation_can_be_told_from_nothing() {
    let admin = Admin::start().await;
    let home = admin.workspace.clone();
    let abroad = admin.second_organisation().await;
    let (_, their_key) = admin.key(&abroad, ApiKeyKind::OrganisationService, ScopeSet::all()).await;
    let theirs = Things::make(&admin, &abroad, &their_key, "theirs").await;
    let unknown = Things::unknown();
    let outer = json!({
        "name": "outer", "slug": OUTER, "ai_provider_id": "openai", "key": "sk-abcdefgh",
        "create_default_provider": false,
    });
    admin.ok("POST /v1/integrations", outer).await;
    let signers = [TokenSigner::rsa("rsa"), TokenSigner::p256("p256")];
    let attackers = attackers(&admin, &home, &abroad, &signers).await;
    let before = rows(&admin, &abroad).await;

    let mut tried = 0;
    for (number, (name, attacker)) in attackers.iter().enumerate() {
        let all = |things| {
            let (inner, own) = (inner_calls(&home, things), own_calls(&admin, things));
            [calls(things), filters(things, number), inner, own]
        };
        let ours = all(&theirs).into_iter().flatten();
        for ((call, body), like) in ours.zip(all(&unknown).into_iter().flatten()) {
            if (&call, &body) == (&like.0, &like.1) {
                // It names nothing: it is about what is their own.
                continue;
            }
            if name == OF_BOTH && call.ends_with("/auth/session/organisation") {
                // That is theirs to do.
                continue;
            }
            if call.ends_with("/auth/sign-in") {
                // All of them fail, and none is to wait for those before.
                let keys = admin.instance_keys();
                let email = &admin.owner_email;
                portcullis_control::unlock(&admin.db, &keys, email).await.unwrap();
            }
            let reached = admin.call_as(attacker, &call, &body).await;
            let nothing = admin.call_as(attacker, &like.0, &like.1).await;
            // The trail tells of these attempts themselves, as often of the one as of the other.
            let of = |body: &Value, things| match call.contains("audit-logs") {
                true => body["total"].to_string(),
                false => nameless(body, things),
            };
            let (reached_body, nothing_body) =
                (of(&reached.body, &theirs), of(&nothing.body, &unknown));
            assert_eq!(
                (reached.status, reached_body),
                (nothing.status, nothing_body),
                "{name}: {call} {body}"
            );
            tried += 1;
        }
    }
    assert!(tried > 4000, "{tried}");
    tokens_that_name(&admin, &theirs, &unknown, &signers).await;
    // Not even their trail has grown: nothing of all this is theirs to know.
    assert_eq!(rows(&admin, &abroad).await, before, "something of theirs changed");

    // With the same slugs at home, each has its own.
    let ours = Things::make(&admin, &home, &admin.master, "ours").await;
    assert_eq!((&ours.virtual_key, &ours.shared), (&theirs.virtual_key, &theirs.shared));
    for path in [
        format!("/v1/virtual-keys/{}", ours.virtual_key),
        format!("/v1/providers/{}", ours.granted),
        format!("/v1/integrations/{}", ours.shared),
    ] {
        let get = format!("GET {path}");
        let here = admin.ok(&get, Value::Null).await;
        let there = admin.call(&their_key, &get, &Value::Null).await.body;
        assert_eq!(here["slug"], there["slug"]);
        assert_ne!(here["id"], there["id"]);
        admin.ok(&format!("DELETE {path}"), Value::Null).await;
        admin.fails(&get, Value::Null, 404).await;
        assert_eq!(admin.call(&their_key, &get, &Value::Null).await.body, there);
    }
    let keeps_own = |rows: &[String]| -> Vec<String> {
        // Their own look at their things is in their trail.
        rows.iter().filter(|row| !row.starts_with("audit_")).cloned().collect()
    };
    assert_eq!(keeps_own(&rows(&admin, &abroad).await), keeps_own(&before));
}

/// Everybody of the first organisation: people of every role, keys of every kind, tokens; one who
/// belongs to both and is in the first; and nobody.
async fn attackers(
    admin: &Admin,
    home: &Workspace,
    abroad: &Workspace,
    signers: &[TokenSigner],
) -> Vec<(String, Credential)> {
    let organisation = home.organisation_id;
    let mut attackers = vec![
        ("nobody".to_owned(), Credential::Nobody),
        ("the master key".to_owned(), Credential::Key(admin.master.clone())),
    ];
    for role in OrganisationRole::ALL {
        let name = format!("our-{}", role.name());
        let person = admin.somebody(&name, organisation, role, &[]).await;
        attackers.push((name, person.session));
    }
    let member = OrganisationRole::Member;
    let mut bound = None;
    for role in WorkspaceRole::ALL {
        let name = format!("our-workspace-{}", role.name());
        let person = admin.somebody(&name, organisation, member, &[(home, role)]).await;
        attackers.push((name, person.session));
        bound.get_or_insert(person.id);
    }
    for (kind, user) in [
        (ApiKeyKind::OrganisationService, None),
        (ApiKeyKind::WorkspaceService, None),
        (ApiKeyKind::WorkspaceUser, bound),
    ] {
        let (_, key) = admin.key_of(home, kind, *kind.most(), user).await;
        attackers.push((kind.name().to_owned(), Credential::Key(key)));
    }
    let keys: Vec<Value> = signers.iter().map(TokenSigner::jwk).collect();
    let scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    let issuer = json!({"jwks": {"keys": keys}, "scopes": scopes});
    admin.ok("PUT /v1/admin/organisation/token-issuer", issuer).await;
    let own = claims(admin, &organisation.to_string());
    let mut within = own.clone();
    within["portkey_workspace"] = json!(home.id);
    for (signer, claims) in signers.iter().zip([own, within]) {
        let name = format!("a token: {claims}");
        attackers.push((name, Credential::Key(signer.sign(&claims))));
    }

    let both = admin.somebody("of-both", organisation, OrganisationRole::Owner, &[]).await;
    let now = SystemClock.now();
    let elsewhere = Member {
        organisation_id: abroad.organisation_id,
        user_id: both.id,
        role: OrganisationRole::Owner,
        email: both.email,
        first_name: String::new(),
        last_name: String::new(),
        workspaces: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    let allowed = permit(abroad.organisation_id);
    admin.act(async |act| act.insert(&allowed, &elsewhere).await).await;
    attackers.push((OF_BOTH.to_owned(), both.session));
    attackers
}

/// Whoever belongs to both organisations, and is in the first.
const OF_BOTH: &str = "owner of both";

/// What a token says that may do everything in an organisation.
fn claims(admin: &Admin, organisation: &str) -> Value {
    let scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    let end = admin.clock.now().micros() / 1_000_000 + 3600;
    json!({"portkey_oid": organisation, "scope": scopes.join(" "), "exp": end, "sub": "attacker"})
}

/// Tokens of the first organisation's issuer that name what is not theirs are refused as those that
/// name nothing.
async fn tokens_that_name(
    admin: &Admin,
    theirs: &Things,
    unknown: &Things,
    signers: &[TokenSigner],
) {
    let home = admin.workspace.organisation_id.to_string();
    let with = |things: &Things| {
        let (slug, id) = (&things.organisation_slug, &things.organisation);
        let workspaces = [&things.workspace, &things.workspace_slug, &things.organisation];
        let in_workspaces = workspaces.into_iter().flat_map(|workspace| {
            [&home, id].map(|organisation| {
                let mut claims = claims(admin, organisation);
                claims["portkey_workspace"] = json!(workspace);
                claims
            })
        });
        let alone = [slug, id].map(|organisation| claims(admin, organisation));
        let mut config = claims(admin, &home);
        config["defaults"] = json!({"config_id": things.virtual_key});
        in_workspaces.chain(alone).chain([config]).collect::<Vec<Value>>()
    };
    for (named, like) in with(theirs).into_iter().zip(with(unknown)) {
        for signer in signers {
            for call in ["GET /v1/virtual-keys", "GET /v1/admin/organisation", "GET /v1/logs/x"] {
                let [reached, nothing] =
                    [&named, &like].map(|claims| Credential::Key(signer.sign(claims)));
                let reached = admin.call_as(&reached, call, &Value::Null).await;
                let nothing = admin.call_as(&nothing, call, &Value::Null).await;
                assert_eq!(reached, nothing, "{call}: {named}");
                assert!(named["defaults"].is_object() || reached.status == 401, "{reached:?}");
            }
        }
    }
}

/// Every route with those names wherever a name can stand in its path and its body.
fn calls(things: &Things) -> Vec<(String, Value)> {
    let fresh = |fresh| match fresh {
        Fresh::VirtualKey | Fresh::WorkspaceIntegration => &things.virtual_key,
        Fresh::Provider => &things.granted,
        Fresh::Integration => &things.shared,
        Fresh::ApiKey => &things.workspace_key,
        Fresh::OrganisationKey => &things.organisation_key,
        Fresh::PersonKey => &things.user_key,
        Fresh::Member | Fresh::Person | Fresh::Issuer => &things.user,
    };
    let cells = cells::cells(things).into_iter().map(|cell| {
        let (method, _) = cell.route.split_once(' ').unwrap();
        let path = cell.fresh.map_or(cell.path.clone(), |f| cell.path.replace("FRESH", fresh(f)));
        (format!("{method} {path}"), cell.body)
    });
    let mut calls: Vec<(String, Value)> = cells.collect();
    // Workspaces go by their slugs too.
    let by_slug: Vec<(String, Value)> = calls
        .iter()
        .filter(|(call, body)| format!("{call} {body}").contains(&things.workspace))
        .map(|(call, body)| {
            let with_slug = |text: &str| text.replace(&things.workspace, &things.workspace_slug);
            (with_slug(call), serde_json::from_str(&with_slug(&body.to_string())).unwrap())
        })
        .collect();
    assert!(by_slug.len() > 20, "{}", by_slug.len());
    calls.extend(by_slug);
    calls
}

/// Every list with those names as each parameter of its query: for one in three of those who call,
/// each name; for the others, some, so that all together try each with each.
fn filters(things: &Things, number: usize) -> Vec<(String, Value)> {
    let document = portcullis_api::openapi();
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        // An export takes the filters of the list.
        let is_list = !path.contains('{') && !path.starts_with("/auth/");
        let is_list = is_list && !path.ends_with("/export");
        let parameters = methods["get"]["parameters"].as_array().filter(|_| is_list);
        for (place, parameter) in parameters.into_iter().flatten().enumerate() {
            let [user, key] = [&things.user, &things.workspace_key];
            let [email, slug] = [&things.email.replace('@', "%40"), &things.virtual_key];
            let names = [
                &things.organisation,
                &things.workspace,
                &things.workspace_slug,
                &things.log,
                user,
                key,
                email,
                slug,
            ];
            let parameter = parameter["name"].as_str().unwrap();
            for (index, name) in names.into_iter().enumerate() {
                if number.is_multiple_of(3) || (place + index + number).is_multiple_of(4) {
                    calls.push((format!("GET {path}?{parameter}={name}"), Value::Null));
                }
            }
        }
    }
    calls
}

/// An integration of the first organisation.
const OUTER: &str = "outer";

/// What is one's own, and those names within it: so that they are looked for at all.
fn inner_calls(home: &Workspace, things: &Things) -> Vec<(String, Value)> {
    let own = format!("/v1/admin/workspaces/{}", home.id);
    let user = json!({"users": [{"id": things.user, "role": "member"}]});
    let role = json!({"role": "member"});
    let mut calls = vec![
        ("POST /v1/admin/workspaces".to_owned(), json!({"name": "x", "users": [things.user]})),
        (format!("POST {own}/users"), user),
        (format!("GET {own}/users/{}", things.user), Value::Null),
        (format!("PUT {own}/users/{}", things.user), role),
        (format!("DELETE {own}/users/{}", things.user), Value::Null),
        (format!("GET {own}/environments/{}", things.environment), Value::Null),
        (format!("PUT {own}/environments/{}", things.environment), json!({"name": "x"})),
        (format!("DELETE {own}/environments/{}", things.environment), Value::Null),
    ];
    for workspace in [&things.workspace, &things.workspace_slug] {
        let places = json!([{"id": workspace, "role": "member"}]);
        let invite = json!({"email": "x@people.test", "role": "member", "workspaces": places});
        calls.push(("POST /v1/admin/users/invites".to_owned(), invite));
        let access = json!({"workspaces": [{"id": workspace, "enabled": true}]});
        calls.push((format!("PUT /v1/integrations/{OUTER}/workspaces"), access));
    }
    for integration in [&things.shared, &things.shared_id, &things.virtual_key] {
        let body = json!({"name": "x", "integration_id": integration, "workspace_id": home.id});
        calls.push(("POST /v1/providers".to_owned(), body));
    }
    let key = json!({"name": "x", "workspace_id": home.id, "user_id": things.user});
    calls.push(("POST /v1/api-keys/workspace/user".to_owned(), key));
    calls
}

/// What is one's own, with those names wherever a name can stand.
fn own_calls(admin: &Admin, things: &Things) -> Vec<(String, Value)> {
    let mut calls = Vec::new();
    for organisation in [&things.organisation, &things.organisation_slug] {
        let enter = json!({"organisation": organisation});
        calls.push(("PUT /auth/session/organisation".to_owned(), enter));
    }
    let sign_in = json!({
        "email": admin.owner_email, "password": admin.owner_password,
        "organisation": things.organisation_slug,
    });
    calls.push(("POST /auth/sign-in".to_owned(), sign_in));
    for workspace in [&things.workspace, &things.workspace_slug] {
        let key = json!({"name": "x", "workspace_id": workspace});
        calls.push(("POST /auth/api-keys".to_owned(), key));
    }
    for key in [&things.user_key, &things.workspace_key, &things.organisation_key] {
        calls.push((format!("POST /auth/api-keys/{key}/rotate"), json!({})));
        calls.push((format!("DELETE /auth/api-keys/{key}"), Value::Null));
    }
    calls.push((format!("DELETE /auth/sessions/{}", things.session), Value::Null));
    for what in ["look-up", "accept"] {
        let body = json!({"token": things.invite, "password": "three blind mice"});
        calls.push((format!("POST /auth/invites/{what}"), body));
    }
    calls
}

/// A body without those names: it may say back what it was asked for.
fn nameless(body: &Value, things: &Things) -> String {
    things.names().iter().fold(body.to_string(), |text, name| text.replace(name, "NAME"))
}

/// Which rows of a table are an organisation's.
fn theirs(table: &str, columns: &str) -> Option<&'static str> {
    match table {
        "organisations" => Some("id = ?"),
        "users" => Some("id IN (SELECT user_id FROM memberships WHERE organisation_id = ?)"),
        "audit_events" | "audit_chains" => Some("chain = ?"),
        _ if columns.contains("(organisation_id)") => Some("organisation_id = ?"),
        _ => None,
    }
}

/// Tables of what is no organisation's: of the instance, and of what is done and how often it failed.
const OF_NOBODY: [&str; 6] = [
    "instance",
    "instance_secrets",
    "schema_version",
    "sign_in_attempts",
    "sqlite_sequence",
    "vault_work",
];

/// Every row of an organisation in every table.
async fn rows(admin: &Admin, of: &Workspace) -> Vec<String> {
    let mut database = SqliteConnection::connect(&admin.url).await.unwrap();
    let tables =
        "SELECT m.name AS name, group_concat('quote(' || c.name || ')', '|| ''|'' ||') AS columns
        FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'
        GROUP BY m.name ORDER BY m.name";
    let tables = sqlx::query(tables).fetch_all(&mut database).await.unwrap();
    let mut rows = Vec::new();
    let mut of_nobody = Vec::new();
    for table in tables {
        let (name, columns): (String, String) = (table.get("name"), table.get("columns"));
        let Some(condition) = theirs(&name, &columns) else {
            of_nobody.push(name);
            continue;
        };
        let sql = format!("SELECT '{name} ' || {columns} AS row FROM {name} WHERE {condition}");
        let organisation = of.organisation_id.uuid();
        let query = sqlx::query(sqlx::AssertSqlSafe(format!("{sql} ORDER BY 1")));
        let query = query.bind(organisation.as_bytes().to_vec());
        let found = query.fetch_all(&mut database).await.unwrap();
        rows.extend(found.iter().map(|row| row.get::<String, _>("row")));
    }
    assert_eq!(of_nobody, OF_NOBODY, "whose are the rows of a table?");
    for table in
        ["organisations", "users", "memberships", "audit_events", "audit_chains", "sessions"]
    {
        let of_table = format!("{table} ");
        assert!(rows.iter().any(|row| row.starts_with(&of_table)), "{table}");
    }
    rows
}
