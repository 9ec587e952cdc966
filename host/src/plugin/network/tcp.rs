//! `wasi:sockets/tcp` and `tcp-create-socket`: clients only.

use std::net::{IpAddr, SocketAddr};

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, Network, SocketResult,
    bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress},
    subscribe,
};

use super::{
    NetworkView,
    bindings::{
        tcp::{Host, HostTcpSocket, ShutdownType},
        tcp_create_socket,
    },
    limits::{
        KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, READ_BYTES_MAX, WRITE_BYTES_MAX,
    },
    socket::TcpSocket,
};

/// What packets start with on most systems.
const HOP_LIMIT: u8 = 64;

type This = Resource<TcpSocket>;

impl tcp_create_socket::Host for NetworkView<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> SocketResult<This> {
        let cost = self.network.new_socket()?;
        Ok(self.table.push(TcpSocket::new(family, cost))?)
    }
}

impl Host for NetworkView<'_> {}

impl NetworkView<'_> {
    fn is_fit(family: IpAddressFamily, address: SocketAddr) -> bool {
        let fits = match address {
            SocketAddr::V4(_) => family == IpAddressFamily::Ipv4,
            SocketAddr::V6(_) => family == IpAddressFamily::Ipv6,
        };
        let ip = address.ip();
        let mapped = matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some());
        fits && !mapped && !ip.is_unspecified() && address.port() != 0
    }

    /// A server's call.
    fn deny<T>(&self, what: &str) -> SocketResult<T> {
        self.network.report().denied(what, "connectors are clients only");
        Err(ErrorCode::AccessDenied.into())
    }
}

/// Settings that the host makes itself are read as they are, and asking for others changes nothing,
/// as with systems that round and clamp.
fn not_zero<T: PartialEq + Default>(value: &T) -> SocketResult<()> {
    if *value == T::default() {
        return Err(ErrorCode::InvalidArgument.into());
    }
    Ok(())
}

fn nanoseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl HostTcpSocket for NetworkView<'_> {
    fn start_connect(
        &mut self,
        this: This,
        _network: Resource<Network>,
        address: IpSocketAddress,
    ) -> SocketResult<()> {
        let address = SocketAddr::from(address);
        let socket = self.table.get_mut(&this)?;
        socket.check_new()?;
        if !Self::is_fit(socket.family, address) {
            return Err(ErrorCode::InvalidArgument.into());
        }
        let (dial, peer) = self.network.dial(address, socket.cost())?;
        socket.begin(dial, peer);
        Ok(())
    }

    fn finish_connect(
        &mut self,
        this: This,
    ) -> SocketResult<(Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let (incoming, outgoing) = self.table.get_mut(&this)?.finish()?;
        let incoming: DynInputStream = Box::new(incoming);
        let outgoing: DynOutputStream = Box::new(outgoing);
        let incoming = self.table.push_child(incoming, &this)?;
        let outgoing = self.table.push_child(outgoing, &this)?;
        Ok((incoming, outgoing))
    }

    fn subscribe(&mut self, this: This) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn shutdown(&mut self, this: This, how: ShutdownType) -> SocketResult<()> {
        let receive = matches!(how, ShutdownType::Receive | ShutdownType::Both);
        let send = matches!(how, ShutdownType::Send | ShutdownType::Both);
        Ok(self.table.get(&this)?.shut_down(receive, send)?)
    }

    fn drop(&mut self, this: This) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }

    fn local_address(&mut self, this: This) -> SocketResult<IpSocketAddress> {
        Ok(self.table.get(&this)?.local()?.into())
    }

    fn remote_address(&mut self, this: This) -> SocketResult<IpSocketAddress> {
        Ok(self.table.get(&this)?.remote()?.into())
    }

    fn address_family(&mut self, this: This) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&this)?.family)
    }

    fn start_bind(
        &mut self,
        _: This,
        _: Resource<Network>,
        address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.deny(&format!("binding to {}", SocketAddr::from(address)))
    }

    fn finish_bind(&mut self, _: This) -> SocketResult<()> {
        Err(ErrorCode::NotInProgress.into())
    }

    fn start_listen(&mut self, _: This) -> SocketResult<()> {
        self.deny("listening")
    }

    fn finish_listen(&mut self, _: This) -> SocketResult<()> {
        Err(ErrorCode::NotInProgress.into())
    }

    fn accept(
        &mut self,
        _: This,
    ) -> SocketResult<(This, Resource<DynInputStream>, Resource<DynOutputStream>)> {
        Err(ErrorCode::InvalidState.into())
    }

    fn is_listening(&mut self, _: This) -> wasmtime::Result<bool> {
        Ok(false)
    }

    fn set_listen_backlog_size(&mut self, _: This, value: u64) -> SocketResult<()> {
        not_zero(&value)
    }

    fn keep_alive_enabled(&mut self, _: This) -> SocketResult<bool> {
        Ok(true)
    }

    fn set_keep_alive_enabled(&mut self, _: This, _: bool) -> SocketResult<()> {
        Ok(())
    }

    fn keep_alive_idle_time(&mut self, _: This) -> SocketResult<u64> {
        Ok(nanoseconds(KEEPALIVE_IDLE))
    }

    fn set_keep_alive_idle_time(&mut self, _: This, value: u64) -> SocketResult<()> {
        not_zero(&value)
    }

    fn keep_alive_interval(&mut self, _: This) -> SocketResult<u64> {
        Ok(nanoseconds(KEEPALIVE_INTERVAL))
    }

    fn set_keep_alive_interval(&mut self, _: This, value: u64) -> SocketResult<()> {
        not_zero(&value)
    }

    fn keep_alive_count(&mut self, _: This) -> SocketResult<u32> {
        Ok(KEEPALIVE_PROBES)
    }

    fn set_keep_alive_count(&mut self, _: This, value: u32) -> SocketResult<()> {
        not_zero(&value)
    }

    fn hop_limit(&mut self, _: This) -> SocketResult<u8> {
        Ok(HOP_LIMIT)
    }

    fn set_hop_limit(&mut self, _: This, value: u8) -> SocketResult<()> {
        not_zero(&value)
    }

    fn receive_buffer_size(&mut self, _: This) -> SocketResult<u64> {
        Ok(READ_BYTES_MAX as u64)
    }

    fn set_receive_buffer_size(&mut self, _: This, value: u64) -> SocketResult<()> {
        not_zero(&value)
    }

    fn send_buffer_size(&mut self, _: This) -> SocketResult<u64> {
        Ok(WRITE_BYTES_MAX as u64)
    }

    fn set_send_buffer_size(&mut self, _: This, value: u64) -> SocketResult<()> {
        not_zero(&value)
    }
}
