//! Generated from `wit/`. The destination's world reuses the types and imports of the source's.
#![allow(missing_docs, clippy::all, clippy::pedantic)]

wit_bindgen::generate!({
    path: "wit",
    world: "source-connector-in-full",
    pub_export_macro: true,
    export_macro_name: "export_source_world",
    default_bindings_module: "cartridge_warp_sdk::export::bindings",
});

pub mod destination_world {
    wit_bindgen::generate!({
        path: "wit",
        world: "destination-connector-in-full",
        pub_export_macro: true,
        export_macro_name: "export_destination_world",
        default_bindings_module: "cartridge_warp_sdk::export::bindings::destination_world",
        with: {
            "cartridge:warp/types@0.1.0": crate::export::bindings::cartridge::warp::types,
            "cartridge:warp/log@0.1.0": crate::export::bindings::cartridge::warp::log,
            "cartridge:warp/metrics@0.1.0": crate::export::bindings::cartridge::warp::metrics,
            "cartridge:warp/secrets@0.1.0": crate::export::bindings::cartridge::warp::secrets,
        },
    });
}
