//! Filters of the log list, and how far it counts.

use portcullis_domain::{
    Clock as _, Id, Log, LogState, NanoDollars, StoredContent, Timings, Usage, UsageSource,
};
use portcullis_runtime::{SystemClock, SystemDice};
use portcullis_store::{LogRow, Tx};
use serde_json::{Value, json};

use super::Admin;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_filter_selects_or_is_refused() {
    let admin = Admin::start().await;
    let plain = draw(&admin);
    let special = Log {
        provider: Some("anthropic".into()),
        model_served: Some("claude-4".to_owned()),
        usage: Usage { input_tokens: Some(70), output_tokens: Some(30), ..Usage::default() },
        metadata: [("team".to_owned(), "a & b".to_owned())].into(),
        is_proxy_call: true,
        ..draw(&admin)
    };
    insert(&admin, &[plain.clone(), special.clone()]).await;
    for (query, expected) in [
        ("prompt_token_min=70".to_owned(), &special),
        ("prompt_token_max=69".to_owned(), &plain),
        ("completion_token_min=30".to_owned(), &special),
        ("completion_token_max=29".to_owned(), &plain),
        ("ai_org_model=anthropic__claude-4,cohere__x".to_owned(), &special),
        ("metadata=%7B%22team%22:%22a%20%26%20b%22%7D".to_owned(), &special),
        (format!("api_key_ids={},{}", plain.id, special.api_key_id), &special),
    ] {
        let list = admin.ok(&format!("GET /v1/logs?{query}"), Value::Null).await;
        assert_eq!(list["total"], 1, "{query}: {list}");
        assert_eq!(list["data"][0]["id"], json!(expected.id), "{query}");
        assert!(list.get("total_is_capped").is_none(), "{list}");
    }
    for (query, field) in [
        ("metadata=team", "metadata"),
        ("metadata=%7B%22team%22:5%7D", "metadata"),
        ("ai_org_model=anthropic", "ai_org_model"),
        ("api_key_ids=x", "api_key_ids"),
        ("prompt_token_min=many", "prompt_token_min"),
        ("weighted_feedback_min=1", "weighted_feedback_min"),
        ("configs=x", "configs"),
        ("prompt_slug=x", "prompt_slug"),
        ("current_page=1", "current_page"),
    ] {
        let said = admin.fails(&format!("GET /v1/logs?{query}"), Value::Null, 400).await;
        assert!(said.contains(field), "{query}: {said}");
    }
    let all = admin.ok("GET /v1/logs?current_page=0&pageSize=1", Value::Null).await;
    assert_eq!((&all["total"], all["data"].as_array().unwrap().len()), (&json!(2), 1), "{all}");

    let shown = |log: &Log| format!("GET /v1/logs/{}", log.id);
    for (log, mode) in [(&plain, "single"), (&special, "proxy")] {
        let metrics = admin.ok(&shown(log), Value::Null).await["metrics"].clone();
        assert_eq!(metrics["mode"], mode);
        assert_eq!(metrics["internal_trace_id"], json!(log.id));
        assert_eq!(metrics["last_used_option_index"], 0);
        assert!(metrics.get("config").is_some_and(Value::is_null), "{metrics}");
        assert!(metrics.as_object().unwrap().len() >= 40);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_total_that_is_not_all_says_so() {
    let admin = Admin::start().await;
    let first = draw(&admin);
    let mint = || Id::mint(&SystemClock, &SystemDice);
    let logs: Vec<Log> = (0..10_000).map(|_| Log { id: mint(), ..first.clone() }).collect();
    insert(&admin, &logs).await;
    let list = admin.ok("GET /v1/logs?limit=1", Value::Null).await;
    assert_eq!(list["total"], 10_000);
    assert!(list.get("total_is_capped").is_none(), "{list}");
    insert(&admin, &[first]).await;
    let list = admin.ok("GET /v1/logs?limit=1", Value::Null).await;
    assert_eq!((&list["total"], &list["total_is_capped"]), (&json!(10_000), &json!(true)));
}

async fn insert(admin: &Admin, logs: &[Log]) {
    let json: Vec<String> = logs.iter().map(|log| serde_json::to_string(log).unwrap()).collect();
    let rows: Vec<_> = logs
        .iter()
        .zip(&json)
        .map(|(log, fields_json)| LogRow { log, fields_json, content: None })
        .collect();
    let write = async |tx: &mut Tx| tx.logs().insert_batch(&rows).await;
    assert!(admin.db.write(write).await.unwrap().is_empty());
}

fn draw(admin: &Admin) -> Log {
    let workspace = &admin.workspace;
    Log {
        id: Id::mint(&SystemClock, &SystemDice),
        state: LogState::Finished,
        created_at: SystemClock.now(),
        organisation_id: workspace.organisation_id,
        organisation_name: "Acme".into(),
        workspace_id: workspace.id,
        workspace_slug: workspace.slug.shared(),
        environment_id: workspace.default_environment,
        environment: "production".into(),
        api_key_id: Id::mint(&SystemClock, &SystemDice),
        user_id: None,
        user: None,
        endpoint: "chatComplete".into(),
        request_method: "POST".into(),
        request_url: "/v1/chat/completions".to_owned(),
        is_proxy_call: false,
        stream: false,
        model_asked: Some("gpt-5".to_owned()),
        metadata: Default::default(),
        trace_id: "trace-1".to_owned(),
        span_id: "span".to_owned(),
        parent_span_id: None,
        span_name: None,
        sdk_version: None,
        runtime: None,
        runtime_version: None,
        user_agent: None,
        client_address: None,
        provider: Some("openai".into()),
        virtual_key: Some("openai".into()),
        virtual_key_id: None,
        integration_id: None,
        upstream_host: None,
        last_used_option: Some("config".into()),
        attempts: 1,
        retry_success_count: 0,
        cache_status: "DISABLED".into(),
        response_status: Some(200),
        is_success: true,
        error: None,
        error_detail: None,
        model_served: Some("gpt-5-2027".to_owned()),
        upstream_id: None,
        finish_reason: None,
        usage: Usage { input_tokens: Some(7), output_tokens: Some(3), ..Usage::default() },
        usage_source: UsageSource::Provider,
        cost: Some(NanoDollars(100)),
        price_origin: None,
        request_bytes: 10,
        response_bytes: 20,
        response_chunks: 1,
        timings: Timings { total: 1500, ..Timings::default() },
        node_id: Id::mint(&SystemClock, &SystemDice),
        gateway_version: "0.1.0".into(),
        stored_content: StoredContent::None,
    }
}
