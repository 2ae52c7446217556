//! Reads a streamed chat completion.

use http_body_util::BodyExt as _;
use portcullis_runtime::egress::InboundBody;
use serde_json::Value;

use crate::failure::Failure;

/// The pieces of text in a stream of chat completion events.
#[derive(Default)]
pub(crate) struct Events {
    received: Vec<u8>,
}

impl Events {
    /// The next piece; nothing at the end of the stream.
    pub(crate) async fn next(&mut self, body: &mut InboundBody) -> Result<Option<String>, Failure> {
        loop {
            while let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                let Some(data) = line.strip_prefix(b"data: ") else { continue };
                let event: Value = serde_json::from_slice(data).unwrap_or_default();
                match event["choices"][0]["delta"]["content"].as_str() {
                    None | Some("") => {}
                    Some(text) => return Ok(Some(text.to_owned())),
                }
            }
            let Some(frame) = body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|error| Failure::new(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                self.received.extend_from_slice(&data);
            }
        }
    }
}
