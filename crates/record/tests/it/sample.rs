//! A log such as a chat completion leaves, with fields of ordinary length.

use std::collections::BTreeMap;

use portcullis_domain::{
    Id, Log, LogState, Noun, StoredContent, Timestamp, Timings, Usage, UsageSource,
};
use uuid::Uuid;

/// The opened log of call number `n`.
pub(crate) fn log(n: u128) -> Log {
    Log {
        id: id(n),
        state: LogState::Open,
        created_at: Timestamp::from_micros(1_800_000_000_000_000),
        organisation_id: id(0xa),
        organisation_name: "Example Industries".into(),
        workspace_id: id(0xb),
        workspace_slug: "research".into(),
        environment_id: id(0xc),
        environment: "production".into(),
        api_key_id: id(0xd),
        user_id: None,
        user: Some("customer-4711".into()),
        endpoint: "chatComplete".into(),
        request_method: "POST".into(),
        request_url: "/v1/chat/completions".into(),
        is_proxy_call: false,
        stream: true,
        model_asked: Some("gpt-4o-mini".into()),
        metadata: BTreeMap::from([("team".into(), "search".into())]),
        trace_id: "6f1d4c5e-8f0b-4a57-9c11-0d9f0a2f6d11".into(),
        span_id: "b7ad6b7169203331".into(),
        parent_span_id: None,
        span_name: None,
        sdk_version: Some("portkey-2.3.4".into()),
        runtime: Some("CPython".into()),
        runtime_version: Some("3.13.1".into()),
        user_agent: Some("OpenAI/Python 1.99.1".into()),
        client_address: Some([192, 0, 2, 17].into()),
        provider: Some("openai".into()),
        virtual_key: Some("openai-production".into()),
        virtual_key_id: Some(id(0xe)),
        integration_id: Some(id(0xf)),
        upstream_host: Some("api.example.com".into()),
        last_used_option: Some("config".into()),
        attempts: 1,
        retry_success_count: 0,
        cache_status: "DISABLED".into(),
        response_status: None,
        is_success: false,
        error: None,
        error_detail: None,
        model_served: None,
        upstream_id: None,
        finish_reason: None,
        usage: Usage::default(),
        usage_source: UsageSource::None,
        cost: None,
        price_origin: None,
        request_bytes: 812,
        response_bytes: 0,
        response_chunks: 0,
        timings: Timings::default(),
        node_id: id(0x10),
        gateway_version: "0.1.0".into(),
        stored_content: StoredContent::None,
    }
}

fn id<N: Noun>(n: u128) -> Id<N> {
    Id::from_uuid(Uuid::from_u128(n))
}
