//! A local provider that speaks OpenAI's, Azure OpenAI's and Anthropic's wire forms, does what a
//! call's [`Script`] says, and keeps a journal.
//!
//! Like the real ones it refuses a missing or a placeholder credential, broken JSON, and a model
//! it does not know (`@slug/model` must never arrive here). Unlike them it accepts any key that
//! begins with `sk-`, and answers `GET /__journal`, `DELETE /__journal` and `GET /__count`.

mod answer;
mod anthropic;
mod chat;
mod credential;
mod journal;
mod media;
mod multipart;
mod openai;
mod realtime;
mod responses;
mod script;
mod serve;
mod storage;
mod text;

use std::{io, net::SocketAddr, path::Path};

use tokio::{net::TcpListener, task::JoinHandle};

use self::{journal::Journal, serve::Provider};
pub use self::{
    journal::{End, Recorded},
    script::Script,
};

/// A running upstream; dropping it closes its listener and every connection.
pub struct Upstream {
    address: SocketAddr,
    journal: Journal,
    server: JoinHandle<()>,
}

impl Upstream {
    /// Starts on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), None).await
    }

    /// Starts on `address`; with a file, each request is also appended to it as one JSON line
    /// before it is answered, so that the count survives a crash.
    ///
    /// # Errors
    /// When the address cannot be bound or the file cannot be opened.
    pub async fn listen(address: SocketAddr, journal_file: Option<&Path>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let journal = match journal_file {
            Some(file) => Journal::with_file(file)?,
            None => Journal::default(),
        };
        let provider = Provider::new(journal.clone());
        #[expect(clippy::disallowed_methods, reason = "aborted when the upstream is dropped")]
        let server = tokio::spawn(serve::accept(listener, provider));
        Ok(Self { address, journal, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of the OpenAI surface, with the version path: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.journal.all()
    }

    /// How many requests arrived.
    pub fn count(&self) -> usize {
        self.journal.count()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.journal.connections()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.journal.clear();
    }

    /// Serves until the process ends.
    pub async fn serve_forever(mut self) {
        if let Err(error) = (&mut self.server).await {
            eprintln!("upstream: the server stopped: {error}");
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}
