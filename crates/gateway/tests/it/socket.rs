//! A WebSocket client that shows what is on the wire, and a gateway that listens for it.

use std::net::SocketAddr;

use http::{Request, Response};
use portcullis_gateway::Gateway;
use portcullis_runtime::{
    server::{App, RequestBody, ResponseBody, Server, ServerHandle, ServerSettings},
    websocket::{FrameReader, Kind, Sender, accept_of},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::World;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK: [u8; 4] = [1, 2, 3, 4];

/// The gateway behind a listener of its own.
#[derive(Clone)]
struct Front(Gateway);

impl App for Front {
    async fn call(
        &self,
        request: Request<RequestBody>,
        peer: SocketAddr,
    ) -> Response<ResponseBody> {
        self.0.call(request, peer.ip()).await
    }
}

/// Has the world's gateway listen.
pub(crate) fn listen(world: &World) -> ServerHandle {
    let settings = ServerSettings { workers: 1, ..ServerSettings::default() };
    let bound = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), settings).unwrap();
    bound.serve(Front(world.gateway.clone())).unwrap()
}

/// A handshake in the making.
pub(crate) struct Handshake {
    path: String,
    headers: Vec<(&'static str, String)>,
}

/// An answer that opened nothing.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Handshake {
    /// As clients send it, without a key of the gateway's.
    pub(crate) fn keyless(path: &str) -> Self {
        let headers = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
            ("sec-websocket-extensions", "permessage-deflate"),
        ];
        let headers = headers.map(|(name, value)| (name, value.to_owned())).to_vec();
        Self { path: path.to_owned(), headers }
    }

    pub(crate) fn new(world: &World, path: &str) -> Self {
        Self::keyless(path).header("authorization", &format!("Bearer {}", world.key))
    }

    /// With another value of a header, or none.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        if !value.is_empty() {
            self.headers.push((name, value.to_owned()));
        }
        self
    }

    pub(crate) async fn open(self, server: &ServerHandle) -> Result<Socket, Refusal> {
        self.open_with(server, b"").await
    }

    /// Sends these bytes together with the handshake.
    pub(crate) async fn open_with(
        self,
        server: &ServerHandle,
        early: &[u8],
    ) -> Result<Socket, Refusal> {
        #[allow(clippy::disallowed_methods, reason = "the client's side of the connection")]
        let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
        let mut head = format!("GET {} HTTP/1.1\r\nhost: gate\r\n", self.path);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        stream.write_all(&[head.as_bytes(), early].concat()).await.unwrap();
        let mut read = Vec::new();
        let end = loop {
            if let Some(end) = memchr::memmem::find(&read, b"\r\n\r\n") {
                break end + 4;
            }
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "no answer");
        };
        let head = String::from_utf8(read[..end].to_vec()).unwrap();
        let mut rest = read.split_off(end);
        let status = head[9..12].parse().unwrap();
        if status != 101 {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            while rest.len() < length {
                assert_ne!(stream.read_buf(&mut rest).await.unwrap(), 0, "no body");
            }
            return Err(Refusal { status, body: String::from_utf8(rest).unwrap() });
        }
        let head = head.to_ascii_lowercase();
        assert!(head.contains("\r\nupgrade: websocket\r\nconnection: upgrade\r\n"), "{head}");
        let accept = accept_of(KEY.as_bytes()).to_ascii_lowercase();
        assert!(head.contains(&format!("\r\nsec-websocket-accept: {accept}\r\n")), "{head}");
        assert!(!head.contains("extensions"), "{head}");
        let reader = FrameReader::new(Sender::Server);
        Ok(Socket { head, stream, read: rest, data: Vec::new(), reader })
    }
}

/// An open WebSocket.
pub(crate) struct Socket {
    /// The head of the answer, in lower case.
    pub(crate) head: String,
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
    /// The data message under way: control frames may come between its pieces.
    data: Vec<u8>,
    reader: FrameReader,
}

/// A masked frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            bytes.push(0xfe);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0xff);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

impl Socket {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn say(&mut self, event: &Value) {
        self.send(&frame(0x81, event.to_string().as_bytes())).await;
    }

    /// The next message, control or not; `None` at the end of the connection.
    pub(crate) async fn message(&mut self) -> Option<(Kind, Vec<u8>)> {
        let mut control = Vec::new();
        loop {
            while !self.read.is_empty() {
                let step = self.reader.step(&self.read).unwrap();
                let bytes: Vec<u8> = self.read.drain(..step.read).collect();
                let Some(piece) = step.piece else { continue };
                let is_data = matches!(piece.kind, Kind::Text | Kind::Binary);
                let into = if is_data { &mut self.data } else { &mut control };
                into.extend_from_slice(&bytes[bytes.len() - piece.len..]);
                if piece.ends {
                    return Some((piece.kind, std::mem::take(into)));
                }
            }
            // A connection that is reset has ended as well.
            if self.stream.read_buf(&mut self.read).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Value {
        loop {
            match self.message().await {
                Some((Kind::Text, text)) => return serde_json::from_slice(&text).unwrap(),
                Some((Kind::Ping, _)) => {}
                other => panic!("no event: {other:?}"),
            }
        }
    }

    /// Passes over events to the next of a kind.
    pub(crate) async fn until(&mut self, kind: &str) -> Value {
        loop {
            let event = self.event().await;
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// Passes over messages to the one that closes: its code and its reason.
    pub(crate) async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            if let (Kind::Close, payload) = self.message().await? {
                let (code, reason) = payload.split_first_chunk().unwrap();
                let reason = String::from_utf8(reason.to_vec()).unwrap();
                return Some((u16::from_be_bytes(*code), reason));
            }
        }
    }

    /// Closes and waits for the answer, then for the end of the connection.
    pub(crate) async fn close(&mut self) {
        self.send(&frame(0x88, &1000_u16.to_be_bytes())).await;
        assert_eq!(self.closed().await.map(|(code, _)| code), Some(1000));
        assert_eq!(self.message().await, None);
    }
}
