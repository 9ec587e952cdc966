//! A replica set of stand-ins before one real server: they pass commands on, and only one of them at
//! a time says that it is the primary. So an election can be had at will, with real data behind it.
//!
//! What it does not imitate: members that lag, and writes that are rolled back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bson::{Document, doc};

use crate::client::Client;
use crate::stand_in::{Reaction, Script, StandIn};

/// The name that the set has.
const NAME: &str = "stand-ins";
/// MongoDB's numbers for what a member says that is not the primary (any more).
const NOT_WRITABLE_PRIMARY: i32 = 10107;
const PRIMARY_STEPPED_DOWN: i32 = 189;
/// What any member answers.
const FOR_EVERYBODY: [&str; 4] = ["hello", "isMaster", "ismaster", "ping"];

/// The members before a server.
pub struct ReplicaSet {
    members: Vec<StandIn>,
    state: Arc<State>,
}

struct State {
    server: u16,
    /// `host:port` of the members, known when all of them listen.
    hosts: OnceLock<Vec<String>>,
    primary: AtomicUsize,
}

impl ReplicaSet {
    /// This many members before the server that listens on this port; the first is the primary.
    pub fn start(server: u16, members: usize) -> Self {
        let state = State { server, hosts: OnceLock::new(), primary: AtomicUsize::new(0) };
        let state = Arc::new(state);
        let member = |member| {
            let state = Arc::clone(&state);
            StandIn::start(move || script(Arc::clone(&state), member))
        };
        let members: Vec<StandIn> = (0..members).map(member).collect();
        let host = |member: &StandIn| format!("127.0.0.1:{}", member.port());
        state.hosts.set(members.iter().map(host).collect()).unwrap();
        Self { members, state }
    }

    /// The connection string with all members.
    pub fn url(&self, database: &str) -> String {
        format!("mongodb://{}/{database}?replicaSet={NAME}", self.hosts().join(","))
    }

    /// The members, `host:port`.
    pub fn hosts(&self) -> &[String] {
        self.state.hosts.get().unwrap()
    }

    /// Which member is the primary.
    pub fn primary(&self) -> usize {
        self.state.primary.load(Ordering::SeqCst)
    }

    /// The primary steps down and the next member is elected. Connections stay.
    pub fn step_down(&self) {
        self.state.primary.store((self.primary() + 1) % self.members.len(), Ordering::SeqCst);
    }

    /// Cuts every connection, in the middle of whatever is under way, and says how many there were.
    pub fn cut(&self) -> usize {
        self.members.iter().map(StandIn::cut).sum()
    }
}

/// One connection to a member.
fn script(state: Arc<State>, member: usize) -> Script {
    let mut server = None;
    Box::new(move |command| {
        let is_primary = |state: &State| state.primary.load(Ordering::SeqCst) == member;
        let of_everybody = command.keys().next().map(String::as_str).unwrap_or_default();
        let of_everybody = FOR_EVERYBODY.contains(&of_everybody);
        if !of_everybody && !is_primary(&state) {
            return Reaction::Answer(refusal(NOT_WRITABLE_PRIMARY, "not primary"));
        }
        let mut command = command.clone();
        // What drivers that do not know the server yet leave out.
        if !command.contains_key("$db") {
            command.insert("$db", "admin");
        }
        let passed_on = match &mut server {
            Some(server) => Client::ask(server, &command),
            none => match Client::connect(state.server) {
                Ok(connected) => none.insert(connected).ask(&command),
                Err(_) => return Reaction::HangUp,
            },
        };
        let Ok(answer) = passed_on else { return Reaction::HangUp };
        match (of_everybody, is_primary(&state)) {
            (true, is_primary) => {
                Reaction::Answer(introduction(answer, &state, member, is_primary))
            }
            (false, true) => Reaction::Answer(answer),
            // An answer that was under way when the primary stepped down.
            (false, false) => Reaction::Answer(refusal(PRIMARY_STEPPED_DOWN, "stepped down")),
        }
    })
}

fn refusal(code: i32, message: &str) -> Document {
    let name = match code {
        NOT_WRITABLE_PRIMARY => "NotWritablePrimary",
        _ => "PrimarySteppedDown",
    };
    doc! {"ok": 0.0, "errmsg": message, "code": code, "codeName": name}
}

/// The server's own answer, as this member of the set would have given it.
fn introduction(mut answer: Document, state: &State, member: usize, is_primary: bool) -> Document {
    if !answer.contains_key("setName") {
        return answer;
    }
    let Some(hosts) = state.hosts.get() else { return answer };
    // Without it drivers ask again and again instead of waiting for a stream of answers.
    answer.remove("topologyVersion");
    let primary = state.primary.load(Ordering::SeqCst);
    let old_name = if answer.contains_key("ismaster") { "ismaster" } else { "isWritablePrimary" };
    answer.insert(old_name, is_primary);
    answer.insert("isWritablePrimary", is_primary);
    answer.insert("secondary", !is_primary);
    answer.insert("setName", NAME);
    answer.insert("hosts", hosts.clone());
    answer.insert("me", hosts[member].clone());
    answer.insert("primary", hosts[primary].clone());
    answer
}
