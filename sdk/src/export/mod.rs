//! The glue between the traits and the component's exports. Not for authors: use the macros.

#[cfg(target_family = "wasm")]
mod admin;
#[cfg(target_family = "wasm")]
pub mod bindings;
#[cfg(target_family = "wasm")]
mod convert;
#[cfg(target_family = "wasm")]
mod destination;
#[cfg(target_family = "wasm")]
mod extras;
#[cfg(target_family = "wasm")]
mod letters;
#[cfg(target_family = "wasm")]
mod lookup;
#[cfg(target_family = "wasm")]
mod moment;
#[cfg(target_family = "wasm")]
mod read;
#[cfg(target_family = "wasm")]
mod source;
#[cfg(target_family = "wasm")]
mod sweep;
#[cfg(target_family = "wasm")]
mod turns;

#[cfg(target_family = "wasm")]
pub use {destination::DestinationExport, source::SourceExport};

/// Makes a [`Source`](crate::Source) the component's export. Natively it expands to a check that
/// the type implements the trait.
#[macro_export]
macro_rules! export_source {
    ($source:ty) => {
        const _: () = {
            #[cfg(target_family = "wasm")]
            type Exported = $crate::export::SourceExport<$source>;
            #[cfg(target_family = "wasm")]
            $crate::export::bindings::export_source_world!(
                Exported with_types_in $crate::export::bindings
            );
            #[cfg(not(target_family = "wasm"))]
            const fn implements<S: $crate::Source>() {}
            #[cfg(not(target_family = "wasm"))]
            implements::<$source>();
        };
    };
}

/// Makes a [`Destination`](crate::Destination) the component's export. Natively it expands to a
/// check that the type implements the trait.
#[macro_export]
macro_rules! export_destination {
    ($destination:ty) => {
        const _: () = {
            #[cfg(target_family = "wasm")]
            type Exported = $crate::export::DestinationExport<$destination>;
            #[cfg(target_family = "wasm")]
            $crate::export::bindings::destination_world::export_destination_world!(
                Exported with_types_in $crate::export::bindings::destination_world
            );
            #[cfg(not(target_family = "wasm"))]
            const fn implements<D: $crate::Destination>() {}
            #[cfg(not(target_family = "wasm"))]
            implements::<$destination>();
        };
    };
}
