//! Logs: written in batches, once each; searched and paged.

use std::slice;

use portcullis_domain::{
    CallId, Clock, Log, LogState, NanoDollars, Reach, Sealed, StoredContent, Timings, Usage,
    UsageSource, WorkspaceId,
};
use portcullis_store::{Error, LogCursor, LogFilter, LogReach, LogRow, Result};

use crate::support::{Tenant, World, on_both_engines, sealed};

on_both_engines! {
    async fn a_batch_written_twice_is_there_once(world) {
        let a = world.tenant("acme").await;
        let logs: Vec<Log> = (0..600).map(|_| draw(world, &a)).collect();
        let content = sealed(3);
        for _ in 0..2 {
            assert_eq!(insert(world, &logs, &[(logs[0].id, &content)]).await, []);
        }
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        let filter = LogFilter::default();
        assert_eq!(tenant.logs().count(&filter, 10_000).await.unwrap(), 600);
        assert_eq!(tenant.logs().count(&filter, 100).await.unwrap(), 100);
        let found = tenant.logs().find(logs[0].id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&logs[0]));
        let kept = tenant.logs().content(logs[0].id).await.unwrap();
        assert_eq!(kept, Some(content));
        assert_eq!(tenant.logs().content(logs[1].id).await.unwrap(), None);
    }

    async fn a_close_replaces_an_opening_and_never_the_reverse(world) {
        let a = world.tenant("acme").await;
        let states = [LogState::Open, LogState::Interrupted, LogState::Finished];
        let drawn = draw(world, &a);
        let in_state = |state| Log { state, ..drawn.clone() };
        let found = async || {
            let mut reader = world.db.read().await.unwrap();
            reader.tenant(a.organisation.id).logs().find(drawn.id).await.unwrap().unwrap().state
        };
        for state in states {
            insert(world, &[in_state(state)], &[]).await;
            assert_eq!(found().await, state);
        }
        for weaker in [LogState::Open, LogState::Interrupted, LogState::Failed] {
            insert(world, &[in_state(weaker)], &[]).await;
            assert_eq!(found().await, LogState::Finished);
        }
        // All in one batch, in any order.
        let drawn = draw(world, &a);
        let in_state = |state| Log { state, ..drawn.clone() };
        let mixed = [LogState::Open, LogState::HungUp, LogState::Interrupted].map(in_state);
        insert(world, &mixed, &[]).await;
        let mut reader = world.db.read().await.unwrap();
        let log = reader.tenant(a.organisation.id).logs().find(drawn.id).await.unwrap();
        assert_eq!(log.unwrap().state, LogState::HungUp);
    }

    async fn a_poisonous_log_is_left_out_and_named(world) {
        let a = world.tenant("acme").await;
        let mut logs: Vec<Log> = (0..300).map(|_| draw(world, &a)).collect();
        // The schema knows no such status.
        logs[7].response_status = Some(7);
        logs[299].response_status = Some(65_000);
        let content = sealed(4);
        let contents = [(logs[7].id, &content), (logs[8].id, &content)];
        assert_eq!(insert(world, &logs, &contents).await, [logs[7].id, logs[299].id]);
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        assert_eq!(tenant.logs().count(&LogFilter::default(), 1000).await.unwrap(), 298);
        assert!(tenant.logs().content(logs[7].id).await.unwrap().is_none());
        assert!(tenant.logs().content(logs[8].id).await.unwrap().is_some());
    }

    async fn pages_follow_each_other_without_gap_or_overlap(world) {
        let a = world.tenant("acme").await;
        let mut logs = Vec::new();
        for n in 0..50 {
            // Several at the same instant, and some a month apart.
            world.time.pass_millis(if n == 25 { 40 * 86_400_000 } else { i64::from(n % 3 == 0) });
            logs.push(draw(world, &a));
        }
        insert(world, &logs, &[]).await;
        logs.sort_by_key(|log| std::cmp::Reverse((log.created_at, log.id)));
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = tenant.logs().list(&LogFilter::default(), after, 7).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(LogCursor::after(last));
            seen.extend(page);
        }
        assert!(seen == logs);
    }

    async fn every_filter_selects(world) {
        let a = world.tenant("acme").await;
        let plain = draw(world, &a);
        world.time.pass_millis(10);
        let user = world.id();
        let other_workspace = world.id();
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        let special = Log {
            workspace_id: other_workspace,
            environment: "staging".into(),
            response_status: Some(429),
            is_success: false,
            state: LogState::Failed,
            provider: Some("anthropic".into()),
            virtual_key: Some("claude".into()),
            model_served: Some("claude-4".to_owned()),
            api_key_id: world.id(),
            user_id: Some(user),
            user: Some("eve".to_owned()),
            trace_id: "trace-2".to_owned(),
            metadata: [("te\"am", "b'lue"), ("a.b", "ü"), ("nul", "\0")]
                .map(|(name, value)| pair(name, value))
                .into(),
            cost: Some(NanoDollars(900)),
            usage: Usage { input_tokens: Some(70), output_tokens: Some(30), ..Usage::default() },
            ..draw(world, &a)
        };
        insert(world, &[plain.clone(), special.clone()], &[]).await;
        let none = LogFilter::default;
        let text = |text: &str| Some(text.to_owned());
        let only_special = [
            LogFilter { from: Some(special.created_at), ..none() },
            LogFilter { reach: Some(only(other_workspace)), ..none() },
            LogFilter {
                reach: Some(LogReach {
                    whole: Reach::Only(Vec::new()),
                    own: vec![other_workspace, a.workspace.id],
                    user: Some(user),
                }),
                ..none()
            },
            LogFilter { environment: text("staging"), ..none() },
            LogFilter { statuses: vec![429, 500], ..none() },
            LogFilter { min_status: Some(400), ..none() },
            LogFilter { is_success: Some(false), ..none() },
            LogFilter { state: Some(LogState::Failed), ..none() },
            LogFilter { provider: text("anthropic"), ..none() },
            LogFilter { virtual_keys: vec!["x".to_owned(), "claude".to_owned()], ..none() },
            LogFilter { model: text("claude-4"), ..none() },
            LogFilter { provider_models: vec![pair("anthropic", "claude-4")], ..none() },
            LogFilter { api_keys: vec![world.id(), special.api_key_id], ..none() },
            LogFilter { user_id: Some(user), ..none() },
            LogFilter { user: text("eve"), ..none() },
            LogFilter { trace_id: text("trace-2"), ..none() },
            LogFilter { min_cost: Some(NanoDollars(900)), ..none() },
            LogFilter { min_tokens: Some(100), ..none() },
            LogFilter { min_input_tokens: Some(70), ..none() },
            LogFilter { min_output_tokens: Some(30), ..none() },
            LogFilter { metadata: vec![pair("te\"am", "b'lue")], ..none() },
            LogFilter { metadata: vec![pair("te\"am", "b'lue"), pair("a.b", "ü")], ..none() },
        ];
        let nothing = [
            LogFilter { provider_models: vec![pair("openai", "claude-4")], ..none() },
            LogFilter { metadata: vec![pair("te\"am", "b'lue"), pair("a.b", "u")], ..none() },
            LogFilter { metadata: vec![pair("a", "b")], ..none() },
        ];
        let only_plain = [
            LogFilter { until: Some(special.created_at), ..none() },
            LogFilter { max_status: Some(399), ..none() },
            LogFilter { max_cost: Some(NanoDollars(899)), ..none() },
            LogFilter { max_tokens: Some(99), ..none() },
            LogFilter { max_input_tokens: Some(69), ..none() },
            LogFilter { max_output_tokens: Some(29), ..none() },
            LogFilter { reach: Some(only(a.workspace.id)), is_success: Some(true), ..none() },
        ];
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        for (filters, expected) in [(&only_special[..], &special), (&only_plain[..], &plain)] {
            for filter in filters {
                let found = tenant.logs().list(filter, None, 9).await.unwrap();
                assert!(found == [expected.clone()], "{filter:?}: {} logs", found.len());
                assert_eq!(tenant.logs().count(filter, 9).await.unwrap(), 1);
            }
        }
        for filter in &nothing {
            assert!(tenant.logs().list(filter, None, 9).await.unwrap().is_empty(), "{filter:?}");
        }
        // Asked for by both, served by one.
        let model = LogFilter { model: text("gpt-5"), ..none() };
        assert_eq!(tenant.logs().list(&model, None, 9).await.unwrap().len(), 2);
    }

    async fn logs_are_their_organisations_alone(world) {
        let (a, b) = (world.tenant("acme").await, world.tenant("bolt").await);
        let theirs = draw(world, &b);
        let content = sealed(5);
        insert(world, slice::from_ref(&theirs), &[(theirs.id, &content)]).await;
        // The same id under another organisation takes nothing over.
        let mut forged = draw(world, &a);
        forged.id = theirs.id;
        forged.created_at = theirs.created_at;
        insert(world, &[forged], &[]).await;
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        assert!(tenant.logs().find(theirs.id).await.unwrap().is_none());
        assert!(tenant.logs().content(theirs.id).await.unwrap().is_none());
        assert!(tenant.logs().list(&LogFilter::default(), None, 9).await.unwrap().is_empty());
        let found = reader.tenant(b.organisation.id).logs().find(theirs.id).await.unwrap();
        assert!(found == Some(theirs));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgres_cannot_store_is_poison_too() {
    let world = World::postgres().await;
    let a = world.tenant("acme").await;
    let mut logs = [draw(&world, &a), draw(&world, &a)];
    logs[0].user = Some("\0".to_owned());
    let done: Result<(CallId, bool)> = world
        .db
        .write(async |tx| {
            let json: Vec<String> =
                logs.iter().map(|log| serde_json::to_string(log).unwrap()).collect();
            let rows: Vec<_> = logs
                .iter()
                .zip(&json)
                .map(|(log, fields_json)| LogRow { log, fields_json, content: None })
                .collect();
            let poison = tx.logs().insert_batch(&rows).await?;
            assert_eq!(poison.len(), 1);
            Ok((poison[0].id, matches!(poison[0].reason, Error::Refused { .. })))
        })
        .await;
    assert_eq!(done.unwrap(), (logs[0].id, true));
}

/// Writes logs with what there is of content, and hands back the ids of the poisonous.
pub(crate) async fn insert(
    world: &World,
    logs: &[Log],
    contents: &[(CallId, &Sealed)],
) -> Vec<CallId> {
    let json: Vec<String> = logs.iter().map(|log| serde_json::to_string(log).unwrap()).collect();
    let content = |id| contents.iter().find(|(of, _)| *of == id).map(|(_, sealed)| *sealed);
    let row = |(log, fields_json)| {
        let log: &Log = log;
        let fields_json: &String = fields_json;
        LogRow { log, fields_json, content: content(log.id) }
    };
    let rows: Vec<_> = logs.iter().zip(&json).map(row).collect();
    let poison: Result<Vec<_>> = world
        .db
        .write(async |tx| {
            let poison = tx.logs().insert_batch(&rows).await?;
            Ok(poison.into_iter().map(|poison| poison.id).collect())
        })
        .await;
    poison.unwrap()
}

pub(crate) fn draw(world: &World, tenant: &Tenant) -> Log {
    Log {
        id: world.id(),
        state: LogState::Finished,
        created_at: world.time.now(),
        organisation_id: tenant.organisation.id,
        organisation_name: tenant.organisation.name.as_str().into(),
        workspace_id: tenant.workspace.id,
        workspace_slug: tenant.workspace.slug.shared(),
        environment_id: tenant.workspace.default_environment,
        environment: "production".into(),
        api_key_id: tenant.api_key.id,
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
        virtual_key_id: Some(tenant.virtual_key.id),
        integration_id: Some(tenant.integration.id),
        upstream_host: None,
        last_used_option: None,
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
        node_id: world.id(),
        gateway_version: "0.1.0".into(),
        stored_content: StoredContent::None,
    }
}

fn only(workspace: WorkspaceId) -> LogReach {
    LogReach { whole: Reach::Only(vec![workspace]), own: Vec::new(), user: None }
}
