//! Answers in OpenAI's dialect on their way through: watched, and changed only where usage that
//! the caller did not ask for is hidden.

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, header::CONTENT_ENCODING};
use memchr::memmem::{Finder, FinderRev};
use portcullis_domain::{Fault, FaultKind, Retry, Secret, Usage};

use super::{
    super::{Ask, AskBody, Observed, Reply, noted},
    error::{self, ProviderError},
    members::{glance, last_string, member_span, string_end},
    models, usage,
};
use crate::{
    Endpoint,
    content_type::{is_events, is_json},
    json::{self, Malformed, Member, Walk, string},
    sse::{Event, Scanner},
};

/// The largest document that is watched, bytes; a larger one passes unwatched.
const MAX_WATCHED: usize = 16 * 1024 * 1024;
/// How much of an error document is read, bytes.
const MAX_ERROR: usize = 1024 * 1024;
/// The largest `usage` that is read, bytes.
const MAX_USAGE: usize = 64 * 1024;

// What is looked for in every answer; to prepare a search takes longer than most of them.
static USAGE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"usage\""));
static FINISH_REASON: LazyLock<FinderRev<'_>> =
    LazyLock::new(|| FinderRev::new("\"finish_reason\""));
static NULL_USAGE: LazyLock<FinderRev<'_>> = LazyLock::new(|| FinderRev::new(",\"usage\":null"));

/// Takes the answer of a provider of this dialect.
pub(super) struct OpenAiReply {
    provider: &'static str,
    endpoint: Endpoint,
    /// To be masked, should the provider repeat it in an error.
    key: Option<Secret<String>>,
    /// Whether usage was asked for on our behalf only.
    hides_usage: bool,
    /// Whether usage in the answer is this call's own.
    consumes: bool,
    form: Form,
    scanner: Scanner,
    /// A document's pieces so far, shared with what was handed on.
    gathered: Vec<Bytes>,
    gathered_len: usize,
    /// Whether the stream told that generation ended.
    over: bool,
    /// Whether the stream's last event was handed on.
    complete: bool,
    observed: Observed,
}

/// What the head of the answer announced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Server-sent events.
    Events,
    /// A JSON document: handed on and watched.
    Document,
    /// An error: replaced by one of the caller's form where answers are understood.
    Error,
    /// Anything else, handed on.
    Opaque,
}

/// What an event told besides what is noted of the answer.
#[derive(Default)]
struct Told<'a> {
    /// Whether it is an error's.
    is_error: bool,
    /// Its choices.
    choices: Option<&'a str>,
    /// Where its usage is, and the value before it.
    usage: Option<(Option<Range<usize>>, Range<usize>)>,
}

/// What becomes of an event.
enum Fate {
    Keep,
    Drop,
    /// Goes on without these bytes of it.
    Cut(Range<usize>),
}

impl OpenAiReply {
    pub(super) fn new(ask: &Ask<'_>, hides_usage: bool) -> Self {
        let mut observed = Observed::default();
        if let (Endpoint::CreateSpeech, AskBody::Json(request)) = (ask.endpoint, ask.body) {
            let input = request.member("input").and_then(string);
            observed.usage.characters = input.map(|text| text.chars().count() as u64);
        }
        Self {
            provider: ask.provider.name,
            endpoint: ask.endpoint,
            key: ask.credential.key.clone(),
            hides_usage,
            consumes: consumes(ask),
            form: Form::Opaque,
            scanner: Scanner::default(),
            gathered: Vec::new(),
            gathered_len: 0,
            over: false,
            complete: false,
            observed,
        }
    }

    /// Hands on whole events only: a stream that breaks off then ends between two events, where an
    /// error event can still be told. Events that need no change go on as they came, neighbours as
    /// one piece; with one that is changed, the whole lot becomes one new piece, since each piece
    /// costs the client's connection a frame.
    fn push_events(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        let mut batch = Batch { whole: chunk.clone(), run: None, edited: BytesMut::new() };
        self.scanner.push(chunk);
        loop {
            let event = match self.scanner.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(_too_long) => {
                    // Nobody can follow this; what we cannot read we still hand on.
                    batch.finish(out);
                    out.push(self.scanner.take_rest());
                    self.form = Form::Opaque;
                    return;
                }
            };
            let fate = self.watch(&event);
            batch.add(&fate, &event, out);
        }
        batch.finish(out);
    }

    /// Notes what an event tells and says what becomes of it.
    fn watch(&mut self, event: &Event) -> Fate {
        let Some(data) = event.data() else { return Fate::Keep };
        let found = glance(&data, self.streamed_text());
        self.observed.output_chars += found.chars;
        let is_last = found.last && self.endpoint == Endpoint::CreateModelResponse;
        self.complete |= is_last || data.trim_ascii() == b"[DONE]";
        self.over |= self.complete || found.finish_reason.is_some();
        if let Some(reason) = found.finish_reason {
            self.observed.finish_reason = Some(noted_bytes(reason));
        }
        if self.hides_usage && found.usage && !found.error && self.observed.id.is_some() {
            // What nearly every event of a stream is: nothing but an unasked `null` to cut.
            let quick = trailing_null_usage(&data).zip(event.data_range());
            if let Some((span, place)) = quick {
                return Fate::Cut(place.start + span.start..place.start + span.end);
            }
        }
        if self.observed.error.is_none() && event.name() == Some(b"error") {
            self.observed.error = Some(ProviderError::read(&data, self.key()).observed());
            self.over = true;
        }
        let telling = found.usage || found.error || found.last || self.observed.id.is_none();
        let Some(text) = std::str::from_utf8(&data).ok().filter(|_| telling) else {
            return Fate::Keep;
        };
        let Ok(told) = self.note(text) else { return Fate::Keep };
        // An error event of responses has its message beside its type.
        if self.observed.error.is_none() && told.is_error {
            self.observed.error = Some(ProviderError::read(&data, self.key()).observed());
        }
        self.over |= self.observed.error.is_some();
        if !self.hides_usage || !found.usage {
            return Fate::Keep;
        }
        let Some((before, usage)) = told.usage else { return Fate::Keep };
        // An event that came for its usage alone goes with it; some have it beside a choice.
        let is_bare = told.choices.is_some_and(is_empty_list);
        if is_bare && &text[usage.clone()] != "null" {
            return Fate::Drop;
        }
        let Some(data_at) = event.data_range().map(|range| range.start) else { return Fate::Keep };
        let span = member_span(text.as_bytes(), Walk::inside(text), before, usage);
        Fate::Cut(data_at + span.start..data_at + span.end)
    }

    /// Notes what the members of an answer, or of an event of one, tell. The events of responses
    /// wrap the response; what that wraps is nobody's.
    fn note<'a>(&mut self, text: &'a str) -> Result<Told<'a>, Malformed> {
        let (mut members, mut told) = (Walk::object(text)?, Told::default());
        let mut before = None;
        while let Some(member) = members.member()? {
            match &*member.key {
                "response" => {
                    // It may be of any form, and then tells nothing.
                    let _ = self.note_wrapped(member.value);
                }
                "type" => told.is_error |= member.value == r#""error""#,
                "usage" => told.usage = Some((before, member.place.clone())),
                "choices" => told.choices = Some(member.value),
                _ => {}
            }
            self.note_member(&member);
            before = Some(member.place);
        }
        Ok(told)
    }

    fn note_wrapped(&mut self, text: &str) -> Result<(), Malformed> {
        let mut members = Walk::object(text)?;
        while let Some(member) = members.member()? {
            self.note_member(&member);
        }
        Ok(())
    }

    fn note_member(&mut self, member: &Member<'_>) {
        let raw = member.value;
        match &*member.key {
            "id" => note_text(&mut self.observed.id, raw),
            "model" => note_text(&mut self.observed.model, raw),
            // The last word counts: a stream may begin with what was asked for.
            "service_tier" => {
                let tier = string(raw).map(|text| noted(&text));
                self.observed.service_tier = tier.or(self.observed.service_tier.take());
            }
            // One image of a stream is done.
            "type" if self.makes_images() && raw.ends_with(r#".completed""#) => {
                let images = self.observed.usage.images.unwrap_or(0);
                self.observed.usage.images = Some(images + 1);
            }
            "usage" | "usage_info" | "x_groq" => self.note_usage(raw),
            "choices" if USAGE.find(raw.as_bytes()).is_some() => self.note_usage(raw),
            "error" if raw != "null" => {
                let error = ProviderError::read(raw.as_bytes(), self.key());
                self.observed.error = Some(error.observed());
            }
            "status" if self.endpoint == Endpoint::CreateModelResponse => {
                let status = string(raw);
                let runs = |status: &Cow<'_, str>| status == "in_progress" || status == "queued";
                self.observed.runs_on =
                    self.form == Form::Document && status.as_ref().is_some_and(runs);
                let ended = status.filter(|status| !runs(status));
                self.observed.finish_reason = ended.map(|text| noted(&text));
            }
            "output" if self.endpoint == Endpoint::CreateModelResponse => {
                self.observed.usage.web_searches = web_searches(raw);
            }
            "data" if self.makes_images() => {
                self.observed.usage.images = elements(raw).map(|images| images.len() as u64);
            }
            "duration" if self.hears_audio() && self.observed.usage.audio_millis.is_none() => {
                self.observed.usage.audio_millis = usage::millis(raw);
            }
            _ => {}
        }
    }

    /// Notes usage, however deep a provider hides it.
    fn note_usage(&mut self, raw: &str) {
        if raw == "null" || raw.len() > MAX_USAGE || !self.consumes {
            return;
        }
        // Groq has it in `x_groq`, Moonshot in a choice.
        let choice = elements(raw).and_then(|choices| choices.first().copied());
        let outer = choice.unwrap_or(raw);
        let mut stated = usage::read(outer);
        if stated == Usage::default() {
            stated = json::member(outer, "usage").map(usage::read).unwrap_or_default();
        }
        if self.makes_images() && stated.output_image_tokens.is_none() {
            stated.output_image_tokens = stated.output_tokens;
        }
        self.observed.usage.merge(&stated);
    }

    fn key(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.danger_expose().as_str())
    }

    fn makes_images(&self) -> bool {
        use Endpoint::{ImageEdit, ImageGenerate, ImageVariation};
        matches!(self.endpoint, ImageGenerate | ImageEdit | ImageVariation)
    }

    /// Whether a stream of this endpoint says when it is over.
    fn tells_its_end(&self) -> bool {
        use Endpoint::{ChatComplete, Complete, CreateModelResponse};
        matches!(self.endpoint, ChatComplete | Complete | CreateModelResponse)
    }

    fn hears_audio(&self) -> bool {
        matches!(self.endpoint, Endpoint::CreateTranscription | Endpoint::CreateTranslation)
    }

    /// The keys that hold newly generated text in events. Those of responses end with the whole
    /// text again, under other keys.
    fn streamed_text(&self) -> &'static [&'static [u8]] {
        match self.endpoint {
            Endpoint::CreateModelResponse | Endpoint::CreateTranscription => &[b"delta"],
            _ => self.whole_text(),
        }
    }

    /// The keys that hold generated text in a document.
    fn whole_text(&self) -> &'static [&'static [u8]] {
        match self.endpoint {
            Endpoint::ChatComplete => {
                &[b"content", b"arguments", b"reasoning_content", b"reasoning", b"refusal"]
            }
            Endpoint::Complete | Endpoint::CreateTranscription | Endpoint::CreateTranslation => {
                &[b"text"]
            }
            Endpoint::CreateModelResponse => &[b"text", b"arguments"],
            _ => &[],
        }
    }

    fn gather(&mut self, chunk: Bytes, most: usize) {
        self.gathered_len += chunk.len();
        if self.gathered_len <= most {
            self.gathered.push(chunk);
        } else if self.form == Form::Document {
            self.gathered.clear();
        }
    }

    fn gathered(&mut self) -> Bytes {
        if self.gathered.len() == 1 {
            return self.gathered.pop().unwrap_or_default();
        }
        let mut whole = BytesMut::with_capacity(self.gathered.iter().map(Bytes::len).sum());
        for piece in self.gathered.drain(..) {
            whole.extend_from_slice(&piece);
        }
        whole.freeze()
    }

    fn note_document(&mut self) {
        let document = self.gathered();
        if let Ok(text) = std::str::from_utf8(&document) {
            // What cannot be read is not stated.
            let _ = self.note(text);
        }
        if let Some(reason) = last_string(&document, &FINISH_REASON) {
            self.observed.finish_reason = Some(noted_bytes(reason));
        }
        // Text is counted only to estimate from.
        if self.observed.usage.output_tokens.is_none() && !self.whole_text().is_empty() {
            self.observed.output_chars += glance(&document, self.whole_text()).chars;
        }
    }
}

impl Reply for OpenAiReply {
    fn head(&mut self, status: StatusCode, headers: &HeaderMap) -> Option<&'static str> {
        let readable = !headers.contains_key(CONTENT_ENCODING);
        self.form = if status.is_client_error() || status.is_server_error() {
            Form::Error
        } else if readable && is_events(headers) {
            Form::Events
        } else if readable && is_json(headers) {
            Form::Document
        } else {
            Form::Opaque
        };
        let replaced = self.form == Form::Error && self.endpoint.is_understood();
        replaced.then_some("application/json")
    }

    fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        match self.form {
            Form::Events => self.push_events(chunk, out),
            Form::Document => {
                if self.endpoint != Endpoint::ListModels {
                    out.push(chunk.clone());
                } else if self.gathered_len + chunk.len() > MAX_WATCHED {
                    let text = "the provider's list of models is too long to be read";
                    return Err(Fault::upstream(
                        FaultKind::UpstreamBroken,
                        Retry::NextTarget,
                        text,
                    ));
                }
                self.gather(chunk, MAX_WATCHED);
            }
            Form::Error => {
                if !self.endpoint.is_understood() {
                    out.push(chunk.clone());
                }
                self.gather(chunk, MAX_ERROR);
            }
            Form::Opaque => out.push(chunk),
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        match self.form {
            Form::Events => {
                let rest = self.scanner.finish().map(|event| (self.watch(&event), event));
                // What is left of an unfinished stream is half an event, which would swallow the
                // error event to come.
                if !self.over && self.tells_its_end() {
                    let text = "the provider ended its stream too early";
                    return Err(Fault::upstream(
                        FaultKind::UpstreamBroken,
                        Retry::SameTarget,
                        text,
                    ));
                }
                if let Some((fate, event)) = rest {
                    hand_on(&fate, &event, out);
                }
            }
            Form::Document if self.endpoint == Endpoint::ListModels => {
                out.push(models::list(&self.gathered(), self.provider));
            }
            // Looked at when somebody asks.
            Form::Document => {}
            Form::Error => {
                let document = self.gathered();
                let error = ProviderError::read(&document, self.key());
                self.observed.error = Some(error.observed());
                if self.endpoint.is_understood() {
                    out.push(error.body(self.provider).into());
                }
            }
            Form::Opaque => {}
        }
        Ok(())
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<Bytes>) {
        if self.form == Form::Events && !self.complete {
            let is_responses = self.endpoint == Endpoint::CreateModelResponse;
            out.push(error::event(fault, is_responses).into());
        }
    }

    fn is_complete(&self) -> bool {
        self.complete
    }

    fn observed(&mut self) -> &mut Observed {
        if self.form == Form::Document && !self.gathered.is_empty() {
            self.note_document();
        }
        &mut self.observed
    }
}

/// Whether a call uses a model now. Others, reading a batch or an earlier response for one, state
/// the usage of calls long settled.
fn consumes(ask: &Ask<'_>) -> bool {
    use Endpoint::{CancelBatch, CancelFinetune, CreateBatch, CreateFinetune, UploadFile};
    let manages = matches!(
        ask.endpoint,
        CancelBatch | CancelFinetune | CreateBatch | CreateFinetune | UploadFile
    );
    *ask.method == Method::POST && !manages && !ask.endpoint.is_managed_path(ask.path)
}

fn hand_on(fate: &Fate, event: &Event, out: &mut Vec<Bytes>) {
    let raw = event.raw();
    match fate {
        Fate::Keep => out.push(raw.clone()),
        Fate::Drop => {}
        Fate::Cut(span) => out.extend([raw.slice(..span.start), raw.slice(span.end..)]),
    }
}

/// The events of one chunk on their way out.
struct Batch {
    whole: Bytes,
    /// What goes on unchanged and lies together in `whole`.
    run: Option<Range<usize>>,
    /// What goes on in a new piece.
    edited: BytesMut,
}

impl Batch {
    fn add(&mut self, fate: &Fate, event: &Event, out: &mut Vec<Bytes>) {
        let raw = event.raw();
        match fate {
            Fate::Keep => match place(&self.whole, raw) {
                Some(place) if self.edited.is_empty() => match &mut self.run {
                    Some(run) if run.end == place.start => run.end = place.end,
                    _ => {
                        self.finish(out);
                        self.run = Some(place);
                    }
                },
                _ if self.edited.is_empty() => {
                    self.finish(out);
                    out.push(raw.clone());
                }
                _ => self.edited.extend_from_slice(raw),
            },
            Fate::Drop => {}
            Fate::Cut(span) => {
                if self.edited.is_empty() {
                    self.edited.reserve(self.whole.len().max(raw.len()));
                    if let Some(run) = self.run.take() {
                        self.edited.extend_from_slice(&self.whole[run]);
                    }
                }
                self.edited.extend_from_slice(&raw[..span.start]);
                self.edited.extend_from_slice(&raw[span.end..]);
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<Bytes>) {
        out.extend(self.run.take().map(|run| self.whole.slice(run)));
        if !self.edited.is_empty() {
            out.push(self.edited.split().freeze());
        }
    }
}

/// Where `part` lies in `whole`, if it shares its memory.
fn place(whole: &Bytes, part: &Bytes) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    (start + part.len() <= whole.len()).then_some(start..start + part.len())
}

/// Where an object's text has the member `usage` as `null`, behind another one. Told without
/// parsing: inside a string the quotes would be escaped, and what follows must close the outermost
/// object.
fn trailing_null_usage(json: &[u8]) -> Option<Range<usize>> {
    let start = NULL_USAGE.rfind(json)?;
    let end = start + NULL_USAGE.needle().len();
    let mut depth = 0_u32;
    let mut at = end;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => at = string_end(json, at + 1),
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => depth -= 1,
            b'}' => {
                let rest = json[at + 1..].trim_ascii();
                return rest.is_empty().then_some(start..end);
            }
            b']' => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Azure's first event states empty texts: nothing stated.
fn note_text(slot: &mut Option<String>, raw: &str) {
    if slot.is_none() {
        *slot = string(raw).filter(|text| !text.is_empty()).map(|text| noted(&text));
    }
}

fn noted_bytes(text: &[u8]) -> String {
    // Of its characters none is longer than four bytes.
    noted(&String::from_utf8_lossy(&text[..text.len().min(1024)]))
}

fn is_empty_list(raw: &str) -> bool {
    elements(raw).is_some_and(|elements| elements.is_empty())
}

/// The elements of the array that a text is, if it is one.
fn elements(raw: &str) -> Option<Vec<&str>> {
    let (mut walk, mut elements) = (Walk::array(raw).ok()?, Vec::new());
    while let Some(element) = walk.element().ok()? {
        elements.push(element);
    }
    Some(elements)
}

/// The web searches among the items of a response's output.
pub(super) fn web_searches(output: &str) -> Option<u64> {
    let (mut walk, mut searches) = (Walk::array(output).ok()?, 0);
    while let Some(item) = walk.element().ok()? {
        searches += u64::from(json::member(item, "type") == Some(r#""web_search_call""#));
    }
    Some(searches).filter(|count| *count > 0)
}
