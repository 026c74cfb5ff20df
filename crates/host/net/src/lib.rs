//! What this machine's network is: its interfaces ([`fn@interfaces`]) and the addresses by which others reach it
//! ([`fn@addresses`]). Reads only; configuration is written as files by settle and applied by systemd-networkd.

mod addresses;
mod interfaces;
mod links;
mod lldp;
mod ping;

pub use addresses::{AddressError, addresses};
pub use interfaces::{InterfaceError, Wait, interfaces, wait_for_interfaces};
pub use links::{Link, links};
pub use lldp::{Neighbour, parse_neighbours};
pub use ping::{PingError, ping};
