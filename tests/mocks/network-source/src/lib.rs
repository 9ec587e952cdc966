//! A source for tests: it uses the network as its options tell it, and answers what came of it as
//! the name of its only table.

mod deeds;

use cartridge_warp_sdk::{
    ChangeBatch, Chunk, ColumnType, Config, Description, Failure, Limits, Position, SnapshotBatch,
    Source, Table, export_source,
};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What to do, see `deeds`.
    pub deed: String,
    /// Where, as host:port.
    pub address: String,
    /// How much of it.
    pub bytes: usize,
    /// What to say there.
    pub text: String,
    /// Whether the answer is a failure.
    pub fail: bool,
}

pub struct NetworkSource {
    options: Options,
    /// What the host said of SRV records.
    found: Vec<(String, String)>,
    connection_string: String,
    /// All that the host gave it, to be searched for what it must not have.
    given: String,
}

impl Source for NetworkSource {
    type Options = Options;

    fn describe() -> Description {
        Description::new("network", env!("CARGO_PKG_VERSION"), "Uses the network as it is told")
            .capability("change-detection:log")
            .wants(
                "host",
                "${connection_string}?port=4000&tls=ssl-request&mode=tls&ca=ca\
                 &certificate=certificate&key=key&srv=net%2Bsrv&login=startup-3",
                "what it does is done there",
            )
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        let variables: Vec<_> = std::env::vars().collect();
        let paths: Vec<_> = config.paths.iter().map(|path| &path.configured).collect();
        let Config { connection_string, settings, options, .. } = &config;
        let given = format!("{connection_string} {settings:?} {options:?} {variables:?} {paths:?}");
        let settings = config.settings.into_iter();
        let found = settings.filter(|(name, _)| name.starts_with("srv_")).collect();
        let connection_string = config.connection_string;
        Ok(Self { options: config.options, found, connection_string, given })
    }

    fn get_schema(&mut self, _: &str) -> Result<Vec<Table>, Failure> {
        let answer = match self.options.deed.as_str() {
            "settings" => format!("ok {:?}", self.found),
            // Spelled, since it may hold a secret.
            "connection" => self.connection_string.chars().map(|c| format!("{c}.")).collect(),
            // Backwards, since the host would take known secrets out of it.
            "reveal" => self.given.chars().rev().collect(),
            _ => deeds::commit(&self.options),
        };
        if self.options.fail {
            return Err(Failure::reconnect("network", answer));
        }
        Ok(vec![Table::new(answer).column("id", ColumnType::BigInt).key(["id"])])
    }

    fn current_position(&mut self, _: &str) -> Result<Position, Failure> {
        Ok(Vec::new())
    }

    fn plan_snapshot(&mut self, _: &str, _: &str, _: &[u8], _: u32) -> Result<Vec<Chunk>, Failure> {
        Ok(Vec::new())
    }

    fn get_full_snapshot(
        &mut self,
        _: &str,
        _: &str,
        _: &Chunk,
        _: Option<&[u8]>,
        _: Limits,
    ) -> Result<SnapshotBatch, Failure> {
        Ok(SnapshotBatch::default())
    }

    fn get_changes(&mut self, _: &str, _: &[u8], _: Limits) -> Result<ChangeBatch, Failure> {
        Ok(ChangeBatch { caught_up: true, ..ChangeBatch::default() })
    }

    fn confirm(&mut self, _: &str, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

export_source!(NetworkSource);
