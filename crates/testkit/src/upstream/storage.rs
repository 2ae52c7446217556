//! Files and batches: the parts of OpenAI's API that remember.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::{answer::Answer, multipart, serve::Call};

/// What was uploaded, by id.
#[derive(Default)]
pub(crate) struct Storage {
    files: Mutex<BTreeMap<String, (Value, Bytes)>>,
    batches: Mutex<BTreeMap<String, Value>>,
}

impl Storage {
    /// Answers `/files…` and `/batches…`; `below` is the path's parts after the first.
    pub(crate) fn answer(&self, call: &Call, first: &str, below: &[&str]) -> Answer {
        let missing = || Answer::error(404, "invalid_request_error", None, "No such object.");
        match (first, call.method.as_str(), below) {
            ("files", "POST", []) => self.upload(call),
            ("files", "GET", []) => list(files(self).values().map(|(meta, _)| meta.clone())),
            ("files", "GET", [id]) => {
                files(self).get(*id).map_or_else(missing, |(meta, _)| Answer::json(meta))
            }
            ("files", "GET", [id, "content"]) => {
                files(self).get(*id).map_or_else(missing, |file| {
                    Answer::binary("application/octet-stream", file.1.clone())
                })
            }
            ("files", "DELETE", [id]) => files(self).remove(*id).map_or_else(missing, |_| {
                Answer::json(&json!({ "id": id, "object": "file", "deleted": true }))
            }),
            ("batches", "POST", []) => self.create_batch(call),
            ("batches", "GET", []) => list(batches(self).values().cloned()),
            ("batches", "GET", [id]) => batches(self).get(*id).map_or_else(missing, Answer::json),
            ("batches", "POST", [id, "cancel"]) => {
                batches(self).get_mut(*id).map_or_else(missing, |batch| {
                    batch["status"] = "cancelling".into();
                    Answer::json(batch)
                })
            }
            _ => missing(),
        }
    }

    fn upload(&self, call: &Call) -> Answer {
        let refuse = |message| Answer::error(400, "invalid_request_error", None, message);
        let Some(parts) = multipart::parts(&call.parts.headers, &call.body) else {
            return refuse("The body is no complete form.");
        };
        let purpose = parts.iter().find(|part| part.name == "purpose");
        let file = parts.iter().find(|part| part.name == "file");
        let (Some(purpose), Some(file)) = (purpose, file) else {
            return refuse("'file' and 'purpose' are required.");
        };
        let id = format!("file-{:08}", call.serial);
        let meta = json!({
            "id": id,
            "object": "file",
            "bytes": file.body.len(),
            "created_at": 1_750_000_000,
            "filename": file.file_name,
            "purpose": String::from_utf8_lossy(&purpose.body),
            "status": "processed",
        });
        files(self).insert(id, (meta.clone(), file.body.clone()));
        Answer::json(&meta)
    }

    fn create_batch(&self, call: &Call) -> Answer {
        let input = call.json["input_file_id"].as_str().unwrap_or_default();
        if !files(self).contains_key(input) {
            return Answer::error(400, "invalid_request_error", None, "No such input file.");
        }
        let id = format!("batch_{:08}", call.serial);
        // Here the caller's metadata decide when the batch was made, and how far it has come.
        let wanted = |name: &str| call.json["metadata"][name].as_str();
        let made = wanted("created_at").and_then(|text| text.parse().ok());
        let status = wanted("status").unwrap_or("validating");
        let output = (status == "completed").then(|| format!("file-out-{:08}", call.serial));
        if let Some(output) = &output {
            let lines = files(self).get(input).map(|(_, bytes)| bytes.clone()).unwrap_or_default();
            let meta = json!({ "id": output, "object": "file", "bytes": lines.len(),
                "created_at": 1_750_000_000, "filename": "output.jsonl",
                "purpose": "batch_output", "status": "processed" });
            files(self).insert(output.clone(), (meta, lines));
        }
        let batch = json!({
            "id": id,
            "object": "batch",
            "endpoint": call.json["endpoint"],
            "errors": null,
            "input_file_id": input,
            "completion_window": call.json["completion_window"],
            "status": status,
            "output_file_id": wanted("output_file_id").or(output.as_deref()),
            "error_file_id": wanted("error_file_id"),
            "created_at": made.unwrap_or(1_750_000_000_i64),
            "request_counts": { "total": 0, "completed": 0, "failed": 0 },
            "metadata": call.json["metadata"],
        });
        batches(self).insert(id, batch.clone());
        Answer::json(&batch)
    }
}

/// Whether this path belongs here.
pub(crate) fn holds(method: &Method, first: &str) -> bool {
    matches!(first, "files" | "batches")
        && matches!(*method, Method::GET | Method::POST | Method::DELETE)
}

fn list(items: impl Iterator<Item = Value>) -> Answer {
    let items: Vec<Value> = items.collect();
    Answer::json(&json!({ "object": "list", "data": items, "has_more": false }))
}

fn files(storage: &Storage) -> MutexGuard<'_, BTreeMap<String, (Value, Bytes)>> {
    storage.files.lock().unwrap_or_else(PoisonError::into_inner)
}

fn batches(storage: &Storage) -> MutexGuard<'_, BTreeMap<String, Value>> {
    storage.batches.lock().unwrap_or_else(PoisonError::into_inner)
}
