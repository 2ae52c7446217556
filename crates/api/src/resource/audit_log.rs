//! `/audit-logs` as the reference has it, and `/admin/audit-logs` with everything that is known.

use std::collections::VecDeque;

use axum::body::{Body, Bytes};
use futures_util::stream;
use http::Method;
use portcullis_control::{AuditFilter, Caller, Control, EXPORT_STEP};
use portcullis_domain::{
    AuditAction, AuditRecord, AuditResource, Scope, UserId, WorkspaceId, canonical,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    answer::{CSV, JSON_LINES, Json, Lines, ListTag},
    ask::Ask,
    body::NoBody,
    error::ApiError,
    query::{
        CURRENT_PAGE, CURRENT_PAGE_CAMEL, Kind, PAGE_SIZE, PAGE_SIZE_CAMEL, Param, Query,
        WORKSPACE_ID,
    },
    route::{Route, admin},
};

const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE"];
const USER_TYPES: &[&str] = &["user", "api_key", "token", "operator", "system", "anonymous"];
const OUTCOMES: &[&str] = &["success", "denied", "failed"];
const FORMATS: &[&str] = &["jsonl", "csv"];

const START: Param = Param::new("start_time", Kind::Instant, "From then on.");
const END: Param = Param::new("end_time", Kind::Instant, "Before then.");
const ORGANISATION: Param =
    Param::new("organisation_id", Kind::Text, "The caller's own; no other is found.");
const METHOD: Param = Param::new("method", Kind::OneOf(METHODS), "Asked with this method.");
const URI: Param = Param::new("uri", Kind::Text, "Asked under this path.");
const REQUEST_ID: Param = Param::new("request_id", Kind::Text, "In this request.");
const USER_ID: Param =
    Param::new("user_id", Kind::Text, "By this person or this key, or by a key of this person.");
const USER_TYPE: Param = Param::new("user_type", Kind::OneOf(USER_TYPES), "By this kind of actor.");
const STATUS: Param =
    Param::new("response_status_code", Kind::Integer, "Answered with this status.");
const RESOURCE_TYPE: Param = Param::new("resource_type", Kind::Text, "To this kind of thing.");
const RESOURCE_ID: Param = Param::new("resource_id", Kind::Text, "To this thing.");
const ACTION: Param = Param::new("action", Kind::Text, "What was done.");
const CLIENT_IP: Param = Param::new("client_ip", Kind::Text, "From this address.");
const COUNTRY: Param =
    Param::new("country", Kind::Text, "This version does not know countries: nothing is found.");
const OUTCOME: Param = Param::new("outcome", Kind::OneOf(OUTCOMES), "With this outcome.");
const TEXT: Param =
    Param::new("text", Kind::Text, "With this text anywhere in the event: a fingerprint, for one.");
const LIMIT: Param =
    Param::new("limit", Kind::Integer, "How many to answer with, from 1 to 500; 50 by default.");
const AFTER: Param =
    Param::new("after", Kind::Integer, "The last event of the page before: what it called next.");
const FORMAT: Param = Param::new("format", Kind::OneOf(FORMATS), "jsonl by default.");

const REFERENCE: &[Param] = &[
    START,
    END,
    ORGANISATION,
    METHOD,
    URI,
    REQUEST_ID,
    USER_ID,
    USER_TYPE,
    WORKSPACE_ID,
    STATUS,
    RESOURCE_TYPE,
    RESOURCE_ID,
    ACTION,
    CLIENT_IP,
    COUNTRY,
    OUTCOME,
    TEXT,
    PAGE_SIZE,
    PAGE_SIZE_CAMEL,
    CURRENT_PAGE,
    CURRENT_PAGE_CAMEL,
];
const OURS: &[Param] = &[
    START,
    END,
    ORGANISATION,
    METHOD,
    URI,
    REQUEST_ID,
    USER_ID,
    USER_TYPE,
    WORKSPACE_ID,
    STATUS,
    RESOURCE_TYPE,
    RESOURCE_ID,
    ACTION,
    CLIENT_IP,
    COUNTRY,
    OUTCOME,
    TEXT,
    LIMIT,
    AFTER,
];
const EXPORT: &[Param] = &[
    START,
    END,
    ORGANISATION,
    METHOD,
    URI,
    REQUEST_ID,
    USER_ID,
    USER_TYPE,
    WORKSPACE_ID,
    STATUS,
    RESOURCE_TYPE,
    RESOURCE_ID,
    ACTION,
    CLIENT_IP,
    COUNTRY,
    OUTCOME,
    TEXT,
    FORMAT,
];

pub(crate) fn routes() -> Vec<Route> {
    let scopes = &[Scope::AuditLogsList];
    let audited = |action| (action, AuditResource::AuditLog);
    vec![
        admin(
            Method::GET,
            "/v1/audit-logs",
            scopes,
            audited(AuditAction::List),
            "Search the audit trail, as the reference has it",
            reference,
        )
        .query(REFERENCE),
        admin(
            Method::GET,
            "/v1/admin/audit-logs",
            scopes,
            audited(AuditAction::List),
            "Search the audit trail",
            list,
        )
        .query(OURS),
        admin(
            Method::GET,
            "/v1/admin/audit-logs/export",
            scopes,
            audited(AuditAction::Export),
            "Take the audit trail out, oldest first",
            export,
        )
        .query(EXPORT)
        .telling_itself(),
        admin(
            Method::GET,
            "/v1/admin/audit-logs/head",
            scopes,
            audited(AuditAction::Read),
            "The end of the chain, and the key that signs it",
            head,
        ),
    ]
}

/// A page of the audit trail as the reference has it.
#[derive(Serialize, JsonSchema)]
struct RecordsShown {
    records: Vec<RecordShown>,
    /// How many match, counted up to 10,000.
    total: u64,
    object: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct RecordShown {
    timestamp: String,
    method: String,
    uri: String,
    request_id: String,
    /// The thing before and after, with secrets masked, as JSON.
    request_body: String,
    query_params: String,
    /// The client's own name, as JSON.
    request_headers: String,
    user_id: Option<String>,
    user_type: String,
    organisation_id: String,
    workspace_id: Option<String>,
    response_status_code: u16,
    resource_type: String,
    action: String,
    client_ip: String,
    country: String,
}

/// A page of the audit trail, newest first.
#[derive(Serialize, JsonSchema)]
struct EventsShown {
    object: ListTag,
    /// How many match, counted up to 10,000.
    total: u64,
    data: Vec<EventShown>,
    /// What to pass as `after` for the next page; null on the last.
    next: Option<u64>,
    /// There are more than were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_is_capped: Option<bool>,
}

/// An event: what was signed, and the signature.
#[derive(Serialize, JsonSchema)]
struct EventShown {
    /// Its number in the organisation's chain.
    id: u64,
    timestamp: String,
    event: Map<String, Value>,
    /// SHA-256 over the previous event's hash and the canonical text, in hexadecimal.
    hash: String,
    /// Ed25519 over the hash, in hexadecimal.
    signature: String,
    object: &'static str,
}

/// The end of a chain.
#[derive(Serialize, JsonSchema)]
struct HeadShown {
    organisation_id: String,
    /// How many events there are.
    id: u64,
    /// The last one's hash.
    hash: String,
    /// The Ed25519 key that checks every signature, in hexadecimal.
    public_key: String,
    object: &'static str,
}

async fn reference(ask: Ask<Caller, NoBody>) -> Result<Json<RecordsShown>, ApiError> {
    let Some(filter) = filter(&ask.query, &ask.who)? else {
        return Ok(Json(RecordsShown { records: Vec::new(), total: 0, object: "audit-logs" }));
    };
    let page = ask.query.page()?;
    let trail = ask.control.audit_logs(&ask.who);
    let found = trail.list(&filter, None, page.skip, page.limit).await?;
    let records = found.records.iter().map(record).collect();
    Ok(Json(RecordsShown { records, total: found.total, object: "audit-logs" }))
}

async fn list(ask: Ask<Caller, NoBody>) -> Result<Json<EventsShown>, ApiError> {
    let limit = ask.query.parse::<u32>("limit")?.unwrap_or(50);
    if !(1..=500).contains(&limit) {
        return Err(ApiError::Malformed("limit: must be from 1 to 500".to_owned()));
    }
    let after: Option<u64> = ask.query.parse("after")?;
    let Some(filter) = filter(&ask.query, &ask.who)? else {
        let (object, data) = (ListTag::List, Vec::new());
        return Ok(Json(EventsShown { object, total: 0, data, next: None, total_is_capped: None }));
    };
    let page = ask.control.audit_logs(&ask.who).list(&filter, after, 0, limit).await?;
    let is_full = page.records.len() == limit as usize;
    Ok(Json(EventsShown {
        object: ListTag::List,
        total: page.total,
        next: page.records.last().filter(|_| is_full).map(|record| record.seq),
        data: page.records.iter().map(event).collect(),
        total_is_capped: page.total_is_capped.then_some(true),
    }))
}

async fn head(ask: Ask<Caller, NoBody>) -> Result<Json<HeadShown>, ApiError> {
    let (head, public_key) = ask.control.audit_logs(&ask.who).head().await?;
    Ok(Json(HeadShown {
        organisation_id: ask.who.actor.organisation().to_string(),
        id: head.seq,
        hash: hex(&head.hash),
        public_key,
        object: "audit-log-head",
    }))
}

async fn export(ask: Ask<Caller, NoBody>) -> Result<Lines, ApiError> {
    let is_csv = ask.query.one_of("format", |format| match format {
        "csv" => Some(true),
        "jsonl" => Some(false),
        _ => None,
    })?;
    let is_csv = is_csv.unwrap_or(false);
    let filter = filter(&ask.query, &ask.who)?;
    let format = if is_csv { "csv" } else { "jsonl" };
    ask.control.audit_logs(&ask.who).begin_export(format).await?;
    let mut ready = VecDeque::new();
    if is_csv {
        ready.push_back(Bytes::from(csv_head()));
    }
    let export = Export { control: ask.control, caller: ask.who, filter, is_csv, after: 0, ready };
    let lines = stream::unfold(Some(export), |export| async {
        let mut export = export?;
        match export.next().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(export))),
            Ok(None) => None,
            // The client sees that the answer broke off, not a shorter trail.
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(Lines {
        content_type: if is_csv { CSV } else { JSON_LINES },
        file_name: if is_csv { "audit-logs.csv" } else { "audit-logs.jsonl" },
        body: Body::from_stream(lines),
    })
}

/// An export under way: it holds one step of events at a time.
struct Export {
    control: Control,
    caller: Caller,
    /// `None` when nothing can match.
    filter: Option<AuditFilter>,
    is_csv: bool,
    after: u64,
    ready: VecDeque<Bytes>,
}

impl Export {
    async fn next(&mut self) -> Result<Option<Bytes>, std::io::Error> {
        if let Some(piece) = self.ready.pop_front() {
            return Ok(Some(piece));
        }
        let Some(filter) = &self.filter else { return Ok(None) };
        let trail = self.control.audit_logs(&self.caller);
        let records = trail.export(filter, self.after).await.map_err(std::io::Error::other)?;
        let Some(last) = records.last() else { return Ok(None) };
        self.after = last.seq;
        if records.len() < EXPORT_STEP as usize {
            self.filter = None;
        }
        let write = if self.is_csv { csv_line } else { json_line };
        Ok(Some(Bytes::from(records.iter().map(write).collect::<String>())))
    }
}

/// `None` when nothing can match.
fn filter(query: &Query, caller: &Caller) -> Result<Option<AuditFilter>, ApiError> {
    let text = |name: &str| query.text(name).map(str::to_owned);
    let own = caller.actor.organisation().to_string();
    let is_foreign = query.text("organisation_id").is_some_and(|named| named != own);
    if is_foreign || query.text("country").is_some() {
        return Ok(None);
    }
    let workspace = match query.text("workspace_id") {
        None => None,
        Some(named) => match WorkspaceId::parse(named) {
            Ok(id) => Some(id),
            Err(_) => return Ok(None),
        },
    };
    let who = match query.text("user_id") {
        None => None,
        Some(named) => match UserId::parse(named) {
            Ok(id) => Some(id),
            Err(_) => return Ok(None),
        },
    };
    Ok(Some(AuditFilter {
        from: query.instant("start_time")?,
        until: query.instant("end_time")?,
        workspace,
        actor_kind: query
            .one_of("user_type", |text| USER_TYPES.contains(&text).then(|| text.to_owned()))?,
        actor_or_user: who,
        action: text("action"),
        resource: text("resource_type"),
        resource_id: text("resource_id"),
        outcome: query
            .one_of("outcome", |text| OUTCOMES.contains(&text).then(|| text.to_owned()))?,
        status: query.parse("response_status_code")?,
        method: query.one_of("method", |text| METHODS.contains(&text).then(|| text.to_owned()))?,
        path: text("uri"),
        client: text("client_ip"),
        request_id: text("request_id"),
        text: text("text"),
    }))
}

fn record(record: &AuditRecord) -> RecordShown {
    let event = record.event();
    let text = |path: &[&str]| at(&event, path).and_then(Value::as_str).map(str::to_owned);
    let (before, after) = (event.get("before"), event.get("after"));
    let change = match (before, after) {
        (None, None) => String::new(),
        (before, after) => json!({"before": before, "after": after}).to_string(),
    };
    let agent = at(&event, &["request", "user_agent"]);
    RecordShown {
        timestamp: record.at.to_string(),
        method: text(&["request", "method"]).unwrap_or_default(),
        uri: text(&["request", "path"]).unwrap_or_default(),
        request_id: text(&["request", "id"]).unwrap_or_default(),
        request_body: change,
        query_params: text(&["request", "query"]).unwrap_or_default(),
        request_headers: agent.map_or_else(String::new, |a| json!({"user-agent": a}).to_string()),
        user_id: text(&["actor", "id"]),
        user_type: text(&["actor", "kind"]).unwrap_or_default(),
        organisation_id: text(&["chain"]).unwrap_or_default(),
        workspace_id: text(&["workspace"]),
        response_status_code: status(&event),
        resource_type: text(&["resource", "type"]).unwrap_or_default(),
        action: text(&["action"]).unwrap_or_default(),
        client_ip: text(&["request", "client"]).unwrap_or_default(),
        country: String::new(),
    }
}

fn event(record: &AuditRecord) -> EventShown {
    EventShown {
        id: record.seq,
        timestamp: record.at.to_string(),
        event: record.event(),
        hash: hex(&record.link.hash),
        signature: hex(&record.link.signature),
        object: "audit-log",
    }
}

/// One line, of plain ASCII: what was signed, its hash and its signature. That is all a check of
/// the chain needs besides the public key.
fn json_line(record: &AuditRecord) -> String {
    let line = json!({
        "event": record.event(),
        "hash": hex(&record.link.hash),
        "signature": hex(&record.link.signature),
    });
    format!("{}\n", canonical(&line))
}

const COLUMNS: [&str; 20] = [
    "id",
    "timestamp",
    "actor_type",
    "actor_id",
    "actor_name",
    "action",
    "resource_type",
    "resource_id",
    "resource_name",
    "outcome",
    "status",
    "reason",
    "scope",
    "workspace_id",
    "client_ip",
    "user_agent",
    "method",
    "path",
    "request_id",
    "change",
];

fn csv_head() -> String {
    format!("{}\r\n", COLUMNS.join(","))
}

fn csv_line(record: &AuditRecord) -> String {
    let event = record.event();
    let text = |path: &[&str]| at(&event, path).and_then(Value::as_str).unwrap_or_default();
    let (id, timestamp, status) =
        (record.seq.to_string(), record.at.to_string(), status(&event).to_string());
    let change = match (event.get("before"), event.get("after")) {
        (None, None) => String::new(),
        (before, after) => canonical(&json!({"before": before, "after": after})),
    };
    let cells: [&str; 20] = [
        &id,
        &timestamp,
        text(&["actor", "kind"]),
        text(&["actor", "id"]),
        text(&["actor", "name"]),
        text(&["action"]),
        text(&["resource", "type"]),
        text(&["resource", "id"]),
        text(&["resource", "name"]),
        text(&["outcome"]),
        &status,
        text(&["reason"]),
        text(&["scope"]),
        text(&["workspace"]),
        text(&["request", "client"]),
        text(&["request", "user_agent"]),
        text(&["request", "method"]),
        text(&["request", "path"]),
        text(&["request", "id"]),
        &change,
    ];
    let cells: Vec<String> = cells.into_iter().map(csv_cell).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell (RFC 4180). What a spreadsheet would take for a formula gets an apostrophe in front, and
/// nothing in it ends the line or changes the direction of the text.
fn csv_cell(text: &str) -> String {
    let plain: String = text.chars().flat_map(visible).collect();
    let is_formula = plain.starts_with(['=', '+', '-', '@', '\t']);
    let plain = if is_formula { format!("'{plain}") } else { plain };
    format!("\"{}\"", plain.replace('"', "\"\""))
}

/// A character, or its escape when it is not to be seen as it is.
fn visible(c: char) -> Vec<char> {
    let is_mark = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if c.is_control() || is_mark { c.escape_unicode().collect() } else { vec![c] }
}

fn at<'e>(event: &'e Map<String, Value>, path: &[&str]) -> Option<&'e Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(event.get(*first)?, |value, name| value.get(*name))
}

/// What was answered; 200 for what succeeded.
fn status(event: &Map<String, Value>) -> u16 {
    let status = event.get("status").and_then(Value::as_u64);
    status.and_then(|status| u16::try_from(status).ok()).unwrap_or(200)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::csv_cell;

    #[test]
    fn a_cell_is_text_on_one_line_and_no_formula() {
        assert_eq!(csv_cell("plain"), "\"plain\"");
        assert_eq!(csv_cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(csv_cell("a\r\nb\u{202e}\u{1b}[31m"), "\"a\\u{d}\\u{a}b\\u{202e}\\u{1b}[31m\"");
        for formula in ["+1", "-1", "@x"] {
            assert!(csv_cell(formula).starts_with("\"'"), "{formula}");
        }
    }
}
