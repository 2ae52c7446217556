//! The Azure OpenAI adapter: deployments, versions and signing in.

use portcullis_domain::{FaultKind, Retry};

use crate::call::{Call, sent};

const DEPLOYMENTS: &str = r#"{"key":"az-key","settings":{"azure_resource_name":"acme",
    "azure_deployment_config":[
        {"alias":"fast","azure_api_version":"2024-10-21","azure_deployment_name":"mini 1",
         "azure_model_slug":"gpt-4o-mini"},
        {"azure_api_version":"v1","azure_deployment_name":"big","azure_model_slug":"gpt-5"},
        {"azure_api_version":"2024-02-01","azure_deployment_name":"old","is_default":true}]}}"#;

fn call(path: &'static str, body: &str, credential: &'static str) -> Call {
    Call { credential, ..Call::post("azure-openai", path, body) }
}

fn prepared(call: &Call) -> (String, String) {
    let prepared = call.prepare().unwrap_or_else(|fault| panic!("{fault}"));
    let body = String::from_utf8(sent(&prepared).to_vec()).unwrap();
    (prepared.url, body)
}

#[test]
fn the_model_finds_its_deployment() {
    let host = "https://acme.openai.azure.com/openai";
    let mini = "/deployments/mini%201/chat/completions?api-version=2024-10-21";
    let old = "/deployments/old/chat/completions?api-version=2024-02-01";
    for (model, path, sent) in [
        ("gpt-4o-mini", mini, "gpt-4o-mini"),
        ("fast", mini, "fast"),
        ("mini 1", mini, "mini 1"),
        ("gpt-5", "/v1/chat/completions", "big"),
        ("anything", old, "anything"),
    ] {
        let body = format!(r#"{{"model":"{model}"}}"#);
        let (url, body) = prepared(&call("/chat/completions", &body, DEPLOYMENTS));
        assert_eq!(url, format!("{host}{path}"), "{model}");
        assert_eq!(body, format!(r#"{{"model":"{sent}"}}"#));
    }
    let (url, body) = prepared(&call("/responses", r#"{"model":"fast"}"#, DEPLOYMENTS));
    assert_eq!(url, format!("{host}/responses?api-version=2024-10-21"));
    assert_eq!(body, r#"{"model":"mini 1"}"#);
}

#[test]
fn headers_can_name_it_all() {
    let credential = r#"{"settings":{"azure_resource_name":"acme","azure_deployment_id":"dep",
        "azure_api_version":"2025-01-01-preview","azure_ad_token":"Bearer token"}}"#;
    let mut asked = call("/embeddings", r#"{"model":"m"}"#, credential);
    asked.query = Some("x=1");
    let result = asked.prepare().unwrap();
    let expected = "https://acme.openai.azure.com/openai/deployments/dep/embeddings\
                    ?x=1&api-version=2025-01-01-preview";
    assert_eq!(result.url, expected);
    assert_eq!(result.headers["authorization"], "Bearer token");
    assert!(!result.headers.contains_key("api-key"));
    asked.query = Some("api-version=2024-06-01");
    assert!(asked.prepare().unwrap().url.ends_with("/embeddings?api-version=2024-06-01"));
}

#[test]
fn without_any_deployment_the_model_is_one() {
    let credential = r#"{"key":"az-key","settings":{"custom_host":"https://own.example/openai"}}"#;
    let chat = call("/chat/completions", r#"{"model":"a/b"}"#, credential);
    let result = chat.prepare().unwrap();
    let expected = "https://own.example/openai/deployments/a%2Fb/chat/completions";
    assert!(result.url.starts_with(expected), "{}", result.url);
    assert_eq!(result.headers["api-key"], "az-key");
    assert!(result.headers["api-key"].is_sensitive());
    let fault = call("/chat/completions", "{}", credential).prepare().err().unwrap();
    assert_eq!(fault.kind, FaultKind::BadRequest);
    let climbing = call("/chat/completions", r#"{"model":".."}"#, credential);
    assert_eq!(climbing.prepare().err().map(|fault| fault.kind), Some(FaultKind::BadRequest));
    let (url, _) = prepared(&call("/files", "{}", credential));
    assert_eq!(url, "https://own.example/openai/files?api-version=2024-10-21");
}

#[test]
fn usage_is_asked_for_from_the_version_that_knows_it() {
    let body = |model: &str| format!(r#"{{"model":"{model}","stream":true}}"#);
    for (model, asks) in [("fast", true), ("gpt-5", true), ("other", false)] {
        let (_, sent) = prepared(&call("/chat/completions", &body(model), DEPLOYMENTS));
        assert_eq!(sent.contains("include_usage"), asks, "{model}");
    }
}

#[test]
fn what_is_missing_is_said() {
    let no_resource = call("/chat/completions", r#"{"model":"m"}"#, r#"{"key":"k"}"#);
    let fault = no_resource.prepare().err().unwrap();
    assert!(fault.public.contains("azure_resource_name"), "{fault}");
    let entra = r#"{"settings":{"azure_resource_name":"acme","azure_auth_mode":"entra"}}"#;
    let fault = call("/chat/completions", r#"{"model":"m"}"#, entra).prepare().err().unwrap();
    assert_eq!(fault.retry, Retry::NextTarget);
    assert!(fault.public.contains("'azure_entra_tenant_id' is missing"), "{fault}");
    let managed = r#"{"key":"k","settings":{"custom_host":"https://own.example/v1",
        "azure_auth_mode":"managed"}}"#;
    for provider in ["azure-openai", "azure-ai"] {
        let mut call = call("/chat/completions", r#"{"model":"m"}"#, managed);
        call.provider = provider;
        let fault = call.prepare().err().unwrap();
        assert!(fault.public.contains("'azure_auth_mode' asks for an identity"), "{fault}");
    }
}

#[test]
fn a_token_goes_in_place_of_the_key() {
    let given = r#"{"key":"k","settings":{"custom_host":"https://own.example/v1",
        "azure_ad_token":"Bearer token-1"}}"#;
    for provider in ["azure-openai", "azure-ai"] {
        let mut call = call("/chat/completions", r#"{"model":"m"}"#, given);
        call.provider = provider;
        let prepared = call.prepare().unwrap();
        assert_eq!(prepared.headers["authorization"], "Bearer token-1");
        assert!(prepared.headers["authorization"].is_sensitive());
        assert!(!prepared.headers.contains_key("api-key"));
    }
}

#[test]
fn a_realtime_session_names_its_deployment_in_the_query() {
    let url = |model, query, credential| {
        let mut call = call("/realtime", "{}", credential);
        (call.method, call.body) = (http::Method::GET, None);
        (call.model, call.query) = (Some(model), query);
        let prepared = call.prepare().unwrap();
        assert_eq!(prepared.headers["api-key"], "az-key");
        prepared.url
    };
    let host = "https://acme.openai.azure.com/openai";
    assert_eq!(
        url("fast", Some("model=fast&x=1"), DEPLOYMENTS),
        format!("{host}/realtime?deployment=mini%201&x=1&api-version=2024-10-21")
    );
    assert_eq!(
        url("gpt-5", Some("model=gpt-5&deployment=other"), DEPLOYMENTS),
        format!("{host}/v1/realtime?model=big")
    );
    let bare = r#"{"key":"az-key","settings":{"azure_resource_name":"acme"}}"#;
    assert_eq!(
        url("gpt-realtime", Some("model=gpt%2Drealtime"), bare),
        format!("{host}/realtime?deployment=gpt-realtime&api-version=2025-04-01-preview")
    );
    assert_eq!(
        url("gpt-realtime", Some("api-version=2024-12-17"), bare),
        format!("{host}/realtime?deployment=gpt-realtime&api-version=2024-12-17")
    );
    let mut nameless = call("/realtime", "{}", bare);
    (nameless.method, nameless.body) = (http::Method::GET, None);
    assert_eq!(nameless.prepare().err().map(|fault| fault.kind), Some(FaultKind::BadRequest));
}
