//! Messages spoken to a provider of OpenAI's dialect (data-plane reference §13).
//!
//! The chat completion that a message becomes goes through the provider's own adapter, so whatever
//! is special about that provider is said once.

mod answer;
mod request;
mod stream;
mod turns;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use portcullis_domain::{Fault, Secret};

use super::{
    super::{Adapter, Ask, AskBody, Observed, Prepared, Reply},
    body::{Body, Form},
    broken,
    error::{Complaint, messages_event},
    json, malformed, model,
};
use crate::{Endpoint, request::JsonRequest};
use request::to_chat;
use stream::Stream;

/// Asks `chat`, an adapter that speaks OpenAI's dialect, and gives the answer as a message.
pub(in super::super) fn messages_over_chat(
    ask: &Ask<'_>,
    chat: &dyn Adapter,
) -> Result<Prepared, Fault> {
    let model = model(ask)?;
    let body = to_chat(json(ask)?.bytes(), model)?;
    let request = JsonRequest::parse(body.into()).map_err(|e| malformed(e.to_string()))?;
    let prepared = chat.prepare(&Ask {
        endpoint: Endpoint::ChatComplete,
        path: "/chat/completions",
        body: AskBody::Json(&request),
        ..*ask
    })?;
    let asked = Asked {
        provider: ask.provider.name,
        model: model.to_owned(),
        now_millis: ask.now_millis,
        key: ask.credential.key.clone(),
    };
    Ok(Prepared { reply: Box::new(MessagesReply::new(asked)), translates: true, ..prepared })
}

/// What of the question the answer depends on.
struct Asked {
    provider: &'static str,
    model: String,
    now_millis: i64,
    /// The credential's key, not to be repeated to anybody.
    key: Option<Secret<String>>,
}

impl Asked {
    /// An id for an answer to which the provider gave none.
    fn made_up_id(&self) -> String {
        format!("msg_{}-{}", self.provider, self.now_millis)
    }
}

/// Takes a chat completion and gives a message.
struct MessagesReply {
    asked: Asked,
    body: Body,
    stream: Stream,
    observed: Observed,
}

impl MessagesReply {
    fn new(asked: Asked) -> Self {
        Self {
            asked,
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
                    // Should it be half an event, the stream is not over, and that is told below.
                    self.stream.event(&data, &self.asked, &mut self.observed, &mut text).ok();
                }
                self.stream.end(&self.observed, &mut text);
            }
            Form::Answer => {
                text = answer::to_message(&rest.whole, &self.asked, &mut self.observed)?;
            }
            Form::Error(status) => {
                let complaint = Complaint::read(status, &rest.whole, self.asked.key.as_ref());
                self.observed.error = Some(complaint.for_log());
                text = complaint.for_messages(self.asked.provider, status);
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
            out.push(messages_event(fault).into());
        }
    }

    fn is_complete(&self) -> bool {
        self.stream.is_over()
    }

    fn observed(&mut self) -> &mut Observed {
        &mut self.observed
    }
}
