//! Texts to test with: of every type an example, put together with prose, marks and noise.

use portcullis_pii::Entity;
use proptest::prelude::*;

/// Pieces of texts that sit at the borders of what is looked for.
const PIECES: &[&str] = &[
    "The weather was fine. ",
    "my card is ",
    "SSN: ",
    "phone ",
    "DOB: ",
    "call me at ",
    "password is hunter2!",
    "password: \"Tr0ub4dor&3\"",
    "user_name=jdoe42 ",
    " order number ",
    "jane at example dot com",
    "jane [at] example (dot) com",
    "j a n e @ e x a m p l e . c o m",
    "jane%40example.com",
    "jane&#64;example.com",
    "jane\\u0040example.com",
    "٤١١١ ١١١١ ١١١١ ١١١١",
    "5\u{200b}36-90-\u{ad}4399",
    "４１５－５５５－０１３２",
    "аlice@exаmple.com",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
    "https://user:s3cret@db.example.com/x?email=a@b.com",
    "Hauptstraße 12, 10115 Berlin",
    "12 rue de la Paix, 75002 Paris",
    "742 Evergreen Terrace, Springfield, OR 97477",
    "{{EMAIL_1}}",
    "{{ US_SSN_1 }}",
    "{{",
    "}}",
    "é",
    "🙂",
    "Ünïcödé ",
    "\n",
    "\n\n",
    " ",
    "  ",
    "\t",
    ", ",
    ": ",
    "\"",
    "'",
    "\\",
    "\\n",
    "@",
    "%",
    "&",
    "#",
    "(",
    ")",
    "<",
    "/",
    "-",
    ".",
    "=",
    "0",
    "12",
    "1234567890",
    "at",
    " dot ",
    "[at",
    "%4",
    "&#6",
    "\\u00",
    "\u{feff}",
];

/// A piece: an example of a type, or one of the above.
fn piece() -> impl Strategy<Value = String> {
    let examples: Vec<String> = Entity::all().map(|it| it.example().to_owned()).collect();
    let pieces: Vec<String> = PIECES.iter().map(|it| (*it).to_owned()).collect();
    let separators = vec![" ", "", ", ", "\n"];
    let any = prop_oneof![
        3 => prop::sample::select(examples),
        4 => prop::sample::select(pieces),
        1 => "[ -~]{0,12}",
        1 => "\\PC{0,4}",
    ];
    (any, prop::sample::select(separators)).prop_map(|(piece, separator)| piece + separator)
}

/// A text of several pieces.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat())
}

/// JSON with such texts in it, also as JSON in strings.
pub(crate) fn json() -> impl Strategy<Value = serde_json::Value> {
    let keys =
        vec!["name", "email", "ssn", "text", "content", "card_number", "phone", "arguments", "id"];
    let leaf = prop_oneof![
        5 => text().prop_map(serde_json::Value::String),
        1 => any::<i64>().prop_map(serde_json::Value::from),
        1 => prop::sample::select(vec![4111111111111111_u64, 536904399]).prop_map(serde_json::Value::from),
        1 => any::<bool>().prop_map(serde_json::Value::from),
        1 => Just(serde_json::Value::Null),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        let key = prop::sample::select(keys.clone()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
            prop::collection::btree_map(key, inner.clone(), 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            inner.prop_map(|value| serde_json::Value::String(value.to_string())),
        ]
    })
}
