//! `mongodb+srv` URLs: the host looked the records up, and here they are put into the URL.
//!
//! Anybody may have answered the look-up, so of TXT records only what the protocol allows there is
//! taken, and only where the operator's own URL is silent.

use cartridge_warp_sdk::Failure;

use super::{name, refused};

/// Options that may come by TXT record; a balancer is refused anyway.
const BY_RECORD: [&str; 3] = ["authsource", "replicaset", "loadbalanced"];
/// Read by the host.
const OF_SRV: &str = "srvservicename";

/// The same URL with the servers themselves.
pub fn resolved(rest: &str, hosts: Option<&str>, records: Option<&str>) -> Result<String, Failure> {
    let hosts = hosts.filter(|hosts| !hosts.is_empty()).ok_or_else(|| {
        refused(
            "names an SRV record (mongodb+srv), and the host did not say which servers it names",
        )
    })?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let login = authority.rfind('@').map_or("", |at| &authority[..=at]);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut options: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && name(pair) != OF_SRV).collect();
    let given: Vec<String> = options.iter().map(|pair| name(pair)).collect();
    for pair in records.unwrap_or_default().lines().flat_map(|line| line.split('&')) {
        let name = name(pair);
        if !BY_RECORD.contains(&name.as_str()) {
            let what =
                format!("names a TXT record with the option {name:?}, which may not be there");
            return Err(refused(&what));
        }
        if !given.contains(&name) {
            options.push(pair);
        }
    }
    let path = if path.is_empty() { "/" } else { path };
    let query = if options.is_empty() { String::new() } else { format!("?{}", options.join("&")) };
    Ok(format!("mongodb://{login}{hosts}{path}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_take_the_place_of_the_name_and_the_url_outweighs_them() {
        let hosts = Some("a.x.example:1,b.x.example:2");
        for (rest, records, expected) in [
            ("u:p@c.x.example/shop", None, "mongodb://u:p@a.x.example:1,b.x.example:2/shop"),
            ("c.x.example", None, "mongodb://a.x.example:1,b.x.example:2/"),
            (
                "c.x.example/?authSource=own&srvServiceName=customname",
                Some("authSource=other&replicaSet=rs0"),
                "mongodb://a.x.example:1,b.x.example:2/?authSource=own&replicaSet=rs0",
            ),
        ] {
            assert_eq!(resolved(rest, hosts, records).as_deref(), Ok(expected), "{rest}");
        }
        for (hosts, records, reason) in [
            (None, None, "did not say"),
            (Some(""), None, "did not say"),
            (hosts, Some("tls=false"), "\"tls\""),
        ] {
            let failure = resolved("c.x.example", hosts, records).unwrap_err();
            assert!(failure.message.contains(reason), "{failure}");
        }
    }
}
