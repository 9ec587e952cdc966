//! How the harness itself gets into a server that wants a login: an administrator of its own, by
//! SCRAM-SHA-256.
//!
//! It knows this one user, whose name and password need neither escapes nor preparation, and does not
//! look at what the server proves in return: the server is the test's own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bson::spec::BinarySubtype;
use bson::{Binary, doc, oid::ObjectId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::client::{Client, Refusal};

const NAME: &str = "administrator";
const PASSWORD: &str = "of the harness";
/// Where the user is kept.
const DATABASE: &str = "admin";
const MECHANISM: &str = "SCRAM-SHA-256";

/// Makes the administrator. A server lets anybody from its own machine make the first user.
///
/// # Errors
/// When the server refuses it: there are users already.
pub(crate) fn create_administrator(client: &mut Client) -> Result<(), Refusal> {
    let roles = ["root"];
    let user =
        doc! {"createUser": NAME, "pwd": PASSWORD, "roles": roles, "mechanisms": [MECHANISM]};
    client.run(DATABASE, user).map(drop)
}

/// Logs a connection in as the administrator.
///
/// # Errors
/// When the server refuses it or the connection breaks.
pub(crate) fn log_in(client: &mut Client) -> Result<(), Refusal> {
    let hello = format!("n={NAME},r={}", ObjectId::new().to_hex());
    let start = doc! {
        "saslStart": 1, "mechanism": MECHANISM, "payload": payload(&format!("n,,{hello}")),
        "options": {"skipEmptyExchange": true},
    };
    let answer = client.run(DATABASE, start)?;
    let challenge = answer.get_binary_generic("payload").unwrap();
    let challenge = String::from_utf8(challenge.clone()).unwrap();
    let response = response(&hello, &challenge);
    let go_on = doc! {
        "saslContinue": 1, "conversationId": answer.get_i32("conversationId").unwrap(),
        "payload": payload(&response),
    };
    let answer = client.run(DATABASE, go_on)?;
    assert!(answer.get_bool("done").unwrap(), "the server wants more than a proof: {answer}");
    Ok(())
}

/// The proof that we know the password, as RFC 5802 has it.
fn response(hello: &str, challenge: &str) -> String {
    let part = |name: &str| challenge.split(',').find_map(|part| part.strip_prefix(name)).unwrap();
    let salt = BASE64.decode(part("s=")).unwrap();
    let rounds: u32 = part("i=").parse().unwrap();
    let mut salted = [0; 32];
    pbkdf2::pbkdf2::<Hmac<Sha256>>(PASSWORD.as_bytes(), &salt, rounds, &mut salted).unwrap();
    let key = signature(&salted, "Client Key");
    let without_proof = format!("c=biws,r={}", part("r="));
    let talk = format!("{hello},{challenge},{without_proof}");
    let mask = signature(&Sha256::digest(&key), &talk);
    let proof: Vec<u8> = key.iter().zip(mask).map(|(key, mask)| key ^ mask).collect();
    format!("{without_proof},p={}", BASE64.encode(proof))
}

fn signature(key: &[u8], text: &str) -> Vec<u8> {
    let mut signed = Hmac::<Sha256>::new_from_slice(key).unwrap();
    signed.update(text.as_bytes());
    signed.finalize().into_bytes().to_vec()
}

fn payload(text: &str) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: text.as_bytes().to_vec() }
}
