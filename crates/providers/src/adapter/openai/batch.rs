//! The output of a batch in OpenAI's dialect: what its lines took, summed while they pass.
//!
//! Each line is one request's answer: `custom_id`, `response` with `status_code` and `body`, and
//! `error` (OpenAI API reference, batch, "the request output object").

use memchr::memchr;
use portcullis_domain::{NanoDollars, Usage};

use super::{reply::web_searches, usage};
use crate::{
    Endpoint,
    json::{Walk, string},
    price::{self, PriceContext},
};

/// The longest line that is read, bytes. Most are of some thousands.
const MAX_LINE: usize = 8 << 20;
/// The largest `usage` that is read, bytes.
const MAX_USAGE: usize = 64 << 10;
/// The most models that are told apart. Providers allow one for each batch.
const MAX_MODELS: usize = 16;

/// Sums what the lines of one output took. Holds one line at most, however the bytes come.
pub struct BatchOutput {
    provider: &'static str,
    /// Whether the batch makes images, whose output tokens are not those of texts.
    makes_images: bool,
    /// A line whose end has not come.
    line: Vec<u8>,
    /// Whether that line is too long to be read.
    is_too_long: bool,
    /// How many have come, blank ones aside.
    lines: u64,
    taken: Vec<Taken>,
}

/// What one model took in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The model, as the provider named it. None where a line does not tell it, cannot be read, or
    /// names one model too many.
    pub model: Option<String>,
    /// All that its lines state.
    pub usage: Usage,
    /// The price of all of it, or none: when a line states no usage, or not its model, or of a
    /// model without a price.
    pub cost: Option<NanoDollars>,
    /// Which rows of the price table were used.
    pub price_origin: Option<&'static str>,
}

/// What a line tells.
struct Line<'a> {
    model: Option<String>,
    /// None where it is not stated.
    usage: Option<&'a str>,
    web_searches: Option<u64>,
}

impl BatchOutput {
    /// Of a batch at this provider whose requests were for this endpoint, if that is known.
    pub fn new(provider: &'static str, endpoint: Option<Endpoint>) -> Self {
        use Endpoint::{ImageEdit, ImageGenerate, ImageVariation};
        let makes_images = matches!(endpoint, Some(ImageGenerate | ImageEdit | ImageVariation));
        let (line, taken) = (Vec::new(), Vec::new());
        Self { provider, makes_images, line, is_too_long: false, lines: 0, taken }
    }

    /// A piece of the output, split anywhere.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = &rest[1..];
            if self.line.is_empty() && !self.is_too_long && line.len() <= MAX_LINE {
                self.read(line);
                continue;
            }
            self.hold(line);
            let whole = std::mem::take(&mut self.line);
            match std::mem::take(&mut self.is_too_long) {
                true => self.skip(),
                false => self.read(&whole),
            }
            // For the next one.
            self.line = whole;
            self.line.clear();
        }
        self.hold(bytes);
    }

    /// The regular end of the output: what each model took, in the order of their first lines. None
    /// where the last line is not whole, or fewer than `least` lines have come: the output was cut
    /// off, and nothing of it counts.
    pub fn finish(mut self, least: u64) -> Option<Vec<Taken>> {
        if self.is_too_long {
            self.skip();
        } else if !self.line.trim_ascii().is_empty() {
            let line = std::mem::take(&mut self.line);
            self.lines += 1;
            self.try_read(&line)?;
        }
        (self.lines >= least).then_some(self.taken)
    }

    /// Keeps the beginning of a line until its end has come.
    fn hold(&mut self, bytes: &[u8]) {
        if self.is_too_long || self.line.len() + bytes.len() > MAX_LINE {
            self.is_too_long = true;
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn read(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        match self.try_read(line) {
            Some(()) => self.lines += 1,
            None => self.skip(),
        }
    }

    /// A line that cannot be read. Whatever it was, it may have cost something.
    fn skip(&mut self) {
        self.lines += 1;
        self.add(None, None);
    }

    /// None when it is no such line.
    fn try_read(&mut self, line: &[u8]) -> Option<()> {
        let Some(line) = read(std::str::from_utf8(line).ok()?)? else { return Some(()) };
        let stated = line.usage.map(|raw| {
            let mut stated = usage::read(raw);
            stated.web_searches = stated.web_searches.or(line.web_searches);
            if self.makes_images && stated.output_image_tokens.is_none() {
                stated.output_image_tokens = stated.output_tokens;
            }
            stated
        });
        self.add(line.model, stated);
        Some(())
    }

    /// Adds what one request took. Prices are by the request, as those of long contexts are.
    fn add(&mut self, model: Option<String>, usage: Option<Usage>) {
        let is_known = |taken: &Taken| taken.model == model;
        let at = match self.taken.iter().position(is_known) {
            Some(at) => at,
            None if model.is_some() && self.taken.len() >= MAX_MODELS => {
                return self.add(None, usage);
            }
            None => {
                let (usage, cost) = (Usage::default(), Some(NanoDollars(0)));
                self.taken.push(Taken { model, usage, cost, price_origin: None });
                self.taken.len() - 1
            }
        };
        let taken = &mut self.taken[at];
        taken.usage.add(&usage.unwrap_or_default());
        let model = taken.model.as_deref();
        let price = model.and_then(|model| price::table().find(self.provider, model));
        let context = PriceContext { service_tier: Some("batch"), ..PriceContext::default() };
        let cost = price.zip(usage).and_then(|(price, usage)| price.cost(&usage, &context));
        taken.cost =
            taken.cost.zip(cost).map(|(sum, cost)| NanoDollars(sum.0.saturating_add(cost.0)));
        taken.price_origin = taken.cost.and(price).map(|price| price.origin());
    }
}

/// Reads a line: none when it is not one of a batch's output, and nothing in it where the provider
/// charges nothing for it.
fn read(text: &str) -> Option<Option<Line<'_>>> {
    let (mut response, mut has_error) = (None, false);
    let mut members = Walk::object(text).ok()?;
    while let Some(member) = members.member().ok()? {
        match &*member.key {
            "response" if member.value != "null" => response = Some(member.value),
            "error" => has_error = member.value != "null",
            _ => {}
        }
    }
    let Some(response) = response else { return has_error.then_some(None) };
    let (mut body, mut is_refused) = ("null", false);
    let mut members = Walk::object(response).ok()?;
    while let Some(member) = members.member().ok()? {
        match &*member.key {
            "body" => body = member.value,
            "status_code" => is_refused = !matches!(member.value.parse(), Ok(200..=299_u16)),
            _ => {}
        }
    }
    let mut line = Line { model: None, usage: None, web_searches: None };
    // A body of another form tells nothing.
    if let Ok(mut members) = Walk::object(body) {
        while let Some(member) = members.member().ok()? {
            let value = member.value;
            match &*member.key {
                "model" => line.model = string(value).map(|text| super::super::noted(&text)),
                "usage" if value != "null" && value.len() <= MAX_USAGE => line.usage = Some(value),
                "output" => line.web_searches = web_searches(value),
                _ => {}
            }
        }
    }
    line.model = line.model.filter(|model| !model.is_empty());
    // An error is not charged for, unless it states what it took.
    let is_free = is_refused && line.usage.is_none();
    Some((!is_free).then_some(line))
}

#[cfg(test)]
mod tests {
    use portcullis_domain::{NanoDollars, Usage};
    use serde_json::{Value, json};

    use super::{BatchOutput, MAX_LINE, MAX_MODELS, Taken};
    use crate::{Endpoint, price};

    fn line(body: Value) -> String {
        let response = json!({"status_code": 200, "request_id": "r", "body": body});
        let line = json!({"id": "b", "custom_id": "c", "response": response, "error": null});
        format!("{line}\n")
    }

    fn chat(model: &str, input: u64, output: u64) -> String {
        let usage = json!({"prompt_tokens": input, "completion_tokens": output});
        line(json!({"id": "x", "model": model, "usage": usage}))
    }

    fn taken(output: &str) -> Option<Vec<Taken>> {
        let mut batch = BatchOutput::new("openai", None);
        batch.push(output.as_bytes());
        batch.finish(0)
    }

    fn tokens(input: u64, output: u64) -> Usage {
        Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() }
    }

    fn of(model: Option<&str>, usage: Usage, cost: Option<i64>) -> Taken {
        let price_origin =
            cost.and_then(|_| price::table().find("openai", model?).map(|price| price.origin()));
        let (model, cost) = (model.map(str::to_owned), cost.map(NanoDollars));
        Taken { model, usage, cost, price_origin }
    }

    #[test]
    fn each_model_is_charged_at_half_its_price_however_the_bytes_come() {
        let output = [
            chat("gpt-4o", 1000, 100),
            chat("gpt-4o-mini", 10, 0),
            "\r\n".to_owned(),
            chat("gpt-4o", 1000, 100),
        ]
        .concat();
        // Dollars per million: gpt-4o 1.25 and 5 in batches, gpt-4o-mini 0.075.
        let expected = vec![
            of(Some("gpt-4o"), tokens(2000, 200), Some(3_500_000)),
            of(Some("gpt-4o-mini"), tokens(10, 0), Some(750)),
        ];
        for end in [output.len(), output.len() - 1] {
            for at in 0..end {
                let mut batch = BatchOutput::new("openai", None);
                batch.push(&output.as_bytes()[..at]);
                batch.push(&output.as_bytes()[at..end]);
                assert_eq!(batch.finish(0).as_ref(), Some(&expected), "{at}");
            }
        }
        let mut batch = BatchOutput::new("openai", None);
        output.bytes().for_each(|byte| batch.push(&[byte]));
        assert_eq!(batch.finish(0), Some(expected));
    }

    #[test]
    fn an_output_that_was_cut_off_counts_for_nothing() {
        let output = [chat("gpt-4o", 1, 1), chat("gpt-4o", 1, 1)].concat();
        let second = output.find('\n').unwrap() + 1;
        for end in 0..output.len() {
            // Between two lines, only the connection's own framing shows it.
            let is_whole = [0, second - 1, second, output.len() - 1].contains(&end);
            assert_eq!(taken(&output[..end]).is_some(), is_whole, "{end}");
        }
        assert_eq!(taken(""), Some(Vec::new()));
    }

    #[test]
    fn an_output_of_too_few_lines_counts_for_nothing() {
        let long = "x".repeat(MAX_LINE + 1);
        let one = chat("gpt-4o", 1, 1);
        let failed = json!({"custom_id": "c", "response": null, "error": {"code": "e"}});
        for (output, lines) in [
            ("", 0),
            ("\n \r\n", 0),
            (&*one, 1),
            (one.trim_end(), 1),
            (&format!("{one}\n{one}"), 2),
            (&format!("nonsense\n{failed}\n{failed}"), 3),
            (&format!("{long}\n{one}"), 2),
            (&format!("{one}{long}"), 2),
        ] {
            let found = |least: u64| {
                let mut batch = BatchOutput::new("openai", None);
                batch.push(output.as_bytes());
                batch.finish(least).is_some()
            };
            assert!(found(lines) && !found(lines + 1), "{lines}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_free() {
        let mini = |more: &str| taken(&(chat("gpt-4o-mini", 10, 0) + more)).unwrap();
        let known = of(Some("gpt-4o-mini"), tokens(10, 0), Some(750));
        // Without usage.
        let silent = line(json!({"model": "gpt-4o-mini"}));
        assert_eq!(mini(&silent), [of(Some("gpt-4o-mini"), tokens(10, 0), None)]);
        let nothing = line(json!({"model": "gpt-4o-mini", "usage": {}}));
        assert_eq!(mini(&nothing), [of(Some("gpt-4o-mini"), tokens(10, 0), None)]);
        // Without a price.
        let strange = mini(&chat("unheard-of", 5, 5));
        assert_eq!(strange, [known.clone(), of(Some("unheard-of"), tokens(5, 5), None)]);
        // Without a model.
        let nameless = mini(&line(json!({"usage": {"prompt_tokens": 3}})));
        let three = Usage { input_tokens: Some(3), ..Usage::default() };
        assert_eq!(nameless, [known.clone(), of(None, three, None)]);
        // Nothing that anybody can read.
        for garbage in ["nonsense\n", "[1]\n", "{}\n", "{\"response\":1}\n", "\u{0}\n"] {
            let more = format!("{garbage}{}", chat("gpt-4o-mini", 0, 0));
            let found = mini(&more);
            assert_eq!(found, [known.clone(), of(None, Usage::default(), None)], "{garbage}");
        }
    }

    #[test]
    fn what_failed_costs_nothing_unless_it_says_so() {
        let refused = |body: Value| {
            let response = json!({"status_code": 400, "body": body});
            format!("{}\n", json!({"custom_id": "c", "response": response, "error": null}))
        };
        let error = json!({"error": {"message": "no"}});
        let expired = json!({"custom_id": "c", "response": null, "error": {"code": "expired"}});
        let lines = [
            refused(error),
            format!("{expired}\n"),
            chat("gpt-4o-mini", 10, 0),
            refused(json!({"model": "gpt-4o-mini", "usage": {"prompt_tokens": 10}})),
        ];
        let expected = of(Some("gpt-4o-mini"), tokens(20, 0), Some(1500));
        assert_eq!(taken(&lines.concat()), Some(vec![expected]));
        assert_eq!(taken(&lines[..2].concat()), Some(Vec::new()));
    }

    #[test]
    fn responses_embeddings_and_images_are_charged_as_their_kind() {
        let usage = json!({"input_tokens": 1000, "output_tokens": 100,
            "input_tokens_details": {"cached_tokens": 400}});
        let output = json!([{"type": "web_search_call"}, {"type": "message"}]);
        let response = line(json!({"model": "gpt-4o", "output": output, "usage": usage}));
        let found = taken(&response).unwrap();
        assert_eq!(
            (found[0].usage.web_searches, found[0].usage.cache_read_tokens),
            (Some(1), Some(400))
        );
        let embedded = line(json!({"model": "text-embedding-3-small",
            "usage": {"prompt_tokens": 1_000_000, "total_tokens": 1_000_000}}));
        assert_eq!(taken(&embedded).unwrap()[0].cost, Some(NanoDollars(10_000_000)));
        let mut batch = BatchOutput::new("openai", Some(Endpoint::ImageGenerate));
        batch.push(
            line(json!({"model": "gpt-image-1", "usage": {"input_tokens": 1, "output_tokens": 7}}))
                .as_bytes(),
        );
        assert_eq!(batch.finish(0).unwrap()[0].usage.output_image_tokens, Some(7));
    }

    #[test]
    fn a_long_context_is_one_requests_own() {
        // Above 200,000 tokens the price doubles; two halves of such a context do not reach it.
        let usage = |n: u64| json!({"prompt_tokens": n, "completion_tokens": 0});
        let cost = |lines: &[u64]| {
            let mut batch = BatchOutput::new("google", None);
            for n in lines {
                let body = json!({"model": "gemini-2.5-pro", "usage": usage(*n)});
                batch.push(line(body).as_bytes());
            }
            batch.finish(0).unwrap()[0].cost.unwrap().0
        };
        assert_eq!(cost(&[150_000, 150_000]) * 2, cost(&[300_000]));
    }

    #[test]
    fn neither_lines_nor_models_fill_the_memory() {
        let mut batch = BatchOutput::new("openai", None);
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..(MAX_LINE >> 20) + 2 {
            batch.push(&piece);
            assert!(batch.line.capacity() <= 2 * MAX_LINE);
        }
        assert_eq!(batch.line.capacity(), 0);
        batch.push(format!("\n{}", chat("gpt-4o-mini", 10, 0)).as_bytes());
        for n in 0..2 * MAX_MODELS {
            batch.push(chat(&format!("m{n}"), 1, 0).as_bytes());
        }
        let found = batch.finish(0).unwrap();
        assert_eq!(found.len(), MAX_MODELS);
        assert_eq!((&found[0].model, found[0].cost), (&None, None));
        assert_eq!(found[1].cost, Some(NanoDollars(750)));
        let all: u64 = found.iter().filter_map(|taken| taken.usage.input_tokens).sum();
        assert_eq!(all, 10 + 2 * MAX_MODELS as u64);
    }
}
