//! A component that is linked and can be instantiated.

use wasmtime::{Store, component::InstancePre};

use super::{
    Role,
    bindings::{
        destination::{DestinationConnector, DestinationConnectorIndices},
        in_full::exports::cartridge::warp::{
            destination_extras as made, destination_letters as letters, destination_read as read,
            destination_sweep as sweep,
        },
        source::{SourceConnector, SourceConnectorIndices},
        source_in_full::exports::cartridge::warp::{
            source_admin as admin, source_extras as told, source_lookup as lookup,
            source_moment as moment, source_turns as turns,
        },
    },
    state::State,
};

/// What a source may export beside its world, of our version of the contract.
const ADMIN: &str = "cartridge:warp/source-admin@0.1.0";
const TOLD: &str = "cartridge:warp/source-extras@0.1.0";
const LOOKUP: &str = "cartridge:warp/source-lookup@0.1.0";
const MOMENT: &str = "cartridge:warp/source-moment@0.1.0";
const TURNS: &str = "cartridge:warp/source-turns@0.1.0";

/// What a destination may.
const MADE: &str = "cartridge:warp/destination-extras@0.1.0";
const LETTERS: &str = "cartridge:warp/destination-letters@0.1.0";
const READ: &str = "cartridge:warp/destination-read@0.1.0";
const SWEEP: &str = "cartridge:warp/destination-sweep@0.1.0";

/// Compiled and linked, for one of the two worlds.
pub(super) enum Program {
    Source(SourceProgram),
    Destination(DestinationProgram),
}

impl Program {
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Source(_) => Role::Source,
            Self::Destination(_) => Role::Destination,
        }
    }
}

/// A source, and what it exports beside its world.
pub(super) struct SourceProgram {
    linked: InstancePre<State>,
    world: SourceConnectorIndices,
    admin: Option<admin::GuestIndices>,
    extras: Option<told::GuestIndices>,
    lookup: Option<lookup::GuestIndices>,
    moment: Option<moment::GuestIndices>,
    turns: Option<turns::GuestIndices>,
}

/// The exports of one instance of it.
pub(super) struct SourceExports {
    pub(super) world: SourceConnector,
    pub(super) admin: Option<admin::Guest>,
    pub(super) extras: Option<told::Guest>,
    pub(super) lookup: Option<lookup::Guest>,
    pub(super) moment: Option<moment::Guest>,
    pub(super) turns: Option<turns::Guest>,
}

impl SourceProgram {
    /// Looks what the component exports; what it has beside its world has to be whole.
    pub(super) fn of(linked: InstancePre<State>) -> wasmtime::Result<Self> {
        let world = SourceConnectorIndices::new(&linked)?;
        let admin = has(&linked, ADMIN).then(|| admin::GuestIndices::new(&linked)).transpose()?;
        let extras = has(&linked, TOLD).then(|| told::GuestIndices::new(&linked)).transpose()?;
        let lookup =
            has(&linked, LOOKUP).then(|| lookup::GuestIndices::new(&linked)).transpose()?;
        let moment =
            has(&linked, MOMENT).then(|| moment::GuestIndices::new(&linked)).transpose()?;
        let turns = has(&linked, TURNS).then(|| turns::GuestIndices::new(&linked)).transpose()?;
        Ok(Self { linked, world, admin, extras, lookup, moment, turns })
    }

    pub(super) async fn instantiate(
        &self,
        store: &mut Store<State>,
    ) -> wasmtime::Result<SourceExports> {
        let instance = self.linked.instantiate_async(&mut *store).await?;
        let admin = self.admin.as_ref();
        let admin = admin.map(|admin| admin.load(&mut *store, &instance)).transpose()?;
        let extras = self.extras.as_ref();
        let extras = extras.map(|extras| extras.load(&mut *store, &instance)).transpose()?;
        let lookup = self.lookup.as_ref();
        let lookup = lookup.map(|lookup| lookup.load(&mut *store, &instance)).transpose()?;
        let moment = self.moment.as_ref();
        let moment = moment.map(|moment| moment.load(&mut *store, &instance)).transpose()?;
        let turns = self.turns.as_ref();
        let turns = turns.map(|turns| turns.load(&mut *store, &instance)).transpose()?;
        let world = self.world.load(&mut *store, &instance)?;
        Ok(SourceExports { world, admin, extras, lookup, moment, turns })
    }
}

/// A destination, and what it exports beside its world.
pub(super) struct DestinationProgram {
    linked: InstancePre<State>,
    world: DestinationConnectorIndices,
    extras: Option<made::GuestIndices>,
    letters: Option<letters::GuestIndices>,
    read: Option<read::GuestIndices>,
    sweep: Option<sweep::GuestIndices>,
}

/// The exports of one instance of it.
pub(super) struct DestinationExports {
    pub(super) world: DestinationConnector,
    pub(super) extras: Option<made::Guest>,
    pub(super) letters: Option<letters::Guest>,
    pub(super) read: Option<read::Guest>,
    pub(super) sweep: Option<sweep::Guest>,
}

impl DestinationProgram {
    /// Looks what the component exports; what it has beside its world has to be whole.
    pub(super) fn of(linked: InstancePre<State>) -> wasmtime::Result<Self> {
        let world = DestinationConnectorIndices::new(&linked)?;
        let extras = has(&linked, MADE).then(|| made::GuestIndices::new(&linked)).transpose()?;
        let letters =
            has(&linked, LETTERS).then(|| letters::GuestIndices::new(&linked)).transpose()?;
        let read = has(&linked, READ).then(|| read::GuestIndices::new(&linked)).transpose()?;
        let sweep = has(&linked, SWEEP).then(|| sweep::GuestIndices::new(&linked)).transpose()?;
        Ok(Self { linked, world, extras, letters, read, sweep })
    }

    pub(super) async fn instantiate(
        &self,
        store: &mut Store<State>,
    ) -> wasmtime::Result<DestinationExports> {
        let instance = self.linked.instantiate_async(&mut *store).await?;
        let extras = self.extras.as_ref();
        let extras = extras.map(|extras| extras.load(&mut *store, &instance)).transpose()?;
        let letters = self.letters.as_ref();
        let letters = letters.map(|letters| letters.load(&mut *store, &instance)).transpose()?;
        let read = self.read.as_ref().map(|read| read.load(&mut *store, &instance)).transpose()?;
        let sweep = self.sweep.as_ref();
        let sweep = sweep.map(|sweep| sweep.load(&mut *store, &instance)).transpose()?;
        let world = self.world.load(&mut *store, &instance)?;
        Ok(DestinationExports { world, extras, letters, read, sweep })
    }
}

fn has(linked: &InstancePre<State>, name: &str) -> bool {
    linked.component().get_export_index(None, name).is_some()
}
