//! Making a connection: resolve, check every answer, dial exactly what was checked, prove who
//! answers.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::{HeaderValue, Uri, uri::Authority};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, pki_types::ServerName};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    EgressError, Inner, connection::Connection, error::chain, http1::H1, http2::H2, policy::Host,
    stream::Stream,
};

/// Bytes read ahead of one HTTP/2 answer's reader.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Bytes read ahead on one HTTP/2 connection: enough that a few slow readers do not stop the rest.
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
/// Bytes of an HTTP/2 answer's headers.
const MAX_HEADER_LIST: u32 = 64 * 1024;
/// How often a silent HTTP/2 connection with calls on it is asked whether it is alive.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long the reply to that may take.
const PING_WITHIN: Duration = Duration::from_secs(20);
/// How long an HTTP/1.1 connection may be silent before TCP asks.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);

impl Inner {
    /// Opens a connection to the origin of `uri`, within the connect timeout.
    pub(super) async fn connect(&self, uri: &Uri) -> Result<Connection, EgressError> {
        self.connect_with(uri, Self::tls).await
    }

    /// The same for HTTP/1.1, whatever else the origin may speak.
    pub(super) async fn connect_http1(&self, uri: &Uri) -> Result<Box<H1>, EgressError> {
        match self.connect_with(uri, Self::tls_http1).await? {
            Connection::H1(h1) => Ok(h1),
            Connection::H2(_) => {
                let detail = "HTTP/2 was negotiated without having been offered".to_owned();
                Err(EgressError::broken(false, detail))
            }
        }
    }

    async fn connect_with(
        &self,
        uri: &Uri,
        tls: fn(&Self) -> &Arc<ClientConfig>,
    ) -> Result<Connection, EgressError> {
        let host = self.policy.check_uri(uri).map_err(EgressError::refused)?;
        let authority = uri.authority().expect("check_uri demands one");
        let https = uri.scheme_str() == Some("https");
        let deadline = Instant::now() + self.settings.connect_timeout;
        match timeout_at(deadline, self.connect_by(deadline, host, authority, https.then_some(tls)))
            .await
        {
            Ok(connected) => connected,
            Err(_) => Err(EgressError::unreachable(format!(
                "connecting to {authority} took longer than {:?}",
                self.settings.connect_timeout
            ))),
        }
    }

    async fn connect_by(
        &self,
        deadline: Instant,
        host: Host<'_>,
        authority: &Authority,
        tls: Option<fn(&Self) -> &Arc<ClientConfig>>,
    ) -> Result<Connection, EgressError> {
        let port = authority.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        let addresses: Arc<[IpAddr]> = match host {
            Host::Address(address) => Arc::new([address]),
            Host::Name(name) => self.resolve(name).await?,
        };
        let stream = dial(deadline, authority, &addresses, port).await.inspect_err(|_| {
            if let Host::Name(name) = host {
                self.resolver.doubt(name);
            }
        })?;
        let Some(tls) = tls else {
            return Ok(self.http1(Stream::Plain(stream), host_header(authority, 80)));
        };
        let name = match host {
            Host::Address(address) => ServerName::IpAddress(address.into()),
            Host::Name(name) => ServerName::try_from(name.to_owned())
                .map_err(|_| EgressError::unreachable(format!("{name} cannot be a TLS name")))?,
        };
        let connector = TlsConnector::from(tls(self).clone());
        let stream = connector.connect(name, stream).await.map_err(|error| {
            EgressError::unreachable(format!("TLS with {authority}: {}", chain(&error)))
        })?;
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.http2(stream).await
        } else {
            Ok(self.http1(Stream::Tls(Box::new(stream)), host_header(authority, 443)))
        }
    }

    /// The addresses of a name. One that is not allowed refuses the whole name: whoever mixes
    /// public and private addresses is trying something.
    async fn resolve(&self, name: &str) -> Result<Arc<[IpAddr]>, EgressError> {
        let addresses = self.resolver.resolve(name).await.map_err(|error| {
            EgressError::unreachable(format!("resolving {name}: {}", chain(&error)))
        })?;
        if addresses.is_empty() {
            return Err(EgressError::unreachable(format!("{name} has no address")));
        }
        for address in addresses.iter() {
            self.policy.check_address(*address, name).map_err(EgressError::refused)?;
        }
        Ok(addresses)
    }

    fn http1(&self, stream: Stream, host: HeaderValue) -> Connection {
        let settings = &self.settings;
        let (idle_timeout, max_idle) = (settings.idle_timeout, settings.max_idle_per_host);
        Connection::H1(Box::new(H1::new(stream, host, idle_timeout, max_idle)))
    }

    async fn http2(&self, stream: TlsStream<TcpStream>) -> Result<Connection, EgressError> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEADER_LIST)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_WITHIN)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| EgressError::broken(false, chain(&error)))?;
        Ok(Connection::H2(H2::start(sender, connection, self.settings.idle_timeout)))
    }
}

/// Dials the addresses one after another. Each but the last gets a fair part of the time left, so
/// that a dead first address does not use up the second's.
async fn dial(
    deadline: Instant,
    authority: &Authority,
    addresses: &[IpAddr],
    port: u16,
) -> Result<TcpStream, EgressError> {
    let mut detail = String::new();
    for (index, address) in addresses.iter().enumerate() {
        let now = Instant::now();
        let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(now) / left;
        match timeout_at(now + share, open(SocketAddr::new(*address, port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => detail = error.to_string(),
            Err(_) => detail = "timed out".to_owned(),
        }
    }
    Err(EgressError::unreachable(format!("connecting to {authority}: {detail}")))
}

#[allow(clippy::disallowed_methods, reason = "this is the connect the ban points to")]
async fn open(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    // A provider that vanished mid-answer must not hold a call for ever.
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_AFTER / 4);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

/// The `host` header: without the port where it is the scheme's own.
fn host_header(authority: &Authority, default_port: u16) -> HeaderValue {
    let text = if authority.port_u16() == Some(default_port) {
        authority.host()
    } else {
        authority.as_str()
    };
    HeaderValue::from_str(text).expect("an authority holds no control characters")
}
