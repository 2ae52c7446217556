//! Over real sockets, as every user of the upstream meets it.

use std::time::{Duration, Instant};

use portcullis_testkit::{
    client::{self, Call},
    upstream::{End, Upstream},
};
use serde_json::{Value, json};

async fn upstream() -> Upstream {
    Upstream::start().await.expect("a free port")
}

fn openai(upstream: &Upstream, path: &str) -> Call {
    client::post(format!("{}{path}", upstream.base_url())).bearer("sk-provider-1")
}

fn anthropic(upstream: &Upstream) -> Call {
    client::post(format!("{}/messages", upstream.base_url()))
        .header("x-api-key", "sk-ant-1")
        .header("anthropic-version", "2023-06-01")
}

fn chat(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "good morning" }] })
}

fn streamed(model: &str) -> Value {
    let mut body = chat(model);
    body["stream"] = true.into();
    body
}

/// The data of each event of a stream.
fn events(text: &str) -> Vec<String> {
    text.split("\n\n")
        .filter_map(|event| event.lines().find_map(|line| line.strip_prefix("data: ")))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn chat_answers_and_is_recorded() {
    let upstream = upstream().await;
    let call = openai(&upstream, "/chat/completions").header("x-extra", "1");
    let answer = call.json(&chat("gpt-4o-mini")).send().await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "You said: good morning");
    assert_eq!(answer.json()["usage"]["prompt_tokens"], 3);

    let requests = upstream.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/v1/chat/completions");
    assert_eq!(requests[0].header("x-extra"), Some("1"));
    assert_eq!(requests[0].json.as_ref().unwrap()["model"], "gpt-4o-mini");
    assert_eq!(requests[0].end, End::Finished);
}

#[tokio::test]
async fn credentials_that_no_provider_takes_are_refused() {
    let upstream = upstream().await;
    let url = format!("{}/chat/completions", upstream.base_url());
    let body = chat("gpt-4o-mini");
    for call in [
        client::post(&url),
        client::post(&url).bearer("OPENAI_API_KEY"),
        client::post(&url).bearer("pck_live_something"),
        client::post(&url).header("authorization", "sk-without-the-word"),
    ] {
        assert_eq!(call.json(&body).send().await.unwrap().status, 401);
    }
    let no_version = client::post(format!("{}/messages", upstream.base_url()));
    let no_version = no_version.header("x-api-key", "sk-ant-1").json(&body);
    assert_eq!(no_version.send().await.unwrap().status, 400);
    assert_eq!(upstream.count(), 5);
}

#[tokio::test]
async fn usage_in_a_stream_comes_only_when_asked_for() {
    let upstream = upstream().await;
    let call = openai(&upstream, "/chat/completions").json(&streamed("gpt-4o-mini"));
    let plain = call.send().await.unwrap().text();
    assert!(plain.ends_with("data: [DONE]\n\n"));
    assert!(!plain.contains("usage"));

    let mut body = streamed("gpt-4o-mini");
    body["stream_options"] = json!({ "include_usage": true });
    let call = openai(&upstream, "/chat/completions").json(&body);
    let events = events(&call.send().await.unwrap().text());
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    let (last, others) = chunks.split_last().unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["prompt_tokens"], 3);
    assert!(others.iter().all(|chunk| chunk.contains(r#""usage":null"#)));
}

#[tokio::test]
async fn a_tool_is_called_then_its_result_is_used() {
    let upstream = upstream().await;
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let mut body = chat("gpt-4o-mini");
    body["tools"] = json!([{
        "type": "function",
        "function": { "name": "weather", "parameters": parameters },
    }]);
    let answer = openai(&upstream, "/chat/completions").json(&body).send().await.unwrap().json();
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    let message = &answer["choices"][0]["message"];
    let function = &message["tool_calls"][0]["function"];
    assert_eq!(function["name"], "weather");
    assert_eq!(function["arguments"], r#"{"city":"Lisbon"}"#);

    let id = &message["tool_calls"][0]["id"];
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(message.clone());
    messages.push(json!({ "role": "tool", "tool_call_id": id, "content": "sunny" }));
    let answer = openai(&upstream, "/chat/completions").json(&body).send().await.unwrap().json();
    assert_eq!(answer["choices"][0]["message"]["content"], "You said: sunny");
}

#[tokio::test]
async fn both_encodings_of_an_embedding_hold_the_same_numbers() {
    use base64::Engine;
    let upstream = upstream().await;
    let mut body = json!({ "model": "text-embedding-3-small", "input": "hello" });
    let floats = openai(&upstream, "/embeddings").json(&body).send().await.unwrap().json();
    let floats: Vec<f32> = serde_json::from_value(floats["data"][0]["embedding"].clone()).unwrap();
    body["encoding_format"] = "base64".into();
    let encoded = openai(&upstream, "/embeddings").json(&body).send().await.unwrap().json();
    let encoded = encoded["data"][0]["embedding"].as_str().unwrap().to_owned();
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
    let decoded: Vec<f32> =
        bytes.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(floats, decoded);
    assert_eq!(floats.len(), 8);
}

#[tokio::test]
async fn responses_and_messages_stream_their_native_events() {
    let upstream = upstream().await;
    let body = json!({ "model": "gpt-4o-mini", "input": "hi", "stream": true });
    let text = openai(&upstream, "/responses").json(&body).send().await.unwrap().text();
    let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(kinds.first(), Some(&"response.created"));
    assert_eq!(kinds.last(), Some(&"response.completed"));
    assert!(!text.contains("[DONE]"));

    let mut body = streamed("claude-sonnet-4-20250514");
    body["max_tokens"] = 10.into();
    let text = anthropic(&upstream).json(&body).send().await.unwrap().text();
    let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(kinds.first(), Some(&"message_start"));
    assert_eq!(kinds.last(), Some(&"message_stop"));
}

#[tokio::test]
async fn scripts_are_followed() {
    let upstream = upstream().await;
    let status = openai(&upstream, "/chat/completions").json(&chat("status-429+retry-after-3"));
    let status = status.send().await.unwrap();
    assert_eq!((status.status, status.header("retry-after")), (429, "3"));

    let started = Instant::now();
    let slow = openai(&upstream, "/chat/completions").json(&chat("slow-80"));
    assert_eq!(slow.send().await.unwrap().status, 200);
    assert!(started.elapsed() >= Duration::from_millis(80));

    let long = openai(&upstream, "/chat/completions").json(&chat("bytes-5000"));
    let long = long.send().await.unwrap().json();
    assert_eq!(long["choices"][0]["message"]["content"].as_str().unwrap().len(), 5000);

    // A role chunk, a hundred pieces, the finish and the end.
    let many = openai(&upstream, "/chat/completions").json(&streamed("chunks-100"));
    assert_eq!(events(&many.send().await.unwrap().text()).len(), 103);

    let failing = openai(&upstream, "/chat/completions").json(&streamed("error-after-2-chunks"));
    let failing = failing.send().await.unwrap().text();
    assert_eq!(events(&failing).len(), 3);
    assert!(failing.contains("server_error") && !failing.contains("[DONE]"));
}

#[tokio::test]
async fn broken_connections_are_broken() {
    let upstream = upstream().await;
    let reset = openai(&upstream, "/chat/completions").json(&chat("reset"));
    reset.send().await.unwrap_err();

    let half = openai(&upstream, "/chat/completions").json(&chat("die-after-0-chunks"));
    half.send().await.unwrap_err();

    let dying = openai(&upstream, "/chat/completions").json(&streamed("die-after-2-chunks"));
    let mut dying = dying.open().await.unwrap();
    let mut seen = String::new();
    let end = loop {
        match dying.chunk().await {
            Ok(Some(bytes)) => seen.push_str(&String::from_utf8_lossy(&bytes)),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    end.unwrap_err();
    assert_eq!(events(&seen).len(), 2);
    let ends: Vec<End> = upstream.requests().iter().map(|request| request.end).collect();
    assert_eq!(ends, [End::Cut, End::Cut, End::Cut]);
}

#[tokio::test]
async fn a_client_that_hangs_up_is_noted() {
    let upstream = upstream().await;
    let call = openai(&upstream, "/chat/completions").json(&streamed("chunks-1000+gap-5"));
    let mut opened = call.open().await.unwrap();
    opened.chunk().await.unwrap();
    drop(opened);
    let deadline = Instant::now() + Duration::from_secs(5);
    while upstream.requests()[0].end == End::Open {
        assert!(Instant::now() < deadline, "nobody noticed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(upstream.requests()[0].end, End::HungUp);
}

#[tokio::test]
async fn forms_files_and_batches() {
    let upstream = upstream().await;
    let form = "--b\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
                --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\r\n\
                {\"a\":1}\r\n--b--\r\n";
    let upload = openai(&upstream, "/files")
        .header("content-type", "multipart/form-data; boundary=b")
        .body(form);
    let file = upload.send().await.unwrap().json();
    assert_eq!((&file["bytes"], &file["purpose"]), (&json!(7), &json!("batch")));
    let id = file["id"].as_str().unwrap();
    let content = client::get(format!("{}/files/{id}/content", upstream.base_url()));
    let content = content.bearer("sk-provider-1").send().await.unwrap();
    assert_eq!(content.text(), r#"{"a":1}"#);
    let batch = json!({
        "input_file_id": id, "endpoint": "/v1/chat/completions", "completion_window": "24h",
    });
    let batch = openai(&upstream, "/batches").json(&batch).send().await.unwrap().json();
    assert_eq!(batch["status"], "validating");

    let cut = openai(&upstream, "/files")
        .header("content-type", "multipart/form-data; boundary=b")
        .body(&form[..form.len() - 6]);
    assert_eq!(cut.send().await.unwrap().status, 400);
}

#[tokio::test]
async fn the_journal_and_the_count_are_served_and_not_counted() {
    let upstream = upstream().await;
    openai(&upstream, "/chat/completions").json(&chat("gpt-4o-mini")).send().await.unwrap();
    let root = format!("http://{}", upstream.address());
    let count = client::get(format!("{root}/__count")).send().await.unwrap().json();
    assert_eq!(count["requests"], 1);
    let journal = client::get(format!("{root}/__journal")).send().await.unwrap().json();
    assert_eq!(journal["requests"][0]["end"], "finished");
    client::delete(format!("{root}/__journal")).send().await.unwrap();
    assert_eq!(upstream.count(), 0);
}
