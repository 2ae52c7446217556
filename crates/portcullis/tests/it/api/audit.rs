//! The audit trail and the act it tells of: both or neither; and what it may be searched for.

use http::Method;
use portcullis_domain::{OrganisationRole, WorkspaceRole};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use super::{Admin, Credential};

fn virtual_key(slug: &str, key: &str) -> Value {
    json!({"name": slug, "slug": slug, "provider": "openai", "key": key})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_trail_nothing_is_done_or_told() {
    let admin = Admin::start().await;
    admin.virtual_key("there").await;
    let mut database = SqliteConnection::connect(&admin.url).await.unwrap();
    let full = "CREATE TRIGGER full BEFORE INSERT ON audit_events
        BEGIN SELECT RAISE(ABORT, 'no room'); END";
    sqlx::query(full).execute(&mut database).await.unwrap();
    let owner = Credential::Key(admin.master.clone());
    for (call, body) in [
        ("POST /v1/virtual-keys", virtual_key("new", "sk-abcdefgh")),
        ("PUT /v1/virtual-keys/there", json!({"note": "changed"})),
        ("DELETE /v1/virtual-keys/there", Value::Null),
        ("POST /v1/api-keys/workspace/service", json!({"name": "new"})),
        ("PUT /v1/admin/organisation", json!({"name": "Changed"})),
        // Nor does a key read, nor anything leave.
        ("GET /v1/virtual-keys", Value::Null),
        ("GET /v1/admin/audit-logs/export", Value::Null),
    ] {
        let refused = admin.call_as(&owner, call, &body).await;
        assert!([500, 503].contains(&refused.status), "{call}: {}", refused.body);
    }
    let (reply, headers) = admin.sign_in(&admin.owner_email, &admin.owner_password).await;
    assert!([500, 503].contains(&reply.status), "{}", reply.body);
    assert!(headers.get("set-cookie").is_none());
    sqlx::query("DROP TRIGGER full").execute(&mut database).await.unwrap();

    let keys = admin.ok("GET /v1/virtual-keys", Value::Null).await;
    assert_eq!((&keys["total"], &keys["data"][0]["note"]), (&json!(1), &Value::Null));
    assert_eq!(admin.ok("GET /v1/api-keys", Value::Null).await["total"], 1);
    assert_eq!(admin.ok("GET /v1/admin/organisation", Value::Null).await["name"], "Acme");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_to_nothing_is_told_as_that() {
    let admin = Admin::start().await;
    admin.virtual_key("there").await;
    admin.fails("POST /v1/virtual-keys", virtual_key("there", "sk-abcdefgh"), 409).await;
    let created: Vec<Value> = admin.told("create").await;
    let of_key = created.iter().filter(|event| event["resource"]["type"] == "virtual_key");
    let outcomes: Vec<&str> = of_key.map(|event| event["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["failed", "success"]);
    // The integration that had been written before the clash was rolled back with its event.
    let integrations = created.iter().filter(|e| e["resource"]["type"] == "integration").count();
    assert_eq!(integrations, 1, "{created:?}");
    assert_eq!(admin.ok("GET /v1/integrations", Value::Null).await["total"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_and_after_are_shown_without_secrets() {
    let admin = Admin::start().await;
    let secret = "sk-canary-0123456789abcdef";
    admin.ok("POST /v1/virtual-keys", virtual_key("there", secret)).await;
    let shown = admin.ok("GET /v1/virtual-keys/there", Value::Null).await;
    let fingerprint = shown["key_fingerprint"].as_str().unwrap();
    admin
        .ok("PUT /v1/virtual-keys/there", json!({"note": "seen", "key": "sk-another-012345"}))
        .await;
    let told = admin.told("update").await;
    let change = told.iter().find(|event| event["resource"]["type"] == "virtual_key").unwrap();
    assert_eq!(
        (&change["before"]["note"], &change["after"]["note"]),
        (&Value::Null, &json!("seen"))
    );
    let all = admin.ok("GET /v1/admin/audit-logs?limit=100", Value::Null).await.to_string();
    assert!(!all.contains("canary") && !all.contains("another-01"), "{all}");

    // A secret is found by its fingerprint: both the row that holds it and what was done with it.
    let query = format!("GET /v1/admin/audit-logs?text={fingerprint}");
    let found = admin.ok(&query, Value::Null).await;
    let actions: Vec<&str> = found["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["event"]["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["update", "create"], "{found}");
    let other = admin.ok("GET /v1/virtual-keys/there", Value::Null).await;
    assert_ne!(other["key_fingerprint"], fingerprint);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_from_outside_forges_no_line_and_no_formula() {
    let admin = Admin::start().await;
    let owner = Credential::Key(admin.master.clone());
    for (name, agent) in [
        ("=HYPERLINK(\"https://evil.test\")", "curl\",\"forged\",\"x"),
        ("\u{202e}gnihtemos \u{2028}else", "+1"),
    ] {
        let body = json!({"name": name}).to_string();
        let headers = [("user-agent", agent)];
        let path = "/v1/api-keys/workspace/service";
        let (made, _) = admin.ask(&owner, Method::POST, path, body, &headers).await;
        assert_eq!(made.status, 200, "{}", made.body);
    }
    for name in ["two\nlines", "bell\u{7}", "esc\u{1b}[31m"] {
        let body = json!({"name": name});
        admin.fails("POST /v1/api-keys/workspace/service", body, 400).await;
    }
    let count =
        admin.ok("GET /v1/admin/audit-logs?action=create", Value::Null).await["total"].clone();
    for format in ["csv", "jsonl"] {
        let path = format!("GET /v1/admin/audit-logs/export?action=create&format={format}");
        let export = admin.ok(&path, Value::Null).await;
        let text = export.as_str().unwrap();
        let lines = text.lines().count() - usize::from(format == "csv");
        assert_eq!(json!(lines), count, "{text}");
        assert!(!text.contains(['\u{202e}', '\u{2028}', '\u{1b}', '\u{7}']), "{text}");
        if format == "csv" {
            assert!(text.contains("\"'=HYPERLINK(") && text.contains("\"'+1\""), "{text}");
            for line in text.lines() {
                // What is in quotation marks counts for nothing.
                let cells = line.split('"').step_by(2).map(|part| part.matches(',').count());
                assert_eq!(cells.sum::<usize>(), 19, "{line}");
            }
        } else {
            assert!(text.is_ascii());
            for line in text.lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                assert!(line["hash"].is_string() && line["signature"].is_string());
            }
        }
    }
    assert_eq!(admin.told("export").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_is_searched_and_paged() {
    let admin = Admin::start().await;
    let organisation = admin.workspace.organisation_id;
    let places = [(&admin.workspace, WorkspaceRole::Manager)];
    let member = OrganisationRole::Member;
    let person = admin.somebody("somebody", organisation, member, &places).await;
    for number in 0..7 {
        let body = virtual_key(&format!("key-{number}"), "sk-abcdefgh");
        let made = admin.call_as(&person.session, "POST /v1/virtual-keys", &body).await;
        assert_eq!(made.status, 200);
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("GET /v1/admin/audit-logs?user_id={}&limit=4{after}", person.id);
        let page = admin.ok(&path, Value::Null).await;
        assert_eq!(page["total"], 14, "each with its integration");
        seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()));
        match page["next"].as_u64() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 14);
    assert!(seen.is_sorted_by(|one, two| one > two), "newest first, each once: {seen:?}");
    let count = async |query: &str| {
        let reference = admin.ok(&format!("GET /v1/audit-logs?{query}"), Value::Null).await;
        let ours = admin.ok(&format!("GET /v1/admin/audit-logs?{query}"), Value::Null).await;
        assert_eq!(reference["total"], ours["total"], "{query}");
        ours["total"].as_u64().unwrap()
    };
    let user = format!("user_id={}", person.id);
    for (query, expected) in [
        ("resource_type=virtual_key", 7),
        ("resource_type=integration&method=POST&response_status_code=200", 7),
        ("action=delete", 0),
        ("uri=/v1/virtual-keys&client_ip=192.0.2.7", 14),
        ("client_ip=192.0.2.8", 0),
        ("start_time=2100-01-01T00:00:00Z", 0),
        ("end_time=2100-01-01T00:00:00Z", 14),
        ("user_type=user", 14),
        ("user_type=api_key", 0),
        ("text=key-3", 2),
    ] {
        assert_eq!(count(&format!("{user}&{query}")).await, expected, "{query}");
    }
    for query in ["limit=0", "limit=x", "start_time=yesterday", "after=x", "nonsense=1"] {
        let path = format!("GET /v1/admin/audit-logs?{query}");
        let reply = admin.call(&admin.master, &path, &Value::Null).await;
        let expected = if query == "nonsense=1" { 200 } else { 400 };
        assert_eq!(reply.status, expected, "{query}: {}", reply.body);
    }
}

/// What of an integration lies sealed is told of too: openly where it is no secret, by its digest
/// where it may be one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_settings_are_told_of_without_their_secrets() {
    let admin = Admin::start().await;
    let key = "sk-canary-0123456789";
    let new = json!({
        "name": "shared", "slug": "shared", "ai_provider_id": "openai", "key": key,
        "create_default_provider": false,
        "configurations": {
            "custom_host": "https://one.example/v1",
            "custom_headers": {"x-token": "canary-of-before-0123"},
        },
    });
    admin.ok("POST /v1/integrations", new).await;
    let with = |host: &str, token: &str| {
        json!({"key": key, "configurations": {
            "custom_host": host, "custom_headers": {"x-token": token},
        }})
    };
    let path = "PUT /v1/integrations/shared";
    admin.ok(path, with("https://two.example/v1", "canary-of-before-0123")).await;
    admin.ok(path, with("https://two.example/v1", "canary-of-after-4567")).await;
    let mut host = with("https://three.example/v1", "canary-of-after-4567");
    host["provider"] = json!("openai");
    host["name"] = json!("own");
    host["slug"] = json!("own");
    admin.ok("POST /v1/virtual-keys", host).await;
    admin.ok("PUT /v1/virtual-keys/own", with("https://four.example", "canary-of-last-89")).await;

    let of_integrations = async |action: &str| -> Vec<Value> {
        let told = admin.told(action).await;
        told.into_iter().filter(|event| event["resource"]["type"] == "integration").collect()
    };
    let [made, changed] = [of_integrations("create").await, of_integrations("update").await];
    let [own, token, host] = &changed[..] else { panic!("{changed:?}") };
    let [made_own, made] = &made[..] else { panic!("{made:?}") };
    let (before, after) = (
        |event: &Value| event["before"]["settings"].clone(),
        |event: &Value| event["after"]["settings"].clone(),
    );
    assert_eq!(after(made), before(host));
    assert_eq!(after(made_own), before(own));
    assert_eq!(before(host)["custom_host"], "https://one.example/v1");
    assert_eq!(after(host)["custom_host"], "https://two.example/v1");
    assert_eq!(before(host)["custom_headers"], after(host)["custom_headers"]);
    assert_eq!(after(own)["custom_host"], "https://four.example");
    let known_by = |text: &str| json!(admin.instance_keys().pepper.fingerprint(text));
    let shown = |settings: Value| settings["custom_headers"]["x-token"]["fingerprint"].clone();
    assert_eq!(shown(before(token)), known_by("canary-of-before-0123"));
    assert_eq!(shown(after(token)), known_by("canary-of-after-4567"));
    let all = admin.ok("GET /v1/admin/audit-logs", Value::Null).await.to_string();
    assert!(!all.contains("canary"), "{all}");
}
