//! What can be reached from this machine, and by which ways.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::path::Path;
use std::time::Duration;

use corbel_agent::{Echo, Multipath, Sessions, SystemError};
use corbel_disk::{iscsi_sessions, parse_multipath};
use corbel_model::network::InterfaceName;
use corbel_model::server::Server;
use corbel_net::PingError;
use corbel_sys::{Cancel, Program, ProgramError, chain, read_limited};

use super::{failed, refused};

/// Of one echo.
const ECHO_LIMIT: Duration = Duration::from_secs(3);
const LIMIT: Duration = Duration::from_secs(20);
/// Written by `corbel storage-access`.
const INITIATOR: &str = "/etc/iscsi/initiatorname.iscsi";

pub(super) fn ping(host: &Server, number: u16) -> Result<Echo, SystemError> {
    let address: IpAddr = match host {
        Server::Address(address) => *address,
        Server::Name(name) => {
            let found = (name.as_str(), 0).to_socket_addrs().map(|mut all| all.next());
            match found {
                Ok(Some(address)) => address.ip(),
                Ok(None) | Err(_) => return Err(SystemError::NotFound(format!("the name {name} has no address"))),
            }
        }
    };
    let answer = match corbel_net::ping(address, number, ECHO_LIMIT) {
        Ok(time) => Ok(time),
        Err(error @ PingError::Socket { .. }) => return Err(failed("sending an echo", &error)),
        Err(error) => Err(chain(&error)),
    };
    Ok(Echo {
        address: address.to_string(),
        answer,
    })
}

pub(super) fn identify(link: &InterfaceName, time: Duration) -> Result<(), SystemError> {
    let own = Path::new("/sys/class/net").join(link.as_str());
    if !own.exists() {
        return Err(SystemError::NotFound(format!("there is no interface {link}")));
    }
    let seconds = time.as_secs().to_string();
    let program = Program::new("ethtool").args(["--identify", link.as_str(), &seconds]);
    match program.deadline(time + LIMIT).run(&Cancel::new()) {
        Ok(_) => Ok(()),
        // Of a driver without lamps, and of a device that only software made.
        Err(ProgramError::Failed { tail, .. }) if tail.contains("not supported") => {
            Err(refused(format!("the driver of {link} cannot let its lamps blink")))
        }
        Err(error) => Err(failed(&format!("letting the lamps of {link} blink"), &error)),
    }
}

pub(super) fn multipath() -> Result<Multipath, SystemError> {
    // Its file says whether it shall run; whoever asks for it while it does not run waits for nothing.
    if !Path::new(corbel_plan::settle::MULTIPATH_FILE).exists() {
        return Ok(Multipath::default());
    }
    let told = |error: &dyn std::error::Error| failed("asking multipathd", error);
    let program = Program::new("multipathd").args(["show", "maps", "json"]);
    let output = program
        .deadline(LIMIT)
        .run(&Cancel::new())
        .map_err(|error| told(&error))?;
    let devices = parse_multipath(&output.stdout).map_err(|error| told(&error))?;
    Ok(Multipath { enabled: true, devices })
}

pub(super) fn iscsi() -> Result<Sessions, SystemError> {
    let sessions = iscsi_sessions(Path::new("/")).map_err(|error| failed("listing iSCSI sessions", &error))?;
    let text = read_limited(Path::new(INITIATOR), 4096).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let name = text.lines().find_map(|line| line.strip_prefix("InitiatorName="));
    Ok(Sessions {
        initiator: name.map(|name| name.trim().to_owned()),
        sessions,
    })
}
