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
/// How long bytes that a guest wrote before it closed may take to leave.
pub(super) const LINGER: Duration = Duration::from_secs(5);
/// Idle time after which the system asks a peer whether it is alive, how often, and how many times.
pub(super) const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
pub(super) const KEEPALIVE_PROBES: u32 = 3;
/// Largest file of certificates or keys.
pub(super) const TLS_FILE_BYTES_MAX: u64 = 1024 * 1024;
