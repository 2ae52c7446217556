//! An answer's body on its way in: a stream cut into events, or a document gathered whole.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use portcullis_domain::Fault;

use super::broken;
use crate::{
    content_type::is_events,
    sse::{Event, Scanner},
};

/// The largest document that is gathered, bytes.
const MAX_DOCUMENT: usize = 64 * 1024 * 1024;

/// What the head of an answer announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Server-sent events.
    Events,
    /// A document.
    Answer,
    /// An error document, with its status.
    Error(StatusCode),
}

/// The body so far.
pub(super) struct Body {
    form: Form,
    scanner: Scanner,
    gathered: BytesMut,
}

/// What is left when the body ends.
pub(super) struct Rest {
    /// An event that no blank line ended.
    pub(super) last_event: Option<Event>,
    /// The gathered document.
    pub(super) whole: Bytes,
}

impl Default for Body {
    fn default() -> Self {
        Self { form: Form::Answer, scanner: Scanner::default(), gathered: BytesMut::new() }
    }
}

impl Body {
    /// Reads the head.
    pub(super) fn head(&mut self, status: StatusCode, headers: &HeaderMap) -> Form {
        self.form = if !status.is_success() {
            Form::Error(status)
        } else if is_events(headers) {
            Form::Events
        } else {
            Form::Answer
        };
        self.form
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Takes a piece: hands each complete event to `each`, or gathers.
    pub(super) fn push(
        &mut self,
        chunk: Bytes,
        mut each: impl FnMut(&Event) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.form != Form::Events {
            if self.gathered.len() + chunk.len() > MAX_DOCUMENT {
                return Err(broken("The provider's answer is too long to be understood."));
            }
            self.gathered.extend_from_slice(&chunk);
            return Ok(());
        }
        self.scanner.push(chunk);
        while let Some(event) = self
            .scanner
            .next_event()
            .map_err(|e| broken("The provider sent an event that is too long.").with_detail(e))?
        {
            each(&event)?;
        }
        Ok(())
    }

    /// The end.
    pub(super) fn finish(&mut self) -> Rest {
        Rest { last_event: self.scanner.finish(), whole: self.gathered.split().freeze() }
    }
}
