//! Trying the same target again, where the caller asks for it (data-plane reference §6).

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, Request, Response, StatusCode, header::RETRY_AFTER};
use portcullis_domain::{Clock, Fault, FaultKind, Retry, Timestamp};
use portcullis_runtime::egress::OutboundBody;
use serde_json::Value;

use crate::{client_headers::ClientHeaders, header, stage::inline_config::snake_case};

/// The most retries that a call may ask for.
const MOST: u8 = 5;
/// The most statuses that a rule may list.
const MOST_STATUSES: usize = 64;
/// A provider that asks to wait for so long, at once or in sum, is not tried again.
const TOO_LONG: Duration = Duration::from_secs(60);
/// The statuses after which a call is tried again, unless its rule lists others.
const PASSING: &[u16] = &[429, 500, 502, 503, 504, 529];

/// When a call's target is tried again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    attempts: u8,
    /// In place of [`PASSING`].
    statuses: Option<Vec<u16>>,
    /// Whether a provider with too much to do says how long to wait.
    heeds_retry_after: bool,
}

/// What the call asks for: its config's rule as a whole, else as many retries as the header says.
pub(crate) fn asked(headers: &ClientHeaders, config: Option<Rule>) -> Result<Rule, Fault> {
    if !headers.contains_key(&header::RETRY_COUNT) {
        return Ok(config.unwrap_or_default());
    }
    let count = header::text(headers, header::RETRY_COUNT).and_then(|text| text.parse().ok());
    let attempts = count.filter(|count| *count <= MOST).ok_or_else(|| {
        let text = format!("x-portkey-retry-count must be a whole number from 0 to {MOST}");
        Fault::client(FaultKind::BadRequest, text)
    })?;
    Ok(config.unwrap_or(Rule { attempts, ..Rule::default() }))
}

impl Rule {
    /// Reads a config's `retry`; fails with what is wrong about it. Members that nobody knows are
    /// passed over.
    pub(crate) fn read(retry: &Value) -> Result<Self, String> {
        let members = retry.as_object().ok_or("'retry' must be an object")?;
        let mut rule = Self::default();
        let mut attempts = None;
        for (key, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            match &*snake_case(key) {
                "attempts" => attempts = Some(value),
                "on_status_codes" => {
                    let listed = value.as_array().filter(|list| list.len() <= MOST_STATUSES);
                    let statuses = listed.and_then(|list| list.iter().map(status).collect());
                    rule.statuses = Some(statuses.ok_or_else(|| {
                        format!(
                            "'retry.on_status_codes' must be a list of at most {MOST_STATUSES} \
                             statuses from 100 to 599"
                        )
                    })?);
                }
                "use_retry_after_header" | "use_retry_after_headers" => {
                    let text = "'retry.use_retry_after_header' must be true or false";
                    rule.heeds_retry_after = value.as_bool().ok_or(text)?;
                }
                _ => {}
            }
        }
        let attempts = attempts.and_then(Value::as_u64).and_then(|count| u8::try_from(count).ok());
        rule.attempts = attempts.filter(|count| *count <= MOST).ok_or_else(|| {
            format!("'retry.attempts' must be there, a whole number from 0 to {MOST}")
        })?;
        Ok(rule)
    }

    /// Whether the same target may do better next time. Never when something of the request may
    /// have been done without an answer, unless the rule lists 408 for one that came too late.
    fn allows<B>(&self, outcome: &Result<Response<B>, Fault>) -> bool {
        let lists = |status| self.statuses.as_deref().unwrap_or(PASSING).contains(&status);
        match outcome {
            // What was achieved was achieved, whatever is listed.
            Ok(response) => !response.status().is_success() && lists(response.status().as_u16()),
            Err(fault) => {
                let may_pass = fault.retry == Retry::SameTarget;
                (may_pass || fault.kind == FaultKind::UpstreamTimeout) && lists(fault.kind.status())
            }
        }
    }
}

fn status(value: &Value) -> Option<u16> {
    u16::try_from(value.as_u64()?).ok().filter(|status| (100..600).contains(status))
}

/// The retries that one request has left.
pub(crate) struct Retries<'a> {
    rule: &'a Rule,
    left: u8,
    waited: Duration,
    /// What to send again. In a box: hardly any call has one.
    request: Option<Box<Request<OutboundBody>>>,
}

/// What is to be done after an outcome.
pub(crate) enum Next {
    /// It stands.
    Stand,
    /// It stands, because the provider asks to wait for too long.
    GiveUp,
    /// This is to be sent, after so long.
    Again(Box<Request<OutboundBody>>, Duration),
}

impl<'a> Retries<'a> {
    /// Those of a rule, after `made` others, and none where the body streams by: it cannot be sent
    /// twice.
    pub(crate) fn new(rule: &'a Rule, made: u8, request: &Request<OutboundBody>) -> Self {
        let left = rule.attempts.saturating_sub(made);
        let request = if left == 0 { None } else { copy(request) };
        Self { rule, left, waited: Duration::ZERO, request }
    }

    /// What is to be done after this outcome. `wait` is how long to wait unless the provider's own
    /// word counts.
    pub(crate) fn next<B>(
        &mut self,
        outcome: &Result<Response<B>, Fault>,
        mut wait: Duration,
        clock: &dyn Clock,
    ) -> Next {
        let Some(request) = self.request.take().filter(|_| self.rule.allows(outcome)) else {
            return Next::Stand;
        };
        if self.rule.heeds_retry_after
            && let Ok(response) = outcome
            && response.status() == StatusCode::TOO_MANY_REQUESTS
            && let Some(asked) = retry_after(response.headers(), clock.now())
        {
            if asked >= TOO_LONG || self.waited + asked > TOO_LONG {
                return Next::GiveUp;
            }
            wait = asked;
        }
        self.left -= 1;
        self.waited += wait;
        if self.left > 0 {
            self.request = copy(&request);
        }
        Next::Again(request, wait)
    }
}

/// How long a provider asks to wait: in milliseconds, in seconds, or until a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let read = |text: &str, unit: f64| {
        let count = text.parse::<f64>().ok().filter(|count| count.is_finite() && *count >= 0.0)?;
        Some(Duration::try_from_secs_f64(count * unit).unwrap_or(Duration::MAX))
    };
    let millis = |name| text(name).and_then(|text| read(text, 0.001));
    let until = |text| {
        let date = httpdate::parse_http_date(text).ok()?;
        let micros = u64::try_from(now.micros()).ok()?;
        Some(date.duration_since(UNIX_EPOCH + Duration::from_micros(micros)).unwrap_or_default())
    };
    let seconds = || {
        let text = text(RETRY_AFTER.as_str())?;
        read(text, 1.0).or_else(|| until(text))
    };
    millis("retry-after-ms").or_else(|| millis("x-ms-retry-after-ms")).or_else(seconds)
}

/// How long to wait before the retry after `made` others: 1, 2, 4, 8 and 16 times the first wait.
pub(crate) fn wait(first: Duration, made: u8) -> Duration {
    first * (1 << made.min(MOST))
}

fn copy(request: &Request<OutboundBody>) -> Option<Box<Request<OutboundBody>>> {
    let body = match request.body() {
        OutboundBody::Empty => OutboundBody::Empty,
        OutboundBody::Full(bytes) => OutboundBody::Full(bytes.clone()),
        OutboundBody::Stream(_) => return None,
    };
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(Box::new(copy))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderName, Response};
    use portcullis_domain::{Fault, FaultKind, Retry, Timestamp};
    use serde_json::{Value, json};

    use super::{Rule, retry_after, wait};

    #[test]
    fn each_wait_is_twice_as_long() {
        let waits = [0, 1, 2, 3, 4].map(|made| wait(Duration::from_secs(1), made).as_secs());
        assert_eq!(waits, [1, 2, 4, 8, 16]);
    }

    fn passing(rule: &Rule) -> Vec<u16> {
        let answers = |code: &u16| {
            rule.allows(&Ok::<_, Fault>(Response::builder().status(*code).body(()).unwrap()))
        };
        (100..600).filter(answers).collect()
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert_eq!(passing(&Rule::default()), [429, 500, 502, 503, 504, 529]);
        let listed = json!({"attempts": 1, "onStatusCodes": [200, 246, 404, 408]});
        assert_eq!(passing(&Rule::read(&listed).unwrap()), [404, 408]);
    }

    #[test]
    fn a_fault_is_tried_again_as_its_status_says() {
        use FaultKind::{UpstreamBroken, UpstreamTimeout, UpstreamUnreachable};
        let fails = |rule: &Rule, kind, retry| {
            rule.allows(&Err::<Response<()>, _>(Fault::upstream(kind, retry, "")))
        };
        let default = Rule::default();
        assert!(fails(&default, UpstreamUnreachable, Retry::SameTarget));
        assert!(!fails(&default, UpstreamTimeout, Retry::NextTarget));
        assert!(!fails(&default, UpstreamBroken, Retry::NextTarget));
        let listed = json!({"attempts": 1, "on_status_codes": [408, 502]});
        let listed = Rule::read(&listed).unwrap();
        assert!(!fails(&listed, UpstreamUnreachable, Retry::SameTarget));
        assert!(fails(&listed, UpstreamTimeout, Retry::NextTarget));
        assert!(!fails(&listed, UpstreamBroken, Retry::NextTarget));
    }

    #[test]
    fn a_rule_is_read_whole_or_refused() {
        let rule = |attempts, statuses: Option<&[u16]>, heeds_retry_after| {
            Ok(Rule { attempts, statuses: statuses.map(<[u16]>::to_vec), heeds_retry_after })
        };
        let many: Vec<u16> = (400..464).collect();
        for (json, expected) in [
            (json!({"attempts": 0}), rule(0, None, false)),
            (json!({"attempts": 5, "invented": 1, "onStatusCodes": null}), rule(5, None, false)),
            (json!({"attempts": 1, "on_status_codes": many}), rule(1, Some(&many), false)),
            (json!({"attempts": 1, "on_status_codes": []}), rule(1, Some(&[]), false)),
            (json!({"attempts": 2, "use_retry_after_header": true}), rule(2, None, true)),
            (json!({"attempts": 2, "useRetryAfterHeaders": true}), rule(2, None, true)),
        ] {
            assert_eq!(Rule::read(&json), expected, "{json}");
        }
        for (member, wrong) in [
            ("attempts", json!(6)),
            ("attempts", json!(-1)),
            ("attempts", json!(1.5)),
            ("attempts", json!("2")),
            ("attempts", Value::Null),
            ("on_status_codes", json!([99])),
            ("on_status_codes", json!([600])),
            ("on_status_codes", json!(["429"])),
            ("on_status_codes", json!(429)),
            ("on_status_codes", json!(vec![429; 65])),
            ("use_retry_after_header", json!("true")),
        ] {
            let mut retry = json!({"attempts": 1});
            retry[member] = wrong;
            let message = Rule::read(&retry).unwrap_err();
            assert!(message.starts_with(&format!("'retry.{member}' must")), "{message}");
        }
        assert_eq!(Rule::read(&json!(3)), Err("'retry' must be an object".to_owned()));
    }

    #[test]
    fn a_provider_says_how_long_to_wait() {
        // Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110.
        let now = Timestamp::from_micros(784_111_777_000_000);
        let read = |pairs: &[(&'static str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
            retry_after(&HeaderMap::from_iter(pairs), now).map(|wait| wait.as_millis())
        };
        assert_eq!(read(&[("retry-after", "2"), ("retry-after-ms", "1500")]), Some(1500));
        assert_eq!(read(&[("retry-after", "2"), ("x-ms-retry-after-ms", "70")]), Some(70));
        assert_eq!(read(&[("retry-after", "2"), ("retry-after-ms", "soon")]), Some(2000));
        assert_eq!(read(&[("retry-after", "0.5")]), Some(500));
        assert_eq!(read(&[("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT")]), Some(3000));
        assert_eq!(read(&[("retry-after", "Sun, 06 Nov 1994 08:49:30 GMT")]), Some(0));
        assert_eq!(read(&[("retry-after", "1e300")]), Some(Duration::MAX.as_millis()));
        for unread in ["-1", "NaN", "inf", "soon", ""] {
            assert_eq!(read(&[("retry-after", unread)]), None, "{unread}");
        }
        assert_eq!(read(&[]), None);
    }
}
