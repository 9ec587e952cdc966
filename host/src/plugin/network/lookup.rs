//! `wasi:sockets/ip-name-lookup`: granted names have virtual addresses, nothing else has any.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{
    DynPollable, Network, SocketResult,
    bindings::sockets::network::{ErrorCode, IpAddress},
    subscribe,
};

use super::{
    NetworkView,
    addresses::Addresses,
    bindings::ip_name_lookup::{Host, HostResolveAddressStream},
};

impl Host for NetworkView<'_> {
    fn resolve_addresses(
        &mut self,
        _network: Resource<Network>,
        name: String,
    ) -> SocketResult<Resource<Addresses>> {
        let address = self.network.lookup(&name).ok_or(ErrorCode::AccessDenied)?;
        Ok(self.table.push(Addresses(Some(address)))?)
    }
}

impl HostResolveAddressStream for NetworkView<'_> {
    fn resolve_next_address(
        &mut self,
        this: Resource<Addresses>,
    ) -> SocketResult<Option<IpAddress>> {
        Ok(self.table.get_mut(&this)?.0.take().map(IpAddress::from))
    }

    fn subscribe(&mut self, this: Resource<Addresses>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn drop(&mut self, this: Resource<Addresses>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
