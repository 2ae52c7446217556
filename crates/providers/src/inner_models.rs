//! The models that a request names besides its own: for tools that the provider runs, for what a
//! realtime session is to be, for a router's plugins.

use std::borrow::Cow;

use crate::{
    json::{Malformed, Walk, string},
    request::JsonRequest,
};

/// Top-level members within which models are named.
const MEMBERS: [&str; 5] = ["audio", "input_audio_transcription", "plugins", "session", "tools"];
/// Members, at any depth, that describe functions of the caller's: what is called a model there is
/// no model's name.
const DESCRIPTIONS: [&str; 3] = ["function", "input_schema", "parameters"];
/// How deep names are looked for. Each level is read once more than the one above it.
const MAX_DEPTH: usize = 16;

/// It cannot be told which model is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{within}' does not name, as text, each model that it uses")]
pub struct UnclearModel {
    /// The top-level member.
    pub within: &'static str,
}

/// The models that a request names within its members, as the provider will read them. Fails where
/// one is used and not named as text, and where there is something too deep to be looked at.
pub fn inner_models(request: &JsonRequest) -> Result<Vec<Cow<'_, str>>, UnclearModel> {
    let mut models = Vec::new();
    for within in MEMBERS {
        let value = request.member(within).unwrap_or("null");
        let is_clear = look(value, MAX_DEPTH, &mut models).unwrap_or(false);
        is_clear.then_some(()).ok_or(UnclearModel { within })?;
    }
    Ok(models)
}

/// Whether each model that is used within a value is named.
fn look<'a>(
    value: &'a str,
    depth: usize,
    models: &mut Vec<Cow<'a, str>>,
) -> Result<bool, Malformed> {
    let is_object = value.starts_with('{');
    if !is_object && !value.starts_with('[') {
        return Ok(true);
    }
    if depth == 0 {
        return Ok(false);
    }
    if !is_object {
        let mut elements = Walk::array(value)?;
        while let Some(element) = elements.element()? {
            if !look(element, depth - 1, models)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    let (mut names, mut makes_images) = (false, false);
    let mut members = Walk::object(value)?;
    while let Some(member) = members.member()? {
        match &*member.key {
            "model" if member.value == "null" => {}
            "model" => match string(member.value) {
                Some(model) => {
                    names = true;
                    models.push(model);
                }
                None => return Ok(false),
            },
            // Makes them by a model of its own choice unless told by which.
            "type" => makes_images = string(member.value).as_deref() == Some("image_generation"),
            key if DESCRIPTIONS.contains(&key) => {}
            _ => {
                if !look(member.value, depth - 1, models)? {
                    return Ok(false);
                }
            }
        }
    }
    Ok(names || !makes_images)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{UnclearModel, inner_models};
    use crate::request::JsonRequest;

    fn found(body: &str) -> Result<Vec<String>, UnclearModel> {
        let request = JsonRequest::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        Ok(inner_models(&request)?.into_iter().map(Into::into).collect())
    }

    #[test]
    fn every_name_is_found_and_descriptions_name_none() {
        for (body, models) in [
            (r#"{"model":"a","messages":[{"model":"b"}],"metadata":{"model":"c"}}"#, &[][..]),
            (r#"{"tools":[{"type":"image_generation","model":"i"}]}"#, &["i"]),
            (r#"{"tools":[{"type":"x","model":"a","\u006dodel":"b"}]}"#, &["a", "b"]),
            (r#"{"tools":[{"x":{"y":[{"model":"a"}]}},{"model":null}]}"#, &["a"]),
            (
                r#"{"tools":[{"type":"function","name":"f","parameters":{"properties":
                    {"model":{"type":"string"}}}},{"function":{"parameters":{"model":1}}}]}"#,
                &[],
            ),
            (
                r#"{"session":{"model":"r","audio":{"input":{"transcription":{"model":"w"}}}}}"#,
                &["r", "w"],
            ),
            (r#"{"input_audio_transcription":{"model":"w"},"tools":"none"}"#, &["w"]),
        ] {
            assert_eq!(found(body).unwrap(), models, "{body}");
        }
    }

    #[test]
    fn what_is_used_and_not_named_is_unclear() {
        let deep = format!(r#"{{"tools":{}{}}}"#, "[".repeat(17), "]".repeat(17));
        for body in [
            r#"{"tools":[{"model":["a"]}]}"#,
            r#"{"tools":[{"model":{"a":1}}]}"#,
            r#"{"tools":[{"type":"image_generation"}]}"#,
            r#"{"tools":[{"type":"image_generation","model":null}]}"#,
            &deep,
        ] {
            assert_eq!(found(body), Err(UnclearModel { within: "tools" }), "{body}");
        }
    }
}
