//! The list of Anthropic's models in OpenAI's shape.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use portcullis_domain::{Fault, Secret, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{Observed, Reply},
    body::{Body, Form},
    broken,
    error::Complaint,
    json::{Members, Object},
    misread,
};

/// Takes a list of models.
pub(super) struct ModelsReply {
    provider: &'static str,
    /// The credential's key, not to be repeated to anybody.
    key: Option<Secret<String>>,
    body: Body,
    observed: Observed,
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

impl ModelsReply {
    pub(super) fn new(provider: &'static str, key: Option<Secret<String>>) -> Self {
        Self { provider, key, body: Body::default(), observed: Observed::default() }
    }

    fn list(&self, body: &[u8]) -> Result<Vec<u8>, Fault> {
        let list: List<'_> = serde_json::from_slice(body)
            .map_err(|e| misread("The provider's answer is not a list.", &e))?;
        let mut models = Vec::with_capacity(list.data.len());
        for raw in list.data {
            let mut model = Members::parse(raw.get())
                .ok_or_else(|| broken("The provider's list holds what is no model."))?;
            let id = model
                .take("id")
                .ok_or_else(|| broken("The provider's list holds a model without an id."))?;
            let created =
                model.take_text("created_at").and_then(|text| Timestamp::parse(&text).ok());
            let created = created.map_or(0, Timestamp::micros) / 1_000_000;
            // Its `type` says the same as our `object`.
            model.take("type");
            let mut out = Object::default()
                .with("id", id)
                .with("object", "model")
                .with("created", u64::try_from(created).unwrap_or(0))
                .with("owned_by", self.provider);
            out.put_rest(model);
            models.push(out.into());
        }
        let out = Object::default()
            .with("object", "list")
            .with("data", models)
            .with("provider", self.provider);
        Ok(out.to_bytes())
    }
}

impl Reply for ModelsReply {
    fn head(&mut self, status: StatusCode, headers: &HeaderMap) -> Option<&'static str> {
        self.body.head(status, headers);
        Some("application/json")
    }

    fn push(&mut self, chunk: Bytes, _: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.body.push(chunk, |_| Ok(()))
    }

    fn finish(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let whole = self.body.finish().whole;
        let text = match self.body.form() {
            Form::Error(status) => {
                let complaint = Complaint::read(status, &whole, self.key.as_ref());
                self.observed.error = Some(complaint.for_log());
                complaint.for_chat(self.provider)
            }
            Form::Answer | Form::Events => self.list(&whole)?,
        };
        out.push(text.into());
        Ok(())
    }

    fn fail(&mut self, _: &Fault, _: &mut Vec<Bytes>) {}

    fn observed(&mut self) -> &mut Observed {
        &mut self.observed
    }
}
