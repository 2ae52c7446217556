//! The data plane: one call from accept to record.
//!
//! Read `pipeline.rs` first; it shows the order of things, and each stage is a file in `stage/`.
//! A stage takes the value that only the stage before it can make, so that a check cannot be
//! forgotten: only an `Identified` call has its body read, only a `Planned` one can be attempted.
//!
//! Invariants: no SQL, no control plane; configuration is the pinned snapshot, facts leave through
//! the [`Recorder`](portcullis_domain::Recorder) port. Whatever happens to a call that was
//! identified, it is settled once and recorded once (`closing.rs`).

mod client_headers;
mod closing;
mod content;
mod head;
mod header;
mod idle;
mod masking;
mod metadata;
mod models;
mod multipart;
mod pipeline;
mod refusal;
mod session;
mod settings;
mod settle;
mod sign_in;
mod stage;
mod trace;

use std::{
    error::Error,
    future::{Future, poll_fn},
    net::IpAddr,
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use portcullis_domain::{Clock, Dice, Live, NodeId, Recorder};
use portcullis_runtime::{egress::Egress, server::ResponseBody};
use portcullis_vault::{Pepper, Vault};

pub use settings::{GatewaySettings, MetadataHeaders};
pub use sign_in::SignIns;

/// The data plane. Cheap to clone; every clone is the same gateway.
#[derive(Clone)]
pub struct Gateway(Arc<Parts>);

/// What the data plane is made of.
pub struct Parts {
    /// The configuration.
    pub live: Arc<Live>,
    /// Opens credentials and seals content.
    pub vault: Arc<Vault>,
    /// Digests API keys.
    pub pepper: Arc<Pepper>,
    /// Sends to providers.
    pub egress: Egress,
    /// Signs in to providers that take tokens instead of keys.
    pub sign_ins: SignIns,
    /// Records calls.
    pub recorder: Arc<dyn Recorder>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub dice: Arc<dyn Dice>,
    /// Bounds.
    pub settings: GatewaySettings,
    /// This node.
    pub node: NodeId,
    /// This version.
    pub version: &'static str,
}

type BoxError = Box<dyn Error + Send + Sync>;

impl Gateway {
    /// Puts the gateway together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Never ready. A thread that serves many calls has it run beside them: what they record is then
    /// written together, once for each time that the thread has gone through those that are ready.
    pub fn attend(&self) -> impl Future<Output = ()> + Send + use<> {
        let parts = Arc::clone(&self.0);
        poll_fn(move |cx| {
            parts.recorder.flush(cx.waker());
            Poll::Pending
        })
    }

    /// Serves one call to a path under `/v1`. Every outcome is an answer in the contract's shape.
    pub fn call<B>(
        &self,
        request: Request<B>,
        peer: IpAddr,
    ) -> impl Future<Output = Response<ResponseBody>> + Send
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    {
        pipeline::call(&self.0, request, peer)
    }
}
