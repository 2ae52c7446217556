//! What speaks to providers: endpoints, wire dialects, adapters, stream decoders, the provider
//! catalogue and the price table. Nothing here opens a socket or waits: bytes in, bytes out.

pub mod adapter;
mod endpoint;

pub use endpoint::{Dialect, Endpoint};
