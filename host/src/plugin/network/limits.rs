//! Every bound of the virtual network, by name (I7).

use std::time::Duration;

/// Places that one connection may be granted.
pub(in crate::plugin) const HOSTS_MAX: usize = 256;
/// Targets that the SRV records of one host may name.
pub(super) const SRV_TARGETS_MAX: usize = 64;
/// Bytes of the TXT records beside them.
pub(super) const SRV_TEXT_BYTES_MAX: usize = 4 * 1024;
/// How long the look-up of both may take.
pub(super) const SRV_TIMEOUT: Duration = Duration::from_secs(20);
/// Sockets that one instance may hold open.
pub(super) const SOCKETS_MAX: usize = 128;
/// Connections that one instance may be opening at a time.
pub(super) const DIALS_MAX: usize = 32;
/// Look-ups that one plugin may have under way; each is a thread until the system answers.
pub(super) const LOOKUPS_OF_PLUGIN_MAX: usize = 16;
/// Look-ups that all plugins together may have under way.
pub(super) const LOOKUPS_MAX: usize = 128;
/// Age from which on a look-up that is under way speaks for no new one, lest a thread that never
/// comes back speaks for its name for ever.
pub(super) const LOOKUP_SHARED_MAX: Duration = Duration::from_secs(60);
/// Connections of one plugin, and of all, for which files are read or proofs computed at a time.
pub(super) const SETUPS_OF_PLUGIN_MAX: usize = 8;
pub(super) const SETUPS_MAX: usize = 32;
/// Addresses of one name that are tried.
pub(super) const ADDRESSES_MAX: usize = 16;
/// How long one address may take to answer.
pub(super) const ADDRESS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may take to open: look-up, all addresses, TLS.
pub(super) const DIAL_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes that a socket holds between its peer and the guest.
pub(super) const READ_BYTES_MAX: usize = 64 * 1024;
/// Bytes that a socket holds between the guest and its peer.
pub(super) const WRITE_BYTES_MAX: usize = 64 * 1024;
/// Bytes that a socket is charged for: what the host holds of both directions, and as much again for
/// TLS, which keeps bytes of its own.
pub(super) const SOCKET_BYTES: u64 = 2 * (READ_BYTES_MAX + WRITE_BYTES_MAX) as u64;
/// How long bytes that a guest wrote before it closed may take to leave.
pub(super) const LINGER: Duration = Duration::from_secs(5);
/// Idle time after which the system asks a peer whether it is alive, how often, and how many times.
pub(super) const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
pub(super) const KEEPALIVE_PROBES: u32 = 3;
/// Longest first message of a connection at which the host logs in: what servers take.
pub(super) const STARTUP_BYTES_MAX: usize = 10_000;
/// How long the host's login may take.
pub(super) const LOGIN_TIMEOUT: Duration = Duration::from_secs(20);
/// Messages that a server may send until it lets the host in, and the size of one.
pub(super) const LOGIN_MESSAGES_MAX: usize = 16;
pub(super) const LOGIN_MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// Largest file of certificates or keys.
pub(super) const TLS_FILE_BYTES_MAX: u64 = 1024 * 1024;
