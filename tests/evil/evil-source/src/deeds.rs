//! Things a guest may try while it runs.

use std::{
    hint::black_box,
    io::{Error, Read},
    net::{TcpStream, ToSocketAddrs, UdpSocket},
    time::Duration,
};

use cartridge_warp_sdk::export::bindings::cartridge::warp::{
    log::{self, Level},
    metrics, secrets,
    types::Failure,
};

pub(crate) fn commit(deed: &str) -> Result<(), Failure> {
    match deed {
        "spin" => loop {
            black_box(());
        },
        "trap" => trap(),
        "log-and-trap" => {
            log::log(Level::Info, "reading page 7 of 9", &[]);
            trap();
        }
        "work" => crate::costs::work(),
        "exit" => std::process::exit(7),
        "allocate" => allocate(),
        "recurse" => {
            black_box(recurse(1));
        }
        "sleep" => std::thread::sleep(Duration::from_secs(3600)),
        "log" => loop {
            log::log(
                Level::Info,
                &"again ".repeat(4000),
                &[("key\n".to_owned(), "x".repeat(9000))],
            );
        },
        "print" => loop {
            print_line();
        },
        "huge-log" => log::log(Level::Info, &"x".repeat(200 << 20), &[]),
        "metrics" => measure(),
        "escape" => return escape(),
        "many-words" => return Err(long_failure()),
        "failure-tables" => return Err(about(vec!["t".to_owned(); 20_000])),
        "failure-table" => return Err(about(vec!["t\u{1b}[2J".to_owned()])),
        "unknown-action" => return Err(failure("explode", "odd", "an action from the future")),
        "retry" => return Err(failure("retry", "busy", "come back later")),
        _ => {}
    }
    Ok(())
}

#[allow(clippy::panic, reason = "it is what this deed is")]
fn trap() {
    panic!("the deed is done");
}

fn allocate() {
    let mut kept = Vec::new();
    loop {
        kept.push(vec![1_u8; 1 << 20]);
        black_box(&kept);
    }
}

#[allow(unconditional_recursion, reason = "it is what this deed is")]
fn recurse(depth: u64) -> u64 {
    let frame = [depth; 64];
    black_box(&frame);
    recurse(depth + 1) + frame[3]
}

#[allow(clippy::print_stdout, reason = "it is what this deed is")]
fn print_line() {
    println!("{}", "noise ".repeat(3000));
}

fn measure() {
    for n in 0..1000 {
        metrics::counter_add(&format!("count_{n}"), 1);
        metrics::gauge_set("not a name\n", 1.0);
    }
}

/// Answers a failure that lists what worked and should not have.
fn escape() -> Result<(), Failure> {
    let mut escaped = Vec::new();
    let mut attempt = |what: &str, outcome: Result<(), Error>| {
        if outcome.is_ok() {
            escaped.push(what.to_owned());
        }
    };
    attempt("/etc/passwd", std::fs::read("/etc/passwd").map(drop));
    attempt("..", std::fs::read_dir("..").map(drop));
    attempt("/grants/0/../..", std::fs::read_dir("/grants/0/../..").map(drop));
    attempt("write", std::fs::write("evil.txt", "x"));
    attempt("tcp", TcpStream::connect("127.0.0.1:22").map(drop));
    attempt("listen", std::net::TcpListener::bind("127.0.0.1:0").map(drop));
    attempt("udp", UdpSocket::bind("127.0.0.1:0").map(drop));
    attempt("dns", "localhost:80".to_socket_addrs().map(drop));
    attempt("spawn", std::process::Command::new("sh").spawn().map(drop));
    if std::env::vars().next().is_some() {
        escaped.push("environment".to_owned());
    }
    if std::env::args().next().is_some() {
        escaped.push("arguments".to_owned());
    }
    if std::io::stdin().read(&mut [0; 1]).is_ok_and(|read| read > 0) {
        escaped.push("stdin".to_owned());
    }
    if secrets::get("password").is_ok() {
        escaped.push("secret".to_owned());
    }
    if escaped.is_empty() { Ok(()) } else { Err(failure("stop", "escaped", &escaped.join(", "))) }
}

fn long_failure() -> Failure {
    let mut failure = failure("stop", &"w".repeat(1 << 20), &"m\u{1b}[31m".repeat(1 << 18));
    failure.detail = Some("d".repeat(1 << 20));
    failure
}

fn about(tables: Vec<String>) -> Failure {
    Failure { tables, ..failure("reconnect", "shape-unclear", "which is which?") }
}

fn failure(action: &str, code: &str, message: &str) -> Failure {
    Failure {
        action: action.to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
        detail: None,
        retry_after_ms: None,
        tables: Vec::new(),
    }
}
