//! SRV and TXT records: whoever answers for DNS says what is in them.
#![no_main]

use std::{io, net::IpAddr};

use arbitrary::Arbitrary;
use cartridge_warp::plugin::{Answers, Resolver, Service, SrvGrant, fuzzing::servers};

#[derive(Arbitrary, Debug)]
struct Records {
    host: u8,
    services: Vec<(u16, u16, Name, u16)>,
    texts: Vec<String>,
}

#[derive(Arbitrary, Debug)]
enum Name {
    Inside(String),
    Any(String),
}

const HOSTS: [&str; 3] = ["cluster.db.example", "example", "db.example"];
/// The domains that targets of these hosts have to lie in.
const DOMAINS: [&str; 3] = ["db.example", "example", "db.example"];

impl Resolver for Records {
    fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(Vec::new())
    }

    fn services<'a>(&'a self, _: &'a str) -> Answers<'a, Service> {
        let services = self.services.iter().map(|(priority, weight, name, port)| Service {
            priority: *priority,
            weight: *weight,
            host: match name {
                Name::Inside(label) => format!("{label}.{}.", DOMAINS[self.index()]),
                Name::Any(name) => name.clone(),
            },
            port: *port,
        });
        let services = services.collect();
        Box::pin(async move { Ok(services) })
    }

    fn texts<'a>(&'a self, _: &'a str) -> Answers<'a, String> {
        Box::pin(async { Ok(self.texts.clone()) })
    }
}

impl Records {
    fn index(&self) -> usize {
        usize::from(self.host) % HOSTS.len()
    }
}

libfuzzer_sys::fuzz_target!(|records: Records| {
    let grant = SrvGrant {
        key: "connection_string".to_owned(),
        service: "db".to_owned(),
        host: HOSTS[records.index()].to_owned(),
        tls: None,
        private: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime without input and output");
    let Ok(hosts) = runtime.block_on(servers(&records, &[grant])) else { return };
    let domain = DOMAINS[records.index()];
    for host in hosts {
        let name = host.host.to_string();
        let inside = name == domain || name.ends_with(&format!(".{domain}"));
        assert!(inside, "{name} lies outside of {domain}");
        assert!(host.port != 0);
    }
});
