//! TLS and HTTP/2, with certificates made at test time.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Response, Version};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis_runtime::{
    BoxError,
    egress::{
        Egress, EgressError, EgressErrorKind, EgressPolicy, EgressSettings, ExtraCa, MalformedCa,
        OutboundBody,
    },
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use tokio::{io::AsyncReadExt, net::TcpListener};
use tokio_rustls::TlsAcceptor;

use crate::world::{SOON, get, post, text, until};

type Ca = CertifiedIssuer<'static, KeyPair>;

fn ca() -> Ca {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn for_names(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn acceptor(ca: &Ca, params: &CertificateParams, alpn: &[&str]) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, ca).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// What a TLS upstream saw.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    calls: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    endless_dropped: AtomicUsize,
}

struct Dropped(Arc<Seen>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.endless_dropped.fetch_add(1, SeqCst);
    }
}

/// Answers with the request's body, or on `/endless` with chunks that never end.
async fn serve(acceptor: TlsAcceptor, max_streams: u32) -> (SocketAddr, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Seen::default());
    let watched = seen.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, seen) = (acceptor.clone(), watched.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                seen.connections.fetch_add(1, SeqCst);
                let service = service_fn(move |request: http::Request<Incoming>| {
                    let seen = seen.clone();
                    async move { Ok::<_, Infallible>(echo(request, seen).await) }
                });
                let mut builder =
                    hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                builder.http2().max_concurrent_streams(max_streams);
                // Ends with an error whenever a test cuts it off.
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (address, seen)
}

async fn echo(
    request: http::Request<Incoming>,
    seen: Arc<Seen>,
) -> Response<http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>> {
    seen.calls.fetch_add(1, SeqCst);
    if request.uri().path() == "/endless" {
        let alive = Dropped(seen);
        let chunks = futures_util::stream::unfold(alive, |alive| async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some((Ok(http_body::Frame::data(Bytes::from("chunk"))), alive))
        });
        return Response::new(StreamBody::new(chunks).boxed_unsync());
    }
    let now = seen.at_once.fetch_add(1, SeqCst) + 1;
    seen.most_at_once.fetch_max(now, SeqCst);
    tokio::time::sleep(Duration::from_millis(30)).await;
    let authority = request.uri().authority().map(ToString::to_string);
    let host = request.headers().get("host").map(|host| host.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    seen.at_once.fetch_sub(1, SeqCst);
    let mut response =
        Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
    let named = authority.or(host).unwrap();
    response.headers_mut().insert("x-named", named.parse().unwrap());
    response
}

fn egress(ca: &Ca) -> Egress {
    let extra_ca = ExtraCa::parse_pem(ca.pem().as_bytes()).unwrap();
    let settings = EgressSettings { extra_ca, ..EgressSettings::default() };
    Egress::new(EgressPolicy::parse("localhost,127.0.0.1").unwrap(), settings)
}

async fn failure(egress: &Egress, address: SocketAddr) -> EgressError {
    let url = format!("https://localhost:{}/", address.port());
    egress.send(get(&url), SOON).await.unwrap_err()
}

#[tokio::test]
async fn whether_a_call_given_up_was_seen_is_marked() {
    let ca = ca();
    let egress = egress(&ca);
    // A body that never ends: there is no answer before its end.
    let endless = || {
        let body = StreamBody::new(futures_util::stream::pending::<Result<_, BoxError>>());
        OutboundBody::Stream(Box::pin(body))
    };
    let parameters = for_names(&["localhost"]);
    for protocol in ["http/1.1", "h2"] {
        let (address, seen) = serve(acceptor(&ca, &parameters, &[protocol]), 100).await;
        let request = post(&format!("https://localhost:{}/v1", address.port()), "");
        let mut sent = false;
        tokio::select! {
            _ = egress.send_marking(request.map(|_| endless()), SOON, &mut sent) => panic!("answered"),
            () = until("seen", || seen.calls.load(SeqCst) == 1) => {}
        }
        assert!(sent, "{protocol}");
    }
    // Its side of the handshake is missing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/v1", silent.local_addr().unwrap().port());
    for upgrades in [false, true] {
        let mut sent = true;
        let call = async {
            match upgrades {
                false => drop(egress.send_marking(get(&url), SOON, &mut sent).await),
                true => drop(egress.upgrade(get(&url), "websocket", SOON, &mut sent).await),
            }
        };
        let handshake = async {
            let (mut stream, _) = silent.accept().await.unwrap();
            stream.read_exact(&mut [0]).await.unwrap();
        };
        tokio::select! {
            () = call => panic!("answered"),
            () = handshake => {}
        }
        assert!(!sent);
    }
}

#[tokio::test]
async fn many_calls_share_one_http_2_connection() {
    let ca = ca();
    let (address, seen) =
        serve(acceptor(&ca, &for_names(&["localhost"]), &["h2", "http/1.1"]), 100).await;
    let egress = egress(&ca);
    let url = format!("https://localhost:{}/v1", address.port());
    for _ in 0..2 {
        let calls = (0..20).map(|_| async {
            let answer = egress.send(post(&url, "hello"), SOON).await.unwrap();
            assert_eq!(answer.version(), Version::HTTP_2);
            assert_eq!(answer.headers()["x-named"], format!("localhost:{}", address.port()));
            text(answer.into_body()).await
        });
        assert_eq!(futures_util::future::join_all(calls).await, ["hello"; 20]);
    }
    assert_eq!(seen.connections.load(SeqCst), 1);
    assert!(seen.most_at_once.load(SeqCst) > 1);
}

#[tokio::test]
async fn beyond_the_providers_limit_another_connection_is_opened() {
    let ca = ca();
    let (address, seen) = serve(acceptor(&ca, &for_names(&["localhost"]), &["h2"]), 4).await;
    let egress = egress(&ca);
    let url = format!("https://localhost:{}/v1", address.port());
    // The first call learns the limit.
    text(egress.send(post(&url, "x"), SOON).await.unwrap().into_body()).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let calls = (0..6).map(|_| async {
        text(egress.send(post(&url, "x"), SOON).await.unwrap().into_body()).await
    });
    assert_eq!(futures_util::future::join_all(calls).await, ["x"; 6]);
    assert!((2..=3).contains(&seen.connections.load(SeqCst)), "{:?}", seen.connections);
    assert_eq!(seen.most_at_once.load(SeqCst), 6);
}

#[tokio::test]
async fn an_http_2_answer_dropped_early_resets_its_stream_and_spares_the_connection() {
    let ca = ca();
    let (address, seen) = serve(acceptor(&ca, &for_names(&["localhost"]), &["h2"]), 100).await;
    let egress = egress(&ca);
    let base = format!("https://localhost:{}", address.port());
    let mut endless = egress.send(get(&format!("{base}/endless")), SOON).await.unwrap().into_body();
    endless.frame().await.unwrap().unwrap();
    drop(endless);
    until("the stream ends upstream", || seen.endless_dropped.load(SeqCst) == 1).await;
    text(egress.send(post(&base, "x"), SOON).await.unwrap().into_body()).await;
    assert_eq!(seen.connections.load(SeqCst), 1);
}

#[tokio::test]
async fn without_http_2_calls_use_connections_of_http_1_and_reuse_them() {
    let ca = ca();
    let (address, seen) = serve(acceptor(&ca, &for_names(&["localhost"]), &["http/1.1"]), 1).await;
    let egress = egress(&ca);
    let url = format!("https://localhost:{}/v1", address.port());
    for _ in 0..3 {
        let calls = (0..4).map(|_| async {
            let answer = egress.send(post(&url, "x"), SOON).await.unwrap();
            assert_eq!(answer.version(), Version::HTTP_11);
            text(answer.into_body()).await
        });
        assert_eq!(futures_util::future::join_all(calls).await, ["x"; 4]);
    }
    assert!((1..=4).contains(&seen.connections.load(SeqCst)));
    assert_eq!(seen.calls.load(SeqCst), 12);
}

#[tokio::test]
async fn another_protocol_is_asked_for_over_http_1_whatever_else_is_offered() {
    let ca = ca();
    let acceptor = acceptor(&ca, &for_names(&["localhost"]), &["h2", "http/1.1"]);
    let (address, seen) = serve(acceptor, 10).await;
    let url = format!("https://localhost:{}/v1", address.port());
    let egress_ = egress(&ca);
    let shared = egress_.send(post(&url, "x"), SOON).await.unwrap();
    assert_eq!(shared.version(), Version::HTTP_2);
    let (answer, switched) =
        egress_.upgrade(post(&url, "x"), "websocket", SOON, &mut false).await.unwrap();
    assert_eq!((answer.version(), switched.is_none()), (Version::HTTP_11, true));
    assert_eq!(text(answer.into_body()).await, "x");
    assert_eq!(seen.connections.load(SeqCst), 2);
    let stranger = egress(&self::ca());
    let error = stranger.upgrade(get(&url), "websocket", SOON, &mut false).await.err().unwrap();
    assert_eq!((error.kind, error.sent), (EgressErrorKind::Unreachable, false));
}

#[tokio::test]
async fn an_address_in_the_url_is_what_the_certificate_must_name() {
    let ca = ca();
    let (address, _) = serve(acceptor(&ca, &for_names(&["127.0.0.1"]), &["h2"]), 10).await;
    let answer = egress(&ca).send(post(&format!("https://{address}/"), "x"), SOON).await.unwrap();
    assert_eq!(text(answer.into_body()).await, "x");
}

#[tokio::test]
async fn certificates_that_prove_nothing_are_refused() {
    let ca = ca();
    let expired = {
        let mut params = for_names(&["localhost"]);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        params
    };
    let wrong_host = for_names(&["api.example.com"]);
    let sound = for_names(&["localhost"]);
    for (what, params, trusts) in
        [("expired", &expired, true), ("wrong host", &wrong_host, true), ("unknown", &sound, false)]
    {
        let (address, seen) = serve(acceptor(&ca, params, &["h2", "http/1.1"]), 10).await;
        let egress = if trusts { egress(&ca) } else { egress(&self::ca()) };
        let error = failure(&egress, address).await;
        assert_eq!((error.kind, error.sent), (EgressErrorKind::Unreachable, false), "{what}");
        assert!(error.detail.contains("certificate"), "{what}: {error}");
        assert_eq!(seen.calls.load(SeqCst), 0, "{what}");
    }
}

#[tokio::test]
async fn plain_text_on_a_tls_port_is_unreachable() {
    let upstream = crate::world::Upstream::start(|mut stream, _| async move {
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail.example.com\r\n")
            .await
            .unwrap();
    })
    .await;
    let error = failure(&egress(&ca()), upstream.address).await;
    assert_eq!((error.kind, error.sent), (EgressErrorKind::Unreachable, false));
}

#[tokio::test]
async fn a_handshake_that_never_comes_is_unreachable_within_the_connect_timeout() {
    let upstream = crate::world::Upstream::start(|stream, _| async move {
        tokio::time::sleep(SOON).await;
        drop(stream);
    })
    .await;
    let settings =
        EgressSettings { connect_timeout: Duration::from_millis(100), ..Default::default() };
    let egress = Egress::new(EgressPolicy::parse("localhost").unwrap(), settings);
    let error = failure(&egress, upstream.address).await;
    assert_eq!((error.kind, error.sent), (EgressErrorKind::Unreachable, false), "{error}");
}

#[test]
fn an_unusable_authority_is_named() {
    assert!(matches!(ExtraCa::parse_pem(b"nothing"), Err(MalformedCa::Empty)));
    let junk = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(ExtraCa::parse_pem(junk), Err(MalformedCa::Certificate(1))));
}
