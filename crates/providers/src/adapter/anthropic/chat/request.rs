//! A chat completion request as a messages request.
//!
//! What both dialects know is mapped, what only OpenAI knows is dropped where the answer still
//! makes sense and refused where it would not, and fields unknown to us are carried as they are,
//! so that an option of Anthropic's works under its own name.

use portcullis_domain::Fault;
use serde_json::value::RawValue;

use super::{
    super::{
        json::{Json, Members, Object, list, text},
        malformed, unsupported,
    },
    turns::{Conversation, conversation},
};

/// OpenAI's fields that have no meaning at Anthropic. Leaving them out changes no more than the
/// odds of an answer, or concerns OpenAI's own storage and caches.
const DROPPED: &[&str] = &[
    "audio",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "modalities",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "seed",
    "store",
    "stream_options",
    "top_logprobs",
    "verbosity",
    "web_search_options",
];

/// Translates the body. `model` replaces the one that the body names.
pub(in super::super) fn to_messages(body: &[u8], model: &str) -> Result<Vec<u8>, Fault> {
    let body = std::str::from_utf8(body)
        .ok()
        .and_then(Members::parse)
        .ok_or_else(|| malformed("The body must be a JSON object."))?;
    translate(body, model).map(|object| object.to_bytes())
}

fn translate<'a>(mut body: Members<'a>, model: &'a str) -> Result<Object<'a>, Fault> {
    body.take("model");
    for name in DROPPED {
        body.take(name);
    }
    if body.take("n").is_some_and(|n| n.get() != "1") {
        return Err(unsupported("Anthropic gives one answer per call: `n` must be 1."));
    }
    if body.take("functions").is_some() || body.take("function_call").is_some() {
        return Err(unsupported(
            "`functions` and `function_call` are not translated: use `tools` and `tool_choice`.",
        ));
    }

    let messages =
        body.take("messages").ok_or_else(|| malformed("The body must hold `messages`."))?;
    let Conversation { system, turns, open_tool_loop } = conversation(messages)?;
    let tools = tools(body.take("tools"))?;
    let choice =
        tool_choice(body.take("tool_choice"), body.take("parallel_tool_calls"), !tools.is_empty())?;
    let format = output_format(body.take("response_format"))?;
    let effort = body.take_text("reasoning_effort");
    let asked_thinking = body.take("thinking");
    let bound = number(&mut body, "max_completion_tokens")?;
    let old_bound = number(&mut body, "max_tokens")?;

    let asked = bound.or(old_bound);
    let may_think = asked_thinking.is_none() && !open_tool_loop && !choice.forced;
    let thinking = match effort.as_deref() {
        Some(effort) if thinks_by_budget(model) && may_think => budget(effort, asked),
        _ => None,
    };
    let max_tokens = match (asked, &thinking) {
        (Some(asked), _) => asked,
        (None, Some(budget)) => default_max_tokens(model) + budget,
        (None, None) => default_max_tokens(model),
    };

    let mut out = Object::default().with("model", model).with("max_tokens", max_tokens);
    if !system.is_empty() {
        out.put("system", system);
    }
    out.put("messages", turns);
    if !tools.is_empty() {
        out.put("tools", tools);
    }
    out.put_some("tool_choice", choice.value);
    if let Some(stop) = body.take("stop") {
        out.put("stop_sequences", stop_sequences(stop)?);
    }
    put_sampling(&mut out, &mut body, thinking.is_some())?;
    out.put_some("metadata", metadata(&mut body));
    out.put_some("service_tier", service_tier(&mut body));
    out.put_some("stream", body.take("stream"));
    match (thinking, asked_thinking) {
        (Some(budget), _) => out.put(
            "thinking",
            Object::default().with("type", "enabled").with("budget_tokens", budget),
        ),
        (None, Some(raw)) => out.put("thinking", raw),
        (None, None) => {}
    }
    let effort = effort.filter(|effort| !is_early(model) && effort != "none");
    if format.is_some() || effort.is_some() {
        let mut config = body.take_members("output_config");
        let stated = |config: &Option<Members<'_>>, key| {
            config.as_ref().is_some_and(|config| config.has(key))
        };
        let format = format.filter(|_| !stated(&config, "format"));
        let effort = effort.filter(|_| !stated(&config, "effort"));
        let mut merged = config.take().map(Object::from).unwrap_or_default();
        merged.put_some("format", format);
        merged.put_some(
            "effort",
            effort.map(|effort| match effort.as_ref() {
                "minimal" => Json::from("low"),
                _ => Json::from(effort),
            }),
        );
        out.put("output_config", merged);
    }
    out.put_rest(body);
    Ok(out)
}

/// The models that are told a budget of tokens to think in, if anything; later ones are told an
/// effort. No early model
/// is to come, so the list is closed.
fn is_early(model: &str) -> bool {
    const MARKS: &[&str] =
        &["claude-2", "claude-3", "-4-0", "-4-1", "-4-5", "sonnet-4-2025", "opus-4-2025"];
    MARKS.iter().any(|mark| model.contains(mark))
}

/// Whether a model thinks within a budget. Before 3.7 none thought.
fn thinks_by_budget(model: &str) -> bool {
    let never = model.contains("claude-2") || model.contains("claude-3");
    is_early(model) && (!never || model.contains("claude-3-7"))
}

/// Anthropic demands an output bound. The early models refuse more than they can write; the later
/// ones can all write this much.
fn default_max_tokens(model: &str) -> u64 {
    if model.contains("claude-2") || model.contains("claude-3") { 4_096 } else { 16_384 }
}

/// A thinking budget for an effort, which must be at least 1,024 and leave room for the answer.
fn budget(effort: &str, max_tokens: Option<u64>) -> Option<u64> {
    let wanted = match effort {
        "minimal" | "low" => 1_024,
        "medium" => 4_096,
        "high" => 16_384,
        "xhigh" | "max" => 32_768,
        _ => return None,
    };
    let budget = max_tokens.map_or(wanted, |bound| wanted.min(bound / 2));
    (budget >= 1_024).then_some(budget)
}

fn number(body: &mut Members<'_>, key: &'static str) -> Result<Option<u64>, Fault> {
    let Some(raw) = body.take(key) else { return Ok(None) };
    match raw.get().parse() {
        Ok(number) if number > 0 => Ok(Some(number)),
        _ => Err(malformed(format!("`{key}` must be a positive integer."))),
    }
}

/// Temperature reaches from 0 to 2 at OpenAI and from 0 to 1 at Anthropic, so what is above is
/// brought down to 1. A thinking model accepts neither temperature nor `top_k`.
fn put_sampling<'a>(
    out: &mut Object<'a>,
    body: &mut Members<'a>,
    thinks: bool,
) -> Result<(), Fault> {
    let temperature = body.take("temperature");
    let (top_p, top_k) = (body.take("top_p"), body.take("top_k"));
    if thinks {
        return Ok(());
    }
    if let Some(raw) = temperature {
        let value: f64 =
            raw.get().parse().map_err(|_| malformed("`temperature` must be a number."))?;
        out.put("temperature", if value > 1.0 { Json::Number(1) } else { Json::Raw(raw) });
    }
    out.put_some("top_p", top_p);
    out.put_some("top_k", top_k);
    Ok(())
}

/// Only the user's id is told: Anthropic refuses any other key, and OpenAI's are for its own
/// storage.
fn metadata<'a>(body: &mut Members<'a>) -> Option<Object<'a>> {
    let stated = body.take_members("metadata").and_then(|mut all| all.take("user_id"));
    let user = body.take("user");
    let safety = body.take("safety_identifier");
    stated.or(user).or(safety).map(|id| Object::default().with("user_id", id))
}

/// `auto` is the same word on both sides, OpenAI's `default` is Anthropic's `standard_only`, and
/// the other tiers are sold under contracts with OpenAI.
fn service_tier<'a>(body: &mut Members<'a>) -> Option<&'a str> {
    match body.take_text("service_tier")?.as_ref() {
        "auto" => Some("auto"),
        "default" | "standard_only" => Some("standard_only"),
        _ => None,
    }
}

fn stop_sequences(stop: &RawValue) -> Result<Vec<Json<'_>>, Fault> {
    if let Some(all) = list(stop) {
        return Ok(all.into_iter().map(Json::Raw).collect());
    }
    match text(stop) {
        Some(_) => Ok(vec![Json::Raw(stop)]),
        None => Err(malformed("`stop` must be a string or a list of strings.")),
    }
}

/// A schema becomes `output_config.format`. OpenAI's plain JSON mode demands that the prompt itself
/// asks for JSON, so nothing is lost by leaving it to the prompt.
fn output_format(format: Option<&RawValue>) -> Result<Option<Object<'_>>, Fault> {
    let Some(raw) = format else { return Ok(None) };
    let mut format = Members::parse(raw.get())
        .ok_or_else(|| malformed("`response_format` must be an object."))?;
    match format.take_text("type").as_deref() {
        Some("text" | "json_object") => Ok(None),
        Some("json_schema") => {
            let schema = format
                .take_members("json_schema")
                .and_then(|mut described| described.take("schema"))
                .ok_or_else(|| malformed("`response_format.json_schema.schema` is missing."))?;
            Ok(Some(Object::default().with("type", "json_schema").with("schema", schema)))
        }
        _ => Err(unsupported(
            "`response_format.type` must be `text`, `json_object` or `json_schema`.",
        )),
    }
}

fn tools(tools: Option<&RawValue>) -> Result<Vec<Json<'_>>, Fault> {
    let Some(raw) = tools else { return Ok(Vec::new()) };
    let all = list(raw).ok_or_else(|| malformed("`tools` must be a list."))?;
    all.into_iter().map(tool).collect()
}

/// A function becomes a tool. `strict` is left out: OpenAI's helpers set it on every function,
/// while Anthropic bounds the number and shape of strict tools. A tool that is no function is
/// Anthropic's own and stays as it is.
fn tool(raw: &RawValue) -> Result<Json<'_>, Fault> {
    let mut tool =
        Members::parse(raw.get()).ok_or_else(|| malformed("Each tool must be an object."))?;
    if tool.has("custom") {
        return Err(unsupported("Anthropic has no custom tools with a grammar: use a function."));
    }
    let Some(function) = tool.take("function") else { return Ok(Json::Raw(raw)) };
    let mut function = Members::parse(function.get())
        .ok_or_else(|| malformed("A tool's `function` must be an object."))?;
    let name = function
        .take("name")
        .ok_or_else(|| malformed("A tool's `function` must have a `name`."))?;
    let mut out = Object::default().with("name", name);
    out.put_some("description", function.take("description"));
    out.put("input_schema", input_schema(function.take("parameters"))?);
    out.put_some("cache_control", tool.take("cache_control").or(function.take("cache_control")));
    Ok(out.into())
}

/// Anthropic demands a schema, and that it says `object`.
fn input_schema(parameters: Option<&RawValue>) -> Result<Json<'_>, Fault> {
    let Some(raw) = parameters else {
        let none = Object::default().with("type", "object").with("properties", Object::default());
        return Ok(none.into());
    };
    let schema = Members::parse(raw.get())
        .ok_or_else(|| malformed("A function's `parameters` must be an object."))?;
    if schema.has("type") {
        return Ok(Json::Raw(raw));
    }
    let mut out = Object::default().with("type", "object");
    out.put_rest(schema);
    Ok(out.into())
}

/// A tool choice in Anthropic's form.
struct Choice<'a> {
    value: Option<Json<'a>>,
    /// Whether the model must call a tool, which excludes thinking.
    forced: bool,
}

fn tool_choice<'a>(
    choice: Option<&'a RawValue>,
    parallel: Option<&'a RawValue>,
    has_tools: bool,
) -> Result<Choice<'a>, Fault> {
    // Anthropic refuses a choice among nothing.
    if !has_tools {
        return Ok(Choice { value: None, forced: false });
    }
    let one_at_a_time = parallel.is_some_and(|raw| raw.get() == "false");
    let (kind, name) = match choice {
        None if one_at_a_time => ("auto", None),
        None => return Ok(Choice { value: None, forced: false }),
        Some(raw) => match text(raw).as_deref() {
            Some("auto") => ("auto", None),
            Some("required") => ("any", None),
            Some("none") => ("none", None),
            Some(_) => {
                return Err(malformed(
                    "`tool_choice` must be `auto`, `required`, `none` or name a function.",
                ));
            }
            None => match named_function(raw)? {
                Some(name) => ("tool", Some(name)),
                None => return Ok(Choice { value: Some(Json::Raw(raw)), forced: true }),
            },
        },
    };
    let mut value = Object::default().with("type", kind);
    value.put_some("name", name);
    if one_at_a_time && kind != "none" {
        value.put("disable_parallel_tool_use", true);
    }
    Ok(Choice { value: Some(value.into()), forced: matches!(kind, "any" | "tool") })
}

/// The function that a choice names; `None` when the choice is in Anthropic's own form.
fn named_function(raw: &RawValue) -> Result<Option<&RawValue>, Fault> {
    let mut choice = Members::parse(raw.get())
        .ok_or_else(|| malformed("`tool_choice` must be a string or an object."))?;
    match choice.take_text("type").as_deref() {
        Some("function") => choice
            .take_members("function")
            .and_then(|mut function| function.take("name"))
            .map(Some)
            .ok_or_else(|| malformed("`tool_choice.function.name` is missing.")),
        Some("auto" | "any" | "tool" | "none") => Ok(None),
        _ => Err(unsupported("This kind of `tool_choice` cannot be expressed for Anthropic.")),
    }
}
