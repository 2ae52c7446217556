//! A messages request as a chat completion request.

use portcullis_domain::Fault;
use serde_json::value::RawValue;

use super::{
    super::{
        json::{Json, Members, Object, list},
        malformed, unsupported,
    },
    turns::{put_turn, system},
};

/// Anthropic's fields without a counterpart. Leaving them out changes no more than the odds of an
/// answer, or concerns Anthropic's own caches and capacity.
const DROPPED: &[&str] =
    &["cache_control", "context_management", "inference_geo", "service_tier", "thinking", "top_k"];

/// Translates the body; `model` replaces the one that the body names.
pub(super) fn to_chat(body: &[u8], model: &str) -> Result<Vec<u8>, Fault> {
    let mut body = std::str::from_utf8(body)
        .ok()
        .and_then(Members::parse)
        .ok_or_else(|| malformed("The body must be a JSON object."))?;
    body.take("model");
    for name in DROPPED {
        body.take(name);
    }
    if body.take("mcp_servers").is_some_and(|raw| raw.get() != "[]")
        || body.take("container").is_some()
    {
        return Err(unsupported("Only Anthropic runs `mcp_servers` and `container`."));
    }

    let mut messages = Vec::new();
    if let Some(raw) = body.take("system") {
        messages.extend(system(raw)?);
    }
    let turns = body
        .take("messages")
        .and_then(list)
        .ok_or_else(|| malformed("The body must hold a list of `messages`."))?;
    for raw in turns {
        put_turn(raw, &mut messages)?;
    }

    let mut out = Object::default().with("model", model).with("messages", messages);
    out.put_some("max_completion_tokens", body.take("max_tokens"));
    out.put_some("stop", body.take("stop_sequences").filter(|raw| raw.get() != "[]"));
    let tools = tools(body.take("tools"))?;
    let choice = body.take_members("tool_choice");
    if !tools.is_empty() {
        out.put("tools", tools);
        if let Some(choice) = choice {
            put_tool_choice(&mut out, choice)?;
        }
    }
    let user = body.take_members("metadata").and_then(|mut metadata| metadata.take("user_id"));
    out.put_some("user", user);
    if let Some(mut config) = body.take_members("output_config") {
        out.put_some("response_format", response_format(config.take_members("format")));
        out.put_some("reasoning_effort", config.take("effort"));
    }
    out.put_rest(body);
    Ok(out.to_bytes())
}

fn response_format(format: Option<Members<'_>>) -> Option<Object<'_>> {
    let schema = format?.take("schema")?;
    let described =
        Object::default().with("name", "answer").with("schema", schema).with("strict", true);
    Some(Object::default().with("type", "json_schema").with("json_schema", described))
}

fn tools(tools: Option<&RawValue>) -> Result<Vec<Json<'_>>, Fault> {
    let Some(raw) = tools else { return Ok(Vec::new()) };
    let all = list(raw).ok_or_else(|| malformed("`tools` must be a list."))?;
    all.into_iter().map(tool).collect()
}

fn tool(raw: &RawValue) -> Result<Json<'_>, Fault> {
    let mut tool =
        Members::parse(raw.get()).ok_or_else(|| malformed("Each tool must be an object."))?;
    if tool.take_text("type").is_some_and(|kind| kind != "custom") {
        return Err(unsupported(
            "Anthropic's own tools run at Anthropic only: leave them out for this provider.",
        ));
    }
    let name = tool.take("name").ok_or_else(|| malformed("Each tool must have a `name`."))?;
    let mut function = Object::default().with("name", name);
    function.put_some("description", tool.take("description"));
    function.put_some("parameters", tool.take("input_schema"));
    function.put_some("strict", tool.take("strict"));
    Ok(Object::default().with("type", "function").with("function", function).into())
}

fn put_tool_choice<'a>(out: &mut Object<'a>, mut choice: Members<'a>) -> Result<(), Fault> {
    let value: Json<'a> = match choice.take_text("type").as_deref() {
        Some("auto") => "auto".into(),
        Some("any") => "required".into(),
        Some("none") => "none".into(),
        Some("tool") => {
            let name = choice
                .take("name")
                .ok_or_else(|| malformed("A `tool_choice` of type tool must have a `name`."))?;
            let function = Object::default().with("name", name);
            Object::default().with("type", "function").with("function", function).into()
        }
        _ => return Err(malformed("`tool_choice.type` must be auto, any, tool or none.")),
    };
    out.put("tool_choice", value);
    if choice.take("disable_parallel_tool_use").is_some_and(|raw| raw.get() == "true") {
        out.put("parallel_tool_calls", false);
    }
    Ok(())
}
