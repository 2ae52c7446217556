//! What `portcullis vault status` prints.

use portcullis_domain::Slug;
use portcullis_vault::{DataKeyStatus, KeyStatus};
use serde_json::{Value, json};

use super::{Names, name};
use crate::out;

pub(super) fn show(as_json: bool, all: &[KeyStatus], names: &Names) {
    if as_json {
        let rows: Vec<Value> = all.iter().map(|status| json_of(status, names)).collect();
        out::line(Value::from(rows));
        return;
    }
    for status in all {
        out::line(name(names, status.organisation));
        let state = match &status.kms_key {
            None => String::new(),
            Some(Ok(key)) => format!(" (enabled, from {})", key.origin),
            Some(Err(error)) => format!(" (not usable: {error})"),
        };
        out::line(format_args!("  KMS {} key {}{state}", status.kms, status.kms_key_id));
        if let Some(at) = status.verified_at {
            out::line(format_args!("  last verified {at}"));
        }
        for work in &status.work {
            out::line(format_args!(
                "  {}: {} of {} done, {} failed{}",
                work.kind.name(),
                work.done,
                work.total,
                work.failed,
                work.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default()
            ));
        }
        for key in &status.data_keys {
            line(key, status);
        }
    }
}

fn line(key: &DataKeyStatus, status: &KeyStatus) {
    let days = key.age.as_secs() / 86_400;
    let sealed = match &key.sealed {
        None => String::new(),
        Some(counts) if counts.is_empty() => "; nothing under it now".to_owned(),
        Some(counts) => {
            let counts: Vec<String> = counts
                .iter()
                .map(|count| format!("{} {}.{}", count.count, count.table, count.column))
                .collect();
            format!("; under it now: {}", counts.join(", "))
        }
    };
    out::line(format_args!(
        "  data key {}  {:<9}  {days} days old  {} values sealed{sealed}",
        key.id,
        key.state.name(),
        key.uses
    ));
    if !key.unwraps {
        out::line(format_args!(
            "    DOES NOT OPEN: wrapped by key {} of the {} KMS, which is not configured; name it \
             in vault.former_key_file or vault.former_kms",
            key.kms_key_id, key.kms
        ));
    } else if (&key.kms, &key.kms_key_id) != (&status.kms, &status.kms_key_id) {
        out::line(format_args!(
            "    wrapped by key {} of the {} KMS still",
            key.kms_key_id, key.kms
        ));
    }
}

fn json_of(status: &KeyStatus, names: &Names) -> Value {
    let keys: Vec<Value> = status.data_keys.iter().map(json_of_key).collect();
    let work: Vec<Value> = status
        .work
        .iter()
        .map(|work| {
            json!({
                "kind": work.kind.name(),
                "total": work.total,
                "done": work.done,
                "failed": work.failed,
                "error": work.error,
                "started_at": work.started_at.to_string(),
                "updated_at": work.updated_at.to_string(),
            })
        })
        .collect();
    let error = status.kms_key.as_ref().and_then(|key| key.as_ref().err());
    json!({
        "organisation_id": status.organisation,
        "organisation_slug": status.organisation.and_then(|id| names.get(&id)).map(Slug::as_str),
        "kms": status.kms,
        "kms_key_id": status.kms_key_id,
        "kms_key_enabled": status.kms_key.as_ref().map(Result::is_ok),
        "kms_error": error.map(ToString::to_string),
        "kms_error_code": error.and_then(|error| error.kms_failure()).map(|failure| failure.code()),
        "verified_at": status.verified_at.map(|at| at.to_string()),
        "data_keys": keys,
        "work": work,
    })
}

fn json_of_key(key: &DataKeyStatus) -> Value {
    let sealed = key.sealed.as_ref().map(|counts| {
        counts
            .iter()
            .map(|count| (format!("{}.{}", count.table, count.column), count.count.into()))
            .collect::<serde_json::Map<String, Value>>()
    });
    json!({
        "id": key.id,
        "state": key.state.name(),
        "kms": key.kms,
        "kms_key_id": key.kms_key_id,
        "unwraps": key.unwraps,
        "created_at": key.created_at.to_string(),
        "age_seconds": key.age.as_secs(),
        "uses": key.uses,
        "sealed": sealed,
    })
}
