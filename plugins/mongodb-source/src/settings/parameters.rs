//! Parameters of a connection string that the driver would take and that could not do here what they
//! ask for. They are refused with what to write instead, unless they ask for what is done anyway.
//!
//! Those of writes, pools, retries and monitoring pass: URLs that are copied from elsewhere have them,
//! and nobody reads anything else because of them.

use cartridge_warp_sdk::Failure;

/// Longer than this no server is waited for: the host ends a call after a minute.
const TIMEOUT_MAX_MS: u64 = 30_000;

/// The host reads these and ends TLS outside of the sandbox.
const OF_TLS: [&str; 9] = [
    "ssl",
    "tls",
    "tlsallowinvalidcertificates",
    "tlsallowinvalidhostnames",
    "tlscafile",
    "tlscertificatekeyfile",
    "tlscertificatekeyfilepassword",
    "tlsdisableocspendpointcheck",
    "tlsinsecure",
];

/// What may stand in place of a value.
enum Passing {
    /// This word: it is what is done anyway.
    Word(&'static str),
    /// Milliseconds up to the limit.
    Milliseconds,
    /// Nothing.
    Nothing,
}

const NO_PROXY: &str = "the host dials servers itself and by no proxy; leave it out";
const TIMEOUT: &str = "write milliseconds between 1 and 30000: no call may wait longer";
const COMPRESSION: &str = "messages travel as they are; leave it out";
const PRIMARY: &str = "snapshot and change stream read from the primary; leave it out";

/// Each parameter, what passes, and what to do about anything else.
const REFUSED: [(&str, Passing, &str); 18] = [
    (
        "tlsInsecure",
        Passing::Word("false"),
        "write tls=require instead, which encrypts and checks no certificate",
    ),
    (
        "tlsAllowInvalidCertificates",
        Passing::Word("false"),
        "name the CA by tlsCAFile, or write tls=require without it, which encrypts and checks no \
         certificate",
    ),
    (
        "tlsAllowInvalidHostnames",
        Passing::Word("false"),
        "write tls=verify-ca instead, which checks the certificate and no name",
    ),
    (
        "tlsCertificateKeyFilePassword",
        Passing::Nothing,
        "the host reads keys without a password only; write the key without (openssl pkey) into a \
         file that only the host's user may read",
    ),
    (
        "tlsDisableOCSPEndpointCheck",
        Passing::Word("true"),
        "the host asks nobody whether a certificate was revoked; leave it out",
    ),
    ("connectTimeoutMS", Passing::Milliseconds, TIMEOUT),
    ("serverSelectionTimeoutMS", Passing::Milliseconds, TIMEOUT),
    (
        "socketTimeoutMS",
        Passing::Nothing,
        "a server that does not answer is given up by connectTimeoutMS and the connector's own \
         limits; leave it out",
    ),
    (
        "readConcernLevel",
        Passing::Word("majority"),
        "only what a majority has is read, since nothing else survives an election; leave it out",
    ),
    ("readPreferenceTags", Passing::Nothing, PRIMARY),
    ("maxStalenessSeconds", Passing::Nothing, PRIMARY),
    ("compressors", Passing::Nothing, COMPRESSION),
    ("zlibCompressionLevel", Passing::Nothing, COMPRESSION),
    (
        "uuidRepresentation",
        Passing::Nothing,
        "binaries of the old subtype 3 are copied as they are; leave it out",
    ),
    ("proxyHost", Passing::Nothing, NO_PROXY),
    ("proxyPort", Passing::Nothing, NO_PROXY),
    ("proxyUsername", Passing::Nothing, NO_PROXY),
    ("proxyPassword", Passing::Nothing, NO_PROXY),
];

/// Looks at the parameters of a URL.
///
/// # Errors
/// `config` for the first that could not do what it asks for.
pub fn check(url: &str) -> Result<(), Failure> {
    for (name, value) in pairs(url).filter_map(|pair| pair.split_once('=')) {
        let known = REFUSED.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
        let Some((known, passing, advice)) = known else { continue };
        let passes = match passing {
            Passing::Word(word) => value.eq_ignore_ascii_case(word),
            Passing::Milliseconds => {
                // What is no number is for the driver to complain about.
                value.parse().map_or(true, |millis: u64| (1..=TIMEOUT_MAX_MS).contains(&millis))
            }
            Passing::Nothing => false,
        };
        if !passes {
            return Err(Failure::config(
                "invalid-connection-string",
                format!("`connection_string` has the parameter {known}: {advice}"),
            ));
        }
    }
    Ok(())
}

/// The same URL without the parameters that are the host's business.
pub fn without_tls(url: &str) -> String {
    let address = url.split('?').next().unwrap_or_default();
    let kept: Vec<&str> =
        pairs(url).filter(|pair| !OF_TLS.contains(&name(pair).as_str())).collect();
    if kept.is_empty() { address.to_owned() } else { format!("{address}?{}", kept.join("&")) }
}

/// Whether a URL has a parameter, whose name is in small letters here.
pub fn has(url: &str, parameter: &str) -> bool {
    pairs(url).any(|pair| name(pair) == parameter)
}

/// A parameter's name; its case has no meaning.
pub fn name(pair: &str) -> String {
    pair.split('=').next().unwrap_or_default().to_ascii_lowercase()
}

fn pairs(url: &str) -> impl Iterator<Item = &str> {
    url.split_once('?').map_or("", |(_, query)| query).split('&').filter(|pair| !pair.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_could_not_do_what_they_ask_for_are_refused() {
        for (parameter, advice) in [
            ("tlsInsecure=true", "tls=require"),
            ("tlsinsecure=1", "tls=require"),
            ("tlsAllowInvalidCertificates=true", "tlsCAFile"),
            ("tlsAllowInvalidHostnames=true", "tls=verify-ca"),
            ("tlsCertificateKeyFilePassword=s3cret", "openssl"),
            ("tlsDisableOCSPEndpointCheck=false", "revoked"),
            ("connectTimeoutMS=30001", "30000"),
            ("connectTimeoutMS=0", "between 1"),
            ("serverSelectionTimeoutMS=60000", "30000"),
            ("socketTimeoutMS=5000", "connectTimeoutMS"),
            ("readConcernLevel=local", "majority"),
            ("compressors=zstd,zlib", "as they are"),
            ("proxyHost=a.example", "proxy"),
            ("uuidRepresentation=javaLegacy", "subtype 3"),
            ("maxStalenessSeconds=90", "primary"),
        ] {
            let failure = check(&format!("mongodb://a/?w=1&{parameter}")).expect_err(parameter);
            let name = parameter.split('=').next().unwrap_or_default().to_ascii_lowercase();
            assert!(failure.message.to_ascii_lowercase().contains(&name), "{failure}");
            assert!(failure.message.contains(advice), "{parameter}: {failure}");
            assert!(!format!("{failure:?}").contains("s3cret"), "{failure:?}");
        }
    }

    #[test]
    fn what_is_done_anyway_passes() {
        for parameters in [
            "tls=true&tlsInsecure=false&tlsAllowInvalidCertificates=false",
            "tlsAllowInvalidHostnames=false&tlsDisableOCSPEndpointCheck=true",
            "readConcernLevel=majority&connectTimeoutMS=30000&serverSelectionTimeoutMS=1",
            "retryWrites=true&w=majority&maxPoolSize=5&heartbeatFrequencyMS=1000",
        ] {
            assert_eq!(check(&format!("mongodb://a/?{parameters}")), Ok(()), "{parameters}");
        }
    }

    #[test]
    fn the_driver_hears_nothing_of_tls() {
        for (url, expected) in [
            ("mongodb://a/", "mongodb://a/"),
            ("mongodb://a/?tls=true&TLSCAFile=b", "mongodb://a/"),
            ("mongodb://a/?ssl=true&w=1&tls=true&x=2", "mongodb://a/?w=1&x=2"),
        ] {
            assert_eq!(without_tls(url), expected);
        }
    }
}
