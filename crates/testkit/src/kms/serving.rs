//! The small HTTP servers that the stand-ins are.

use std::future::Future;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// A free port of this machine.
pub(super) struct Port {
    listener: TcpListener,
    pub(super) url: String,
}

/// A server. Dropping it ends it, with all its connections.
pub(super) struct Serving(AbortHandle);

impl Port {
    /// # Panics
    /// When none is free.
    pub(super) async fn take() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        Self { listener, url: format!("http://127.0.0.1:{port}") }
    }

    /// Has each connection looked after.
    pub(super) fn serve<F>(self, connection: impl Fn(TcpStream) -> F + Send + 'static) -> Serving
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let accepting = async move {
            // Owning the connections here means that aborting this task ends them all.
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = self.listener.accept() => {
                        if let Ok((stream, _)) = accepted {
                            connections.spawn(connection(stream));
                        }
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        };
        #[expect(clippy::disallowed_methods, reason = "aborted when this is dropped")]
        let task = tokio::spawn(accepting);
        Serving(task.abort_handle())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Answers every request of a connection.
pub(super) async fn speak<F>(stream: TcpStream, answer: impl Fn(Request<Incoming>) -> F)
where
    F: Future<Output = Result<Response<Full<Bytes>>, hyper::Error>>,
{
    // A client that goes away is not worth a word.
    let _gone =
        http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}
