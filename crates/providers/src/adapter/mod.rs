//! Adapters: how a call of ours becomes a request to a provider, and its answer ours again.
//!
//! An adapter is pure. [`Adapter::prepare`] builds the request; the [`Reply`] it returns takes the
//! answer piece by piece and says what the client gets, in the caller's dialect, and what was
//! observed on the way (usage, model, finish reason).

pub(crate) mod anthropic;
pub(crate) mod azure_openai;
pub(crate) mod openai;
mod url;

pub use openai::{batch, realtime};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use portcullis_domain::{Fault, Usage};

use crate::{
    Endpoint,
    catalog::Provider,
    credential::{Credential, Settings},
    request::JsonRequest,
};

/// Speaks one provider dialect.
pub trait Adapter: Sync {
    /// Builds the request to the provider. Fails when the call cannot be expressed there.
    fn prepare(&self, ask: &Ask<'_>) -> Result<Prepared, Fault>;
}

/// Whether a provider can be called with these settings: whether its address can be made of them,
/// and its headers.
pub(crate) fn check_settings(provider: &Provider, settings: &Settings) -> Result<(), Fault> {
    url::base(provider, settings)?;
    openai::custom_headers(&mut HeaderMap::new(), settings)
}

/// What is asked of a provider.
pub struct Ask<'a> {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The caller's method.
    pub method: &'a Method,
    /// The path after `/v1`, beginning with `/`.
    pub path: &'a str,
    /// The query, without `?`.
    pub query: Option<&'a str>,
    /// The caller's headers; `x-portkey-*` ones included, for the provider-specific ones.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: AskBody<'a>,
    /// The model to ask for, without `@slug/`.
    pub model: Option<&'a str>,
    /// The provider's entry in the catalogue.
    pub provider: &'static Provider,
    /// The credential and settings to use.
    pub credential: &'a Credential,
    /// `x-portkey-strict-open-ai-compliance`.
    pub strict: bool,
    /// When the call came, milliseconds since the epoch: for answers that need a made-up id or time.
    pub now_millis: i64,
}

/// The caller's body.
#[derive(Clone, Copy)]
pub enum AskBody<'a> {
    /// There is none.
    None,
    /// JSON, parsed once.
    Json(&'a JsonRequest),
    /// Multipart or binary, streamed by: the adapter cannot look inside.
    Opaque,
}

/// A request to a provider, ready to be sent.
pub struct Prepared {
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// The headers the adapter sets: credentials (marked sensitive), content type, versions. They
    /// replace the caller's of the same name.
    pub headers: HeaderMap,
    /// The body.
    pub body: PreparedBody,
    /// What takes the answer.
    pub reply: Box<dyn Reply>,
    /// Whether request or answer are of another dialect than the caller's.
    pub translates: bool,
}

/// The body of a [`Prepared`] request.
pub enum PreparedBody {
    /// None.
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// The caller's body as it streams in.
    Forward,
}

/// Takes one answer of a provider.
pub trait Reply: Send {
    /// The answer's head. Called once, first. Says which content type the client gets when it
    /// differs from the provider's.
    fn head(&mut self, status: StatusCode, headers: &HeaderMap) -> Option<&'static str>;

    /// A piece of the answer, split anywhere. Appends what the client gets now; bytes that need no
    /// change are handed on as they came.
    fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault>;

    /// The answer's regular end.
    fn finish(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault>;

    /// The provider broke off after the client got its head: appends an error event in the caller's
    /// dialect (no `[DONE]` after it), or nothing when the answer is not a stream.
    fn fail(&mut self, fault: &Fault, out: &mut Vec<Bytes>);

    /// Whether the client has all of the answer: a stream's last event was handed on, and whatever
    /// breaks off after it does no harm.
    fn is_complete(&self) -> bool {
        false
    }

    /// What was observed so far. Looking may have been put off until somebody asks.
    fn observed(&mut self) -> &mut Observed;
}

/// The beginning of a provider's word, as it is observed: names are short, and what pretends to be
/// one must not fill the record.
pub(crate) fn noted(text: &str) -> String {
    const MOST: usize = 256;
    // Most are shorter even in bytes.
    let cut = (text.len() > MOST).then(|| text.char_indices().nth(MOST)).flatten();
    text[..cut.map_or(text.len(), |(at, _)| at)].to_owned()
}

/// What an answer told on its way through. Its texts are short, whatever the provider sends.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Usage as stated by the provider so far.
    pub usage: Usage,
    /// What other models took besides, by the model: those that write down what a realtime session
    /// hears.
    pub beside: Vec<(String, Usage)>,
    /// Characters of text generated so far, to estimate from when no usage is stated; a whole answer
    /// that states its usage is not counted.
    pub output_chars: u64,
    /// The model that the provider says served.
    pub model: Option<String>,
    /// The provider's id of the answer.
    pub id: Option<String>,
    /// Why generation ended, in the provider's word.
    pub finish_reason: Option<String>,
    /// The provider's word for the service tier that served.
    pub service_tier: Option<String>,
    /// Whether the answer only says that the provider works on it: what it takes is not known yet.
    pub runs_on: bool,
    /// The provider's error message, when the answer is an error; at most 500 characters.
    pub error: Option<String>,
}
