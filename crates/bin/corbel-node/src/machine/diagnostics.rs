//! What systemd and the kernel say of this machine. Programs of systemd are asked: their JSON is an interface, the journal's files are not.

use std::path::Path;
use std::time::Duration;

use corbel_agent::{Link, LogPage, LogQuery, Service, SystemError, parse_journal, parse_services};
use corbel_sys::{Cancel, Program};

use super::failed;

const LIMIT: Duration = Duration::from_secs(20);

pub(super) fn links() -> Result<Vec<Link>, SystemError> {
    corbel_net::links(Path::new("/")).map_err(|error| failed("listing the network interfaces", &error))
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
