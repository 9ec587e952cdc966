//! Rust types of the `wasi:sockets` interfaces that the virtual network implements, generated.
//!
//! wasmtime-wasi's own can't be used: their socket is a concrete, native one.

wasmtime::component::bindgen!({
    path: "wit",
    world: "cartridge:virtual-network/sockets",
    imports: { default: trappable },
    require_store_data_send: true,
    trappable_error_type: {
        "wasi:sockets/network.error-code" => wasmtime_wasi::p2::SocketError,
    },
    with: {
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:sockets/network": wasmtime_wasi::p2::bindings::sockets::network,
        "wasi:sockets/tcp.tcp-socket": super::socket::TcpSocket,
        "wasi:sockets/ip-name-lookup.resolve-address-stream": super::addresses::Addresses,
    },
});

pub(super) use wasi::sockets::{ip_name_lookup, tcp, tcp_create_socket};
