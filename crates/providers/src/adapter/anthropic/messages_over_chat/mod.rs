//! Messages spoken to a provider of OpenAI's dialect (data-plane reference §13).
//!
//! The OpenAI adapter sends [`to_chat`]'s bytes to its chat completions path and hands out
//! [`MessagesReply`]. Counting tokens has no counterpart there and is refused.

mod answer;
mod request;
mod stream;
mod turns;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use portcullis_domain::Fault;

use super::{
    super::{Observed, Reply},
    body::{Body, Form},
    broken,
    error::{Complaint, messages_event},
};
pub(crate) use request::to_chat;
use stream::Stream;

/// The refusal of `/v1/messages/count_tokens` at a provider that has no such thing.
pub(crate) fn count_tokens_unsupported() -> Fault {
    super::unsupported(
        "This provider cannot count the tokens of a message: only Anthropic's own API can.",
    )
}

/// What of the question the answer depends on.
struct Asked {
    provider: &'static str,
    model: String,
    now_millis: i64,
}

impl Asked {
    /// An id for an answer to which the provider gave none.
    fn made_up_id(&self) -> String {
        format!("msg_{}-{}", self.provider, self.now_millis)
    }
}

/// Takes a chat completion and gives a message.
pub(crate) struct MessagesReply {
    asked: Asked,
    body: Body,
    stream: Stream,
    observed: Observed,
}

impl MessagesReply {
    /// For an answer of `provider`, asked for `model` at `now_millis` since the epoch.
    pub(crate) fn new(provider: &'static str, model: &str, now_millis: i64) -> Self {
        Self {
            asked: Asked { provider, model: model.to_owned(), now_millis },
            body: Body::default(),
            stream: Stream::default(),
            observed: Observed::default(),
        }
    }
}

impl Reply for MessagesReply {
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
                    self.stream.event(&data, &self.asked, &mut self.observed, &mut text)?;
                }
                self.stream.end(&self.observed, &mut text);
                if !self.stream.is_over() {
                    return Err(broken("The provider ended its stream too early."));
                }
            }
            Form::Answer => {
                text = answer::to_message(&rest.whole, &self.asked, &mut self.observed)?;
            }
            Form::Error(status) => {
                let complaint = Complaint::read(status, &rest.whole);
                self.observed.error = Some(complaint.for_log());
                text = complaint.for_messages(self.asked.provider, status);
            }
        }
        if !text.is_empty() {
            out.push(text.into());
        }
        Ok(())
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<Bytes>) {
        if self.body.form() == Form::Events && !self.stream.is_over() {
            out.push(messages_event(fault).into());
        }
    }

    fn observed(&self) -> &Observed {
        &self.observed
    }
}
