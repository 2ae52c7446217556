//! What speaks to providers: endpoints, wire dialects, adapters, stream decoders, the provider
//! catalogue and the price table. Nothing here opens a socket or waits: bytes in, bytes out.

pub mod adapter;
mod azure_sign_in;
pub mod catalog;
pub mod content_type;
pub mod credential;
mod endpoint;
pub mod inner_models;
mod json;
mod names;
pub mod price;
pub mod request;
pub mod sse;

pub use azure_sign_in::{AzureSignIn, EntraApp, WrongSetting};
pub use endpoint::{Dialect, Endpoint};
