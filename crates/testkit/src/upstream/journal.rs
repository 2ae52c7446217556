//! What reached the upstream, in order.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;

/// One request as it arrived, and how it ended.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    /// Its position, counted from zero.
    pub index: usize,
    /// `POST` and so on.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query, empty when there was none.
    pub query: String,
    /// The headers in order, names in lower case, values as text.
    pub headers: Vec<(String, String)>,
    /// The body when it is JSON.
    pub json: Option<Value>,
    /// The body otherwise, in base64.
    pub base64: Option<String>,
    /// How the answer ended.
    pub end: End,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It has not ended.
    Open,
    /// Every byte was handed over.
    Finished,
    /// The script cut it.
    Cut,
    /// The other side went away before the end.
    HungUp,
}

impl Recorded {
    /// The first value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// The list of requests, shared by the connections, and optionally a file of one line each.
#[derive(Clone, Default)]
pub(crate) struct Journal {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Recorded>>,
    connections: AtomicUsize,
    file: Option<Mutex<File>>,
}

impl Journal {
    /// A journal that also appends each request to `file` before it is answered.
    pub(crate) fn with_file(file: &Path) -> std::io::Result<Self> {
        let file = File::options().create(true).append(true).open(file)?;
        let shared = Shared { file: Some(Mutex::new(file)), ..Shared::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    pub(crate) fn record(&self, parts: &http::request::Parts, body: &Bytes) -> usize {
        let json = serde_json::from_slice(body).ok();
        let base64 = (json.is_none() && !body.is_empty()).then(|| STANDARD.encode(body));
        let mut requests = self.requests();
        let index = requests.len();
        let recorded = Recorded {
            index,
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: text(&parts.headers),
            json,
            base64,
            end: End::Open,
        };
        if let Some(file) = &self.shared.file {
            let mut line = serde_json::to_vec(&recorded).expect("plain data serialises");
            line.push(b'\n');
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = file.write_all(&line) {
                eprintln!("upstream: the journal file cannot be written: {error}");
            }
        }
        requests.push(recorded);
        index
    }

    /// Notes how request `index` ended; the first note stands.
    pub(crate) fn ended(&self, index: usize, end: End) {
        if let Some(recorded) = self.requests().get_mut(index)
            && recorded.end == End::Open
        {
            recorded.end = end;
        }
    }

    pub(crate) fn connected(&self) {
        self.shared.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn all(&self) -> Vec<Recorded> {
        self.requests().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.requests().len()
    }

    pub(crate) fn clear(&self) {
        self.requests().clear();
    }

    fn requests(&self) -> std::sync::MutexGuard<'_, Vec<Recorded>> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}
