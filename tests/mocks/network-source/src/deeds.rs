//! Things to do with a network, in the words of the standard library and of tokio.
//!
//! An answer is one line: `ok` and what was seen, or the kind of the error.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket},
    time::Duration,
};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Options;

const STEP: usize = 37_001;

pub(crate) fn commit(options: &Options) -> String {
    let address = options.address.as_str();
    let outcome = match options.deed.as_str() {
        "lookup" => lookup(address),
        "connect" => TcpStream::connect(address).and_then(|stream| described(&stream)),
        "transfer" => transfer(address, options.bytes),
        "read" => read(address),
        "shout" => shout(address, options.bytes),
        "talk" => talk(address, options.bytes),
        "many" => many(address),
        "start" => start(address, &options.text),
        "pile" => pile(address, options.bytes),
        "dials" => runtime().and_then(|runtime| runtime.block_on(dials(address, options.bytes))),
        "churn" => churn(address, options.bytes),
        "bind" => TcpListener::bind(address).map(|_| "bound".to_owned()),
        "udp" => UdpSocket::bind(address).map(|_| "bound".to_owned()),
        "tokio" => runtime().and_then(|runtime| runtime.block_on(with_tokio(address))),
        deed => Err(io::Error::other(format!("no deed `{deed}`"))),
    };
    match outcome {
        Ok(seen) => format!("ok {seen}"),
        Err(error) => format!("{:?} {error}", error.kind()),
    }
}

fn lookup(address: &str) -> io::Result<String> {
    let found: Vec<String> = address.to_socket_addrs()?.map(|found| found.to_string()).collect();
    Ok(found.join(","))
}

/// What a driver may ask of its socket.
fn described(stream: &TcpStream) -> io::Result<String> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(false)?;
    let (local, peer): (SocketAddr, SocketAddr) = (stream.local_addr()?, stream.peer_addr()?);
    Ok(format!("{} to {peer}", local.ip()))
}

/// The byte at a place of a long text that never repeats in step with a buffer.
fn byte(at: usize) -> u8 {
    u8::try_from((at * 31 + at / 251) % 256).unwrap_or_default()
}

/// Sends bytes to the end, then reads as many back and compares them.
fn transfer(address: &str, count: usize) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let mut sent = 0;
    while sent < count {
        let chunk: Vec<u8> = (sent..count.min(sent + STEP)).map(byte).collect();
        stream.write_all(&chunk)?;
        sent += chunk.len();
    }
    stream.shutdown(Shutdown::Write)?;
    let (mut buffer, mut received) = (vec![0; STEP], 0);
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(format!("{received} bytes"));
        }
        for (at, found) in buffer.iter().take(read).enumerate() {
            if *found != byte(received + at) {
                return Err(io::Error::other(format!("another byte at {}", received + at)));
            }
        }
        received += read;
    }
}

/// Reads until there is no more.
fn read(address: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let (mut buffer, mut received) = (vec![0; STEP], 0);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(format!("{received} bytes")),
            Ok(read) => received += read,
            Err(error) => {
                return Err(io::Error::new(error.kind(), format!("after {received} bytes")));
            }
        }
    }
}

/// Writes and closes, without waiting for anything.
fn shout(address: &str, count: usize) -> io::Result<String> {
    let bytes: Vec<u8> = (0..count).map(byte).collect();
    TcpStream::connect(address)?.write_all(&bytes)?;
    Ok(format!("{count} bytes"))
}

/// Asks and waits for the answer, byte by byte.
fn talk(address: &str, rounds: usize) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    for round in 0..rounds {
        let asked = [byte(round)];
        let mut answer = [0];
        stream.write_all(&asked)?;
        stream.read_exact(&mut answer)?;
        if asked != answer {
            return Err(io::Error::other(format!("another answer in round {round}")));
        }
    }
    Ok(format!("{rounds} rounds"))
}

/// Opens connections until one is refused.
fn many(address: &str) -> io::Result<String> {
    let mut open = Vec::new();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => open.push(stream),
            Err(error) => return Ok(format!("{} open, then {:?}", open.len(), error.kind())),
        }
        if open.len() > 10_000 {
            return Ok("no end".to_owned());
        }
    }
}

/// Opens and closes.
fn churn(address: &str, count: usize) -> io::Result<String> {
    for _ in 0..count {
        TcpStream::connect(address)?.write_all(&[1])?;
    }
    Ok(format!("{count} connections"))
}

/// Asks to be let in as a user, without a password, and then says hello. Answers what it heard: the
/// letters of the messages until it was let in or refused, the last one's text, and the echo.
fn start(address: &str, user: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let rest = format!("\0\x03\0\0user\0{user}\0\0");
    let length = u32::try_from(rest.len() + 4).unwrap_or_default();
    // In pieces, as a network may bring it.
    stream.write_all(&length.to_be_bytes()[..3])?;
    stream.write_all(&length.to_be_bytes()[3..])?;
    stream.write_all(rest.as_bytes())?;
    let mut heard = String::new();
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or_default();
        let mut body = vec![0; length.saturating_sub(4)];
        stream.read_exact(&mut body)?;
        heard.push(char::from(kind));
        match kind {
            b'R' => break,
            b'E' => {
                return Ok(format!(
                    "{heard} {}",
                    String::from_utf8_lossy(&body).replace('\0', " ")
                ));
            }
            _ => {}
        }
    }
    let mut echo = [0; 5];
    stream.write_all(b"hello")?;
    stream.read_exact(&mut echo)?;
    Ok(format!("{heard} {}", String::from_utf8_lossy(&echo)))
}

/// Opens, writes more than anybody takes, and closes, until that is refused.
fn pile(address: &str, count: usize) -> io::Result<String> {
    let bytes = vec![7; STEP];
    for opened in 0..count {
        let mut stream = match TcpStream::connect(address) {
            Ok(stream) => stream,
            Err(error) => return Ok(format!("{opened} closed, then {:?}", error.kind())),
        };
        stream.set_nonblocking(true)?;
        while stream.write(&bytes).is_ok() {}
    }
    Ok(format!("{count} closed"))
}

/// Begins to connect to each of the addresses in turn and gives up at once.
async fn dials(addresses: &str, count: usize) -> io::Result<String> {
    let found =
        addresses.split(',').map(|address| address.to_socket_addrs()?.next().ok_or_else(none));
    let found = found.collect::<io::Result<Vec<SocketAddr>>>()?;
    let mut begun = 0;
    for address in found.iter().cycle().take(count) {
        let connecting = tokio::net::TcpStream::connect(address);
        begun += usize::from(tokio::time::timeout(Duration::ZERO, connecting).await.is_err());
    }
    Ok(format!("{begun} given up"))
}

fn none() -> io::Error {
    io::Error::other("no address")
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Two connections at once, timers and halves: what asynchronous drivers do.
async fn with_tokio(address: &str) -> io::Result<String> {
    // tokio's own look-up wants threads; std's is the guest's.
    let found = address.to_socket_addrs()?.next();
    let found = found.ok_or_else(none)?;
    let conversation = |text: &'static [u8]| async move {
        let stream = tokio::net::TcpStream::connect(found).await?;
        stream.set_nodelay(true)?;
        let (mut reading, mut writing) = stream.into_split();
        writing.write_all(text).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
        let mut answer = vec![0; text.len()];
        reading.read_exact(&mut answer).await?;
        writing.shutdown().await?;
        let more = reading.read(&mut [0; 16]).await?;
        Ok::<_, io::Error>(answer == text && more == 0)
    };
    let first = tokio::spawn(conversation(b"hello"));
    let second = tokio::spawn(conversation(b"good day"));
    let (first, second) = (first.await?, second.await?);
    Ok(format!("{} {}", first?, second?))
}
