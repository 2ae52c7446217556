//! Anthropic's system prompt and turns as the messages of a chat.

use std::borrow::Cow;

use portcullis_domain::Fault;
use serde_json::value::RawValue;

use super::super::{
    json::{Json, Members, Object, list, text},
    malformed, unsupported,
};

/// The system prompt as a message, its blocks joined: not every compatible server takes a list
/// there.
pub(super) fn system(raw: &RawValue) -> Result<Option<Json<'_>>, Fault> {
    let content = if text(raw).is_some() {
        Json::Raw(raw)
    } else {
        Json::from(joined_text(raw, "`system`")?)
    };
    Ok(Some(Object::default().with("role", "system").with("content", content).into()))
}

/// The texts of a list of blocks, a blank line between two.
fn joined_text(raw: &RawValue, what: &'static str) -> Result<String, Fault> {
    let blocks =
        list(raw).ok_or_else(|| malformed(format!("{what} must be a string or a list.")))?;
    let mut texts = Vec::with_capacity(blocks.len());
    for block in blocks {
        let mut block = Members::parse(block.get())
            .ok_or_else(|| malformed(format!("Each block of {what} must be an object.")))?;
        texts.extend(block.take_text("text"));
    }
    Ok(texts.join("\n\n"))
}

/// Adds the messages that a turn becomes: the results of tools each on their own and first, for
/// they must follow the calls at once.
pub(super) fn put_turn<'a>(raw: &'a RawValue, messages: &mut Vec<Json<'a>>) -> Result<(), Fault> {
    let mut turn =
        Members::parse(raw.get()).ok_or_else(|| malformed("Each message must be an object."))?;
    let role = turn.take_text("role");
    let content =
        turn.take("content").ok_or_else(|| malformed("Each message must have `content`."))?;
    match role.as_deref() {
        Some("user") => put_user(content, messages),
        Some("assistant") => put_assistant(content, messages),
        Some("system") => {
            messages.extend(system(content)?);
            Ok(())
        }
        _ => Err(malformed("A message's `role` must be user or assistant.")),
    }
}

/// The blocks of a turn; a plain string has none.
fn blocks(content: &RawValue) -> Result<Vec<(Cow<'_, str>, Members<'_>)>, Fault> {
    let all = list(content)
        .ok_or_else(|| malformed("A message's `content` must be a string or a list of blocks."))?;
    all.into_iter()
        .map(|raw| {
            let mut block = Members::parse(raw.get())?;
            Some((block.take_text("type")?, block))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| malformed("Each block of a message's content must have a `type`."))
}

fn put_user<'a>(content: &'a RawValue, messages: &mut Vec<Json<'a>>) -> Result<(), Fault> {
    if text(content).is_some() {
        messages.push(message("user", content));
        return Ok(());
    }
    let mut parts = Vec::new();
    for (kind, mut block) in blocks(content)? {
        match &*kind {
            "tool_result" => messages.push(tool_message(&mut block, &mut parts)?),
            _ => parts.extend(part(&kind, &mut block)?),
        }
    }
    if !parts.is_empty() {
        messages.push(message("user", plain_if_single(parts)));
    }
    Ok(())
}

fn message<'a>(role: &'static str, content: impl Into<Json<'a>>) -> Json<'a> {
    Object::default().with("role", role).with("content", content).into()
}

/// A part of a chat message.
enum Part<'a> {
    Text(&'a RawValue),
    Other(Object<'a>),
}

/// A single text goes as a plain string, which every compatible server takes.
fn plain_if_single(mut parts: Vec<Part<'_>>) -> Json<'_> {
    if let [Part::Text(only)] = parts[..] {
        return Json::Raw(only);
    }
    let parts = parts.drain(..).map(|part| match part {
        Part::Text(text) => Object::default().with("type", "text").with("text", text).into(),
        Part::Other(object) => object.into(),
    });
    Json::List(parts.collect())
}

fn part<'a>(kind: &str, block: &mut Members<'a>) -> Result<Option<Part<'a>>, Fault> {
    match kind {
        "text" => Ok(block.take("text").map(Part::Text)),
        "image" => {
            let url = source_url(block.take_members("source"))?;
            let image = Object::default().with("url", url);
            Ok(Some(Part::Other(
                Object::default().with("type", "image_url").with("image_url", image),
            )))
        }
        "document" => document(block).map(Some),
        "thinking" | "redacted_thinking" => Ok(None),
        _ => Err(unsupported(format!("Blocks of type `{kind}` cannot be sent to this provider."))),
    }
}

fn document<'a>(block: &mut Members<'a>) -> Result<Part<'a>, Fault> {
    let mut source = block
        .take_members("source")
        .ok_or_else(|| malformed("A document must have a `source`."))?;
    if source.text("type").as_deref() == Some("text") {
        let data = source.take("data");
        return data
            .map(Part::Text)
            .ok_or_else(|| malformed("A document's text must be in `source.data`."));
    }
    if source.text("type").as_deref() == Some("url") {
        return Err(unsupported("Documents behind a URL cannot be sent to this provider."));
    }
    let title = block.take("title").map_or(Json::from("document.pdf"), Json::Raw);
    let file =
        Object::default().with("filename", title).with("file_data", source_url(Some(source))?);
    Ok(Part::Other(Object::default().with("type", "file").with("file", file)))
}

/// A source as a URL: the data within it, or where it is.
fn source_url<'a>(source: Option<Members<'a>>) -> Result<Json<'a>, Fault> {
    let mut source = source.ok_or_else(|| malformed("The block must have a `source`."))?;
    match source.take_text("type").as_deref() {
        Some("base64") => {
            let media = source.take_text("media_type");
            let data = source.take_text("data");
            match (media, data) {
                (Some(media), Some(data)) => Ok(format!("data:{media};base64,{data}").into()),
                _ => Err(malformed("A base64 source must have `media_type` and `data`.")),
            }
        }
        Some("url") => source
            .take("url")
            .map(Json::Raw)
            .ok_or_else(|| malformed("A url source must have `url`.")),
        _ => Err(unsupported("Only base64 and url sources can be sent to this provider.")),
    }
}

/// A tool's result. A chat carries text only there, so images join the user's own message.
fn tool_message<'a>(block: &mut Members<'a>, parts: &mut Vec<Part<'a>>) -> Result<Json<'a>, Fault> {
    let id = block
        .take("tool_use_id")
        .ok_or_else(|| malformed("A tool result must have a `tool_use_id`."))?;
    let content = match block.take("content") {
        None => Json::from(""),
        Some(raw) if text(raw).is_some() => Json::Raw(raw),
        Some(raw) => {
            for (kind, mut inner) in blocks(raw)? {
                if kind == "image" || kind == "document" {
                    parts.extend(part(&kind, &mut inner)?);
                }
            }
            joined_text(raw, "a tool result's content")?.into()
        }
    };
    Ok(Object::default()
        .with("role", "tool")
        .with("tool_call_id", id)
        .with("content", content)
        .into())
}

fn put_assistant<'a>(content: &'a RawValue, messages: &mut Vec<Json<'a>>) -> Result<(), Fault> {
    if text(content).is_some() {
        messages.push(message("assistant", content));
        return Ok(());
    }
    let mut said = String::new();
    let mut calls = Vec::new();
    for (kind, mut block) in blocks(content)? {
        match &*kind {
            "text" => said.push_str(&block.take_text("text").unwrap_or_default()),
            "tool_use" => calls.push(tool_call(&mut block)?),
            // Another provider can neither read nor verify them.
            "thinking" | "redacted_thinking" => {}
            _ => {
                return Err(unsupported(format!(
                    "Blocks of type `{kind}` cannot be sent to this provider."
                )));
            }
        }
    }
    let content = if said.is_empty() && !calls.is_empty() { Json::Null } else { said.into() };
    let mut out = Object::default().with("role", "assistant").with("content", content);
    if !calls.is_empty() {
        out.put("tool_calls", calls);
    }
    messages.push(out.into());
    Ok(())
}

fn tool_call<'a>(block: &mut Members<'a>) -> Result<Json<'a>, Fault> {
    let (Some(id), Some(name)) = (block.take("id"), block.take("name")) else {
        return Err(malformed("A `tool_use` block must have an `id` and a `name`."));
    };
    let arguments = block.take("input").map_or("{}", RawValue::get);
    let function = Object::default().with("name", name).with("arguments", arguments);
    Ok(Object::default().with("id", id).with("type", "function").with("function", function).into())
}
