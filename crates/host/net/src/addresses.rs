//! Addresses by one dump of rtnetlink(7). `getifaddrs(3)` would need unsafe code and `/proc/net/fib_trie` knows no
//! interface names, so the request and its answer are spelled here: one message out, attributes in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netdevice};

/// The kernel did not tell its addresses.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// A call on the netlink socket failed.
    #[error("cannot {call} over rtnetlink")]
    Socket {
        call: &'static str,
        source: rustix::io::Errno,
    },
    /// The kernel refused the request with this error number.
    #[error("the kernel refused the request (rtnetlink)")]
    Refused { source: rustix::io::Errno },
}

/// Addresses by which others may reach this node, as (interface, address), in the kernel's order.
///
/// Left out: loopback, IPv6 link-local (they need a zone to be of use), tentative or failed ones (RFC 4862), and libvirt's own
/// NAT bridges (`virbr…`), behind which only guests live.
pub fn addresses() -> Result<Vec<(String, IpAddr)>, AddressError> {
    let socket = open()?;
    let mut found = Vec::new();
    for address in dump(&socket)? {
        if !is_reachable(&address.address) || address.flags & UNUSABLE != 0 {
            continue;
        }
        // An interface that went away between the two calls has no address to tell.
        let Ok(name) = netdevice::index_to_name(&socket, address.index) else {
            continue;
        };
        if name != "lo" && !name.starts_with("virbr") {
            found.push((name, address.address));
        }
    }
    Ok(found)
}

fn open() -> Result<OwnedFd, AddressError> {
    let failed = |call| move |source| AddressError::Socket { call, source };
    // No protocol means number 0, which is NETLINK_ROUTE.
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
        .map_err(failed("open a socket"))?;
    // The kernel answers at once; the limit only keeps a kernel bug from hanging the caller.
    set_socket_timeout(&socket, Timeout::Recv, Some(Duration::from_secs(2))).map_err(failed("set a limit"))?;
    Ok(socket)
}

/// Sets an interface up, as it must be before it knows of a carrier. Needs `CAP_NET_ADMIN`.
pub(crate) fn set_up(name: &str) -> Result<(), AddressError> {
    let failed = |call| move |source| AddressError::Socket { call, source };
    let socket = open()?;
    let index = netdevice::name_to_index(&socket, name).map_err(failed("find an interface"))?;
    // netlink(7) header, then `ifinfomsg`: family, type, index, flags, and which of the flags to change (IFF_UP, both times).
    let mut message = Vec::with_capacity(32);
    message.extend_from_slice(&32_u32.to_ne_bytes());
    message.extend_from_slice(&RTM_NEWLINK.to_ne_bytes());
    message.extend_from_slice(&NLM_F_REQUEST_ACK.to_ne_bytes());
    message.extend_from_slice(&[0; 12]);
    message.extend_from_slice(&index.to_ne_bytes());
    message.extend_from_slice(&1_u32.to_ne_bytes());
    message.extend_from_slice(&1_u32.to_ne_bytes());
    rustix::net::send(&socket, &message, SendFlags::empty()).map_err(failed("ask"))?;
    let mut buffer = [0_u8; 1024];
    let (length, _) = rustix::net::recv(&socket, &mut buffer, RecvFlags::empty()).map_err(failed("read the answer"))?;
    match parse(&buffer[..length], &mut Vec::new()) {
        Part::Refused(code) => Err(AddressError::Refused {
            source: rustix::io::Errno::from_raw_os_error(code),
        }),
        Part::Done | Part::More => Ok(()),
    }
}

fn is_reachable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unspecified() && !v6.is_unicast_link_local(),
    }
}

fn dump(socket: &OwnedFd) -> Result<Vec<Address>, AddressError> {
    let failed = |call| move |source| AddressError::Socket { call, source };
    rustix::net::send(socket, &request(), SendFlags::empty()).map_err(failed("ask"))?;
    let mut found = Vec::new();
    // One answer of the kernel is at most 32 KiB (NLMSG_GOODSIZE); a machine has as many answers as it needs.
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        let (length, _) =
            rustix::net::recv(socket, &mut buffer, RecvFlags::empty()).map_err(failed("read the answer"))?;
        match parse(&buffer[..length], &mut found) {
            Part::More => {}
            Part::Done => return Ok(found),
            Part::Refused(code) => {
                return Err(AddressError::Refused {
                    source: rustix::io::Errno::from_raw_os_error(code),
                });
            }
        }
        if length == 0 {
            return Ok(found);
        }
    }
}

const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const NLM_F_REQUEST_ACK: u16 = 0x005;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_FLAGS: u16 = 8;
/// `IFA_F_TENTATIVE | IFA_F_DADFAILED` of linux/if_addr.h.
const UNUSABLE: u32 = 0x40 | 0x08;

/// netlink(7) header (16 bytes) and `ifaddrmsg` (8 bytes), all zero: every family, every interface.
fn request() -> Vec<u8> {
    let mut message = Vec::with_capacity(24);
    message.extend_from_slice(&24_u32.to_ne_bytes());
    message.extend_from_slice(&RTM_GETADDR.to_ne_bytes());
    message.extend_from_slice(&NLM_F_REQUEST_DUMP.to_ne_bytes());
    message.extend_from_slice(&[0; 16]);
    message
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    index: u32,
    flags: u32,
    address: IpAddr,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    More,
    Done,
    Refused(i32),
}

/// Reads one datagram of the dump. Anything malformed ends the datagram: the kernel is trusted, a panic is not wanted.
fn parse(mut bytes: &[u8], found: &mut Vec<Address>) -> Part {
    while let (Some(length), Some(kind)) = (u32_at(bytes, 0), u16_at(bytes, 4)) {
        let Some(message) = usize::try_from(length).ok().and_then(|n| bytes.get(16..n)) else {
            break;
        };
        match kind {
            NLMSG_DONE => return Part::Done,
            NLMSG_ERROR => {
                let code = u32_at(message, 0).map_or(0, u32::cast_signed);
                // Number 0 is the acknowledgement of a request that succeeded.
                if code == 0 {
                    return Part::Done;
                }
                return Part::Refused(code.wrapping_neg().clamp(1, 4095));
            }
            RTM_NEWADDR => found.extend(parse_address(message)),
            _ => {}
        }
        let Some(rest) = bytes.get((message.len() + 16).next_multiple_of(4)..) else {
            break;
        };
        bytes = rest;
    }
    Part::More
}

fn parse_address(message: &[u8]) -> Option<Address> {
    let mut flags = u32::from(*message.get(2)?);
    let index = u32_at(message, 4)?;
    let mut attributes = message.get(8..)?;
    let (mut peer, mut local) = (None, None);
    while let (Some(length), Some(kind)) = (u16_at(attributes, 0), u16_at(attributes, 2)) {
        let Some(value) = attributes.get(4..usize::from(length)) else {
            break;
        };
        match kind {
            IFA_ADDRESS => peer = to_address(value),
            IFA_LOCAL => local = to_address(value),
            IFA_FLAGS => flags = u32_at(value, 0).unwrap_or(flags),
            _ => {}
        }
        let Some(rest) = attributes.get(usize::from(length).next_multiple_of(4)..) else {
            break;
        };
        attributes = rest;
    }
    // On a point-to-point link IFA_ADDRESS is the other side, and IFA_LOCAL is ours.
    local.or(peer).map(|address| Address { index, flags, address })
}

fn to_address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::V4(Ipv4Addr::from(four)));
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|sixteen| IpAddr::V6(Ipv6Addr::from(sixteen)))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(16 + body.len()).expect("small").to_ne_bytes().to_vec();
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&[0; 10]);
        bytes.extend_from_slice(body);
        bytes
    }

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(4 + value.len()).expect("small").to_ne_bytes().to_vec();
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(value);
        bytes
    }

    #[test]
    fn our_side_of_a_link_is_told_and_flags_are_wide() {
        let mut body = vec![2, 24, 0x80, 0, 3, 0, 0, 0];
        body.extend(attribute(IFA_ADDRESS, &[192, 0, 2, 9]));
        body.extend(attribute(IFA_LOCAL, &[192, 0, 2, 1]));
        body.extend(attribute(IFA_FLAGS, &0x40_u32.to_ne_bytes()));
        let mut bytes = message(RTM_NEWADDR, &body);
        bytes.extend(message(NLMSG_DONE, &[0; 4]));
        let mut found = Vec::new();
        assert_eq!(parse(&bytes, &mut found), Part::Done);
        assert_eq!(
            found,
            [Address {
                index: u32::from_ne_bytes([3, 0, 0, 0]),
                flags: 0x40,
                address: [192, 0, 2, 1].into()
            }]
        );
    }

    #[test]
    fn a_refusal_carries_the_error_number() {
        let bytes = message(NLMSG_ERROR, &(-13_i32).to_ne_bytes());
        assert_eq!(parse(&bytes, &mut Vec::new()), Part::Refused(13));
    }

    #[test]
    fn this_machine_answers_without_loopback() {
        let found = addresses().expect("rtnetlink answers any user");
        assert!(
            found
                .iter()
                .all(|(name, address)| name != "lo" && !address.is_loopback()),
            "{found:?}"
        );
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes: Vec<u8>) {
            parse(&bytes, &mut Vec::new());
        }
        #[test]
        fn no_address_message_panics(body: Vec<u8>) {
            parse(&message(RTM_NEWADDR, &body), &mut Vec::new());
        }
    }
}
