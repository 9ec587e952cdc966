//! A command on its way to the run of its pipeline.

use std::{
    io::{self, ErrorKind},
    path::PathBuf,
    time::Duration,
};

use miette::Diagnostic;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    time::timeout,
};

use super::{
    answers::Told,
    error::ControlError,
    events::Lost,
    letters::{LettersAnswer, LettersBody},
    orders::{OrderAnswer, OrderBody},
    overview::Overview,
    place::Place,
    process::{Draining, Level, Reload},
    repair::{RepairAnswer, RepairBody},
    tables::TablePage,
    view::Status,
};
use crate::{monitor::Event, runner::ORDER_WAIT_MAX};

/// The most that a run may answer.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long it may take to show something.
const LOOK_MAX: Duration = Duration::from_secs(10);

/// How long it may look at the sides for that.
const RUN_LOOKS_MAX: Duration = Duration::from_secs(30);

/// A run that listens.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
}

/// What a run refused, as an error of the command.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Refusal(Told);

impl Diagnostic for Refusal {
    fn code(&self) -> Option<Box<dyn std::fmt::Display + '_>> {
        Some(Box::new(&self.0.code))
    }

    fn help(&self) -> Option<Box<dyn std::fmt::Display + '_>> {
        self.0.help.as_ref().map(|help| Box::new(help) as _)
    }
}

impl From<Told> for Refusal {
    fn from(told: Told) -> Self {
        Self(told)
    }
}

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Heard {
    Lost(Lost),
    Event(Event),
}

/// Why there is no answer to go by.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum AskError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Refused(#[from] Refusal),
}

impl Client {
    /// The run at this place; none where nobody listens there.
    pub async fn find(place: &Place) -> Result<Option<Self>, ControlError> {
        let unreachable = |cause| ControlError::Unreachable { path: place.socket.clone(), cause };
        match UnixStream::connect(&place.socket).await {
            Ok(stream) if is_trusted(&stream).map_err(unreachable)? => {
                Ok(Some(Self { socket: place.socket.clone() }))
            }
            Ok(_) => Err(unreachable(io::Error::other("another user listens there"))),
            Err(error) => match error.kind() {
                // What a killed run left behind, nothing, or a path that no socket can have.
                ErrorKind::ConnectionRefused | ErrorKind::NotFound | ErrorKind::InvalidInput => {
                    Ok(None)
                }
                _ => Err(unreachable(error)),
            },
        }
    }

    /// Where it listens.
    pub fn socket(&self) -> &std::path::Path {
        &self.socket
    }

    pub async fn status(&self) -> Result<Status, AskError> {
        let (code, body) = self.ask("GET", "/v1/status", "", LOOK_MAX).await?;
        self.read(code == 200, &body)
    }

    pub async fn overview(&self) -> Result<Overview, AskError> {
        let (code, body) = self.ask("GET", "/v1/overview", "", LOOK_MAX).await?;
        self.read(code == 200, &body)
    }

    /// Some tables in an order, behind the first of them.
    pub async fn tables(
        &self,
        sort: &str,
        offset: usize,
        limit: usize,
    ) -> Result<TablePage, AskError> {
        let path = format!("/v1/tables?sort={sort}&offset={offset}&limit={limit}");
        let (code, body) = self.ask("GET", &path, "", LOOK_MAX).await?;
        self.read(code == 200, &body)
    }

    /// What the run answers to a look at this path.
    pub async fn look(&self, path: &str) -> Result<Value, AskError> {
        let wait = LOOK_MAX.saturating_add(RUN_LOOKS_MAX);
        let (code, body) = self.ask("GET", path, "", wait).await?;
        self.read(code == 200, &body)
    }

    /// What the run answers to an order at this path; what some schemas refuse is an answer, too.
    pub async fn order_at(&self, path: &str, body: &Value) -> Result<Value, AskError> {
        let wait = ORDER_WAIT_MAX.saturating_add(LOOK_MAX);
        let (code, answer) = self.ask("POST", path, &written(body), wait).await?;
        let is_answer = code == 200 || serde_json::from_slice::<OrderAnswer>(&answer).is_ok();
        self.read(is_answer, &answer)
    }

    /// Gives an order, and waits until it is committed or refused.
    pub async fn order(&self, order: &OrderBody) -> Result<OrderAnswer, AskError> {
        let body = written(order);
        let wait = ORDER_WAIT_MAX.saturating_add(LOOK_MAX);
        let (code, answer) = self.ask("POST", "/v1/orders", &body, wait).await?;
        // What some schemas refuse is an answer, too.
        let is_answer = code == 200 || serde_json::from_slice::<OrderAnswer>(&answer).is_ok();
        self.read(is_answer, &answer)
    }

    /// Tries dead letters again or discards them, and waits until that is committed or refused.
    pub async fn letters(&self, body: &LettersBody) -> Result<LettersAnswer, AskError> {
        self.ordered("/v1/letters", &written(body)).await
    }

    /// Has rows written again, and waits until that is committed or refused.
    pub async fn repair(&self, body: &RepairBody) -> Result<RepairAnswer, AskError> {
        self.ordered("/v1/repair", &written(body)).await
    }

    async fn ordered<T: DeserializeOwned>(&self, path: &str, body: &str) -> Result<T, AskError> {
        let wait = ORDER_WAIT_MAX.saturating_add(LOOK_MAX);
        let (code, answer) = self.ask("POST", path, body, wait).await?;
        self.read(code == 200, &answer)
    }

    /// Ends the run as SIGTERM does; it is ending when this is back, not ended.
    pub async fn drain(&self) -> Result<Draining, AskError> {
        let (code, answer) = self.ask("POST", "/v1/drain", "", LOOK_MAX).await?;
        self.read(code == 202, &answer)
    }

    /// Has the run read its configuration again.
    pub async fn reload(&self) -> Result<Reload, AskError> {
        let (code, answer) = self.ask("POST", "/v1/reload", "", ORDER_WAIT_MAX).await?;
        self.read(code == 200, &answer)
    }

    /// Sets the level of the run's log.
    pub async fn set_level(&self, level: Level) -> Result<Level, AskError> {
        let (code, answer) = self.ask("PUT", "/v1/log-level", &written(&level), LOOK_MAX).await?;
        self.read(code == 200, &answer)
    }

    /// Hands each event to `each` until the run ends.
    pub async fn listen(&self, mut each: impl FnMut(Heard)) -> Result<(), AskError> {
        let broken = |error| AskError::from(self.unreachable(error));
        let mut stream = UnixStream::connect(&self.socket).await.map_err(broken)?;
        stream.write_all(request("GET", "/v1/events", "").as_bytes()).await.map_err(broken)?;
        let mut lines = BufReader::new(stream).lines();
        let code = lines.next_line().await.map_err(broken)?.unwrap_or_default();
        if !code.contains(" 200 ") {
            let mut answer = String::new();
            while let Some(line) = lines.next_line().await.map_err(broken)? {
                answer = line;
            }
            return self.read(false, answer.as_bytes());
        }
        // Whatever breaks the connection has ended the run, or its socket.
        while let Ok(Some(line)) = lines.next_line().await {
            let heard =
                line.strip_prefix("data: ").and_then(|data| serde_json::from_str(data).ok());
            heard.into_iter().for_each(&mut each);
        }
        Ok(())
    }

    fn read<T: DeserializeOwned>(&self, is_answer: bool, body: &[u8]) -> Result<T, AskError> {
        let strange = |error: serde_json::Error| self.unreachable(io::Error::other(error));
        if is_answer {
            return Ok(serde_json::from_slice(body).map_err(strange)?);
        }
        let told: Told = serde_json::from_slice(body).map_err(strange)?;
        Err(Refusal(told).into())
    }

    /// One request: the code of the answer, and its body.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        body: &str,
        wait: Duration,
    ) -> Result<(u16, Vec<u8>), ControlError> {
        let asked = timeout(wait, async {
            let mut stream = UnixStream::connect(&self.socket).await?;
            stream.write_all(request(method, path, body).as_bytes()).await?;
            let mut answer = Vec::new();
            stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
            parsed(&answer)
        });
        match asked.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.unreachable(error)),
            Err(_) => Err(self.unreachable(io::Error::from(ErrorKind::TimedOut))),
        }
    }

    fn unreachable(&self, cause: io::Error) -> ControlError {
        ControlError::Unreachable { path: self.socket.clone(), cause }
    }
}

/// Of version 1.0, whose answers end with their connection.
fn request(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// Whether this user, or root, listens: anybody may have made a socket in a directory that others may write to. Root
/// speaks to every user's run.
fn is_trusted(stream: &UnixStream) -> io::Result<bool> {
    let (peer, own) = (stream.peer_cred()?.uid(), geteuid().as_raw());
    Ok(peer == own || peer == 0 || own == 0)
}

fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The code and the body of an answer that came whole: a run may be killed while it answers.
fn parsed(answer: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let cut = || io::Error::new(ErrorKind::UnexpectedEof, "the answer broke off");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
    let (head, body) = (String::from_utf8_lossy(&answer[..end]), &answer[end + 4..]);
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(cut)?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    match length {
        Some(length) if length != body.len() => Err(cut()),
        _ => Ok((code, body.to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_only_whole() {
        let answer =
            |text: &str| parsed(text.as_bytes()).ok().map(|(code, body)| (code, body.len()));
        let cases = [
            ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", Some((200, 2))),
            ("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n{}", None),
            ("HTTP/1.0 409 Conflict\r\n\r\nuntil the end", Some((409, 13))),
            ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(answer(text), expected, "{text:?}");
        }
    }
}
