//! Secrets that the operator granted, by name. Nothing else is readable (I10).

use crate::plugin::{SecretError, bindings::source::cartridge::warp::secrets::Host, state::State};

impl Host for State {
    async fn get(&mut self, name: String) -> Result<String, String> {
        let secret = self.secrets.clone();
        secret.get(&name).await.map_err(|error| match error {
            SecretError::NotGranted(_) => error.to_string(),
            // Paths and a program's complaints are the operator's.
            _ => "the secret could not be read; the host's log says why".to_owned(),
        })
    }
}
