//! Puts the virtual network where components expect `wasi:sockets`.

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::{
    Network as NetworkHandle, SocketError, SocketResult, UdpSocket,
    bindings::sockets::{
        instance_network,
        network::{self as codes, ErrorCode, IpAddressFamily},
        udp, udp_create_socket,
    },
};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};

use super::{Network, bindings};

/// A guest's network with the table of its handles.
pub(in crate::plugin) struct NetworkView<'a> {
    pub(in crate::plugin) network: &'a mut Network,
    pub(in crate::plugin) table: &'a mut ResourceTable,
}

struct HasNetwork;

impl HasData for HasNetwork {
    type Data<'a> = NetworkView<'a>;
}

/// What a Store's state has for this module.
pub(in crate::plugin) trait HasVirtualNetwork: WasiSocketsView {
    fn network(&mut self) -> NetworkView<'_>;
}

/// Handles and codes are wasmtime-wasi's; everything that reaches out is ours.
pub(in crate::plugin) fn add_to_linker<T: HasVirtualNetwork + 'static>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    codes::add_to_linker::<T, WasiSockets>(linker, &codes::LinkOptions::default(), T::sockets)?;
    instance_network::add_to_linker::<T, WasiSockets>(linker, T::sockets)?;
    bindings::ip_name_lookup::add_to_linker::<T, HasNetwork>(linker, T::network)?;
    bindings::tcp::add_to_linker::<T, HasNetwork>(linker, T::network)?;
    bindings::tcp_create_socket::add_to_linker::<T, HasNetwork>(linker, T::network)?;
    // Nobody gets a UDP socket to call these with.
    udp::add_to_linker::<T, WasiSockets>(linker, T::sockets)?;
    udp_create_socket::add_to_linker::<T, HasNetwork>(linker, T::network)
}

impl udp_create_socket::Host for NetworkView<'_> {
    async fn create_udp_socket(&mut self, _: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        self.network.report().denied("a UDP socket", "connectors speak TCP only");
        Err(ErrorCode::AccessDenied.into())
    }
}

/// Only how errors become codes: the interface itself is linked to wasmtime-wasi's.
impl codes::Host for NetworkView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn network_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        Ok(error.downcast_ref::<std::io::Error>().map(ErrorCode::from))
    }
}

impl codes::HostNetwork for NetworkView<'_> {
    fn drop(&mut self, this: Resource<NetworkHandle>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
