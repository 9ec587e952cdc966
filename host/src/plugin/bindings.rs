//! Rust types of `wit/`, generated. Everything behind this module has crossed `convert`.

/// The world of sources, and the interfaces that both worlds share.
pub(super) mod source {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "source-connector",
        imports: { "cartridge:warp/secrets.get": async },
        exports: { default: async },
        require_store_data_send: true,
        // For what the cache keeps of a connector's answers.
        additional_derives: [serde::Deserialize, serde::Serialize],
    });
}

/// What a source may export beside its world.
pub(super) mod source_in_full {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "source-connector-in-full",
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

/// What a destination may export beside its world.
pub(super) mod in_full {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "destination-connector-in-full",
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
