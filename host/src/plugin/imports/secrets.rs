//! Secrets that the operator granted, by name. Nothing else is readable (I10).

use crate::plugin::{
    bindings::source::cartridge::warp::secrets::Host, limits::WORD_BYTES_MAX, state::State, text,
};

impl Host for State {
    fn get(&mut self, name: String) -> Result<String, String> {
        self.secrets.get(&name).cloned().ok_or_else(|| {
            let name = text::one_line(&name, WORD_BYTES_MAX);
            format!("no secret `{name}` is granted; name it under `grants.secrets`")
        })
    }
}
