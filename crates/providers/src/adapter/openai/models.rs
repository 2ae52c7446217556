//! A provider's list of models, as the contract wants it (data-plane reference §1.2).

use bytes::Bytes;

use crate::request::{Edit, JsonRequest, quoted};

/// The list with the provider's name beside it. Some providers answer with the bare array; what is
/// neither passes as it came.
pub(super) fn list(body: &Bytes, provider: &str) -> Bytes {
    let provider = quoted(provider);
    let name = Edit::SetRaw { key: "provider", json: &provider };
    if let Ok(list) = JsonRequest::parse(body.clone()) {
        return list.edited(&[name]);
    }
    match std::str::from_utf8(body).map(str::trim) {
        Ok(array) if array.starts_with('[') => {
            format!(r#"{{"object":"list","data":{array},"provider":{provider}}}"#).into()
        }
        _ => body.clone(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::list;

    #[test]
    fn the_provider_is_named_beside_its_list() {
        for (body, expected) in [
            (
                r#"{"object":"list","data":[]}"#,
                r#"{"provider":"openai","object":"list","data":[]}"#,
            ),
            (r#"[{"id":"a"}]"#, r#"{"object":"list","data":[{"id":"a"}],"provider":"openai"}"#),
            ("no list", "no list"),
        ] {
            assert_eq!(list(&Bytes::from_static(body.as_bytes()), "openai"), expected);
        }
    }
}
