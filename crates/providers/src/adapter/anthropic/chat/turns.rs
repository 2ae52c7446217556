//! The messages of a chat as Anthropic's system prompt and turns.

use std::borrow::Cow;

use portcullis_domain::Fault;
use serde_json::value::RawValue;

use super::super::{
    json::{Json, Members, Object, list, text},
    malformed, unsupported,
};

/// A conversation in Anthropic's form.
pub(super) struct Conversation<'a> {
    /// The system prompt's blocks.
    pub(super) system: Vec<Json<'a>>,
    /// Turns of alternating roles.
    pub(super) turns: Vec<Json<'a>>,
    /// Whether tool results wait for the model whose own thinking, before it called the tools, is
    /// no longer known. Thinking within a budget cannot be switched on in that state.
    pub(super) open_tool_loop: bool,
}

/// Reads a chat's messages. System and developer messages are gathered, wherever they stand;
/// neighbouring messages of one side become one turn, so the results of parallel tool calls reach
/// the model together.
pub(super) fn conversation(messages: &RawValue) -> Result<Conversation<'_>, Fault> {
    let messages = list(messages).ok_or_else(|| malformed("`messages` must be a list."))?;
    let mut system = Vec::new();
    let mut turns: Vec<(&'static str, Vec<Json<'_>>)> = Vec::new();
    let mut thought = false;
    let mut open_tool_loop = false;
    for raw in messages {
        let mut message = Members::parse(raw.get())
            .ok_or_else(|| malformed("Each message must be an object."))?;
        let role = message.take_text("role");
        let role = role.as_deref().ok_or_else(|| malformed("Each message must have a `role`."))?;
        open_tool_loop = role == "tool" && !thought;
        let (side, blocks) = match role {
            "system" | "developer" => {
                system.extend(content(&mut message)?);
                continue;
            }
            "user" => ("user", content(&mut message)?),
            "tool" => ("user", vec![tool_result(&mut message)?]),
            "assistant" => {
                let thinking = thinking(&mut message);
                thought = !thinking.is_empty();
                ("assistant", assistant(&mut message, thinking)?)
            }
            "function" => {
                return Err(unsupported(
                    "Messages of role `function` are not translated: use `tool`.",
                ));
            }
            _ => {
                return Err(malformed(
                    "A message's `role` must be system, developer, user, assistant or tool.",
                ));
            }
        };
        match turns.last_mut() {
            Some((last, gathered)) if *last == side => gathered.extend(blocks),
            _ => turns.push((side, blocks)),
        }
    }
    let turns = turns
        .into_iter()
        .filter(|(_, blocks)| !blocks.is_empty())
        .map(|(role, blocks)| Object::default().with("role", role).with("content", blocks).into())
        .collect();
    Ok(Conversation { system, turns, open_tool_loop })
}

/// A message's content as blocks. A mark for the prompt cache on the message goes to its last one.
fn content<'a>(message: &mut Members<'a>) -> Result<Vec<Json<'a>>, Fault> {
    let cache = message.take("cache_control");
    let Some(raw) = message.take("content") else { return Ok(Vec::new()) };
    if text(raw).is_some() {
        if is_blank(raw) {
            return Ok(Vec::new());
        }
        let mut block = text_block(raw);
        block.put_some("cache_control", cache);
        return Ok(vec![block.into()]);
    }
    let parts =
        list(raw).ok_or_else(|| malformed("A message's `content` must be a string or a list."))?;
    let mut blocks = Vec::with_capacity(parts.len());
    for part in parts {
        blocks.extend(block(part)?);
    }
    if let (Some(cache), Some(Json::Object(last))) = (cache, blocks.last_mut())
        && !last.has("cache_control")
    {
        last.put("cache_control", cache);
    }
    Ok(blocks)
}

/// Whether a text shows nothing: Anthropic refuses such a block.
fn is_blank(raw: &RawValue) -> bool {
    text(raw).is_some_and(|text| text.trim().is_empty())
}

fn text_block(text: &RawValue) -> Object<'_> {
    Object::default().with("type", "text").with("text", text)
}

/// One part of a message. A part of a type that OpenAI does not know is Anthropic's own and stays
/// as it is.
fn block(raw: &RawValue) -> Result<Option<Json<'_>>, Fault> {
    let mut part = Members::parse(raw.get())
        .ok_or_else(|| malformed("Each part of a message's content must be an object."))?;
    let cache = part.take("cache_control");
    let mut block = match part.take_text("type").as_deref() {
        Some("text") => match part.take("text") {
            Some(text) if !is_blank(text) => {
                let mut block = text_block(text);
                block.put_some("citations", part.take("citations"));
                block
            }
            _ => return Ok(None),
        },
        Some("refusal") => match part.take("refusal") {
            Some(text) => text_block(text),
            None => return Ok(None),
        },
        Some("image_url") => {
            let url = part
                .take_members("image_url")
                .and_then(|mut image| image.take_text("url"))
                .ok_or_else(|| {
                malformed("An `image_url` part must have an `image_url.url`.")
            })?;
            Object::default().with("type", "image").with("source", source(url))
        }
        Some("file") => document(&mut part)?,
        Some("input_audio") => return Err(unsupported("Anthropic's models do not hear audio.")),
        Some(_) => return Ok(Some(Json::Raw(raw))),
        None => return Err(malformed("Each part of a message's content must have a `type`.")),
    };
    block.put_some("cache_control", cache);
    Ok(Some(block.into()))
}

/// Where an image or a document is: within the URL, or behind it.
fn source(url: Cow<'_, str>) -> Object<'_> {
    match data_url(&url) {
        Some((media, data)) => Object::default()
            .with("type", "base64")
            .with("media_type", media.to_owned())
            .with("data", data.to_owned()),
        None => Object::default().with("type", "url").with("url", url),
    }
}

/// Media type and data of `data:<type>[;…];base64,<data>`.
fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let head = head.strip_suffix(";base64")?;
    Some((head.split(';').next().unwrap_or(head), data))
}

fn document<'a>(part: &mut Members<'a>) -> Result<Object<'a>, Fault> {
    let mut file = part
        .take_members("file")
        .ok_or_else(|| malformed("A `file` part must have a `file` object."))?;
    let source =
        match (file.take_text("file_data").or(file.take_text("file_url")), file.take("file_id")) {
            (Some(data), _) if data.starts_with("data:") || data.starts_with("http") => {
                source(data)
            }
            // OpenAI takes bare base64 as well, and only for PDF.
            (Some(data), _) => Object::default()
                .with("type", "base64")
                .with("media_type", "application/pdf")
                .with("data", data),
            (None, Some(id)) => Object::default().with("type", "file").with("file_id", id),
            (None, None) => {
                return Err(malformed(
                    "A `file` part must have `file_data`, `file_url` or `file_id`.",
                ));
            }
        };
    let mut document = Object::default().with("type", "document").with("source", source);
    document.put_some("title", file.take("filename"));
    Ok(document)
}

/// The model's own thinking, which an answer of ours handed out in `content_blocks`. Without its
/// signature Anthropic would refuse it.
fn thinking<'a>(message: &mut Members<'a>) -> Vec<Json<'a>> {
    let blocks = message.take("content_blocks").and_then(list).unwrap_or_default();
    blocks
        .into_iter()
        .filter(|raw| {
            Members::parse(raw.get()).is_some_and(|mut block| {
                match block.take_text("type").as_deref() {
                    Some("thinking") => block.has("signature"),
                    Some("redacted_thinking") => block.has("data"),
                    _ => false,
                }
            })
        })
        .map(Json::Raw)
        .collect()
}

fn assistant<'a>(
    message: &mut Members<'a>,
    mut blocks: Vec<Json<'a>>,
) -> Result<Vec<Json<'a>>, Fault> {
    let mut said = content(message)?;
    if said.is_empty() {
        said.extend(message.take("refusal").map(|text| text_block(text).into()));
    }
    blocks.extend(said);
    if message.has("function_call") {
        return Err(unsupported("`function_call` is not translated: use `tool_calls`."));
    }
    let calls = match message.take("tool_calls") {
        Some(raw) => list(raw).ok_or_else(|| malformed("`tool_calls` must be a list."))?,
        None => Vec::new(),
    };
    for raw in calls {
        blocks.push(tool_use(raw)?);
    }
    Ok(blocks)
}

fn tool_use(raw: &RawValue) -> Result<Json<'_>, Fault> {
    let mut call =
        Members::parse(raw.get()).ok_or_else(|| malformed("Each tool call must be an object."))?;
    let id = call.take_text("id").ok_or_else(|| malformed("Each tool call must have an `id`."))?;
    let mut function = call
        .take_members("function")
        .ok_or_else(|| unsupported("Only tool calls of type `function` can be translated."))?;
    let name =
        function.take("name").ok_or_else(|| malformed("A tool call must name a function."))?;
    let arguments = function.take_text("arguments").unwrap_or_default();
    let input = arguments_object(&arguments)
        .ok_or_else(|| malformed("A tool call's `arguments` must be the text of a JSON object."))?;
    let mut block = Object::default()
        .with("type", "tool_use")
        .with("id", tool_id(id))
        .with("name", name)
        .with("input", input);
    block.put_some("cache_control", call.take("cache_control"));
    Ok(block.into())
}

/// The arguments of a call as an object, its text kept; no text at all means no arguments.
pub(in super::super) fn arguments_object(text: &str) -> Option<Box<RawValue>> {
    let text = text.trim();
    let text = if text.is_empty() { "{}" } else { text };
    Members::parse(text)?;
    RawValue::from_string(text.to_owned()).ok()
}

/// Anthropic accepts ids of letters, digits, `_` and `-` only. Call and result are mapped alike, so
/// they still meet.
fn tool_id(id: Cow<'_, str>) -> Cow<'_, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.chars().all(fits) {
        return id;
    }
    id.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

fn tool_result<'a>(message: &mut Members<'a>) -> Result<Json<'a>, Fault> {
    let id = message
        .take_text("tool_call_id")
        .ok_or_else(|| malformed("A message of role `tool` must have a `tool_call_id`."))?;
    let cache = message.take("cache_control");
    let is_error = message.take("is_error");
    let mut block = Object::default().with("type", "tool_result").with("tool_use_id", tool_id(id));
    let result = content(message)?;
    if !result.is_empty() {
        block.put("content", result);
    }
    block.put_some("is_error", is_error);
    block.put_some("cache_control", cache);
    Ok(block.into())
}
