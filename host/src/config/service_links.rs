//! Variables that Kubernetes sets in each container for the Services of its namespace.
//!
//! A Service called `cartridge-warp`, or `cartridge-warp-metrics`, gives the pod variables that begin like ours and
//! are no keys. They are told by their form and because they come together, so a key that is misspelt is
//! still refused.

use std::collections::BTreeMap;

const HOST: &str = "_SERVICE_HOST";
const PORT: &str = "_SERVICE_PORT";

/// Whether `variable` is one of those that tell of a Service whose host and port are in the environment, too.
pub(super) fn tells_of_a_service(variable: &str, environment: &BTreeMap<String, String>) -> bool {
    services(environment).any(|service| {
        let Some(rest) = variable.strip_prefix(service) else { return false };
        rest == HOST
            || rest == PORT
            || rest.strip_prefix(PORT).is_some_and(|name| name.starts_with('_'))
            || rest.strip_prefix("_PORT").is_some_and(is_of_a_port)
    })
}

/// The Services' names, as variables have them.
fn services(environment: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    let hosts = environment.keys().filter_map(|variable| variable.strip_suffix(HOST));
    hosts.filter(|service| environment.contains_key(&format!("{service}{PORT}")))
}

/// What follows `…_PORT`: nothing, or `_8080_TCP` and maybe what is said of it.
fn is_of_a_port(rest: &str) -> bool {
    let mut parts = rest.split('_');
    if parts.next() != Some("") {
        return false;
    }
    let Some(port) = parts.next() else { return true };
    let protocol = parts.next().unwrap_or_default();
    let detail = parts.next();
    port.parse::<u16>().is_ok()
        && ["TCP", "UDP", "SCTP"].contains(&protocol)
        && detail.is_none_or(|detail| ["PROTO", "PORT", "ADDR"].contains(&detail))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect()
    }

    #[test]
    fn what_comes_with_a_service_is_told_from_a_misspelt_key() {
        let names = [
            "CARTRIDGE_WARP_SERVICE_HOST",
            "CARTRIDGE_WARP_SERVICE_PORT",
            "CARTRIDGE_WARP_SERVICE_PORT_HTTP",
            "CARTRIDGE_WARP_PORT",
            "CARTRIDGE_WARP_PORT_8080_TCP",
            "CARTRIDGE_WARP_PORT_8080_TCP_PROTO",
            "CARTRIDGE_WARP_PORT_8080_TCP_ADDR",
            "CARTRIDGE_WARP_METRICS_SERVICE_HOST",
            "CARTRIDGE_WARP_METRICS_SERVICE_PORT",
            "CARTRIDGE_WARP_METRICS_PORT_9100_UDP_PORT",
        ];
        let present = environment(&names);
        for name in names {
            assert!(tells_of_a_service(name, &present), "{name}");
        }
        for name in [
            "CARTRIDGE_WARP_PORTS",
            "CARTRIDGE_WARP_PORT_HTTP",
            "CARTRIDGE_WARP_PORT_8080_TCP_NAME",
            "CARTRIDGE_WARP_PORT_8080_TCP_ADDR_X",
            "CARTRIDGE_WARP_SERVICE_PORTS",
            "CARTRIDGE_WARP_SORCE__TYPE",
            "CARTRIDGE_WARP_OTHER_PORT",
        ] {
            assert!(!tells_of_a_service(name, &present), "{name}");
        }
        // Alone it may be meant as a key.
        let alone = environment(&["CARTRIDGE_WARP_SERVICE_HOST", "CARTRIDGE_WARP_PORT"]);
        assert!(!tells_of_a_service("CARTRIDGE_WARP_PORT", &alone));
        assert!(!tells_of_a_service("CARTRIDGE_WARP_SERVICE_HOST", &alone));
    }
}
