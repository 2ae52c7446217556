//! What an application does in its first hour.

use std::collections::BTreeSet;

use portcullis_domain::{Clock as _, Timestamp};
use portcullis_runtime::SystemClock;
use portcullis_testkit::client;
use serde_json::{Value, json};

use crate::world::{CREDENTIAL, Via as _, World, chat_body, on_both_engines, succeed};

on_both_engines! {
    async fn every_kind_of_call_is_served_and_logged(engine) {
        let world = World::start(engine).await;
        world.virtual_key("openai", "openai").await;
        world.virtual_key("anthropic", "claude").await;
        let mut calls = 0;

        // The three ways to name a virtual key.
        let by_slug = chat_body("@openai/gpt-4o-mini");
        for call in [
            world.chat("gpt-4o-mini"),
            world.post("/v1/chat/completions", &chat_body("gpt-4o-mini"))
                .header("x-portkey-provider", "@openai"),
            world.post("/v1/chat/completions", &by_slug),
        ] {
            let chat = succeed(call).await;
            assert_eq!(chat["object"], "chat.completion", "{chat}");
            assert!(chat["choices"][0]["message"]["content"].is_string(), "{chat}");
            assert_eq!(chat["model"], "gpt-4o-mini");
            calls += 1;
        }

        let mut body = chat_body("gpt-4o-mini+chunks-7");
        body["stream"] = json!(true);
        let streamed = world.post("/v1/chat/completions", &body).via("openai").send().await.unwrap();
        assert!(streamed.header("content-type").starts_with("text/event-stream"));
        let events: Vec<Value> = events(&streamed.text());
        let pieces = events.iter().filter(|e| e["choices"][0]["delta"]["content"].is_string());
        assert!(pieces.count() >= 7, "{events:?}");
        // The gate asked for the usage; the client did not, and does not see it.
        assert!(events.iter().all(|event| event["usage"].is_null()), "{events:?}");
        assert!(streamed.text().ends_with("data: [DONE]\n\n"), "{}", streamed.text());
        calls += 1;

        let embeddings = json!({"model": "text-embedding-3-small", "input": ["a", "b"]});
        let embeddings = succeed(world.post("/v1/embeddings", &embeddings).via("openai")).await;
        assert_eq!(embeddings["data"].as_array().unwrap().len(), 2, "{embeddings}");
        calls += 1;

        let response = json!({"model": "gpt-4o-mini", "input": "What is a portcullis?"});
        let response = succeed(world.post("/v1/responses", &response).via("openai")).await;
        assert_eq!(response["object"], "response", "{response}");
        calls += 1;

        // Anthropic's dialect at Anthropic, and at a provider of the other dialect.
        for (slug, model) in [("claude", "claude-sonnet-4-20250514"), ("openai", "gpt-4o-mini")] {
            let mut body = chat_body(model);
            body["max_tokens"] = json!(64);
            let message = succeed(world.post("/v1/messages", &body).via(slug)).await;
            assert_eq!(message["type"], "message", "{message}");
            assert_eq!(message["content"][0]["type"], "text", "{message}");
            calls += 1;
        }
        // OpenAI's dialect at Anthropic.
        let body = chat_body("claude-sonnet-4-20250514");
        let chat = succeed(world.post("/v1/chat/completions", &body).via("claude")).await;
        assert!(chat["choices"][0]["message"]["content"].is_string(), "{chat}");
        calls += 1;

        let models = succeed(world.get("/v1/models")).await;
        let ids: Vec<&str> =
            models["data"].as_array().unwrap().iter().filter_map(|m| m["id"].as_str()).collect();
        assert!(ids.contains(&"@openai/gpt-4o-mini"), "{ids:?}");
        assert!(ids.iter().any(|id| id.starts_with("@claude/")), "{ids:?}");
        calls += 1;
        let models = succeed(world.get("/v1/models").via("openai")).await;
        assert!(models["data"].as_array().is_some_and(|list| !list.is_empty()), "{models}");
        calls += 1;

        let file = concat!(
            "--cut\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n",
            "--cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n",
            "content-type: application/jsonl\r\n\r\n{\"custom_id\":\"1\"}\n\r\n--cut--\r\n",
        );
        let upload = client::post(world.gate.url("/v1/files"))
            .bearer(&world.made.api_key)
            .header("content-type", "multipart/form-data; boundary=cut")
            .body(file)
            .via("openai");
        let uploaded = succeed(upload).await;
        let id = uploaded["id"].as_str().unwrap();
        let found = succeed(world.get(&format!("/v1/files/{id}")).via("openai")).await;
        assert_eq!(found["id"], uploaded["id"], "{found}");
        calls += 2;

        let speech = json!({"model": "tts-1", "input": "Halt!", "voice": "alloy"});
        let speech =
            world.post("/v1/audio/speech", &speech).via("openai").send().await.unwrap();
        assert_eq!((speech.status, speech.header("content-type")), (200, "audio/mpeg"));
        let expected: Vec<u8> = (0..4096).map(|i| (i % 256) as u8).collect();
        assert!(speech.body == expected, "binary bodies arrive as they were sent");
        calls += 1;

        let unknown = json!({"any": [1, "thing"]});
        let echoed =
            succeed(world.post("/v1/some/new/thing?x=1&y=%20", &unknown).via("openai")).await;
        assert_eq!(echoed["path"], "/v1/some/new/thing");
        assert_eq!(echoed["query"], "x=1&y=%20");
        assert_eq!(echoed["json"], unknown);
        calls += 1;

        for request in world.upstream.requests() {
            let anthropic = request.path.ends_with("/messages");
            let header = if anthropic { "x-api-key" } else { "authorization" };
            let credential = request.header(header).unwrap_or_default();
            assert_eq!(credential.trim_start_matches("Bearer "), CREDENTIAL, "{request:?}");
            let ours = request.headers.iter().find(|(name, value)| {
                name.starts_with("x-portkey") || value.contains("pck_")
            });
            assert_eq!(ours, None, "what is between client and gate stays there");
        }

        let logs = world.logs_of(calls).await;
        for log in &logs {
            let fields = log.as_object().unwrap();
            assert!(fields.len() >= 40, "{} fields: {log}", fields.len());
            assert_eq!(log["state"], "finished", "{log}");
            assert_eq!(log["is_success"], true, "{log}");
            assert_eq!(log["organisation_id"], world.made.organisation_id.as_str());
            assert_eq!(log["workspace_slug"], world.made.workspace_slug.as_str());
            assert_eq!(log["environment"], "production");
        }
        let streams = logs.iter().filter(|log| log["stream_mode"] == 1);
        for log in streams {
            // Counted by the provider, although the client did not ask.
            assert_eq!(log["usage_source"], "provider", "{log}");
            assert!(log["res_units"].as_u64() > Some(0), "{log}");
            assert!(log["cost_nano_dollars"].is_null(), "the script's name has no price: {log}");
        }
        let priced = logs.iter().filter(|log| log["model_asked"] == "gpt-4o-mini");
        for log in priced {
            assert!(log["cost_nano_dollars"].as_i64() > Some(0), "{log}");
        }
    }

    async fn what_a_batch_took_is_charged_once(engine) {
        let world = World::start(engine).await;
        world.virtual_key("openai", "openai").await;
        let line = |n: u32| {
            let usage = json!({"prompt_tokens": 1000, "completion_tokens": 100});
            let body = json!({"id": "x", "model": "gpt-4o-mini", "usage": usage});
            let response = json!({"status_code": 200, "body": body});
            json!({"custom_id": n.to_string(), "response": response, "error": null}).to_string()
        };
        let lines = format!("{}\n{}\n", line(1), line(2));
        let upload = client::post(world.gate.url("/v1/files"))
            .bearer(&world.made.api_key)
            .header("content-type", "multipart/form-data; boundary=cut")
            .body(format!(
                "--cut\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
                 --cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\
                 content-type: application/jsonl\r\n\r\n{lines}\r\n--cut--\r\n"
            ))
            .via("openai");
        let file = succeed(upload).await;
        let made = SystemClock.now().micros() / 1_000_000 - 40 * 24 * 3600;
        let metadata = json!({"status": "completed", "created_at": made.to_string()});
        let create = json!({"input_file_id": file["id"], "endpoint": "/v1/chat/completions",
            "completion_window": "24h", "metadata": metadata});
        let batch = succeed(world.post("/v1/batches", &create).via("openai")).await;
        let path = format!("/v1/batches/{}/output", batch["id"].as_str().unwrap());
        // In turn: what comes second meets what is stored.
        for calls in [4, 5] {
            let answer = world.get(&path).via("openai").send().await.unwrap();
            assert_eq!((answer.status, answer.text()), (200, lines.clone()));
            let logs = world.logs_of(calls).await;
            let batches: Vec<_> = logs.iter().filter(|log| log["endpoint"] == "batch").collect();
            assert_eq!(batches.len(), 1, "{logs:#?}");
            let log = batches[0];
            // 2000 at half of 0.15 and 200 at half of 0.60 dollars a million.
            assert_eq!(log["cost_nano_dollars"], 210_000, "{log}");
            assert_eq!((&log["req_units"], &log["res_units"]), (&json!(2000), &json!(200)), "{log}");
            let dated = Timestamp::parse(log["created_at"].as_str().unwrap()).unwrap();
            assert_eq!(dated.micros(), made * 1_000_000, "{log}");
        }
    }

    async fn a_log_shows_headers_and_what_was_translated(engine) {
        let world = World::start(engine).await;
        world.virtual_key("anthropic", "claude").await;
        let body = chat_body("claude-x");
        let call = || {
            let call = world.post("/v1/chat/completions", &body).via("claude");
            call.header("x-patient", "anna-muster-1970")
                .header("x-team", "blue")
                .header("x-portkey-sensitive-headers", "x-team-secret, X-Patient")
        };
        succeed(call()).await;
        assert_eq!(call().header("x-portkey-debug", "false").send().await.unwrap().status, 200);
        let logs = world.logs_of(2).await;
        let log = succeed(world.get(&path_of(logs.last().unwrap()))).await;

        let (request, response) = (&log["request"], &log["response"]);
        assert_eq!(request["headers"]["x-team"], "blue", "{log}");
        assert_eq!(request["headers"]["x-patient"], "an********970", "{log}");
        assert_eq!(request["headers"]["content-type"], "application/json", "{log}");
        let portkey = &request["portkeyHeaders"];
        let key = &world.made.api_key;
        let masked = format!("Bearer {}********{}", &key[..2], &key[key.len() - 3..]);
        assert_eq!(request["headers"]["authorization"], masked.as_str(), "{log}");
        assert_eq!(portkey["x-portkey-virtual-key"], "claude", "{log}");
        assert_eq!(response["headers"]["x-portkey-provider"], "anthropic", "{log}");
        assert_eq!(response["body"]["object"], "chat.completion", "{log}");

        let sent = &log["transformedRequest"];
        assert_eq!(sent["method"], "POST", "{log}");
        assert!(sent["url"].as_str().unwrap().ends_with("/v1/messages"), "{log}");
        let masked = format!("{}********{}", &CREDENTIAL[..2], &CREDENTIAL[CREDENTIAL.len() - 3..]);
        assert_eq!(sent["headers"]["x-api-key"], masked.as_str(), "{log}");
        assert!(sent["body"]["max_tokens"].is_u64(), "{log}");
        assert_eq!(log["originalResponse"]["body"]["type"], "message", "{log}");
        assert_eq!(log["originalResponse"]["headers"]["content-type"], "application/json", "{log}");
        let untranslated = &log["finalUntransformedRequest"];
        assert_eq!(untranslated["body"], body, "{log}");
        assert_eq!(untranslated["url"], "/v1/chat/completions", "{log}");

        let quiet = succeed(world.get(&path_of(&logs[0]))).await;
        for member in ["/request/headers", "/request/body", "/request/portkeyHeaders",
            "/response/headers", "/response/body", "/finalUntransformedRequest",
            "/transformedRequest", "/originalResponse"]
        {
            assert!(quiet.pointer(member).is_some_and(Value::is_null), "{member}: {quiet}");
        }
    }

    async fn logs_are_found_filtered_and_paged(engine) {
        let world = World::start(engine).await;
        world.virtual_key("openai", "openai").await;
        for n in 0..5 {
            let call = world.chat("gpt-4o-mini")
                .header("x-portkey-trace-id", &format!("trace-{n}"))
                .header("x-portkey-metadata", r#"{"_user":"ada","team":"blue"}"#);
            let answer = call.send().await.unwrap();
            assert_eq!(answer.header("x-portkey-trace-id"), format!("trace-{n}"));
        }
        let failing = world.chat("gpt-4o+status-503").send().await.unwrap();
        assert_eq!(failing.status, 503);
        let quiet = world.chat("gpt-4o").header("x-portkey-debug", "false");
        assert_eq!(quiet.send().await.unwrap().status, 200);
        let logs = world.logs_of(7).await;

        let newest = logs.first().unwrap();
        assert_eq!(newest["stored_content"], "none");
        let detail = succeed(world.get(&path_of(newest))).await;
        assert_eq!(detail["request"]["body"], Value::Null, "no content was to be kept");
        assert_eq!(detail["response"]["body"], Value::Null);

        let oldest = logs.last().unwrap();
        assert_eq!(oldest["trace_id"], "trace-0");
        assert_eq!((&oldest["_user"], &oldest["metadata"]["team"]), (&json!("ada"), &json!("blue")));
        let detail = succeed(world.get(&path_of(oldest))).await;
        assert_eq!(detail["request"]["body"], chat_body("gpt-4o-mini"));
        assert_eq!(detail["response"]["body"]["object"], "chat.completion");
        assert_eq!(detail["metrics"]["id"], oldest["id"]);

        for (query, expected) in [
            ("ai_model=gpt-4o-mini", 5),
            ("status_code=503", 1),
            ("is_success=false", 1),
            ("is_success=true", 6),
            ("trace_id=trace-3", 1),
            ("trace_id=nobody", 0),
            ("virtual_keys=openai", 7),
            ("virtual_keys=other", 0),
            ("ai_org=openai&status_code=200,503", 7),
            ("user=ada", 5),
            ("state=hung_up", 0),
            ("time_of_generation_max=2001-01-01T00:00:00Z", 0),
            ("total_units_min=1&total_units_max=1000000", 6),
        ] {
            let found = succeed(world.get(&format!("/v1/logs?{query}"))).await;
            assert_eq!(found["data"].as_array().unwrap().len(), expected, "{query}: {found}");
            assert_eq!(found["total"], expected, "{query}");
        }

        let mut paged = Vec::new();
        let mut after = String::new();
        loop {
            let page = succeed(world.get(&format!("/v1/logs?limit=2{after}"))).await;
            assert!(page["data"].as_array().unwrap().len() <= 2);
            paged.extend(page["data"].as_array().unwrap().iter().map(id_of));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(paged, logs.iter().map(id_of).collect::<Vec<_>>());
        assert_eq!(paged.iter().collect::<BTreeSet<_>>().len(), 7);
    }
}

fn path_of(log: &Value) -> String {
    format!("/v1/logs/{}", id_of(log))
}

fn id_of(log: &Value) -> String {
    log["id"].as_str().unwrap().to_owned()
}

fn events(text: &str) -> Vec<Value> {
    let datas = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    datas.filter_map(|data| serde_json::from_str(data).ok()).collect()
}
