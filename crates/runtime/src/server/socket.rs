//! Listening sockets, one per worker where the kernel can share a port.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted, per socket.
const BACKLOG: i32 = 1024;

pub(super) fn listen(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    // Alone on its port: `SO_REUSEPORT` would let a second instance bind silently and take half of
    // the connections, so the first look goes without it.
    let first = open(address, false)?;
    if count == 1 {
        return Ok(vec![first]);
    }
    let address = first.local_addr()?;
    drop(first);
    match (0..count).map(|_| open(address, true)).collect() {
        Ok(sockets) => Ok(sockets),
        Err(_) => {
            // No port sharing here: the workers accept from one socket.
            let first = open(address, false)?;
            let mut sockets =
                (1..count).map(|_| first.try_clone()).collect::<io::Result<Vec<_>>>()?;
            sockets.push(first);
            Ok(sockets)
        }
    }
}

fn open(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the last run's connections to be forgotten.
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
