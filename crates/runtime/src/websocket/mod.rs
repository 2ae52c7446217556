//! The WebSocket protocol (RFC 6455) without sockets: opening handshakes and the framing of
//! messages, for whoever stands between two sides that speak it.
//!
//! Extensions are neither offered nor agreed to, so that what passes by can be read: a frame with a
//! reserved bit is a violation.

mod frame;
mod handshake;

pub use frame::{FrameReader, Kind, MAX_CONTROL, Piece, Sender, Step, Violation, close_frame};
pub use handshake::{MalformedHandshake, accept_of, check_answer, key_of, mint_key, protocols};
