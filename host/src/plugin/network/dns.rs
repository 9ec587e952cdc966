//! SRV and TXT records. Addresses are the system's business (`resolve`): it may know names that DNS
//! does not, but it has no way to ask for other records.

use std::{io, net::SocketAddr, time::Duration};

use hickory_resolver::{
    Resolver, TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    lookup::Lookup,
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{Name, RData, RecordType},
};

use super::resolve::Service;

/// How long a server may take for an answer, and how often it is asked.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPTS: usize = 2;

/// Asks DNS anew each time; nothing is remembered.
#[derive(Debug, Default)]
pub(super) struct Dns {
    /// Whom to ask; the system's servers where it is not given.
    server: Option<SocketAddr>,
}

impl Dns {
    /// The SRV records of a name; none where there are none.
    pub(super) async fn services(&self, name: &str) -> io::Result<Vec<Service>> {
        let Some(answer) = self.ask(name, RecordType::SRV).await? else { return Ok(Vec::new()) };
        let service = |data: &RData| match data {
            RData::SRV(srv) => Some(Service {
                priority: srv.priority,
                weight: srv.weight,
                host: srv.target.to_ascii(),
                port: srv.port,
            }),
            _ => None,
        };
        Ok(answer.answers().iter().filter_map(|record| service(&record.data)).collect())
    }

    /// The TXT records of a name; the strings of each record are one text.
    pub(super) async fn texts(&self, name: &str) -> io::Result<Vec<String>> {
        let Some(answer) = self.ask(name, RecordType::TXT).await? else { return Ok(Vec::new()) };
        let text = |data: &RData| match data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        };
        Ok(answer.answers().iter().filter_map(|record| text(&record.data)).collect())
    }

    async fn ask(&self, name: &str, kind: RecordType) -> io::Result<Option<Lookup>> {
        let resolver = self.resolver().map_err(io::Error::other)?;
        let mut name = Name::from_ascii(name).map_err(io::Error::other)?;
        // No search list: what the operator wrote is the whole name.
        name.set_fqdn(true);
        match resolver.lookup(name, kind).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_no_records_found() => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn resolver(&self) -> Result<TokioResolver, NetError> {
        let mut builder = match self.server {
            None => TokioResolver::builder_tokio()?,
            Some(server) => {
                let at = |mut connection: ConnectionConfig| {
                    connection.port = server.port();
                    connection
                };
                let ways = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
                let servers = vec![NameServerConfig::new(server.ip(), true, ways)];
                let config = ResolverConfig::from_parts(None, Vec::new(), servers);
                Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        (options.timeout, options.attempts) = (ANSWER_TIMEOUT, ATTEMPTS);
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    const SRV: u16 = 33;
    const TXT: u16 = 16;

    fn encoded(name: &str) -> Vec<u8> {
        let labels = name.split('.').filter(|label| !label.is_empty());
        let mut bytes: Vec<u8> =
            labels.flat_map(|l| [&[l.len() as u8], l.as_bytes()].concat()).collect();
        bytes.push(0);
        bytes
    }

    fn srv(priority: u16, weight: u16, port: u16, host: &str) -> Vec<u8> {
        let numbers = [priority, weight, port];
        [numbers.map(u16::to_be_bytes).concat(), encoded(host)].concat()
    }

    fn txt(strings: &[&str]) -> Vec<u8> {
        strings.iter().flat_map(|s| [&[s.len() as u8], s.as_bytes()].concat()).collect()
    }

    /// A server that has these records and nothing else: name, type, data.
    async fn serve(records: Vec<(&'static str, u16, Vec<u8>)>) -> Dns {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = Some(socket.local_addr().unwrap());
        tokio::spawn(async move {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                let asked = &question[12..length];
                let end = asked.iter().position(|byte| *byte == 0).unwrap() + 1;
                let kind = u16::from_be_bytes([asked[end], asked[end + 1]]);
                let name = asked[..end].to_ascii_lowercase();
                let found: Vec<_> = records
                    .iter()
                    .filter(|(of, type_, _)| encoded(of) == name && *type_ == kind)
                    .collect();
                let known = records.iter().any(|(of, ..)| encoded(of) == name);
                let code = if known { 0 } else { 3 };
                let mut answer = question[..2].to_vec();
                answer.extend([0x81, 0x80 | code, 0, 1, 0, found.len() as u8, 0, 0, 0, 0]);
                answer.extend(&asked[..end + 4]);
                for (_, _, data) in found {
                    answer.extend([0xc0, 12]);
                    answer.extend(kind.to_be_bytes());
                    answer.extend([0, 1, 0, 0, 0, 60]);
                    answer.extend((data.len() as u16).to_be_bytes());
                    answer.extend(data);
                }
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        Dns { server }
    }

    #[tokio::test]
    async fn records_are_read_as_they_stand() {
        let dns = serve(vec![
            ("_db._tcp.cluster.example.com", SRV, srv(1, 5, 27017, "b.example.com")),
            ("_db._tcp.cluster.example.com", SRV, srv(0, 0, 27018, "a.example.com")),
            ("cluster.example.com", TXT, txt(&["authSource=admin", "&replicaSet=rs"])),
        ])
        .await;
        let mut found = dns.services("_db._tcp.cluster.example.com").await.unwrap();
        found.sort();
        let shown: Vec<_> =
            found.iter().map(|s| (s.priority, s.weight, s.port, s.host.as_str())).collect();
        assert_eq!(shown, [(0, 0, 27018, "a.example.com."), (1, 5, 27017, "b.example.com.")]);
        let texts = dns.texts("cluster.example.com").await.unwrap();
        assert_eq!(texts, ["authSource=admin&replicaSet=rs"], "its strings are one text");
    }

    #[tokio::test]
    async fn no_records_are_no_error_and_no_server_is_one() {
        let dns = serve(vec![("cluster.example.com", TXT, txt(&["x"]))]).await;
        assert!(dns.services("_db._tcp.cluster.example.com").await.unwrap().is_empty());
        assert!(dns.services("cluster.example.com").await.unwrap().is_empty());
        assert!(dns.texts("other.example.com").await.unwrap().is_empty());
        let nobody = Dns { server: Some("127.0.0.1:1".parse().unwrap()) };
        assert!(nobody.texts("cluster.example.com").await.is_err());
    }
}
