//! Edits of request bodies, against what serde_json makes of them.

use bytes::Bytes;
use portcullis_providers::request::{Edit, JsonRequest};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é\"\\\\{}]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-c\"]{0,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map("[a-f\"é]{0,2}|model|stream", value(), 0..6)
        .prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn an_edit_sets_its_members_and_no_others(
        object in object(),
        edits in proptest::collection::vec(("[a-h\"]{0,2}|model", value()), 0..4),
        pretty in any::<bool>(),
    ) {
        let text = if pretty {
            serde_json::to_string_pretty(&object).unwrap()
        } else {
            serde_json::to_string(&object).unwrap()
        };
        let request = JsonRequest::parse(Bytes::from(text)).unwrap();
        let mut expected = object.clone();
        for (key, value) in &edits {
            expected.insert(key.clone(), value.clone());
        }
        let texts: Vec<String> = edits.iter().map(|(_, value)| value.to_string()).collect();
        let edits: Vec<Edit<'_>> = edits
            .iter()
            .zip(&texts)
            .map(|((key, _), json)| Edit::SetRaw { key, json })
            .collect();
        let edited = request.edited(&edits);
        let read: Value = serde_json::from_slice(&edited).unwrap();
        prop_assert_eq!(&read, &Value::Object(expected));
        // What was not edited is still there to the letter.
        let again = JsonRequest::parse(edited).unwrap();
        for key in object.keys() {
            if !edits.iter().any(|Edit::SetRaw { key: edited, .. }| edited == key) {
                prop_assert_eq!(again.member(key), request.member(key));
            }
        }
        if edits.is_empty() {
            prop_assert_eq!(again.bytes().as_ptr(), request.bytes().as_ptr());
        }
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let parsed = JsonRequest::parse(Bytes::from(bytes.clone())).is_ok();
        let object = serde_json::from_slice::<Map<String, Value>>(&bytes).is_ok();
        prop_assert!(object || !parsed);
    }

    #[test]
    fn what_the_gateway_acts_on_is_what_serde_reads(object in object()) {
        let text = serde_json::to_string(&object).unwrap();
        let request = JsonRequest::parse(Bytes::from(text)).unwrap();
        prop_assert_eq!(request.model(), object.get("model").and_then(Value::as_str));
        prop_assert_eq!(request.stream(), object.get("stream") == Some(&Value::Bool(true)));
    }
}
