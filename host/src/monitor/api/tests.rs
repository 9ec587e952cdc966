use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::{Duration, Instant},
};

use super::super::{LastProof, SchemaState, TableProgress, TableProof, TableStatus};
use super::*;

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);

struct Fixture {
    health: Health,
    shutdown: CancellationToken,
    server: BoundServer,
}

async fn fixture() -> Fixture {
    fixture_of(LONG).await
}

async fn fixture_of(unready_after: Duration) -> Fixture {
    let (health, shutdown) = (Health::new(["shop", "crm"]), CancellationToken::new());
    let metrics = Metrics::new("db").unwrap();
    metrics.schema("shop").queue_size(4);
    let (answered, stop) = (health.clone(), shutdown.clone());
    let served = serve(any_port(), "/metrics", metrics, answered, unready_after, stop).await;
    let server = served.unwrap();
    Fixture { health, shutdown, server }
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Sends a request head and reads until the server closes.
fn exchange(addr: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let text = try_exchange(addr, method, path).unwrap();
    let code = text.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    (code, body.to_owned())
}

fn try_exchange(addr: SocketAddr, method: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(addr)?;
    stream.write_all(format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

impl Fixture {
    async fn get(&self, path: &'static str) -> (u16, String) {
        let addr = self.server.addr();
        tokio::task::spawn_blocking(move || exchange(addr, "GET", path)).await.unwrap()
    }

    async fn probe(&self, path: &'static str) -> (u16, serde_json::Value) {
        let (code, body) = self.get(path).await;
        (code, serde_json::from_str(&body).unwrap())
    }
}

#[tokio::test]
async fn probes_follow_the_states_of_the_schemas() {
    use SchemaState::{Completed, Failed, Retrying, Snapshotting, Starting, Stopped, Streaming};
    let failed = || Failed { error: "the key is gone".into() };
    let retrying = || Retrying { attempt: 2, error: "refused".into() };
    let cases: [(&str, &[SchemaState], u16, u16); 9] = [
        ("starting is healthy but not ready", &[Starting], 200, 503),
        ("snapshotting is ready", &[Snapshotting], 200, 200),
        ("streaming is ready", &[Streaming], 200, 200),
        ("completed is ready", &[Completed], 200, 200),
        ("stopped is ready", &[Stopped], 200, 200),
        ("retrying the first connection is not ready", &[retrying()], 200, 503),
        ("retrying after it worked stays ready", &[Streaming, retrying()], 200, 200),
        ("failing at once is neither", &[failed()], 503, 503),
        ("failing later is neither", &[Streaming, failed()], 503, 503),
    ];
    for (name, states, health, ready) in cases {
        let fixture = fixture().await;
        fixture.health.set("crm", Streaming);
        for state in states {
            fixture.health.set("shop", state.clone());
        }
        assert_eq!(fixture.probe("/health").await.0, health, "/health: {name}");
        assert_eq!(fixture.probe("/ready").await.0, ready, "/ready: {name}");
    }
}

#[tokio::test]
async fn a_schema_that_tries_in_vain_for_long_is_not_ready() {
    let fixture = fixture_of(Duration::from_millis(200)).await;
    let retrying = |attempt| SchemaState::Retrying { attempt, error: "refused".into() };
    for schema in ["shop", "crm"] {
        fixture.health.set(schema, SchemaState::Streaming);
    }
    fixture.health.set("shop", retrying(1));
    assert_eq!(fixture.probe("/ready").await.0, 200);
    tokio::time::sleep(Duration::from_millis(300)).await;
    // It connected in between, and committed nothing.
    fixture.health.set("shop", SchemaState::Snapshotting);
    assert_eq!(fixture.probe("/ready").await.0, 200);
    fixture.health.set("shop", retrying(2));
    let (code, body) = fixture.probe("/ready").await;
    assert_eq!((code, &body["because"]["shop"]), (503, &"refused".into()));
    assert_eq!(fixture.probe("/health").await.0, 200, "it may yet come about");
    fixture.health.set("shop", retrying(1));
    assert_eq!(fixture.probe("/ready").await.0, 200, "there was a commit");
}

#[tokio::test]
async fn a_no_names_each_schema_and_its_error() {
    let fixture = fixture().await;
    fixture.health.set("crm", SchemaState::Failed { error: "no permission \"x\"".into() });
    let progress = TableProgress { rows_done: 5, rows_estimated: Some(9) };
    fixture.health.set_progress("shop", "orders", progress);
    let (_, body) = fixture.probe("/health").await;
    let expected = serde_json::json!({
        "status": "failed",
        "because": {"crm": "no permission \"x\""},
        "schemas": {
            "crm": {"state": "failed", "error": "no permission \"x\"", "tables": {}},
            "shop": {
                "state": "starting",
                "tables": {"orders": {"rows_done": 5, "rows_estimated": 9}},
            },
        },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn rows_that_are_not_the_sources_degrade_and_are_told_until_the_table_is_copied_again() {
    let fixture = fixture().await;
    let mut heard = fixture.health.listen();
    let drift_of =
        |drifted| TableProof { verdict: "drift".into(), drifted, ..TableProof::default() };
    let drift = drift_of(2);
    let other = TableProof { verdict: "not_compared".into(), ..TableProof::default() };
    let remarks = [("lines", drift.clone()), ("orders", drift), ("views", other)];
    let remarks = remarks.map(|(table, found)| (table.to_owned(), found));
    let tables = [("drift", 2), ("not_compared", 1)].map(|(it, count)| (it.to_owned(), count));
    let (remarks, tables) = (remarks.into(), tables.into());
    let proof = LastProof { remarks, tables, ..LastProof::default() };
    fixture.health.set_proof("shop", proof);
    let mut event = || heard.try_recv().ok().map(|it| (it.table.unwrap(), it.state));
    let drifted = |table: &str| Some((table.to_owned(), "drifted".to_owned()));
    assert_eq!([event(), event(), event()], [drifted("lines"), drifted("orders"), None]);
    let (code, body) = fixture.probe("/health").await;
    assert_eq!((code, &body["status"]), (200, &"degraded".into()), "{body}");
    assert_eq!(body["schemas"]["shop"]["verify"]["remarks"]["orders"]["drifted"], 2, "{body}");

    let copying = TableStatus { state: "copying", ..TableStatus::default() };
    fixture.health.set_table("shop", "orders", copying);
    fixture.health.forget_table("shop", "lines");
    fixture.health.proof_failed("shop", "the destination is away".into());
    let (_, body) = fixture.probe("/health").await;
    let expected = serde_json::json!({"not_compared": 1});
    assert_eq!(
        (&body["status"], &body["schemas"]["shop"]["verify"]["tables"]),
        (&"ok".into(), &expected)
    );
    assert_eq!(body["schemas"]["shop"]["verify"]["error"], "the destination is away");
    let tables = [("drift".to_owned(), 1)].into();
    let again = LastProof {
        tables,
        remarks: [("views".to_owned(), drift_of(1))].into(),
        ..LastProof::default()
    };
    fixture.health.set_proof("shop", again.clone());
    assert_eq!(fixture.health.repaired("shop", "views", 1), 0);
    assert_eq!(fixture.probe("/health").await.1["status"], "ok", "its rows were written again");
    fixture.health.set_proof("shop", again);
    fixture.health.set_proof("shop", LastProof::default());
    let events: Vec<_> = std::iter::from_fn(|| heard.try_recv().ok()).map(|it| it.state).collect();
    assert!(events.ends_with(&["drifted".to_owned(), "equal".to_owned()]), "{events:?}");
}

#[tokio::test]
async fn startup_turns_once() {
    let fixture = fixture().await;
    let (code, body) = fixture.probe("/startup").await;
    assert_eq!((code, &body["status"]), (503, &"starting".into()));
    fixture.health.set_started();
    let (code, body) = fixture.probe("/startup").await;
    assert_eq!((code, &body["status"]), (200, &"started".into()));
}

#[tokio::test]
async fn metrics_are_served_and_nothing_else_is() {
    let fixture = fixture().await;
    let (code, text) = fixture.get("/metrics").await;
    assert_eq!(code, 200);
    assert!(text.contains("cartridge_warp_queue_size{"), "{text}");
    let addr = fixture.server.addr();
    let refused = tokio::task::spawn_blocking(move || {
        [
            exchange(addr, "GET", "/").0,
            exchange(addr, "POST", "/metrics").0,
            exchange(addr, "DELETE", "/health").0,
        ]
    });
    assert_eq!(refused.await.unwrap(), [404, 405, 405]);
}

#[tokio::test]
async fn a_head_without_end_is_refused_and_the_next_request_is_answered() {
    let fixture = fixture().await;
    let addr = fixture.server.addr();
    let path = format!("/{}", "x".repeat(1_000_000));
    let refused = tokio::task::spawn_blocking(move || try_exchange(addr, "GET", &path));
    // The server closes with bytes unread, so its answer may be lost to the client in a reset.
    match refused.await.unwrap() {
        Ok(text) => assert!(text.starts_with("HTTP/1.1 431 "), "{text}"),
        Err(error) => {
            use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
            assert!(matches!(error.kind(), BrokenPipe | ConnectionReset), "{error}");
        }
    }
    assert_eq!(fixture.get("/health").await.0, 200);
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_says_what_to_do() {
    let fixture = fixture().await;
    let metrics = Metrics::new("db").unwrap();
    let token = CancellationToken::new();
    let again =
        serve(fixture.server.addr(), "/metrics", metrics, Health::default(), LONG, token).await;
    let error = again.unwrap_err();
    assert!(matches!(error, MonitorError::PortInUse { .. }), "{error}");
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(help.contains("monitoring.prometheus.port"), "{help}");
}

#[tokio::test]
async fn paths_that_cannot_be_served_are_refused() {
    for path in ["", "/", "metrics", "/health", "/{x}", "/a b", "/ä"] {
        let (metrics, token) = (Metrics::new("db").unwrap(), CancellationToken::new());
        let refused = serve(any_port(), path, metrics, Health::default(), LONG, token).await;
        assert!(matches!(refused, Err(MonitorError::MetricsPath { .. })), "{path:?}");
    }
}

#[tokio::test]
async fn shutdown_frees_the_port_even_with_a_silent_client() {
    let Fixture { shutdown, server, .. } = fixture().await;
    let addr = server.addr();
    let silent = TcpStream::connect(addr).unwrap();
    let began = Instant::now();
    shutdown.cancel();
    server.stopped().await;
    assert!(began.elapsed() < Duration::from_secs(4));
    assert!(TcpStream::connect(addr).is_err());
    drop(silent);
}

#[tokio::test]
async fn slow_clients_do_not_keep_others_out_for_long() {
    let fixture = fixture().await;
    let addr = fixture.server.addr();
    let slow: Vec<_> = (0..64)
        .map(|_| {
            let mut stream = TcpStream::connect(addr).unwrap();
            stream.write_all(b"GET /health HT").unwrap();
            stream
        })
        .collect();
    let answered = tokio::time::timeout(Duration::from_secs(20), fixture.get("/health"));
    assert_eq!(answered.await.unwrap().0, 200);
    drop(slow);
}

/// A client that asks for the metrics and reads no more than whether it gets them.
fn slow_client(addr: SocketAddr) -> (socket2::Socket, String) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&addr.into()).unwrap();
    (&socket).write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut code = [0; 12];
    (&socket).read_exact(&mut code).unwrap();
    (socket, String::from_utf8_lossy(&code[9..]).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_share_few_pages_and_leave_the_probes_alone() {
    let metrics = Metrics::new("db").unwrap();
    for number in 0..9_900 {
        metrics.table("shop", &format!("{number:04}{}", "t".repeat(506)));
    }
    let (health, token) = (Health::new(["shop"]), CancellationToken::new());
    let server = serve(any_port(), "/metrics", metrics, health, LONG, token).await.unwrap();
    let addr = server.addr();
    let asked = tokio::task::spawn_blocking(move || {
        let slow: Vec<_> = (0..12).map(|_| slow_client(addr)).collect();
        let codes: Vec<_> = slow.iter().map(|(_, code)| code.clone()).collect();
        (codes, exchange(addr, "GET", "/health").0, exchange(addr, "GET", "/startup").0)
    });
    let (codes, health, startup) = asked.await.unwrap();
    assert_eq!(codes[..page::CLIENTS_MAX], ["200"; page::CLIENTS_MAX]);
    assert_eq!(codes[page::CLIENTS_MAX..], ["503"; 12 - page::CLIENTS_MAX]);
    assert_eq!((health, startup), (200, 503));
    // The slow ones are gone: there is room again.
    let whole = tokio::task::spawn_blocking(move || {
        loop {
            match exchange(addr, "GET", "/metrics") {
                (200, body) => return body,
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    });
    let whole = whole.await.unwrap();
    assert!((1 << 20..16 << 20).contains(&whole.len()), "{} bytes", whole.len());
}

#[tokio::test]
async fn a_probe_shows_a_bounded_number_of_tables() {
    let fixture = fixture().await;
    for number in 0..3_000 {
        let progress = TableProgress { rows_done: 1, rows_estimated: None };
        fixture.health.set_progress("crm", &format!("{number:04}{}", "t".repeat(506)), progress);
    }
    let (_, body) = fixture.probe("/health").await;
    assert_eq!(body["schemas"]["crm"]["tables"].as_object().unwrap().len(), 1_000);
    assert_eq!(body["tables_left_out"], 2_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_its_head_slowly_makes_room_for_a_probe() {
    let fixture = fixture().await;
    let addr = fixture.server.addr();
    let slow = tokio::task::spawn_blocking(move || {
        let one = |_| {
            let mut stream = TcpStream::connect(addr).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nX: ").unwrap();
            stream
        };
        (0..200).map(one).collect::<Vec<_>>()
    });
    let slow = slow.await.unwrap();
    assert_eq!(fixture.get("/health").await.0, 200);
    // It did not wait until their time was over: the youngest of them is still waited for.
    let youngest = slow.last().unwrap();
    youngest.set_nonblocking(true).unwrap();
    let heard = (&*youngest).read(&mut [0; 1]);
    assert_eq!(heard.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
