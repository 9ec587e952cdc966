//! What can go wrong on the way to a running pipeline.

use std::{io, net::SocketAddr, path::PathBuf};

use miette::Diagnostic;

/// What an address of a Unix socket has room for.
pub const SOCKET_BYTES_MAX: usize = 107;

/// Why a run has no socket, or cannot be reached on it.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ControlError {
    /// The system has no room for such a path in an address.
    #[error("the path of the control socket is too long: {} has more than {SOCKET_BYTES_MAX} bytes", .path.display())]
    #[diagnostic(
        code("control-socket-path"),
        help("set `control.socket` to a shorter one, or `control.enabled` to false")
    )]
    TooLong { path: PathBuf },

    /// Something is in the way, or the place belongs to somebody else.
    #[error("the control socket cannot be made: {} {problem}", .path.display())]
    #[diagnostic(
        code("control-socket"),
        help(
            "`control.socket` names a place in a directory that this user alone may write to, `control.enabled: \
             false` does without"
        )
    )]
    Unusable { path: PathBuf, problem: String },

    /// The file has no token.
    #[error("no token for `control.listen`: {} {problem}", .path.display())]
    #[diagnostic(
        code("control-token-file"),
        help("make one with `openssl rand -hex 32 > FILE`, and let nobody else read that file")
    )]
    Token { path: PathBuf, problem: String },

    /// The port is taken, or the address is nobody's here.
    #[error("cannot listen on {addr} (`control.listen`)")]
    #[diagnostic(
        code("control-address"),
        help("name an address of this machine and a free port, such as 127.0.0.1:8081")
    )]
    Address {
        addr: SocketAddr,
        #[source]
        source: io::Error,
    },

    /// Another process of this pipeline has it.
    #[error("the control socket {} belongs to {by}", .path.display())]
    #[diagnostic(
        code("control-held"),
        help("orders reach that run until it ends, and this one from then on")
    )]
    Held { path: PathBuf, by: String },

    /// Somebody listens and does not answer as a run does.
    #[error("the run that listens on {} does not answer", .path.display())]
    #[diagnostic(
        code("control-unreachable"),
        help(
            "see that this is the user who started the run, and whether its process hangs; where no run is \
             left, remove the file"
        )
    )]
    Unreachable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}
