//! What systemd and the kernel say of this machine. Programs of systemd are asked: their JSON is an interface, the journal's files are not.

use std::path::Path;
use std::time::Duration;

use corbel_agent::{Link, LogPage, LogQuery, Service, SystemError, parse_journal, parse_services};
use corbel_sys::{Cancel, Program};

use super::failed;

const LIMIT: Duration = Duration::from_secs(20);

pub(super) fn links() -> Result<Vec<Link>, SystemError> {
    let links = corbel_net::links(Path::new("/"));
    let mut links = links.map_err(|error| failed("listing the network interfaces", &error))?;
    for neighbour in neighbours() {
        let link = links.iter_mut().find(|link| link.name == neighbour.interface);
        if let Some(link) = link {
            link.neighbour = Some(format!("{} {}", neighbour.system, neighbour.port).trim().to_owned());
        }
    }
    Ok(links)
}

/// Nobody where networkd does not tell.
fn neighbours() -> Vec<corbel_net::Neighbour> {
    let program = Program::new("networkctl").args(["lldp", "--json=short", "--no-pager"]);
    match program.deadline(LIMIT).run(&Cancel::new()) {
        Ok(output) => corbel_net::parse_neighbours(&output.stdout),
        Err(error) => {
            tracing::debug!(%error, "no neighbours");
            Vec::new()
        }
    }
}

pub(super) fn services() -> Result<Vec<Service>, SystemError> {
    let program = Program::new("systemctl").args(["list-units", "--type=service", "--all", "--output=json"]);
    let output = program.deadline(LIMIT).run(&Cancel::new());
    let output = output.map_err(|error| failed("listing the services", &error))?;
    Ok(parse_services(&output.stdout))
}

pub(super) fn logs(query: &LogQuery) -> Result<LogPage, SystemError> {
    let lines = format!("--lines={}", LogQuery::SEARCHED);
    let fields = "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT";
    let program = Program::new("journalctl").args([
        "--boot",
        "--reverse",
        "--no-pager",
        "--quiet",
        "--output=json",
        fields,
        &lines,
    ]);
    let output = program.deadline(LIMIT).run(&Cancel::new());
    let output = output.map_err(|error| failed("reading the journal", &error))?;
    Ok(query.choose(parse_journal(&output.stdout)))
}
