//! A scripted server: it speaks MongoDB's protocol and says what a test wants said.
//!
//! For what a single real server never does. What the script does not know, it can ask a real server
//! about (see `replica_set`).

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};

use bson::Document;

use crate::wire;

/// What a script makes of a command.
#[derive(Debug)]
pub enum Reaction {
    /// This answer.
    Answer(Document),
    /// No answer: the connection ends.
    HangUp,
}

/// What one connection says to the commands it hears, in order.
pub type Script = Box<dyn FnMut(&Document) -> Reaction + Send>;

/// A scripted server on a free port; it is gone when this is dropped.
pub struct StandIn {
    port: u16,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    connections: Mutex<HashMap<u64, TcpStream>>,
}

impl StandIn {
    /// Listens; each connection gets a script of its own.
    pub fn start(script: impl Fn() -> Script + Send + 'static) -> Self {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let shared = Arc::<Shared>::default();
        let of_listener = Arc::clone(&shared);
        let listener = spawn(move || listen(&socket, &of_listener, &script));
        Self { port, shared, listener: Some(listener) }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts every connection there is, in the middle of whatever is under way, and says how many
    /// there were. New ones are welcome.
    pub fn cut(&self) -> usize {
        let connections = std::mem::take(&mut *self.shared.connections.lock().unwrap());
        connections.values().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        connections.len()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the listener up.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        self.cut();
    }
}

fn listen(socket: &TcpListener, shared: &Arc<Shared>, script: &dyn Fn() -> Script) {
    for (number, stream) in (0..).zip(socket.incoming()) {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        // Without a copy to cut it by, a connection is not taken.
        let Ok(copy) = stream.try_clone() else { continue };
        shared.connections.lock().unwrap().insert(number, copy);
        let (shared, script) = (Arc::clone(shared), script());
        spawn(move || {
            // Either side may end a connection at any time.
            let _ = serve(stream, script);
            shared.connections.lock().unwrap().remove(&number);
        });
    }
}

fn serve(mut stream: TcpStream, mut script: Script) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    while let Some(message) = wire::receive(&mut stream)? {
        match script(&message.body) {
            Reaction::Answer(answer) => wire::answer(&mut stream, &message, &answer)?,
            Reaction::HangUp => break,
        }
    }
    stream.shutdown(Shutdown::Both)
}
