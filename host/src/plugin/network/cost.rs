//! What an open socket costs, counted until the system has it back.
//!
//! A guest may close a socket while its last bytes are still leaving, or drop a dial half-way. The
//! descriptor and the buffers are the host's until then, so their charge goes with the connection
//! itself, whoever holds it by then (I7).

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
};

use super::limits::SOCKET_BYTES;
use crate::plugin::{
    Exhausted, Resource,
    ledger::{Account, Charge},
};

/// One of an instance's sockets, a descriptor, and the memory of its buffers.
pub(super) struct Cost {
    _permit: OwnedSemaphorePermit,
    _descriptor: Charge,
    _memory: Charge,
}

impl Cost {
    pub(super) fn new(
        permit: OwnedSemaphorePermit,
        account: &Account,
    ) -> Result<Arc<Self>, Exhausted> {
        let descriptor = account.charge(Resource::Descriptors, 1)?;
        let memory = account.charge(Resource::Memory, SOCKET_BYTES)?;
        Ok(Arc::new(Self { _permit: permit, _descriptor: descriptor, _memory: memory }))
    }
}

/// A connection that costs as long as it is open.
pub(super) struct Counted {
    // Closed before the cost is given back: fields are dropped in this order.
    stream: TcpStream,
    _cost: Arc<Cost>,
}

impl Counted {
    pub(super) fn new(stream: TcpStream, cost: Arc<Cost>) -> Self {
        Self { stream, _cost: cost }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
