//! Properties of the Anthropic translations: nothing panics, nothing unknown is lost, and the way a
//! stream is split does not matter.

#![allow(clippy::unwrap_used, reason = "also in helpers: a failed step is a failed test")]

use portcullis_providers::Endpoint;
use proptest::prelude::*;

use crate::anthropic::{Call, MINIMAL, all_streams, answer, sent, streamed};

/// Any JSON, a few levels deep.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        prop_oneof!["text|tool|user|assistant|function|image_url|auto", ".{0,6}"]
            .prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let key = prop_oneof![
            "role|content|type|text|tool_calls|function|arguments|id|name|source|input",
            ".{0,4}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_field_of_any_form_makes_a_translation_panic(
        name in "messages|tools|tool_choice|stop|response_format|metadata|system|user|thinking|x",
        value in json(),
    ) {
        let mut body: serde_json::Value = serde_json::from_str(MINIMAL).unwrap();
        body[&name] = value.clone();
        let body = body.to_string();
        for call in [
            Call::new("anthropic", Endpoint::ChatComplete, Some(&body)),
            Call::new("openai", Endpoint::Messages, Some(&body)),
        ] {
            if let Ok(prepared) = call.prepare() {
                let sent: serde_json::Value = serde_json::from_str(&sent(&prepared)).unwrap();
                if name == "x" {
                    prop_assert_eq!(&sent["x"], &value);
                }
            }
        }
    }

    #[test]
    fn random_splits_give_the_same(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
    ) {
        let all = all_streams();
        let (call, stream) = which.get(&all);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &stream.as_bytes()[pair[0]..pair[1]]);
        let reply = call.prepare().unwrap().reply;
        let (text, observed) = answer(reply, 200, "text/event-stream", pieces);
        let (whole, expected) = streamed(call, stream);
        prop_assert_eq!(text, whole);
        prop_assert_eq!(format!("{:?}", observed), format!("{:?}", expected));
    }
}

#[test]
fn deep_nesting_is_carried() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let body = MINIMAL.replacen('{', &format!("{{\"x\":{deep},"), 1);
    for (provider, endpoint) in
        [("anthropic", Endpoint::ChatComplete), ("openai", Endpoint::Messages)]
    {
        let prepared = Call::new(provider, endpoint, Some(&body)).prepare().unwrap();
        assert!(sent(&prepared).contains(&deep));
    }
}
