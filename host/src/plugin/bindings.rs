//! Rust types of `wit/`, generated. Everything behind this module has crossed `convert`.

/// The world of sources, and the interfaces that both worlds share.
pub(super) mod source {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "source-connector",
        imports: { "cartridge:warp/secrets.get": async },
        exports: { default: async },
        require_store_data_send: true,
    });
}

/// The world of destinations.
pub(super) mod destination {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "destination-connector",
        exports: { default: async },
        require_store_data_send: true,
        with: {
            "cartridge:warp/types": super::source::cartridge::warp::types,
            "cartridge:warp/log": super::source::cartridge::warp::log,
            "cartridge:warp/metrics": super::source::cartridge::warp::metrics,
            "cartridge:warp/secrets": super::source::cartridge::warp::secrets,
        },
    });
}
