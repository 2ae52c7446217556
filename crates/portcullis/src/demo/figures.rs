//! Figures as people read them.

use std::time::Duration;

use portcullis_domain::NanoDollars;
use serde_json::Value;

use crate::failure::Failure;

/// Tokens and cost of a log.
pub(crate) fn counted(log: &Value) -> Result<String, Failure> {
    let cost = log["cost_nano_dollars"].as_i64().map(NanoDollars);
    let cost = cost.ok_or_else(|| Failure::new("a call with a known price has no cost"))?;
    let tokens = |field: &str| log[field].as_u64().unwrap_or_default();
    let (input, output) = (tokens("req_units"), tokens("res_units"));
    Ok(format!(
        "{input} tokens in, {output} out, {cost}, at the price of {}",
        text(log, "ai_model")
    ))
}

/// The titles above [`log_row`]s.
pub(crate) fn log_head() -> String {
    format!(
        "{:<12} {:>6}  {:<9} {:<23} {:>5} {:>5}  {:>13}  {}",
        "time (UTC)", "status", "provider", "model", "in", "out", "cost", "content"
    )
}

/// One log in a line.
pub(crate) fn log_row(log: &Value) -> String {
    let time = text(log, "created_at").split('T').nth(1).unwrap_or_default();
    let number = |field: &str| log[field].as_u64().map_or("-".to_owned(), |n| n.to_string());
    let cost = log["cost_nano_dollars"].as_i64();
    let cost = cost.map_or("-".to_owned(), |nano| NanoDollars(nano).to_string());
    format!(
        "{:<12} {:>6}  {:<9} {:<23} {:>5} {:>5}  {:>13}  {}",
        time.trim_end_matches('Z'),
        number("response_status_code"),
        text(log, "ai_org"),
        text(log, "ai_model"),
        number("req_units"),
        number("res_units"),
        cost,
        if log["stored_content"] == "none" { "none" } else { "sealed" }
    )
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or("-")
}

pub(crate) fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
