//! The story: each section calls the instance as a client would, and tells what it saw. A fact that
//! is not as it should be ends the story as a failure: nothing is told that was not checked.

use std::time::{Duration, Instant};

use http::Method;
use portcullis_domain::Secret;
use serde_json::{Value, json};

use crate::{
    demo::{
        Page, Stage,
        client::{Answer, Call},
        events::Events,
        figures::{counted, log_head, log_row, median, millis},
        provider::{BUSY, SLOW},
        search::{Found, search},
    },
    failure::Failure,
};

const PROMPT: &str = "Summarise the merger with Halcyon Freight, which nobody may hear of.";
const UNKEPT_PROMPT: &str = "The patient in room 12 asks for stronger painkillers.";
/// How many calls the comparison makes in each direction.
const ROUNDS: usize = 40;
/// A revocation that takes longer is broken.
const REVOCATION_LIMIT: Duration = Duration::from_secs(1);

/// Tells the whole story.
pub(crate) async fn tell(stage: &Stage, page: &mut Page) -> Result<(), Failure> {
    let mut teller = Teller { stage, page };
    teller.introduce()?;
    teller.calls().await?;
    teller.refusals().await?;
    teller.log().await?;
    teller.disk().await?;
    teller.speed().await?;
    teller.revocation().await
}

struct Teller<'a> {
    stage: &'a Stage,
    page: &'a mut Page,
}

/// A data-plane call of the story.
struct Ask<'a> {
    key: &'a Secret<String>,
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: Value,
}

impl Teller<'_> {
    fn introduce(&mut self) -> Result<(), Failure> {
        let stage = self.stage;
        self.page.paragraph(concat!(
            "Portcullis ",
            env!("CARGO_PKG_VERSION"),
            ", a demonstration: a complete instance on this machine, called over HTTP as your \
             applications would call it. Only the provider is simulated."
        ))?;
        self.page.section("1. An instance")?;
        if let Some(taken) = stage.taken {
            let text = format!("{taken} is taken, so a free port was picked");
            self.page.field("note", &text)?;
        }
        self.page.field("listens on", &stage.url(""))?;
        let set_up = millis(stage.set_up_in);
        let text = format!("{}, removed at the end", stage.data_dir.display());
        self.page.field("data", &text)?;
        let text = format!("all that follows in this section was made in {set_up}");
        self.page.field("made", &text)?;
        let text = format!(
            "Demo, with the workspace {} and its environments production, staging and development",
            stage.workspace
        );
        self.page.field("organisation", &text)?;
        let text =
            format!("simulated, at {}; it takes one credential only", stage.provider.address());
        self.page.field("provider", &text)?;
        self.page.field(
            "virtual keys",
            "@openai-demo and @anthropic-demo: the credential, sealed; clients know the name only",
        )?;
        self.page.field(
            "API keys",
            "application (completions.write), auditor (logs.view), short-lived (expires in 0.4 s)",
        )?;
        Ok(())
    }

    async fn calls(&mut self) -> Result<(), Failure> {
        let application = &self.stage.application;
        self.page.section("2. Calls")?;

        self.page.item("A chat completion, by a virtual key")?;
        let headers = [("x-portkey-virtual-key", "openai-demo")];
        self.answered(
            "chat",
            Ask {
                key: application,
                path: "/v1/chat/completions",
                headers: &headers,
                body: chat("gpt-4o-mini", PROMPT),
            },
            "openai",
        )
        .await?;

        self.page.item("The same form, answered by Anthropic: translated there and back")?;
        self.answered(
            "translated",
            Ask {
                key: application,
                path: "/v1/chat/completions",
                headers: &[],
                body: chat("@anthropic-demo/claude-sonnet-4-5", "Is the gate open?"),
            },
            "anthropic",
        )
        .await?;

        self.page.item("A stream, as it comes")?;
        self.streamed().await?;

        self.page.item("Embeddings, with content switched off")?;
        let headers = [("x-portkey-provider", "@openai-demo"), ("x-portkey-debug", "false")];
        let log = self
            .answered(
                "unkept",
                Ask {
                    key: application,
                    path: "/v1/embeddings",
                    headers: &headers,
                    body: json!({"model": "text-embedding-3-small", "input": UNKEPT_PROMPT}),
                },
                "openai",
            )
            .await?;
        must(log["stored_content"] == "none", "content was kept although it was switched off")?;
        self.page.field("kept", "counts, times and cost; neither text nor answer")?;

        self.page.item("A provider that is overloaded: its own answer reaches the client")?;
        let answer = self
            .ask(
                "overloaded",
                &Ask {
                    key: application,
                    path: "/v1/chat/completions",
                    headers: &[],
                    body: chat(&format!("@openai-demo/{BUSY}"), "Anybody there?"),
                },
            )
            .await?;
        self.page.field("answered", &format!("{}: {}", answer.status, answer.message()))?;
        must(answer.status == 429, "the provider's refusal did not arrive")?;

        self.page.item("A provider that is slow, and a client that waits 200 ms only")?;
        let headers = [("x-portkey-request-timeout", "200")];
        let answer = self
            .ask(
                "slow",
                &Ask {
                    key: application,
                    path: "/v1/chat/completions",
                    headers: &headers,
                    body: chat(&format!("@openai-demo/{SLOW}"), "Take your time."),
                },
            )
            .await?;
        let took = millis(answer.took);
        let text = format!("{} after {took}: {}", answer.status, answer.message());
        self.page.field("answered", &text)?;
        must(answer.status == 408, "the time limit was not kept")
    }

    async fn streamed(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        let mut body = chat("@openai-demo/gpt-4o-mini", "Say something while I watch.");
        body["stream"] = Value::from(true);
        self.page
            .field("asked", "POST /v1/chat/completions for @openai-demo/gpt-4o-mini, streamed")?;
        let trace = [("x-portkey-trace-id", "demo-streamed")];
        let call = Call {
            method: Method::POST,
            url: self.stage.url("/v1/chat/completions"),
            key: self.stage.application.danger_expose(),
            headers: &trace,
            body: Some(body),
        };
        let mut response = self.stage.client.open(call).await?;
        must(response.status() == 200, "the stream was refused")?;
        self.page.begin("streamed")?;
        let mut events = Events::default();
        let mut first = None;
        while let Some(text) = events.next(response.body_mut()).await? {
            first.get_or_insert_with(|| start.elapsed());
            self.page.piece(&text)?;
        }
        self.page.end()?;
        let (first, last) = (millis(first.unwrap_or_default()), millis(start.elapsed()));
        let text = format!("200 from openai, first words after {first}, the last after {last}");
        self.page.field("answered", &text)?;
        let log = self.log_of("demo-streamed").await?;
        self.page.field("counted", &counted(&log)?)?;
        Ok(())
    }

    async fn refusals(&mut self) -> Result<(), Failure> {
        self.page.section("3. Refusals")?;
        let stage = self.stage;
        let application = &stage.application;
        let before = stage.provider.served();

        let mut typo = application.danger_expose().clone();
        let last = if typo.ends_with('0') { "1" } else { "0" };
        typo.replace_range(typo.len() - 1.., last);
        let typo = Secret::new(typo);
        let plain = chat("@openai-demo/gpt-4o-mini", "Let me in.");
        self.refused("a key with a typo", &typo, &[], plain.clone(), 401).await?;
        stage.until_expired().await;
        let expired = &stage.short_lived;
        self.refused("a key that has expired", expired, &[], plain.clone(), 401).await?;
        self.refused("a key that may only read logs", &stage.auditor, &[], plain, 403).await?;
        let unknown = chat("@opnai-demo/gpt-4o-mini", "Let me in.");
        self.refused("a virtual key that nobody has", application, &[], unknown, 400).await?;
        for (what, host) in [
            ("a custom host inside the network", "http://10.0.0.8/v1"),
            ("the same, written as a number", "http://0x0a000008/v1"),
            ("the cloud's metadata service", "http://169.254.169.254/v1"),
        ] {
            let headers = [("x-portkey-provider", "openai"), ("x-portkey-custom-host", host)];
            let body = chat("gpt-4o-mini", "Let me in.");
            self.refused(what, application, &headers, body, 400).await?;
        }
        let headers = [("x-portkey-custom-host", "https://collector.example/v1")];
        let body = chat("@openai-demo/gpt-4o-mini", "Let me in.");
        let what = "a host of the caller's choice for a stored credential";
        self.refused(what, application, &headers, body, 400).await?;

        let call = Call {
            method: Method::GET,
            url: stage.url("/v1/virtual-keys"),
            key: application.danger_expose(),
            headers: &[],
            body: None,
        };
        let answer = stage.client.send(call).await?;
        self.tell_refusal("an application that lists virtual keys", &answer, 403)?;
        must(stage.provider.served() == before, "a refused call reached the provider")?;
        self.page.note("None of these calls reached the provider; it keeps count.")?;
        Ok(())
    }

    async fn log(&mut self) -> Result<(), Failure> {
        self.page.section("4. The log")?;
        self.stage.node.flush().await?;
        let list = self.stage.admin(Method::GET, "/v1/logs?limit=50", None).await?;
        let mut rows: Vec<&Value> = list.body["data"].as_array().into_iter().flatten().collect();
        rows.reverse();
        self.page.verbatim(&log_head())?;
        for row in &rows {
            self.page.verbatim(&log_row(row))?;
        }
        self.page.note(
            "Every call that came past the door is here, once, refused ones too. The 401s and the 403 \
             were turned away at the door, before anything of them was read.",
        )?;

        self.page.item("Who may read what was said")?;
        let log = self.log_of("demo-chat").await?;
        let id = log["id"].as_str().unwrap_or_default();
        let seen = self.content(id, &self.stage.auditor).await?;
        must(seen.as_deref() == Some(PROMPT), "the sealed content did not open")?;
        self.page.field("auditor", &format!("\"{PROMPT}\""))?;
        let seen = self.content(id, &self.stage.application).await?;
        must(seen.is_none(), "content was shown without logs.view")?;
        self.page.field("application", "the same log, without content: it lacks logs.view")?;
        Ok(())
    }

    async fn disk(&mut self) -> Result<(), Failure> {
        self.page.section("5. The disk")?;
        let stage = self.stage;
        let key = stage.application.danger_expose();
        let secrets = [
            ("credential", "the provider's", stage.credential.danger_expose().as_str()),
            ("API key", "the application's", key.as_str()),
            ("prompt", "of the first call", PROMPT),
            ("prompt", "that was not kept", UNKEPT_PROMPT),
        ];
        let mut read = Found::default();
        for (name, whose, text) in secrets {
            read = search(&stage.data_dir, text)?;
            must(read.hits == 0, "a secret lies in the data directory in the clear")?;
            self.page.field(name, &format!("{whose}: nowhere"))?;
        }
        let text = format!(
            "every byte of {} files, {} KiB, for each of them: plain, hexadecimal, base64",
            read.files,
            read.bytes >> 10
        );
        self.page.field("read", &text)?;
        let found = search(&stage.data_dir, "openai-demo")?;
        must(found.hits > 0, "the search finds nothing at all")?;
        let text = format!(
            "the search does find things: the virtual key's name, no secret, is in {} files",
            found.hits
        );
        self.page.field("proof", &text)?;
        Ok(())
    }

    async fn speed(&mut self) -> Result<(), Failure> {
        self.page.section("6. What passing the gate takes")?;
        let stage = self.stage;
        let (direct, gated) = (stage.provider.base_url(), stage.url("/v1"));
        let (mut without, mut with) = (Vec::new(), Vec::new());
        // The first round opens the connections; it does not count.
        for round in 0..=ROUNDS {
            let straight = timed(stage, &direct, &stage.credential, "gpt-4o-mini").await?;
            let model = "@openai-demo/gpt-4o-mini";
            let through = timed(stage, &gated, &stage.application, model).await?;
            if round > 0 {
                without.push(straight);
                with.push(through);
            }
        }
        let (without, with) = (median(without), median(with));
        let text = format!(
            "{} straight to the provider, {} through the gate, which identified, unsealed, sent, \
             counted, priced, sealed and recorded (medians of {ROUNDS} calls, one at a time)",
            millis(without),
            millis(with)
        );
        self.page.field("took", &text)?;
        let added = millis(with.saturating_sub(without));
        self.page.field("added", &added)?;
        if cfg!(debug_assertions) {
            self.page.field("note", "an unoptimised build; run it with --release")?;
        }
        Ok(())
    }

    async fn revocation(&mut self) -> Result<(), Failure> {
        self.page.section("7. A key is revoked")?;
        let stage = self.stage;
        let scopes = json!(["completions.write"]);
        let leaver = stage.key("leaver", "production", &scopes, None).await?;
        let ask = Ask {
            key: &leaver.token,
            path: "/v1/chat/completions",
            headers: &[],
            body: chat("@openai-demo/gpt-4o-mini", "Still here?"),
        };
        let answer = self.send("revoked", &ask).await?;
        must(answer.status == 200, "a good key was refused")?;
        self.page.field("before", "200")?;
        let start = Instant::now();
        stage.admin(Method::DELETE, &format!("/v1/api-keys/{}", leaver.id), None).await?;
        let answer = loop {
            let answer = self.send("revoked", &ask).await?;
            if answer.status != 200 {
                break answer;
            }
            must(start.elapsed() < REVOCATION_LIMIT, "a deleted key still works")?;
        };
        let text =
            format!("{}, {} after the deletion was sent", answer.status, millis(start.elapsed()));
        self.page.field("after", &text)?;
        must(answer.status == 401, "a deleted key was refused for another reason")
    }

    /// Makes a call that must succeed and tells what was counted.
    async fn answered(
        &mut self,
        trace: &str,
        ask: Ask<'_>,
        provider: &str,
    ) -> Result<Value, Failure> {
        let answer = self.ask(trace, &ask).await?.expect_success(ask.path)?;
        must(answer.header("x-portkey-provider") == provider, "another provider answered")?;
        let log = self.log_of(&format!("demo-{trace}")).await?;
        let added = log["timings"]["gateway"].as_u64().unwrap_or_default();
        let text = format!(
            "{} from {provider} in {}, of which {} were ours",
            answer.status,
            millis(answer.took),
            millis(Duration::from_micros(added))
        );
        self.page.field("answered", &text)?;
        self.page.field("counted", &counted(&log)?)?;
        if let Some(text) = answer.body["choices"][0]["message"]["content"].as_str() {
            self.page.field("said", &format!("\"{text}\""))?;
        }
        Ok(log)
    }

    /// Makes a call that must be refused.
    async fn refused(
        &mut self,
        what: &str,
        key: &Secret<String>,
        headers: &[(&str, &str)],
        body: Value,
        status: u16,
    ) -> Result<(), Failure> {
        let ask = Ask { key, path: "/v1/chat/completions", headers, body };
        let answer = self.send("refused", &ask).await?;
        self.tell_refusal(what, &answer, status)
    }

    fn tell_refusal(&mut self, what: &str, answer: &Answer, status: u16) -> Result<(), Failure> {
        let text = format!("{what}: \"{}\"", answer.message());
        self.page.field(&answer.status.to_string(), &text)?;
        must(answer.status == status, &format!("{what}: {status} was expected"))
    }

    /// Tells what is asked, and asks.
    async fn ask(&mut self, trace: &str, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let model = ask.body["model"].as_str().unwrap_or_default();
        let mut text = format!("POST {} for {model}", ask.path);
        for (name, value) in ask.headers {
            text.push_str(&format!(", {name}: {value}"));
        }
        self.page.field("asked", &text)?;
        self.send(trace, ask).await
    }

    async fn send(&self, trace: &str, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let trace = format!("demo-{trace}");
        let mut headers = ask.headers.to_vec();
        headers.push(("x-portkey-trace-id", &trace));
        let call = Call {
            method: Method::POST,
            url: self.stage.url(ask.path),
            key: ask.key.danger_expose(),
            headers: &headers,
            body: Some(ask.body.clone()),
        };
        self.stage.client.send(call).await
    }

    /// The one log of a trace.
    async fn log_of(&self, trace: &str) -> Result<Value, Failure> {
        let path = format!("/v1/logs?trace_id={trace}");
        let mut tries = 0;
        // A call is settled once its client has the answer, which may be a moment after we have.
        let mut list = loop {
            self.stage.node.flush().await?;
            let list = self.stage.admin(Method::GET, &path, None).await?;
            tries += 1;
            if list.body["total"] != 0 || tries == 100 {
                break list;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        must(list.body["total"] == 1, "a call was not recorded exactly once")?;
        Ok(list.body["data"][0].take())
    }

    /// What the client said in a call, as far as this key may see it.
    async fn content(&self, id: &str, key: &Secret<String>) -> Result<Option<String>, Failure> {
        let call = Call {
            method: Method::GET,
            url: self.stage.url(&format!("/v1/logs/{id}")),
            key: key.danger_expose(),
            headers: &[],
            body: None,
        };
        let answer = self.stage.client.send(call).await?.expect_success("a log")?;
        let said = &answer.body["request"]["body"]["messages"][0]["content"];
        Ok(said.as_str().map(str::to_owned))
    }
}

fn chat(model: &str, prompt: &str) -> Value {
    // Anthropic wants a bound; the others take one.
    let messages = json!([{"role": "user", "content": prompt}]);
    json!({"model": model, "max_tokens": 100, "messages": messages})
}

async fn timed(
    stage: &Stage,
    base: &str,
    key: &Secret<String>,
    model: &str,
) -> Result<Duration, Failure> {
    let call = Call {
        method: Method::POST,
        url: format!("{base}/chat/completions"),
        key: key.danger_expose(),
        headers: &[],
        body: Some(chat(model, "And?")),
    };
    Ok(stage.client.send(call).await?.expect_success("a timed call")?.took)
}

fn must(holds: bool, otherwise: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::new(format!("the demonstration failed: {otherwise}"))) }
}
