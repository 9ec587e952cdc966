//! Checks of who may order a run about.

use super::Findings;
use crate::config::WarpConfig;

pub(super) fn check(config: &WarpConfig, findings: &mut Findings<'_>) {
    let control = &config.control;
    let set = [("socket", control.socket.is_some()), ("listen", control.listen.is_some())];
    if !control.enabled {
        for (key, _) in set.into_iter().filter(|(_, is_set)| *is_set) {
            let help = "remove one of the two";
            findings.conflict(
                &format!("control.{key}"),
                "is set, and `control.enabled` is false",
                help,
            );
        }
    }
    match (&control.listen, &control.token_file) {
        (Some(_), None) => {
            let help = "make a token with `openssl rand -hex 32 > FILE`, let nobody else read that file, and \
                        name it there";
            findings.conflict("control.listen", "needs a `control.token_file`", help);
        }
        (None, Some(_)) => {
            let help = "set `control.listen` too, such as 127.0.0.1:8081, or remove it: the socket needs none";
            findings.conflict(
                "control.token_file",
                "is for `control.listen`, which is not set",
                help,
            );
        }
        _ => {}
    }
}
