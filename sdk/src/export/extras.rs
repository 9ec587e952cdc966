//! What tables have beside their columns, as the components' `source-extras` and `destination-extras` exports, which
//! every connector has, as it has [`super::lookup`] or [`super::letters`].

use super::bindings::cartridge::warp::types as wit;
use super::bindings::destination_world::exports::cartridge::warp::destination_extras as made;
use super::bindings::exports::cartridge::warp::source_extras as told;
use super::destination::{DestinationConnection, DestinationExport};
use super::source::{SourceConnection, SourceExport};
use crate::{
    Destination, Extra, ExtraOutcome, ExtraRequest, IndexColumn, Source, TableExtras, TableIndex,
};

impl<S: Source + 'static> told::Guest for SourceExport<S> {
    fn extras(
        connection: told::ConnectionBorrow<'_>,
        schema: String,
        table: String,
    ) -> Result<told::TableExtras, wit::Failure> {
        connection.get::<SourceConnection<S>>().call(|source, _| {
            let TableExtras { indexes, comment, column_comments, untold } =
                source.extras(&schema, &table)?;
            let indexes = indexes.into_iter().map(index_out).collect();
            Ok(told::TableExtras { indexes, comment, column_comments, untold })
        })
    }
}

impl<D: Destination + 'static> made::Guest for DestinationExport<D> {
    fn make_extra(
        connection: made::ConnectionBorrow<'_>,
        request: made::ExtraRequest,
    ) -> Result<made::ExtraOutcome, wit::Failure> {
        let made::ExtraRequest { schema_name: schema, table, extra, epoch } = request;
        let extra = match extra {
            made::Extra::Index(index) => Extra::Index(index_in(index)),
            made::Extra::Comment(text) => Extra::Comment(text),
            made::Extra::ColumnComment((column, text)) => Extra::ColumnComment { column, text },
        };
        let request = ExtraRequest { schema, table, extra, epoch };
        let connection = connection.get::<DestinationConnection<D>>();
        connection.call(|destination, _| {
            Ok(match destination.make_extra(&request)? {
                ExtraOutcome::Made => made::ExtraOutcome::Made,
                ExtraOutcome::Unchanged => made::ExtraOutcome::Unchanged,
                ExtraOutcome::UnderWay => made::ExtraOutcome::UnderWay,
                ExtraOutcome::Refused(why) => made::ExtraOutcome::Refused(why),
            })
        })
    }
}

fn index_out(index: TableIndex) -> wit::TableIndex {
    let TableIndex { name, columns, unique } = index;
    let column = |column: IndexColumn| {
        let IndexColumn { name, descending, nulls_first } = column;
        wit::IndexColumn { name, descending, nulls_first }
    };
    wit::TableIndex { name, columns: columns.into_iter().map(column).collect(), unique }
}

fn index_in(index: wit::TableIndex) -> TableIndex {
    let wit::TableIndex { name, columns, unique } = index;
    let column = |column: wit::IndexColumn| {
        let wit::IndexColumn { name, descending, nulls_first } = column;
        IndexColumn { name, descending, nulls_first }
    };
    TableIndex { name, columns: columns.into_iter().map(column).collect(), unique }
}
