//! Orders over TCP: who shows the token, and comes from no web page.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use cartridge_warp_tests::{
    Ended, Pipeline, Running, patience::wait_until, rows::sqlite_count_live,
};
use serde_json::{Value, json};

const TOKEN: &str = "a token of enough bytes";

/// A run with a port, and that port.
fn listening() -> (Pipeline, Running, u16) {
    let mut pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1}\n");
    pipeline.write("items.ndjson", "{\"id\":1}\n");
    fs::write(pipeline.path("token"), format!("{TOKEN}\n")).unwrap();
    let control = json!({"socket": "./socket", "listen": "127.0.0.1:0", "token_file": "./token"});
    pipeline.set("control", control);
    let mut running = pipeline.start();
    running.wait_for("following changes");
    let log = running.stderr();
    let port = log.split("\"control\":\"127.0.0.1:").nth(1).unwrap().split('"').next().unwrap();
    let port = port.parse().unwrap();
    (pipeline, running, port)
}

/// The code of the answer and its body.
fn ask(port: u16, line: &str, headers: &[&str], body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let headers = headers.join("\r\n");
    let length = body.len();
    // A server that refuses may close while it is written to.
    let _ =
        write!(stream, "{line} HTTP/1.1\r\n{headers}\r\nContent-Length: {length}\r\n\r\n{body}");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
    (code, answer.split_once("\r\n\r\n").unwrap_or_default().1.to_owned())
}

fn said(ended: &Ended, code: i32, words: &[&str]) {
    let said = [ended.stdout.as_str(), &ended.words()].concat();
    assert_eq!(ended.status.code(), Some(code), "{said}");
    for words in words {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}

/// Whoever orders and orders again has the schema begin again and again, and it goes on all the same.
#[test]
fn a_flood_of_orders_leaves_a_schema_time() {
    let (pipeline, _running, port) = listening();
    let (host, bearer) =
        (format!("Host: 127.0.0.1:{port}"), format!("Authorization: Bearer {TOKEN}"));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flood = || {
            let (mut carried_out, order) = (0, "{\"order\": \"resync\", \"tables\": [\"items\"]}");
            while !over.load(Ordering::Relaxed) {
                let (code, _) = ask(port, "POST /v1/orders", &[&host, &bearer], order);
                carried_out += usize::from(code == 200);
            }
            carried_out
        };
        let floods: Vec<_> = (0..6).map(|_| scope.spawn(flood)).collect();
        // It is well under way.
        std::thread::sleep(Duration::from_secs(2));
        for id in 2..=4 {
            pipeline.append("orders.ndjson", &format!("{{\"id\":{id}}}\n"));
            let arrives = (0..600).any(|_| {
                std::thread::sleep(Duration::from_millis(100));
                sqlite_count_live(&pipeline.database(), "orders") == Some(id)
            });
            over.store(!arrives, Ordering::Relaxed);
            assert!(arrives, "the flood keeps the schema from its rows");
        }
        over.store(true, Ordering::Relaxed);
        let carried_out: usize = floods.into_iter().map(|flood| flood.join().unwrap()).sum();
        assert!(carried_out > 6, "{carried_out} orders were carried out");
    });
}

#[test]
fn only_who_shows_the_token_and_is_no_page_is_answered() {
    let (pipeline, running, port) = listening();
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let (host, other) = (format!("Host: 127.0.0.1:{port}"), format!("Host: evil.example:{port}"));
    let (name, page) = ("Host: localhost".to_owned(), "Origin: http://127.0.0.1:8081".to_owned());
    let (wrong, basic) =
        ("Authorization: Bearer a token of other bytes", "Authorization: Basic YTpi");
    let cases: [(&str, &[&str], u16, &str); 8] = [
        ("with the token", &[&host, &bearer], 200, "\"pipeline\""),
        ("by name", &[&name, &bearer], 200, "\"pipeline\""),
        ("without one", &[&host], 401, "control-token"),
        ("with another", &[&host, wrong], 401, "control-token"),
        ("in another way", &[&host, basic], 401, "control-token"),
        ("from a page", &[&host, &bearer, &page], 403, "control-origin"),
        ("to another name", &[&other, &bearer], 403, "control-origin"),
        ("to none", &[&bearer, "X: y"], 403, "control-origin"),
    ];
    for (name, headers, code, words) in cases {
        let (answered, body) = ask(port, "GET /v1/status", headers, "");
        assert_eq!(answered, code, "{name}: {body}");
        assert!(body.contains(words), "{name}: {body}");
        assert!(!body.contains(TOKEN), "{name}: {body}");
    }
    let order = "{\"order\": \"pause\", \"tables\": [\"orders\"]}";
    assert_eq!(ask(port, "POST /v1/orders", &[&host], order).0, 401);
    assert_eq!(ask(port, "POST /v1/drain", &[&other, &bearer], "").0, 403);
    let (code, body) = ask(port, "POST /v1/orders", &[&host, &bearer], order);
    assert_eq!(code, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let paused = json!([{"table": "orders", "was": "streaming", "is": "paused"}]);
    assert_eq!(body, json!({"done": {"shop": paused}, "refused": {}}));
    let log = running.kill().stderr;
    assert!(!log.contains(TOKEN), "{log}");
    drop(pipeline);
}

#[test]
fn every_route_that_is_described_is_there() {
    let (_pipeline, running, port) = listening();
    let (host, bearer) = ("Host: localhost", format!("Authorization: Bearer {TOKEN}"));
    let headers = [host, &bearer];
    let (code, document) = ask(port, "GET /v1/openapi.json", &headers, "");
    assert_eq!(code, 200, "{document}");
    let document: Value = serde_json::from_str(&document).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 13, "{:?}", paths.keys());
    for (path, methods) in paths {
        for method in methods.as_object().unwrap().keys() {
            // What only a body would do is not done; events end with their reader.
            if ["/v1/drain", "/v1/events"].contains(&path.as_str()) {
                continue;
            }
            let line = format!("{} {path}", method.to_uppercase());
            let (code, body) = ask(port, &line, &headers, "");
            let responses = &methods[method]["responses"];
            assert!(responses[code.to_string()].is_object(), "{line}: {code} {body}");
            assert!(!body.contains(TOKEN), "{line}: {body}");
        }
    }
    assert_eq!(ask(port, "GET /v1/nothing", &headers, "").0, 404);
    assert_eq!(ask(port, "POST /v1/drain", &headers, "").0, 202);
    assert!(running.wait(Duration::from_secs(60)).status.success());
}

#[test]
fn the_page_is_for_everybody_and_only_it_may_ask() {
    let (_pipeline, _running, port) = listening();
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let (host, other) = (format!("Host: localhost:{port}"), format!("Host: evil.example:{port}"));
    let own = format!("Origin: http://localhost:{port}");
    let (cross, same) = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin");
    let order = "{\"order\": \"pause\", \"tables\": [\"orders\"]}";
    let cases: [(&str, &str, &[&str], &str, u16); 9] = [
        ("without the token", "GET /", &[&host], "", 200),
        ("from a link elsewhere", "GET /page/app.js", &[&host, cross], "", 200),
        ("by another name", "GET /", &[&other], "", 403),
        ("what is no file", "GET /page/mod.rs", &[&host, &bearer], "", 404),
        ("what lies above", "GET /page/../page.rs", &[&host, &bearer], "", 404),
        ("its order", "POST /v1/orders", &[&host, &own, same, &bearer], order, 200),
        ("its order without the token", "POST /v1/orders", &[&host, &own, same], order, 401),
        ("another page's", "POST /v1/orders", &[&host, cross, &bearer], order, 403),
        ("another page's by its name", "POST /v1/orders", &[&other, same, &bearer], order, 403),
    ];
    for (name, line, headers, body, code) in cases {
        let (answered, body) = ask(port, line, headers, body);
        assert_eq!(answered, code, "{name}: {body}");
    }
    let (_, page) = ask(port, "GET /", &[&host], "");
    assert!(page.contains("page/app.js") && !page.contains("<style"), "{page}");
}

#[test]
fn what_is_asked_in_a_wrong_way_is_refused_and_helped() {
    let (_pipeline, _running, port) = listening();
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let headers = ["Host: localhost", &bearer];
    let retry = |about: &str| format!("{{\"action\": \"retry\"{about}}}");
    let many = format!(", \"ids\": {:?}", (1..=1_001).collect::<Vec<u64>>());
    let cases = [
        ("GET /v1/tables?limit=many", String::new(), 400, "`many`"),
        ("GET /v1/tables?serach=x", String::new(), 400, "unknown field `serach`"),
        ("GET /v1/tables?sort=colour", String::new(), 400, "unknown variant `colour`"),
        ("GET /v1/letters?schema=sohp", String::new(), 409, "did you mean `shop`"),
        ("GET /v1/letters?limit=1&limit=2", String::new(), 400, "a second time"),
        ("GET /v1/letters?table=orders", String::new(), 200, "\"letters\":[]"),
        ("GET /v1/approvals?schema=shop", String::new(), 200, "\"changes\":[]"),
        ("GET /v1/verify?schma=shop", String::new(), 400, "unknown field `schma`"),
        ("GET /v1/verify", String::new(), 200, "\"schemas\":{}"),
        ("POST /v1/repair", "{\"tables\": {}}".to_owned(), 400, "names 0 rows"),
        ("POST /v1/letters", retry(""), 400, "nothing says which dead letters"),
        ("POST /v1/letters", retry(&many), 400, "more than 1000 numbers"),
        ("POST /v1/letters", retry(", \"takeover\": true"), 400, "unknown field `takeover`"),
        ("POST /v1/letters", retry(", \"all\": true"), 200, "\"resolved\":0"),
    ];
    for (line, body, code, words) in cases {
        let (answered, said) = ask(port, line, &headers, &body);
        assert_eq!(answered, code, "{line} {body}: {said}");
        assert!(said.contains(words), "{line} {body}: {said}");
    }
}

#[test]
fn clients_that_are_many_slow_or_long_cost_the_run_nothing() {
    let (pipeline, _running, port) = listening();
    let (host, bearer) = ("Host: localhost", format!("Authorization: Bearer {TOKEN}"));
    let headers = [host, &bearer];
    let mut slow = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(slow, "GET /v1/events HTTP/1.1\r\n{host}\r\n{bearer}\r\n\r\n").unwrap();
    // Who has asked keeps its place; before that the many might take it.
    slow.read_exact(&mut [0; 12]).unwrap();
    let silent: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    let huge = format!("{{\"order\": \"pause\", \"tables\": [\"{}\"]}}", "x".repeat(1 << 20));
    let (code, _) = ask(port, "POST /v1/orders", &headers, &huge);
    // The server closes with bytes unread, so its answer may be lost to the client in a reset.
    assert!([0, 413].contains(&code), "{code}");
    for order in ["pause", "resume"] {
        let body = format!("{{\"order\": \"{order}\", \"tables\": [\"orders\"]}}");
        let (code, answer) = ask(port, "POST /v1/orders", &headers, &body);
        assert_eq!(code, 200, "{answer}");
    }
    pipeline.append("items.ndjson", "{\"id\":2}\n");
    wait_until("the run goes on", || sqlite_count_live(&pipeline.database(), "items") == Some(2));
    drop(silent);
    // Who read nothing meanwhile has it all, since it was not much.
    slow.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut heard = Vec::new();
    wait_until("it is told", || {
        let mut some = [0; 4096];
        let count = slow.read(&mut some).unwrap_or_default();
        heard.extend_from_slice(&some[..count]);
        let heard = String::from_utf8_lossy(&heard);
        heard.contains("\"state\":\"paused\"") && heard.contains("event: state")
    });
}

#[test]
fn a_port_without_a_token_is_refused_before_anything_runs() {
    let mut pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1}\n");
    let cases = [
        (json!({"listen": "127.0.0.1:0"}), "needs a `control.token_file`"),
        (json!({"token_file": "./token"}), "is for `control.listen`"),
        (json!({"enabled": false, "socket": "./socket"}), "`control.enabled` is false"),
        (json!({"listen": "127.0.0.1:0", "token_file": "./absent"}), "no token for"),
        (json!({"listen": "192.0.2.1:1", "token_file": "./token"}), "cannot listen on 192.0.2.1:1"),
        (json!({"socket": format!("./{}", "x".repeat(120))}), "more than 107 bytes"),
        (json!({"listen": "somewhere"}), "control.listen"),
    ];
    fs::write(pipeline.path("token"), TOKEN).unwrap();
    for (control, words) in cases {
        pipeline.set("control", control.clone());
        said(&pipeline.catch_up(), 2, &[words]);
        assert!(!pipeline.database().exists(), "{control}");
    }
    // A place that nobody named is done without.
    pipeline.set("control", json!({}));
    let long = pipeline.path(&"y".repeat(120));
    pipeline.set("state_dir", json!(long));
    said(&pipeline.catch_up(), 0, &["this run takes no orders"]);
}
