//! The content of a call on its way into the record: bounded, then sealed.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use portcullis_domain::{Log, Sealed, StoredContent};
use portcullis_providers::credential::Credential;
use portcullis_record::content;
use portcullis_vault::KeyRing;

use crate::{
    client_headers::ClientHeaders,
    head::Mask,
    header,
    masking::{joined, masked_beginning},
};

/// Bytes that the headers of most calls take, both ways.
const USUAL_HEADS: usize = 1 << 10;

/// What is kept of a call. It holds on to the bodies that pass by and copies nothing of them; of
/// headers, it writes what will be sealed.
pub(crate) struct Kept {
    key_ring: Option<Arc<KeyRing>>,
    /// Bytes of each body.
    limit: usize,
    mask: Mask,
    heads: Vec<u8>,
    request: Option<Bytes>,
    response: Pieces,
    translated: Option<Box<Translated>>,
    truncated: bool,
}

/// The provider's side of a call that is translated.
struct Translated {
    sent: Option<Bytes>,
    original: Pieces,
    /// To be masked where the provider repeats it.
    credential: Arc<Credential>,
}

/// A body's beginning, in the pieces in which it comes.
#[derive(Default)]
struct Pieces {
    pieces: Vec<Bytes>,
    len: usize,
}

impl Kept {
    pub(crate) fn new<'a>(
        limit: usize,
        client: &ClientHeaders,
        credentials: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
    ) -> Self {
        let mask = Mask::of(client.get_all(&header::SENSITIVE_HEADERS));
        let mut heads = Vec::with_capacity(USUAL_HEADS);
        let is_whole = mask.client(client, credentials, &mut heads);
        Self {
            key_ring: None,
            limit,
            mask,
            heads,
            request: None,
            response: Pieces::default(),
            translated: None,
            truncated: !is_whole,
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
        self.request = Some(self.beginning(body));
    }

    /// The request streams by and is not kept.
    pub(crate) fn lacks_request(&mut self) {
        self.truncated = true;
    }

    pub(crate) fn response(&mut self, piece: &Bytes) {
        self.truncated |= !self.response.push(piece, self.limit);
    }

    pub(crate) fn response_head(&mut self, headers: &HeaderMap) {
        self.truncated |= !self.mask.answer(headers, &mut self.heads);
    }

    /// The call is translated, to this request.
    pub(crate) fn sent(
        &mut self,
        head: (&Method, &Uri, &HeaderMap),
        body: Option<&Bytes>,
        credential: &Arc<Credential>,
    ) {
        self.truncated |= !self.mask.sent(head, credential, &mut self.heads);
        let sent = body.map(|body| self.beginning(body));
        let credential = Arc::clone(credential);
        self.translated =
            Some(Box::new(Translated { sent, original: Pieces::default(), credential }));
    }

    /// Whether the provider's own answer is to be kept beside what the client gets.
    pub(crate) fn keeps_original(&self) -> bool {
        self.translated.is_some()
    }

    pub(crate) fn original_head(&mut self, headers: &HeaderMap, credential: &Credential) {
        if self.keeps_original() {
            self.truncated |= !self.mask.original(headers, credential, &mut self.heads);
        }
    }

    pub(crate) fn original(&mut self, piece: &Bytes) {
        if let Some(translated) = &mut self.translated {
            self.truncated |= !translated.original.push(piece, self.limit);
        }
    }

    /// Seals all of it and says in the log how much there is.
    pub(crate) fn seal(self, log: &mut Log) -> Option<Sealed> {
        let translated = self.translated.map(|translated| *translated);
        let (sent, original) = translated.map_or_else(Default::default, |translated| {
            let original = joined(translated.original.pieces);
            let original = masked_beginning(original, &translated.credential);
            (translated.sent, original.slice(..original.len().min(self.limit)))
        });
        let kept = content::Kept {
            request: self.request.as_ref(),
            response: &self.response.pieces,
            heads: &self.heads,
            sent: sent.as_ref(),
            original: if original.is_empty() { &[] } else { std::slice::from_ref(&original) },
        };
        let write = |out: &mut Vec<u8>| kept.write(out);
        let sealed = self.key_ring?.seal_written(&log.content_place(), kept.most(), write);
        let sealed = sealed
            .inspect_err(|error| tracing::error!(%error, "content could not be sealed"))
            .ok()?;
        log.stored_content =
            if self.truncated { StoredContent::Truncated } else { StoredContent::Full };
        Some(sealed)
    }

    fn beginning(&mut self, body: &Bytes) -> Bytes {
        self.truncated |= body.len() > self.limit;
        body.slice(..body.len().min(self.limit))
    }
}

impl Pieces {
    /// Says whether there was room for all of it.
    fn push(&mut self, piece: &Bytes, limit: usize) -> bool {
        let part = piece.len().min(limit - self.len);
        if part > 0 {
            self.pieces.push(piece.slice(..part));
            self.len += part;
        }
        part == piece.len()
    }
}
