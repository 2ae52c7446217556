//! The cheapest provider that is still an honest one: it reads each request to its end, answers
//! a chat completion or a stream of [`CHUNKS`](super::CHUNKS) chunks, and reports usage in a stream
//! when it is asked to.

use std::{fmt::Write, io, net::SocketAddr, rc::Rc};

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinSet, LocalSet},
};

use super::CHUNKS;

/// Serves on `address` until the process ends.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve(address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let answers = Rc::new(Answers::prepare());
    let local = LocalSet::new();
    local
        .run_until(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let (stream, _) = accepted?;
                        connections.spawn_local(connection(stream, Rc::clone(&answers)));
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        })
        .await
}

/// Every answer as the bytes on the wire.
struct Answers {
    whole: Vec<u8>,
    head: Vec<u8>,
    stream: Vec<Vec<u8>>,
    stream_with_usage: Vec<Vec<u8>>,
}

async fn connection(mut stream: TcpStream, answers: Rc<Answers>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(256 << 10);
    loop {
        let Some(length) = request(&mut stream, &mut buffer).await? else { return Ok(()) };
        let streamed = memmem::find(&buffer[..length], br#""stream":true"#).is_some();
        let usage = memmem::find(&buffer[..length], br#""include_usage":true"#).is_some();
        buffer.drain(..length);
        if !streamed {
            stream.write_all(&answers.whole).await?;
            continue;
        }
        stream.write_all(&answers.head).await?;
        let chunks = if usage { &answers.stream_with_usage } else { &answers.stream };
        for chunk in chunks {
            // Each chunk leaves on its own, as tokens do.
            stream.write_all(chunk).await?;
            tokio::task::yield_now().await;
        }
    }
}

/// The length of the next request in the buffer, read to its end; nothing when the client left.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
    let mut wanted = None;
    loop {
        if wanted.is_none()
            && let Some(head) = memmem::find(buffer, b"\r\n\r\n")
        {
            wanted = Some(head + 4 + content_length(&buffer[..head]));
        }
        if let Some(wanted) = wanted
            && buffer.len() >= wanted
        {
            return Ok(Some(wanted));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = head.split("\r\n").find_map(|line| line.strip_prefix("content-length:"));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

impl Answers {
    fn prepare() -> Self {
        let words = "The gate stands where the road narrows, and everyone who passes is seen. ";
        let usage = r#"{"prompt_tokens":19,"completion_tokens":100,"total_tokens":119}"#;
        let body = format!(
            r#"{{"id":"chatcmpl-load","object":"chat.completion","created":1750000000,"model":"gpt-4o-mini","choices":[{{"index":0,"message":{{"role":"assistant","content":"{}"}},"finish_reason":"stop"}}],"usage":{usage}}}"#,
            words.repeat(8),
        );
        let mut whole = String::from("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n");
        let _infallible = write!(whole, "content-length: {}\r\n\r\n{body}", body.len());
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        let chunk = |rest: &str| {
            framed(&format!(
                "data: {{\"id\":\"chatcmpl-load\",\"object\":\"chat.completion.chunk\",\
                 \"created\":1750000000,\"model\":\"gpt-4o-mini\",{rest}}}\n\n"
            ))
        };
        let delta = r#""choices":[{"index":0,"delta":{"content":" passes"},"finish_reason":null}]"#;
        let finish = r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#;
        let stream_of = |null: &str, last: Option<Vec<u8>>| {
            let mut chunks = vec![chunk(&format!("{delta}{null}")); CHUNKS];
            chunks.push(chunk(&format!("{finish}{null}")));
            chunks.extend(last);
            let mut end = framed("data: [DONE]\n\n");
            end.extend_from_slice(b"0\r\n\r\n");
            chunks.push(end);
            chunks
        };
        Self {
            whole: whole.into_bytes(),
            head: head.as_bytes().to_vec(),
            stream: stream_of("", None),
            stream_with_usage: stream_of(
                r#","usage":null"#,
                Some(chunk(&format!(r#""choices":[],"usage":{usage}"#))),
            ),
        }
    }
}

/// One chunk of a chunked body.
fn framed(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}
