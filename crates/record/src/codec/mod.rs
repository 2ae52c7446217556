//! A log as the bytes of an entry's payload.
//!
//! ```text
//! (tag u8 | length varint | value)*
//! ```
//!
//! Texts are UTF-8; numbers are varints (LEB128, as in Protocol Buffers); ids are their sixteen
//! bytes. What is absent is left out, and a reader skips the tags that it does not know, so that
//! segments outlive an upgrade in either direction. Why not JSON: every call writes its log twice
//! while its provider and its client wait.

mod wire;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use portcullis_domain::{
    CallId, Id, Log, LogState, NanoDollars, NodeId, StoredContent, Timestamp, Timings, Usage,
    UsageSource,
};
use uuid::Uuid;

pub(crate) use wire::Malformed;
use wire::{Put, Take, address, id, number, pair, shared, small, text, unzigzag, word, zigzag};

/// Appends a log.
pub(crate) fn encode(log: &Log, out: &mut Vec<u8>) {
    // Taken apart, so that no field can be forgotten.
    let Log {
        id,
        state,
        created_at,
        organisation_id,
        organisation_name,
        workspace_id,
        workspace_slug,
        environment_id,
        environment,
        api_key_id,
        user_id,
        user,
        endpoint,
        request_method,
        request_url,
        is_proxy_call,
        stream,
        model_asked,
        metadata,
        trace_id,
        span_id,
        parent_span_id,
        span_name,
        sdk_version,
        runtime,
        runtime_version,
        user_agent,
        client_address,
        provider,
        virtual_key,
        virtual_key_id,
        integration_id,
        upstream_host,
        last_used_option,
        attempts,
        retry_success_count,
        cache_status,
        response_status,
        is_success,
        error,
        error_detail,
        model_served,
        upstream_id,
        finish_reason,
        usage,
        usage_source,
        cost,
        price_origin,
        request_bytes,
        response_bytes,
        response_chunks,
        timings,
        node_id,
        gateway_version,
        stored_content,
    } = log;
    let mut put = Put(out);
    put.id(1, Some(*id));
    put.number(2, Some(state_code(*state)));
    put.number(3, Some(created_at.micros() as u64));
    put.id(4, Some(*organisation_id));
    put.text(5, Some(organisation_name));
    put.id(6, Some(*workspace_id));
    put.text(7, Some(workspace_slug));
    put.id(8, Some(*environment_id));
    put.text(9, Some(environment));
    put.id(10, Some(*api_key_id));
    put.id(11, *user_id);
    put.text(12, user.as_deref());
    put.text(13, Some(endpoint));
    put.text(14, Some(request_method));
    put.text(15, Some(request_url));
    put.flag(16, *is_proxy_call);
    put.flag(17, *stream);
    put.text(18, model_asked.as_deref());
    for (name, value) in metadata {
        put.pair(19, name, value);
    }
    put.text(20, Some(trace_id));
    put.text(21, Some(span_id));
    put.text(22, parent_span_id.as_deref());
    put.text(23, span_name.as_deref());
    put.text(24, sdk_version.as_deref());
    put.text(25, runtime.as_deref());
    put.text(26, runtime_version.as_deref());
    put.text(27, user_agent.as_deref());
    put.address(28, *client_address);
    put.text(29, provider.as_deref());
    put.text(30, virtual_key.as_deref());
    put.id(31, *virtual_key_id);
    put.id(32, *integration_id);
    put.text(33, upstream_host.as_deref());
    put.text(34, last_used_option.as_deref());
    put.number(35, Some(u64::from(*attempts)));
    put.number(36, Some(zigzag(i64::from(*retry_success_count))));
    put.text(37, Some(cache_status));
    put.number(38, response_status.map(u64::from));
    put.flag(39, *is_success);
    put.text(40, error.as_deref());
    put.text(41, error_detail.as_deref());
    put.text(42, model_served.as_deref());
    put.text(43, upstream_id.as_deref());
    put.text(44, finish_reason.as_deref());
    put.usage(45, usage);
    put.number(46, Some(source_code(*usage_source)));
    put.number(47, cost.map(|NanoDollars(cost)| zigzag(cost)));
    put.text(48, price_origin.as_deref());
    put.number(49, Some(*request_bytes));
    put.number(50, Some(*response_bytes));
    put.number(51, Some(u64::from(*response_chunks)));
    put.timings(52, timings);
    put.id(53, Some(*node_id));
    put.text(54, Some(gateway_version));
    put.number(55, Some(content_code(*stored_content)));
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Result<Log, Malformed> {
    let mut log = blank();
    let mut take = Take(bytes);
    let mut has_id = false;
    while let Some((tag, value)) = take.field()? {
        match tag {
            1 => {
                log.id = id(value)?;
                has_id = true;
            }
            2 => log.state = state_of(number(value)?)?,
            3 => log.created_at = Timestamp::from_micros(number(value)? as i64),
            4 => log.organisation_id = id(value)?,
            5 => log.organisation_name = shared(value)?,
            6 => log.workspace_id = id(value)?,
            7 => log.workspace_slug = shared(value)?,
            8 => log.environment_id = id(value)?,
            9 => log.environment = shared(value)?,
            10 => log.api_key_id = id(value)?,
            11 => log.user_id = Some(id(value)?),
            12 => log.user = Some(text(value)?),
            13 => log.endpoint = word(value)?,
            14 => log.request_method = word(value)?,
            15 => log.request_url = text(value)?,
            16 => log.is_proxy_call = number(value)? != 0,
            17 => log.stream = number(value)? != 0,
            18 => log.model_asked = Some(text(value)?),
            19 => {
                let (name, value) = pair(value)?;
                log.metadata.insert(name, value);
            }
            20 => log.trace_id = text(value)?,
            21 => log.span_id = text(value)?,
            22 => log.parent_span_id = Some(text(value)?),
            23 => log.span_name = Some(text(value)?),
            24 => log.sdk_version = Some(text(value)?),
            25 => log.runtime = Some(text(value)?),
            26 => log.runtime_version = Some(text(value)?),
            27 => log.user_agent = Some(text(value)?),
            28 => log.client_address = Some(address(value)?),
            29 => log.provider = Some(word(value)?),
            30 => log.virtual_key = Some(shared(value)?),
            31 => log.virtual_key_id = Some(id(value)?),
            32 => log.integration_id = Some(id(value)?),
            33 => log.upstream_host = Some(text(value)?),
            34 => log.last_used_option = Some(word(value)?),
            35 => log.attempts = small(value)?,
            36 => log.retry_success_count = unzigzag(number(value)?) as i32,
            37 => log.cache_status = word(value)?,
            38 => log.response_status = Some(small(value)?),
            39 => log.is_success = number(value)? != 0,
            40 => log.error = Some(word(value)?),
            41 => log.error_detail = Some(text(value)?),
            42 => log.model_served = Some(text(value)?),
            43 => log.upstream_id = Some(text(value)?),
            44 => log.finish_reason = Some(text(value)?),
            45 => log.usage = usage(value)?,
            46 => log.usage_source = source_of(number(value)?)?,
            47 => log.cost = Some(NanoDollars(unzigzag(number(value)?))),
            48 => log.price_origin = Some(word(value)?),
            49 => log.request_bytes = number(value)?,
            50 => log.response_bytes = number(value)?,
            51 => log.response_chunks = small(value)?,
            52 => log.timings = timings(value)?,
            53 => log.node_id = id(value)?,
            54 => log.gateway_version = word(value)?,
            55 => log.stored_content = content_of(number(value)?)?,
            // A later version's.
            _ => {}
        }
    }
    if has_id { Ok(log) } else { Err(Malformed("it has no id")) }
}

impl Put<'_> {
    fn usage(&mut self, tag: u8, usage: &Usage) {
        self.group(tag, (1..).zip(usage_numbers(&mut usage.clone()).map(|number| *number)));
    }

    fn timings(&mut self, tag: u8, timings: &Timings) {
        let Timings {
            total,
            request_parsing,
            pre_processing,
            upstream,
            time_to_first_byte,
            response_parsing,
            gateway,
        } = timings;
        let fields = [
            (1, Some(*total)),
            (2, Some(*request_parsing)),
            (3, Some(*pre_processing)),
            (4, Some(*upstream)),
            (5, *time_to_first_byte),
            (6, Some(*response_parsing)),
            (7, Some(*gateway)),
        ];
        self.group(tag, fields);
    }
}

/// The numbers of a usage in the order of their tags, from 1. New ones go to the end.
fn usage_numbers(usage: &mut Usage) -> [&mut Option<u64>; 18] {
    let Usage {
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        cache_write_1h_tokens,
        reasoning_tokens,
        input_audio_tokens,
        cached_audio_tokens,
        output_audio_tokens,
        input_image_tokens,
        output_image_tokens,
        accepted_prediction_tokens,
        rejected_prediction_tokens,
        images,
        audio_millis,
        characters,
        pages,
        web_searches,
    } = usage;
    [
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        cache_write_1h_tokens,
        reasoning_tokens,
        input_audio_tokens,
        cached_audio_tokens,
        output_audio_tokens,
        input_image_tokens,
        output_image_tokens,
        accepted_prediction_tokens,
        rejected_prediction_tokens,
        images,
        audio_millis,
        characters,
        pages,
        web_searches,
    ]
}

fn usage(value: &[u8]) -> Result<Usage, Malformed> {
    let (mut usage, mut take) = (Usage::default(), Take(value));
    let mut numbers = usage_numbers(&mut usage);
    while let Some((tag, value)) = take.field()? {
        if let Some(slot) = numbers.get_mut(usize::from(tag).wrapping_sub(1)) {
            **slot = Some(number(value)?);
        }
    }
    Ok(usage)
}

fn timings(value: &[u8]) -> Result<Timings, Malformed> {
    let (mut timings, mut take) = (Timings::default(), Take(value));
    while let Some((tag, value)) = take.field()? {
        let number = number(value)?;
        match tag {
            1 => timings.total = number,
            2 => timings.request_parsing = number,
            3 => timings.pre_processing = number,
            4 => timings.upstream = number,
            5 => timings.time_to_first_byte = Some(number),
            6 => timings.response_parsing = number,
            7 => timings.gateway = number,
            _ => {}
        }
    }
    Ok(timings)
}

fn state_code(state: LogState) -> u64 {
    match state {
        LogState::Open => 1,
        LogState::Finished => 2,
        LogState::Failed => 3,
        LogState::HungUp => 4,
        LogState::Interrupted => 5,
    }
}

fn state_of(code: u64) -> Result<LogState, Malformed> {
    Ok(match code {
        1 => LogState::Open,
        2 => LogState::Finished,
        3 => LogState::Failed,
        4 => LogState::HungUp,
        5 => LogState::Interrupted,
        _ => return Err(Malformed("its state is unknown to this version")),
    })
}

fn source_code(source: UsageSource) -> u64 {
    match source {
        UsageSource::None => 1,
        UsageSource::Provider => 2,
        UsageSource::Estimate => 3,
    }
}

fn source_of(code: u64) -> Result<UsageSource, Malformed> {
    Ok(match code {
        1 => UsageSource::None,
        2 => UsageSource::Provider,
        3 => UsageSource::Estimate,
        _ => return Err(Malformed("where its usage comes from is unknown to this version")),
    })
}

fn content_code(content: StoredContent) -> u64 {
    match content {
        StoredContent::None => 1,
        StoredContent::Full => 2,
        StoredContent::Truncated => 3,
    }
}

fn content_of(code: u64) -> Result<StoredContent, Malformed> {
    Ok(match code {
        1 => StoredContent::None,
        2 => StoredContent::Full,
        3 => StoredContent::Truncated,
        _ => return Err(Malformed("what it keeps of content is unknown to this version")),
    })
}

/// A log of which nothing is known.
fn blank() -> Log {
    const NONE: Cow<'static, str> = Cow::Borrowed("");
    Log {
        id: CallId::from_uuid(Uuid::nil()),
        state: LogState::Open,
        created_at: Timestamp::from_micros(0),
        organisation_id: Id::from_uuid(Uuid::nil()),
        organisation_name: Arc::default(),
        workspace_id: Id::from_uuid(Uuid::nil()),
        workspace_slug: Arc::default(),
        environment_id: Id::from_uuid(Uuid::nil()),
        environment: Arc::default(),
        api_key_id: Id::from_uuid(Uuid::nil()),
        user_id: None,
        user: None,
        endpoint: NONE,
        request_method: NONE,
        request_url: String::new(),
        is_proxy_call: false,
        stream: false,
        model_asked: None,
        metadata: BTreeMap::new(),
        trace_id: String::new(),
        span_id: String::new(),
        parent_span_id: None,
        span_name: None,
        sdk_version: None,
        runtime: None,
        runtime_version: None,
        user_agent: None,
        client_address: None,
        provider: None,
        virtual_key: None,
        virtual_key_id: None,
        integration_id: None,
        upstream_host: None,
        last_used_option: None,
        attempts: 0,
        retry_success_count: 0,
        cache_status: NONE,
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
        request_bytes: 0,
        response_bytes: 0,
        response_chunks: 0,
        timings: Timings::default(),
        node_id: NodeId::from_uuid(Uuid::nil()),
        gateway_version: NONE,
        stored_content: StoredContent::None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    /// A log with every field said, from a seed.
    fn full(seed: u64) -> Log {
        let mut turn = seed;
        let mut number = || {
            turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            turn >> (turn % 60)
        };
        let mut text = {
            let mut count = seed;
            move || {
                count += 1;
                format!("té\u{10FFFF}xt-{count}").repeat((count % 5) as usize)
            }
        };
        let mut usage = Usage::default();
        for slot in usage_numbers(&mut usage) {
            *slot = Some(number());
        }
        let some_id = |n: u64| Uuid::from_u128(u128::from(n) << 64 | 7);
        Log {
            id: Id::from_uuid(some_id(number())),
            state: state_of(seed % 5 + 1).unwrap(),
            created_at: Timestamp::from_micros(number() as i64),
            organisation_id: Id::from_uuid(some_id(number())),
            organisation_name: text().into(),
            workspace_id: Id::from_uuid(some_id(number())),
            workspace_slug: text().into(),
            environment_id: Id::from_uuid(some_id(number())),
            environment: text().into(),
            api_key_id: Id::from_uuid(some_id(number())),
            user_id: Some(Id::from_uuid(some_id(number()))),
            user: Some(text()),
            endpoint: text().into(),
            request_method: text().into(),
            request_url: text(),
            is_proxy_call: seed.is_multiple_of(2),
            stream: seed.is_multiple_of(3),
            model_asked: Some(text()),
            metadata: (0..seed % 4).map(|_| (text(), text())).collect(),
            trace_id: text(),
            span_id: text(),
            parent_span_id: Some(text()),
            span_name: Some(text()),
            sdk_version: Some(text()),
            runtime: Some(text()),
            runtime_version: Some(text()),
            user_agent: Some(text()),
            client_address: Some(if seed.is_multiple_of(2) {
                IpAddr::from([192, 0, 2, seed as u8])
            } else {
                IpAddr::from([seed as u8; 16])
            }),
            provider: Some(text().into()),
            virtual_key: Some(text().into()),
            virtual_key_id: Some(Id::from_uuid(some_id(number()))),
            integration_id: Some(Id::from_uuid(some_id(number()))),
            upstream_host: Some(text()),
            last_used_option: Some(text().into()),
            attempts: number() as u32,
            retry_success_count: number() as i32,
            cache_status: text().into(),
            response_status: Some(number() as u16),
            is_success: seed.is_multiple_of(2),
            error: Some(text().into()),
            error_detail: Some(text()),
            model_served: Some(text()),
            upstream_id: Some(text()),
            finish_reason: Some(text()),
            usage,
            usage_source: source_of(seed % 3 + 1).unwrap(),
            cost: Some(NanoDollars(number() as i64)),
            price_origin: Some(text().into()),
            request_bytes: number(),
            response_bytes: number(),
            response_chunks: number() as u32,
            timings: Timings {
                total: number(),
                request_parsing: number(),
                pre_processing: number(),
                upstream: number(),
                time_to_first_byte: Some(number()),
                response_parsing: number(),
                gateway: number(),
            },
            node_id: Id::from_uuid(some_id(number())),
            gateway_version: text().into(),
            stored_content: content_of(seed % 3 + 1).unwrap(),
        }
    }

    fn encoded(log: &Log) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(log, &mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(seed: u64) {
            let log = full(seed);
            prop_assert_eq!(decode(&encoded(&log)), Ok(log));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn what_is_absent_stays_absent() {
        let mut log = blank();
        log.id = Id::from_uuid(Uuid::from_u128(1));
        log.cost = Some(NanoDollars(-1));
        log.retry_success_count = -1;
        assert_eq!(decode(&encoded(&log)), Ok(log));
        assert!(decode(&[]).is_err());
    }

    #[test]
    fn a_later_versions_fields_are_skipped_and_a_cut_is_noticed() {
        let log = full(7);
        let mut bytes = encoded(&log);
        bytes.extend_from_slice(&[200, 3, 1, 2, 3]);
        assert!(decode(&bytes[..bytes.len() - 1]).is_err());
        assert_eq!(decode(&bytes), Ok(log));
    }
}
