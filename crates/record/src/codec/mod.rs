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

mod field;
mod wire;

use portcullis_domain::{Log, LogState, StoredContent, Timings, Usage, UsageSource};

use field::{Field, Fields, codes, fields};
pub(crate) use wire::Malformed;
use wire::{Put, Take, number};

/// Appends a log.
pub(crate) fn encode(log: &Log, out: &mut Vec<u8>) {
    Fields::put(log, &mut Put(out));
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Result<Log, Malformed> {
    let (mut log, mut take, mut has_id) = (<Log as Fields>::blank(), Take(bytes), false);
    while let Some((tag, value)) = take.field()? {
        Fields::take(&mut log, tag, value)?;
        has_id |= tag == ID;
    }
    if has_id { Ok(log) } else { Err(Malformed("it has no id")) }
}

/// The tag of a log's id, without which there is no log.
const ID: u8 = 1;

fields!(Log {
    1 id,
    2 state,
    3 created_at,
    4 organisation_id,
    5 organisation_name,
    6 workspace_id,
    7 workspace_slug,
    8 environment_id,
    9 environment,
    10 api_key_id,
    11 user_id,
    12 user,
    13 endpoint,
    14 request_method,
    15 request_url,
    16 is_proxy_call,
    17 stream,
    18 model_asked,
    19 metadata,
    20 trace_id,
    21 span_id,
    22 parent_span_id,
    23 span_name,
    24 sdk_version,
    25 runtime,
    26 runtime_version,
    27 user_agent,
    28 client_address,
    29 provider,
    30 virtual_key,
    31 virtual_key_id,
    32 integration_id,
    33 upstream_host,
    34 last_used_option,
    35 attempts,
    36 retry_success_count,
    37 cache_status,
    38 response_status,
    39 is_success,
    40 error,
    41 error_detail,
    42 model_served,
    43 upstream_id,
    44 finish_reason,
    45 usage,
    46 usage_source,
    47 cost,
    48 price_origin,
    49 request_bytes,
    50 response_bytes,
    51 response_chunks,
    52 timings,
    53 node_id,
    54 gateway_version,
    55 stored_content,
});

fields!(Usage {
    1 input_tokens,
    2 output_tokens,
    3 cache_read_tokens,
    4 cache_write_tokens,
    5 cache_write_1h_tokens,
    6 reasoning_tokens,
    7 input_audio_tokens,
    8 cached_audio_tokens,
    9 output_audio_tokens,
    10 input_image_tokens,
    11 output_image_tokens,
    12 accepted_prediction_tokens,
    13 rejected_prediction_tokens,
    14 images,
    15 audio_millis,
    16 characters,
    17 pages,
    18 web_searches,
});

fields!(Timings {
    1 total,
    2 request_parsing,
    3 pre_processing,
    4 upstream,
    5 time_to_first_byte,
    6 response_parsing,
    7 gateway,
});

codes!(LogState, "its state is unknown to this version" {
    1 Open,
    2 Finished,
    3 Failed,
    4 HungUp,
    5 Interrupted,
});

codes!(UsageSource, "where its usage comes from is unknown to this version" {
    1 None,
    2 Provider,
    3 Estimate,
});

codes!(StoredContent, "what it keeps of content is unknown to this version" {
    1 None,
    2 Full,
    3 Truncated,
});

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use portcullis_domain::{Id, NanoDollars, Timestamp};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    /// What a code stands for.
    fn coded<T: Field>(code: u64) -> T {
        let mut value = T::blank();
        value.take(&[code as u8]).unwrap();
        value
    }

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
        for tag in 1..=18 {
            Fields::take(&mut usage, tag, &[(number() & 0x7F) as u8]).unwrap();
        }
        assert!(!format!("{usage:?}").contains("None"), "a number has no tag");
        let some_id = |n: u64| Uuid::from_u128(u128::from(n) << 64 | 7);
        Log {
            id: Id::from_uuid(some_id(number())),
            state: coded(seed % 5 + 1),
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
            usage_source: coded(seed % 3 + 1),
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
            stored_content: coded(seed % 3 + 1),
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
        let mut log = <Log as Fields>::blank();
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
