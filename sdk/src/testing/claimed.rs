//! Runs a destination natively, as the host would.

use crate::wire::{Decoder, Encoder};
use crate::{
    ChangeOutcome, Destination, Failure, Marker, SchemaChange, TablePlan, TableRows, WriteOutcome,
    WriteRequest,
};

/// A destination whose schema was made and claimed. Rows are encoded and decoded on the way to it.
pub struct Claimed<D> {
    /// The destination itself, for calls of its own.
    pub destination: D,
    /// The epoch of the claim.
    pub epoch: u64,
    schema: String,
    encoder: Encoder,
    decoder: Decoder,
}

impl<D: Destination> Claimed<D> {
    /// Makes the schema and claims it. Another one on the same schema fences this one.
    ///
    /// # Errors
    /// The destination's own.
    pub fn new(mut destination: D, schema: impl Into<String>) -> Result<Self, Failure> {
        let schema = schema.into();
        destination.create_schema_if_not_exists(&schema)?;
        let epoch = destination.claim_schema(&schema, "test")?;
        let (encoder, decoder) = (Encoder::default(), Decoder::default());
        Ok(Self { destination, epoch, schema, encoder, decoder })
    }

    /// Makes a table.
    ///
    /// # Errors
    /// The destination's own.
    pub fn plan(&mut self, plan: &TablePlan) -> Result<(), Failure> {
        self.destination.create_table_if_not_exists(&self.schema, plan, self.epoch)
    }

    /// Changes tables.
    ///
    /// # Errors
    /// The destination's own.
    pub fn change(&mut self, changes: &[SchemaChange]) -> Result<Vec<ChangeOutcome>, Failure> {
        self.destination.apply_schema_changes(&self.schema, changes, self.epoch)
    }

    /// Writes rows and nothing else, keeping those that are refused as dead letters.
    ///
    /// # Errors
    /// The destination's own.
    pub fn write(&mut self, tables: Vec<TableRows>) -> Result<WriteOutcome, Failure> {
        let request = self.request(tables);
        self.send(request)
    }

    /// A request with these rows and nothing else, to be changed before it is sent.
    pub fn request(&self, tables: Vec<TableRows>) -> WriteRequest {
        WriteRequest { tables, ..WriteRequest::new(&self.schema, self.epoch) }
    }

    /// Writes a request.
    ///
    /// # Errors
    /// The destination's own.
    pub fn send(&mut self, mut request: WriteRequest) -> Result<WriteOutcome, Failure> {
        for rows in &mut request.tables {
            let encoded = self.encoder.encode(rows)?;
            *rows = self.decoder.decode(encoded)?;
        }
        self.destination.write_batch(request)
    }

    /// Stores or removes positions without rows.
    ///
    /// # Errors
    /// The destination's own.
    pub fn mark(&mut self, markers: &[Marker]) -> Result<(), Failure> {
        self.destination.update_marker(&self.schema, markers, self.epoch)
    }

    /// The value of a marker.
    ///
    /// # Errors
    /// The destination's own.
    pub fn marker(&mut self, stream: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.destination.get_marker(&self.schema, stream)
    }
}
