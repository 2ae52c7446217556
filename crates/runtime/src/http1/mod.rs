//! HTTP/1.1 messages (RFC 9112) without sockets: heads, the framing of bodies, and chunks.
//!
//! Why not a library's connection: the gateway moves one message from one socket to another on one
//! thread. A library has to assume more, and pays for it with a task for each connection, a channel
//! for each message and a wake-up for each chunk. The grammar of heads is the `httparse` crate's.
//!
//! Invariants: nothing here reads or writes; what could be read in two ways is refused; every
//! buffer that a peer fills is bounded by whoever owns it.

mod chunked;
mod head;
mod write;

pub(crate) use chunked::Chunked;
pub(crate) use head::{Length, Malformed, Parsed, end, request, response};
pub(crate) use write::{
    CHUNK_END, CHUNK_END_AND_LAST, LAST_CHUNK, chunk_head, request_head, response_head,
};

use std::cell::RefCell;

/// Bytes that one read takes at most.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// Runs `f` on a buffer of [`READ_BYTES`] that the thread keeps, so that neither an idle connection
/// nor a read costs a buffer of its own.
pub(crate) fn with_read_buffer<R>(f: impl FnOnce(&mut [u8]) -> R) -> R {
    thread_local! {
        static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
    }
    BUFFER.with_borrow_mut(|buffer| f(buffer))
}
