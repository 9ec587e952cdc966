//! The way in: start-up and authentication, as the driver does it.
//!
//! TLS ends in the host, so there is nothing to bind a channel to.

use cartridge_warp_sdk::Failure;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;
use tokio_postgres::Config;

use super::wire::{Incoming, Wire, failure, unexpected};

/// Logs in for replication of the configured database.
pub(super) async fn login(
    wire: &mut Wire,
    config: &Config,
    parameters: &[(&str, &str)],
) -> Result<(), Failure> {
    let user = config.get_user().unwrap_or_default();
    let mut start = vec![("client_encoding", "UTF8"), ("user", user), ("replication", "database")];
    // Without one the server takes the user's name, and replication has to name it.
    start.push(("database", config.get_dbname().unwrap_or(user)));
    start.extend(config.get_options().map(|options| ("options", options)));
    start.extend(config.get_application_name().map(|name| ("application_name", name)));
    start.extend_from_slice(parameters);
    wire.send(|buffer| frontend::startup_message(start, buffer)).await?;
    authenticate(wire, config, user).await?;
    while !matches!(next(wire).await?, Message::ReadyForQuery(_)) {}
    Ok(())
}

async fn authenticate(wire: &mut Wire, config: &Config, user: &str) -> Result<(), Failure> {
    let password = || config.get_password().ok_or_else(no_password);
    match next(wire).await? {
        Message::AuthenticationOk => return Ok(()),
        Message::AuthenticationCleartextPassword => {
            let password = password()?;
            wire.send(|buffer| frontend::password_message(password, buffer)).await?;
        }
        Message::AuthenticationMd5Password(body) => {
            let hash = md5_hash(user.as_bytes(), password()?, body.salt());
            wire.send(|buffer| frontend::password_message(hash.as_bytes(), buffer)).await?;
        }
        Message::AuthenticationSasl(body) => scram(wire, &body, password()?).await?,
        _ => return Err(unsupported()),
    }
    match next(wire).await? {
        Message::AuthenticationOk => Ok(()),
        _ => Err(unexpected("an answer to the login")),
    }
}

async fn scram(
    wire: &mut Wire,
    offer: &AuthenticationSaslBody,
    password: &[u8],
) -> Result<(), Failure> {
    let offered = offer.mechanisms().any(|mechanism| Ok(mechanism == SCRAM_SHA_256));
    if !offered.map_err(|_| unexpected("an offer of logins"))? {
        return Err(unsupported());
    }
    let mut scram = ScramSha256::new(password, ChannelBinding::unsupported());
    let first = scram.message().to_vec();
    wire.send(|buffer| frontend::sasl_initial_response(SCRAM_SHA_256, &first, buffer)).await?;
    let Message::AuthenticationSaslContinue(body) = next(wire).await? else {
        return Err(unexpected("an answer to the login"));
    };
    scram.update(body.data()).map_err(|_| unexpected("a challenge to the login"))?;
    let second = scram.message().to_vec();
    wire.send(|buffer| frontend::sasl_response(&second, buffer)).await?;
    let Message::AuthenticationSaslFinal(body) = next(wire).await? else {
        return Err(unexpected("an answer to the login"));
    };
    // A server that does not know the password either is not the one that was meant.
    scram.finish(body.data()).map_err(|error| {
        Failure::config("authentication", "the server could not prove that it knows the password")
            .detail(error.to_string())
    })
}

/// The next message of the login; what the server refuses is a failure.
async fn next(wire: &mut Wire) -> Result<Message, Failure> {
    loop {
        match wire.incoming().await? {
            Incoming::Other(Message::ErrorResponse(body)) => return Err(failure(&body)),
            Incoming::Other(Message::NoticeResponse(_)) => {}
            Incoming::Other(message) => return Ok(message),
            _ => return Err(unexpected("an answer to the login")),
        }
    }
}

fn no_password() -> Failure {
    Failure::config(
        "authentication",
        "the server wants a password; write one into connection_string",
    )
}

fn unsupported() -> Failure {
    Failure::config(
        "authentication",
        "the server wants another authentication than a password (SCRAM-SHA-256, md5 or plain); \
         check pg_hba.conf",
    )
}
