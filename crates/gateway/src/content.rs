//! The content of a call on its way into the record: bounded, then sealed.

use std::sync::Arc;

use bytes::Bytes;
use portcullis_domain::{Log, Sealed, StoredContent};
use portcullis_record::content;
use portcullis_vault::KeyRing;

/// What is kept of a call's bodies. It holds on to what passes by and copies nothing.
pub(crate) struct Kept {
    key_ring: Option<Arc<KeyRing>>,
    /// Bytes of each body.
    limit: usize,
    request: Option<Bytes>,
    response: Vec<Bytes>,
    response_len: usize,
    truncated: bool,
}

impl Kept {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            key_ring: None,
            limit,
            request: None,
            response: Vec::new(),
            response_len: 0,
            truncated: false,
        }
    }

    /// Bytes of each body that are kept.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Without a key ring nothing is kept.
    pub(crate) fn seal_with(&mut self, key_ring: Arc<KeyRing>) {
        self.key_ring = Some(key_ring);
    }

    pub(crate) fn request(&mut self, body: &Bytes) {
        self.truncated |= body.len() > self.limit;
        self.request = Some(body.slice(..body.len().min(self.limit)));
    }

    /// The request streams by and is not kept.
    pub(crate) fn lacks_request(&mut self) {
        self.truncated = true;
    }

    pub(crate) fn response(&mut self, piece: &Bytes) {
        let part = piece.len().min(self.limit - self.response_len);
        self.truncated |= part < piece.len();
        if part > 0 {
            self.response.push(piece.slice(..part));
            self.response_len += part;
        }
    }

    /// Seals both bodies and says in the log how much there is.
    pub(crate) fn seal(self, log: &mut Log) -> Option<Sealed> {
        let (request, response) = (self.request.as_ref(), &*self.response);
        if request.is_none() && response.is_empty() {
            return None;
        }
        let most = content::most(request, response);
        let sealed = self.key_ring?.seal_written(&log.content_place(), most, |out| {
            content::write(request, response, out);
        });
        let sealed = sealed
            .inspect_err(|error| tracing::error!(%error, "content could not be sealed"))
            .ok()?;
        log.stored_content =
            if self.truncated { StoredContent::Truncated } else { StoredContent::Full };
        Some(sealed)
    }
}
