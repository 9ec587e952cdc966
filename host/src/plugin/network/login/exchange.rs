//! The host's conversation with a server until it lets the user in.
//!
//! SCRAM gives a server nothing that it could use elsewhere, so any server may ask for it. Who asks
//! for the password itself, or for its MD5 hash, which is as good as the password to whoever has it,
//! gets it only where certificates proved who that is.

use bytes::{Buf, Bytes, BytesMut};
use postgres_protocol::{
    authentication::{
        md5_hash,
        sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256},
    },
    message::frontend,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    super::{
        limits::{LOGIN_MESSAGE_BYTES_MAX, LOGIN_MESSAGES_MAX},
        streams::{Reading, Writing},
    },
    Surroundings, messages,
    startup::{self, First},
};

const AUTHENTICATION: u8 = b'R';
const ERROR: u8 = b'E';
const NOTICE: u8 = b'N';
/// The server speaks an older minor version than the guest.
const OLDER: u8 = b'v';

const LET_IN: u32 = 0;
const CLEARTEXT: u32 = 3;
const MD5: u32 = 5;
const SASL: u32 = 10;
const SASL_CONTINUE: u32 = 11;
const SASL_FINAL: u32 = 12;

/// Why the guest is not let in.
pub(super) enum Refusal {
    /// The server's own message.
    Server(Bytes),
    /// The host's reason.
    Host(String),
}

pub(super) struct Exchange<'a> {
    surroundings: &'a Surroundings,
    reading: &'a mut Reading,
    writing: &'a mut Writing,
    /// Messages that the server may still send.
    left: usize,
    /// What the guest hears with the outcome.
    words: BytesMut,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        surroundings: &'a Surroundings,
        reading: &'a mut Reading,
        writing: &'a mut Writing,
    ) -> Self {
        let left = LOGIN_MESSAGES_MAX;
        Self { surroundings, reading, writing, left, words: BytesMut::new() }
    }

    /// Passes the guest's first message on and answers the server. What comes of it is for the guest.
    pub(super) async fn run(mut self, first: &[u8]) -> Result<Bytes, Refusal> {
        let user = self.surroundings.login.user.as_str();
        let wants = startup::read(first, user).map_err(|unfit| Refusal::Host(unfit.to_string()))?;
        self.send(first).await?;
        if wants == First::Cancel {
            return Ok(self.words.freeze());
        }
        let (code, body) = self.request().await?;
        match code {
            LET_IN => {}
            SASL => self.scram(&body).await?,
            CLEARTEXT | MD5 if !self.surroundings.verified => return Err(unproven(code)),
            CLEARTEXT => self.password(self.surroundings.login.password().as_bytes()).await?,
            MD5 => {
                let salt = body.first_chunk::<4>().ok_or_else(garbage)?;
                let password = self.surroundings.login.password().as_bytes();
                let hash = md5_hash(user.as_bytes(), password, *salt);
                self.password(hash.as_bytes()).await?;
            }
            other => return Err(unknown(other)),
        }
        self.words.extend_from_slice(&messages::let_in());
        Ok(self.words.freeze())
    }

    async fn password(&mut self, answer: &[u8]) -> Result<(), Refusal> {
        let mut bytes = BytesMut::new();
        frontend::password_message(answer, &mut bytes).map_err(|_| garbage())?;
        self.send(&bytes).await?;
        self.expect(LET_IN).await.map(drop)
    }

    async fn scram(&mut self, offer: &[u8]) -> Result<(), Refusal> {
        if !offer.split(|byte| *byte == 0).any(|name| name == SCRAM_SHA_256.as_bytes()) {
            return Err(unknown(SASL));
        }
        let password = self.surroundings.login.password().as_bytes();
        // TLS ends here, but what it is bound to is not at hand: the server hears that.
        let mut scram = ScramSha256::new(password, ChannelBinding::unsupported());
        let mut bytes = BytesMut::new();
        frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut bytes)
            .map_err(|_| garbage())?;
        self.send(&bytes).await?;
        let challenge = self.expect(SASL_CONTINUE).await?;
        // The server says how much is to be computed, up to the library's bound.
        let Surroundings { outside, owner, .. } = self.surroundings;
        let proof = outside.work(owner, move || scram.update(&challenge).map(|()| scram)).await;
        let failed = |error| Refusal::Host(format!("the server's challenge is unfit: {error}"));
        let mut scram = proof.and_then(|proof| proof).map_err(failed)?;
        bytes.clear();
        frontend::sasl_response(scram.message(), &mut bytes).map_err(|_| garbage())?;
        self.send(&bytes).await?;
        let signature = self.expect(SASL_FINAL).await?;
        // Who does not know the password either is not the server that was meant.
        scram.finish(&signature).map_err(|error| {
            Refusal::Host(format!("the server could not prove that it knows the password: {error}"))
        })?;
        self.expect(LET_IN).await.map(drop)
    }

    async fn expect(&mut self, expected: u32) -> Result<Bytes, Refusal> {
        match self.request().await? {
            (code, body) if code == expected => Ok(body),
            _ => Err(garbage()),
        }
    }

    /// What the server wants next; what else it says is kept for the guest.
    async fn request(&mut self) -> Result<(u32, Bytes), Refusal> {
        loop {
            let (kind, mut body) = self.next().await?;
            match kind {
                AUTHENTICATION if body.len() >= 4 => return Ok((body.get_u32(), body)),
                NOTICE | OLDER => self.words.extend_from_slice(&messages::message(kind, &body)),
                ERROR => return Err(self.refused(&body)),
                _ => return Err(garbage()),
            }
        }
    }

    async fn next(&mut self) -> Result<(u8, Bytes), Refusal> {
        self.left = self.left.checked_sub(1).ok_or_else(endless)?;
        let kind = self.reading.read_u8().await.map_err(lost)?;
        let length = self.reading.read_u32().await.map_err(lost)?;
        let length = usize::try_from(length).ok().and_then(|length| length.checked_sub(4));
        let length = length.ok_or_else(garbage)?;
        if length > LOGIN_MESSAGE_BYTES_MAX {
            return Err(endless());
        }
        let mut body = vec![0; length];
        self.reading.read_exact(&mut body).await.map_err(lost)?;
        Ok((kind, body.into()))
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.writing.write_all(bytes).await.map_err(lost)?;
        self.writing.flush().await.map_err(lost)
    }

    /// The server's error, but for one that repeats the password.
    fn refused(&self, body: &[u8]) -> Refusal {
        let password = self.surroundings.login.password().as_bytes();
        if body.windows(password.len().max(1)).any(|bytes| bytes == password) {
            return Refusal::Host("the server refused the login".to_owned());
        }
        Refusal::Server(messages::message(ERROR, body))
    }
}

fn unproven(code: u32) -> Refusal {
    let what = if code == MD5 { "an MD5 hash of the password" } else { "the password itself" };
    Refusal::Host(format!(
        "the server asks for {what}, which the host gives only to one whose certificate it checked: \
         ask for TLS with verify-full, or let the server keep the password for SCRAM-SHA-256"
    ))
}

fn unknown(code: u32) -> Refusal {
    Refusal::Host(format!(
        "the server asks for a login that the host can't do for a connector (number {code}); it can do \
         SCRAM-SHA-256. Change the server's rules for this user, or remove `credentials: host`"
    ))
}

fn garbage() -> Refusal {
    Refusal::Host("the server answered the login with something else; is it another kind?".into())
}

fn endless() -> Refusal {
    Refusal::Host(format!(
        "the server answered the login with more than {LOGIN_MESSAGES_MAX} messages, or one of more \
         than {LOGIN_MESSAGE_BYTES_MAX} bytes"
    ))
}

#[allow(clippy::needless_pass_by_value, reason = "handed over by map_err")]
fn lost(error: std::io::Error) -> Refusal {
    Refusal::Host(format!("the connection broke during the login: {error}"))
}
