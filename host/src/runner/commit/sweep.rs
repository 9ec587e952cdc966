//! The commits that begin and end a sweep.

use super::{Writer, writer::check_markers};
use crate::{
    model::Marker,
    plugin::SweepRequest,
    runner::{error::RunError, letters::Brought},
};

impl Writer {
    /// Begins to copy a table again while its rows stay, with these markers; or why it has to be emptied.
    pub async fn begin_sweep(
        &self,
        table: &str,
        keys: &str,
        markers: Vec<Marker>,
    ) -> Result<Option<String>, RunError> {
        let request = self.sweep_request(table, keys, markers)?;
        let reason = self.destination.begin_sweep(request).await?;
        if reason.is_none() {
            self.count_commit();
            let brought = Brought { cleared: vec![table.to_owned()], ..Brought::default() };
            self.context.letters.committed(&brought);
        }
        Ok(reason)
    }

    /// Ends some of what is left over of the table, and commits these markers with the last of it; how many rows
    /// it was, and whether nothing is left.
    pub async fn sweep(
        &self,
        table: &str,
        keys: &str,
        markers: Vec<Marker>,
    ) -> Result<(u64, bool), RunError> {
        let swept = self.destination.sweep(self.sweep_request(table, keys, markers)?).await?;
        self.count_commit();
        Ok(swept)
    }

    fn sweep_request(
        &self,
        table: &str,
        keys: &str,
        markers: Vec<Marker>,
    ) -> Result<SweepRequest, RunError> {
        check_markers(&markers)?;
        Ok(SweepRequest {
            schema_name: self.context.name().to_owned(),
            table: table.to_owned(),
            keys: keys.to_owned(),
            markers,
            epoch: self.epoch,
        })
    }
}
