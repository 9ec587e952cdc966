//! A guest's socket: created, connecting, connected.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use tokio_util::task::AbortOnDropHandle;
use wasmtime_wasi::{
    async_trait,
    p2::{
        Pollable,
        bindings::sockets::network::{ErrorCode, IpAddressFamily},
    },
};

use super::{
    cost::Cost,
    report::Meter,
    streams::{Connection, Incoming, Outgoing},
};

/// Where the guest seems to be; its real address is nobody's business.
const LOCAL_V4: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 254);
const LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);

/// A TCP socket of a guest.
pub struct TcpSocket {
    pub(super) family: IpAddressFamily,
    state: State,
    /// Shared with the connection, which may outlive the guest's handle.
    cost: Arc<Cost>,
}

enum State {
    New,
    Connecting {
        dial: Dial,
        peer: Peer,
    },
    Connected {
        peer: Peer,
        local_port: u16,
        incoming: Incoming,
        outgoing: Outgoing,
    },
    /// A connection that failed: there is no second try on the same socket.
    Dead,
}

#[derive(Clone)]
pub(super) struct Peer {
    /// The address that the guest dialled.
    pub address: SocketAddr,
    pub meter: Meter,
}

/// A connection that is being opened, and its outcome once it is there.
pub(super) struct Dial {
    pub(super) task: AbortOnDropHandle<Result<Connection, ErrorCode>>,
    outcome: Option<Result<Connection, ErrorCode>>,
}

impl Dial {
    pub(super) fn new(task: AbortOnDropHandle<Result<Connection, ErrorCode>>) -> Self {
        Self { task, outcome: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.outcome.is_none() {
            let outcome = ready!(Pin::new(&mut self.task).poll(cx));
            // A task that ended otherwise was aborted, with the socket or by a defect of ours.
            self.outcome = Some(outcome.unwrap_or(Err(ErrorCode::Unknown)));
        }
        Poll::Ready(())
    }
}

impl TcpSocket {
    pub(super) fn new(family: IpAddressFamily, cost: Arc<Cost>) -> Self {
        Self { family, state: State::New, cost }
    }

    pub(super) fn cost(&self) -> Arc<Cost> {
        Arc::clone(&self.cost)
    }

    /// Whether a connection may be begun.
    pub(super) fn check_new(&self) -> Result<(), ErrorCode> {
        match self.state {
            State::New => Ok(()),
            State::Connecting { .. } => Err(ErrorCode::ConcurrencyConflict),
            State::Connected { .. } | State::Dead => Err(ErrorCode::InvalidState),
        }
    }

    pub(super) fn begin(&mut self, dial: Dial, peer: Peer) {
        self.state = State::Connecting { dial, peer };
    }

    /// The streams of a connection that came about.
    pub(super) fn finish(&mut self) -> Result<(Incoming, Outgoing), ErrorCode> {
        let State::Connecting { dial, peer } = &mut self.state else {
            return Err(ErrorCode::NotInProgress);
        };
        if dial.poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            return Err(ErrorCode::WouldBlock);
        }
        let (peer, outcome) = (peer.clone(), dial.outcome.take());
        self.state = State::Dead;
        let Connection { reading, writing, local_port, .. } =
            outcome.unwrap_or(Err(ErrorCode::Unknown))?;
        let incoming = Incoming::new(reading, peer.meter.clone());
        let outgoing = Outgoing::new(writing, peer.meter.clone());
        let streams = (incoming.clone(), outgoing.clone());
        self.state = State::Connected { peer, local_port, incoming, outgoing };
        Ok(streams)
    }

    pub(super) fn local(&self) -> Result<SocketAddr, ErrorCode> {
        let State::Connected { local_port, .. } = self.state else {
            return Err(ErrorCode::InvalidState);
        };
        Ok(match self.family {
            IpAddressFamily::Ipv4 => SocketAddr::from((LOCAL_V4, local_port)),
            IpAddressFamily::Ipv6 => SocketAddr::from((LOCAL_V6, local_port)),
        })
    }

    pub(super) fn remote(&self) -> Result<SocketAddr, ErrorCode> {
        match &self.state {
            State::Connected { peer, .. } => Ok(peer.address),
            _ => Err(ErrorCode::InvalidState),
        }
    }

    pub(super) fn shut_down(&self, receive: bool, send: bool) -> Result<(), ErrorCode> {
        let State::Connected { incoming, outgoing, .. } = &self.state else {
            return Err(ErrorCode::InvalidState);
        };
        if receive {
            incoming.shut_down();
        }
        if send {
            outgoing.shut_down();
        }
        Ok(())
    }
}

#[async_trait]
impl Pollable for TcpSocket {
    async fn ready(&mut self) {
        if let State::Connecting { dial, .. } = &mut self.state {
            std::future::poll_fn(|cx| dial.poll(cx)).await;
        }
    }
}
