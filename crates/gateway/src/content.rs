//! The content of a call on its way into the record: bounded, then sealed.

use std::sync::Arc;

use bytes::Bytes;
use portcullis_domain::{Content, ContentPart, Log, Sealed, SealedPlace, StoredContent};
use portcullis_record::body;
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

    /// Seals both bodies for their places and says in the log how much there is.
    pub(crate) fn seal(self, log: &mut Log) -> Content {
        let Some(key_ring) = self.key_ring else { return Content::default() };
        let seal = |part: ContentPart, bytes: &[u8]| -> Option<Sealed> {
            let place = SealedPlace {
                organisation: Some(log.organisation_id),
                table: "log_bodies",
                row: log.id.uuid(),
                field: part.name(),
            };
            let packed = body::pack(bytes);
            key_ring
                .seal(&place, packed.as_deref().unwrap_or(bytes))
                .inspect_err(|error| tracing::error!(%error, "content could not be sealed"))
                .ok()
        };
        let request = self.request.and_then(|bytes| seal(ContentPart::Request, &bytes));
        let response = match &*self.response {
            [] => None,
            [one] => seal(ContentPart::Response, one),
            many => seal(ContentPart::Response, &many.concat()),
        };
        log.stored_content = match (request.is_some() || response.is_some(), self.truncated) {
            (false, _) => StoredContent::None,
            (true, false) => StoredContent::Full,
            (true, true) => StoredContent::Truncated,
        };
        Content { request, response }
    }
}
