//! Checks of fields that several nouns have.

use std::collections::BTreeMap;

use portcullis_domain::Slug;

use crate::{ControlError, Result};

/// The most pairs of metadata, and the longest name or value (data-plane reference §14).
const MAX_PAIRS: usize = 64;
const MAX_CHARS: usize = 128;

/// A name for people: something of it can be seen, and nothing of it ends a line.
pub(crate) fn name(text: &str, field: &'static str) -> Result<()> {
    let fits = (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits && !text.trim().is_empty() {
        Ok(())
    } else {
        Err(ControlError::invalid(field, "must have 1 to 255 characters, not only spaces"))
    }
}

/// A longer text for people.
pub(crate) fn description(text: Option<&str>, field: &'static str) -> Result<()> {
    if text.is_none_or(|text| text.chars().count() <= 2000) {
        Ok(())
    } else {
        Err(ControlError::invalid(field, "must have at most 2000 characters"))
    }
}

/// A first or last name, which may be empty.
pub(crate) fn personal_name(text: &str, field: &'static str) -> Result<()> {
    if text.chars().count() <= 100 && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(ControlError::invalid(field, "must have at most 100 characters, without line breaks"))
    }
}

pub(crate) fn slug(text: &str, field: &'static str) -> Result<Slug> {
    Slug::parse(text).map_err(|error| ControlError::invalid(field, error.to_string()))
}

/// Metadata that calls get.
pub(crate) fn metadata(metadata: &BTreeMap<String, String>) -> Result<()> {
    let fits = |text: &str| text.chars().count() <= MAX_CHARS;
    if metadata.len() > MAX_PAIRS
        || !metadata.iter().all(|(name, value)| !name.is_empty() && fits(name) && fits(value))
    {
        let message = "must be at most 64 pairs of names and values of at most 128 characters";
        return Err(ControlError::invalid("defaults.metadata", message));
    }
    Ok(())
}

/// The most guardrails that look at requests, or at answers.
const MAX_GUARDRAILS: usize = 50;

/// Guardrails that look at requests and at answers.
pub(crate) fn guardrails(input: &[String], output: &[String]) -> Result<()> {
    let lists = [("defaults.input_guardrails", input), ("defaults.output_guardrails", output)];
    for (field, guardrails) in lists {
        if guardrails.len() > MAX_GUARDRAILS {
            return Err(ControlError::invalid(field, "at most 50 can be listed"));
        }
        guardrails.iter().try_for_each(|guardrail| reference(guardrail, field))?;
    }
    Ok(())
}

/// A reference to something that is saved under a slug.
pub(crate) fn reference(text: &str, field: &'static str) -> Result<()> {
    slug(text, field).map(drop)
}
