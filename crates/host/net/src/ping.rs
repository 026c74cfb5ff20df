//! One echo of ICMP (RFC 792, RFC 4443) by a datagram socket: the kernel gives it its number, sums it up, and hands over only the
//! answers to it (icmp(7); who may open one is said by `net.ipv4.ping_group_range`).

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto};

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    #[error("no answer within {} s", .0.as_secs_f32())]
    Silence(Duration),
    /// As a router or this node says.
    #[error("{address} cannot be reached")]
    Unreachable { address: IpAddr, source: Errno },
    #[error("cannot {call} for an echo")]
    Socket { call: &'static str, source: Errno },
}

/// What is sent besides the head, as ping(8) does.
const PAYLOAD: usize = 56;
const HEAD: usize = 8;

/// Types of request and answer.
fn kinds(address: IpAddr) -> (u8, u8) {
    match address {
        IpAddr::V4(_) => (8, 0),
        IpAddr::V6(_) => (128, 129),
    }
}

fn request(kind: u8, number: u16) -> [u8; HEAD + PAYLOAD] {
    let mut packet = [0x2a; HEAD + PAYLOAD];
    let [high, low] = number.to_be_bytes();
    // Sum and identifier are the kernel's.
    packet[..HEAD].copy_from_slice(&[kind, 0, 0, 0, 0, 0, high, low]);
    packet
}

/// Whether this is the answer to the request of that number.
fn is_answer(packet: &[u8], kind: u8, number: u16) -> bool {
    matches!(packet, [is, 0, _, _, _, _, high, low, ..] if *is == kind && [*high, *low] == number.to_be_bytes())
}

/// Sends one echo and waits for its answer; gives how long that took.
///
/// # Errors
/// [`PingError`], after `limit` at the latest.
pub fn ping(address: IpAddr, number: u16, limit: Duration) -> Result<Duration, PingError> {
    let (kind, answer) = kinds(address);
    let socket = open(address)?;
    let start = Instant::now();
    let unreachable = |source| PingError::Unreachable { address, source };
    rustix::net::send(&socket, &request(kind, number), SendFlags::empty()).map_err(unreachable)?;
    let mut packet = [0; 1500];
    loop {
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(PingError::Silence(limit));
        }
        set_socket_timeout(&socket, Timeout::Recv, Some(left)).map_err(failed("set a limit"))?;
        match rustix::net::recv(&socket, &mut packet, RecvFlags::empty()) {
            Ok((_, length)) if is_answer(packet.get(..length).unwrap_or_default(), answer, number) => {
                return Ok(start.elapsed());
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Err(PingError::Silence(limit)),
            Err(source) => return Err(unreachable(source)),
        }
    }
}

fn failed(call: &'static str) -> impl FnOnce(Errno) -> PingError {
    move |source| PingError::Socket { call, source }
}

fn open(address: IpAddr) -> Result<OwnedFd, PingError> {
    let (family, protocol) = match address {
        IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
        IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
    };
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(protocol));
    let socket = socket.map_err(failed("open a socket"))?;
    let to = SocketAddr::new(address, 0);
    rustix::net::connect(&socket, &to).map_err(|source| PingError::Unreachable { address, source })?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_answer_counts() {
        let packet = request(8, 0x0102);
        assert_eq!(packet[..HEAD], [8, 0, 0, 0, 0, 0, 1, 2]);
        assert!(is_answer(&[0, 0, 9, 9, 9, 9, 1, 2, 42], 0, 0x0102));
        for other in [
            &[0, 0, 9, 9, 9, 9, 1, 3][..],
            &[3, 0, 9, 9, 9, 9, 1, 2],
            &[0, 0, 1, 2],
            &[],
        ] {
            assert!(!is_answer(other, 0, 0x0102), "{other:?}");
        }
    }

    #[test]
    fn loopback_answers_where_echoes_are_allowed() {
        match ping(IpAddr::from([127, 0, 0, 1]), 7, Duration::from_secs(2)) {
            Ok(time) => assert!(time < Duration::from_secs(2)),
            // Not everybody may open such a socket; see the module.
            Err(PingError::Socket { source, .. }) => assert_eq!(source, Errno::ACCESS),
            Err(error) => panic!("{error}"),
        }
    }
}
