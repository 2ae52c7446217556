//! Every route leaves its trace: what was done, what was denied, what a key read.

use http::HeaderMap;
use portcullis_domain::{ApiKeyKind, ChainCheck, OrganisationRole, ScopeSet};
use portcullis_store::AuditFilter;
use serde_json::Value;

use super::{Calls, cells::Cell};
use crate::api::{Admin, CLIENT, Credential, Reply};

/// The events of a request.
async fn told(admin: &Admin, headers: &HeaderMap) -> Vec<Value> {
    let id = headers["x-portkey-trace-id"].to_str().unwrap().to_owned();
    let filter = AuditFilter { request_id: Some(id), ..AuditFilter::default() };
    let mut reader = admin.db.read().await.unwrap();
    let mut tenant = reader.tenant(admin.workspace.organisation_id);
    let records = tenant.audit_trail().after(&filter, 0, 100).await.unwrap();
    records.iter().map(|record| Value::Object(record.event())).collect()
}

async fn call(calls: &mut Calls<'_>, who: &Credential, cell: &Cell) -> (Reply, HeaderMap) {
    calls.count += 1;
    let path = match cell.fresh {
        None => cell.path.clone(),
        Some(fresh) => cell.path.replace("FRESH", &calls.fresh(fresh).await),
    };
    let (method, _) = cell.route.split_once(' ').unwrap();
    let body = if cell.body.is_null() { String::new() } else { cell.body.to_string() };
    let asked = calls.admin.ask(who, method.parse().unwrap(), &path, body, &[]).await;
    if let Some(fresh) = cell.fresh.filter(|_| asked.0.status == 200) {
        calls.fresh.remove(&fresh);
    }
    asked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_leaves_its_trace() {
    let admin = Admin::start().await;
    let mut calls = Calls::new(&admin).await;
    let organisation = admin.workspace.organisation_id;
    let kind = ApiKeyKind::OrganisationService;
    let (id, key) = admin.key(&admin.workspace, kind, ScopeSet::all()).await;
    let key = Credential::Key(key);
    let owner = admin.somebody("owner", organisation, OrganisationRole::Owner, &[]).await;
    let nobody = admin.somebody("plain", organisation, OrganisationRole::Member, &[]).await;
    let table = portcullis_api::route_table();
    for (cell, _) in calls.cells.clone() {
        let route = table.iter().find(|row| format!("{} {}", row.method, row.path) == cell.route);
        let route = route.unwrap();
        let what = (route.action.name(), route.resource.name());
        let (who, name) = (&nobody.session, &nobody.email);
        let (reply, headers) = call(&mut calls, who, &cell).await;
        let events = told(&admin, &headers).await;
        assert_eq!((reply.status, events.len()), (403, 1), "{}: {events:?}", cell.route);
        check(&events[0], &cell, name, what, "denied");
        assert_eq!(events[0]["status"], 403);
        assert!(cell.door.contains(&events[0]["scope"].as_str().unwrap()), "{events:?}");

        for (who, name) in [(&key, "a key"), (&owner.session, owner.email.as_str())] {
            let is_key = matches!(who, Credential::Key(_));
            let (reply, headers) = call(&mut calls, who, &cell).await;
            let events = told(&admin, &headers).await;
            let outcome = match reply.status {
                200 => "success",
                403 | 404 => "denied",
                _ => "failed",
            };
            // Somebody who is signed in and reads what is no secret is not told of.
            let is_plain_reading = cell.route.starts_with("GET") && !is_key;
            let is_sensitive = cell.route.ends_with("/export") || cell.route.contains("/logs/");
            if is_plain_reading && !is_sensitive {
                assert_eq!((reply.status, events.len()), (200, 0), "{}: {events:?}", cell.route);
                continue;
            }
            assert!(!events.is_empty(), "{name}: {}: {reply:?}", cell.route);
            for event in &events {
                assert_eq!(event["outcome"], outcome, "{}: {event}", cell.route);
            }
            let told = events.iter().find(|event| {
                (event["action"].as_str().unwrap(), event["resource"]["type"].as_str().unwrap())
                    == what
            });
            let event = told.unwrap_or_else(|| panic!("{}: {events:?}", cell.route));
            check(event, &cell, name, what, outcome);
            if is_key {
                assert_eq!(event["actor"]["id"], id.as_str());
            }
        }
    }
    let mut reader = admin.db.read().await.unwrap();
    let all = reader.audit_chains().after(Some(organisation), 0, 10_000).await.unwrap();
    let head = reader.audit_chains().head(Some(organisation)).await.unwrap();
    let Credential::Key(key) = key else { unreachable!() };
    for found in &all {
        let text = &found.record.canonical;
        for secret in ["sk-abcdefgh", &key, "argon2"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let public = admin.audit.public();
    let mut check = ChainCheck::new(Some(organisation), &public);
    for found in &all {
        check.read(&found.record, found.columns_agree);
    }
    assert!(check.end(&head).is_empty());
}

fn check(event: &Value, cell: &Cell, name: &str, what: (&str, &str), outcome: &str) {
    let (method, _) = cell.route.split_once(' ').unwrap();
    assert_eq!(event["actor"]["name"], name, "{event}");
    assert_eq!(
        (event["action"].as_str(), event["resource"]["type"].as_str()),
        (Some(what.0), Some(what.1)),
        "{}: {event}",
        cell.route
    );
    assert_eq!(event["outcome"], outcome, "{event}");
    assert_eq!(event["request"]["client"], CLIENT, "{event}");
    assert_eq!(event["request"]["method"], method, "{event}");
}
