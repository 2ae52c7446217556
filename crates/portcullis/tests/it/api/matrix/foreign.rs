//! Attacks across tenants: whoever belongs to one organisation and knows every id and slug of
//! another gets from it what names give of which nothing bears any.

use portcullis_domain::{
    ApiKeyKind, Clock as _, Member, OrganisationRole, ScopeSet, Workspace, WorkspaceRole,
};
use portcullis_runtime::SystemClock;
use serde_json::Value;
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
    let attackers = attackers(&admin, &home, &abroad).await;
    let before = rows(&admin, &abroad).await;

    let mut tried = 0;
    for (name, attacker) in &attackers {
        for ((call, body), like) in calls(&theirs).into_iter().zip(calls(&unknown)) {
            if (&call, &body) == (&like.0, &like.1) {
                // It names nothing: it is about what is their own.
                continue;
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
    assert!(tried > 1000, "{tried}");
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

/// Whoever belongs to the first organisation only, and one who belongs to both and is in the first.
async fn attackers(
    admin: &Admin,
    home: &Workspace,
    abroad: &Workspace,
) -> Vec<(&'static str, Credential)> {
    let organisation = home.organisation_id;
    let key = async |kind| Credential::Key(admin.key(home, kind, ScopeSet::all()).await.1);
    let owner = admin.somebody("our-owner", organisation, OrganisationRole::Owner, &[]).await;
    let places = [(home, WorkspaceRole::Admin)];
    let member = OrganisationRole::Member;
    let workspace_admin = admin.somebody("our-admin", organisation, member, &places).await;
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
    vec![
        ("owner", owner.session),
        ("workspace admin", workspace_admin.session),
        ("owner of both", both.session),
        ("organisation key", key(ApiKeyKind::OrganisationService).await),
        ("workspace key", key(ApiKeyKind::WorkspaceService).await),
    ]
}

/// Every route with those names wherever a name can stand: in its path, its body and each parameter
/// of its query.
fn calls(things: &Things) -> Vec<(String, Value)> {
    let fresh = |fresh| match fresh {
        Fresh::VirtualKey => &things.virtual_key,
        Fresh::Provider => &things.granted,
        Fresh::Integration => &things.shared,
        Fresh::ApiKey => &things.workspace_key,
        Fresh::Member | Fresh::Person | Fresh::Issuer => &things.user,
    };
    let cells = cells::cells(things).into_iter().map(|cell| {
        let (method, _) = cell.route.split_once(' ').unwrap();
        let path = cell.fresh.map_or(cell.path.clone(), |f| cell.path.replace("FRESH", fresh(f)));
        (format!("{method} {path}"), cell.body)
    });
    let document = portcullis_api::openapi();
    let mut calls: Vec<(String, Value)> = cells.collect();
    for (path, methods) in document["paths"].as_object().unwrap() {
        // An export takes the filters of the list.
        let is_list = !path.contains('{') && !path.starts_with("/auth/");
        let is_list = is_list && !path.ends_with("/export");
        let parameters = methods["get"]["parameters"].as_array().filter(|_| is_list);
        for parameter in parameters.into_iter().flatten() {
            let [user, key] = [&things.user, &things.workspace_key];
            let [email, slug] = [&things.email.replace('@', "%40"), &things.virtual_key];
            for name in
                [&things.organisation, &things.workspace, &things.log, user, key, email, slug]
            {
                let parameter = parameter["name"].as_str().unwrap();
                calls.push((format!("GET {path}?{parameter}={name}"), Value::Null));
            }
        }
    }
    calls
}

/// A body without those names: it may say back what it was asked for.
fn nameless(body: &Value, things: &Things) -> String {
    things.names().iter().fold(body.to_string(), |text, name| text.replace(name, "NAME"))
}

/// Every row of an organisation in every table.
async fn rows(admin: &Admin, of: &Workspace) -> Vec<String> {
    let mut database = SqliteConnection::connect(&admin.url).await.unwrap();
    let tables =
        "SELECT m.name AS name, group_concat('quote(' || c.name || ')', '|| ''|'' ||') AS columns
        FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'
        GROUP BY m.name HAVING sum(c.name = 'organisation_id') > 0";
    let tables = sqlx::query(tables).fetch_all(&mut database).await.unwrap();
    assert!(tables.len() > 10, "{}", tables.len());
    let mut rows = Vec::new();
    for table in tables {
        let (name, columns): (String, String) = (table.get("name"), table.get("columns"));
        let sql = format!(
            "SELECT '{name} ' || {columns} AS row FROM {name} WHERE organisation_id = ? ORDER BY 1"
        );
        let organisation = of.organisation_id.uuid();
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(organisation.as_bytes().to_vec());
        let found = query.fetch_all(&mut database).await.unwrap();
        rows.extend(found.iter().map(|row| row.get::<String, _>("row")));
    }
    assert!(rows.len() > 10, "{}", rows.len());
    rows
}
