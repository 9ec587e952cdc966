//! `cartridge:warp`'s log, metrics and secrets. No other secret than a granted one is readable (I10).

use crate::plugin::{
    SecretError,
    bindings::source::cartridge::warp::{
        log::{self, Level},
        metrics, secrets, types,
    },
    state::State,
};

impl types::Host for State {}

impl log::Host for State {
    fn log(&mut self, level: Level, message: String, fields: Vec<(String, String)>) {
        self.log.said(&message);
        fields.iter().for_each(|(_, value)| self.log.said(value));
        self.log.remember_line(&message);
        self.log.line(level, &message, &fields);
    }
}

impl metrics::Host for State {
    fn counter_add(&mut self, name: String, value: u64) {
        self.metrics.counter_add(&name, value);
    }

    fn gauge_set(&mut self, name: String, value: f64) {
        self.metrics.gauge_set(&name, value);
    }
}

impl secrets::Host for State {
    async fn get(&mut self, name: String) -> Result<String, String> {
        let secret = self.secrets.clone();
        secret.get(&name).await.map_err(|error| match error {
            SecretError::NotGranted(_) => error.to_string(),
            // Paths and a program's complaints are the operator's.
            _ => "the secret could not be read; the host's log says why".to_owned(),
        })
    }
}
