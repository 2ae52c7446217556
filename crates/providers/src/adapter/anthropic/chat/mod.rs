//! Chat completions spoken to Anthropic.

mod answer;
mod request;
mod stream;
mod turns;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use portcullis_domain::{Fault, Secret};

use super::{
    super::{Observed, Reply, openai::error::event},
    body::{Body, Form},
    broken,
    error::Complaint,
};
pub(super) use request::to_messages;
use stream::Stream;
pub(super) use turns::arguments_object;

/// What of the question the answer depends on.
pub(super) struct Asked {
    /// The provider's name.
    pub(super) provider: &'static str,
    /// The model asked for.
    pub(super) model: String,
    /// Whether only OpenAI's own words and fields may be used.
    pub(super) strict: bool,
    /// Whether the caller wants a chunk with the usage.
    pub(super) wants_usage: bool,
    /// Milliseconds since the epoch.
    pub(super) now_millis: i64,
    /// The credential's key, not to be repeated to anybody.
    pub(super) key: Option<Secret<String>>,
}

impl Asked {
    /// The time of the answer, seconds since the epoch.
    fn created(&self) -> u64 {
        u64::try_from(self.now_millis / 1000).unwrap_or(0)
    }

    /// An id for an answer to which the provider gave none (data-plane reference §13).
    fn made_up_id(&self) -> String {
        format!("{}-{}", self.provider, self.now_millis)
    }
}

/// Takes a messages answer and gives a chat completion.
pub(super) struct ChatReply {
    asked: Asked,
    body: Body,
    stream: Stream,
    observed: Observed,
}

impl ChatReply {
    pub(super) fn new(asked: Asked) -> Self {
        Self {
            stream: Stream::new(&asked),
            asked,
            body: Body::default(),
            observed: Observed::default(),
        }
    }
}

impl Reply for ChatReply {
    fn head(&mut self, status: StatusCode, headers: &HeaderMap) -> Option<&'static str> {
        match self.body.head(status, headers) {
            Form::Events => None,
            Form::Answer | Form::Error(_) => Some("application/json"),
        }
    }

    fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let mut text = Vec::new();
        let done = self.body.push(chunk, |event| match event.data() {
            Some(data) => self.stream.event(&data, &self.asked, &mut self.observed, &mut text),
            None => Ok(()),
        });
        if !text.is_empty() {
            out.push(text.into());
        }
        done
    }

    fn finish(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let mut text = Vec::new();
        let rest = self.body.finish();
        match self.body.form() {
            Form::Events => {
                if let Some(data) = rest.last_event.as_ref().and_then(|event| event.data()) {
                    // Should it be half an event, the stream is not over, and that is told below.
                    self.stream.event(&data, &self.asked, &mut self.observed, &mut text).ok();
                }
            }
            Form::Answer => {
                text = answer::to_completion(&rest.whole, &self.asked, &mut self.observed)?;
            }
            Form::Error(status) => {
                let complaint = Complaint::read(status, &rest.whole, self.asked.key.as_ref());
                self.observed.error = Some(complaint.for_log());
                text = complaint.for_chat(self.asked.provider);
            }
        }
        if !text.is_empty() {
            out.push(text.into());
        }
        if self.body.form() == Form::Events && !self.stream.is_over() {
            return Err(broken("The provider ended its stream too early."));
        }
        Ok(())
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<Bytes>) {
        if self.body.form() == Form::Events && !self.stream.is_over() {
            out.push(event(fault, false).into());
        }
    }

    fn is_complete(&self) -> bool {
        self.stream.is_over()
    }

    fn observed(&mut self) -> &mut Observed {
        &mut self.observed
    }
}
