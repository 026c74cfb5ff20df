//! Files of whoever saves the memory of a kernel that crashed: the order, and what SSH needs to find its server and to be let in.

use corbel_model::kernel_dump::{KernelDump, Target};
use corbel_model::server::Server;
use corbel_model::words::Warning;

use super::files::HEAD;
use super::{DUMP_HOSTS_FILE, DUMP_KEY_FILE, KERNEL_DUMP_FILE, PlannedFile};
use crate::dump::Order;

pub(super) fn kernel_dump(dump: &KernelDump, installed: bool, warnings: &mut Vec<Warning>) -> Vec<PlannedFile> {
    let Some(order) = Order::of(dump) else {
        return Vec::new();
    };
    let mut without = |problem: &str| warnings.push(Warning::new("kernel_dump", problem));
    if !installed {
        without("has no effect on a node that runs from its medium");
        return Vec::new();
    }
    let mut files = Vec::new();
    if let Target::Ssh {
        place,
        port,
        host_key,
        key,
    } = &dump.target
    {
        let Some(key) = key else {
            without("has a server and no key for it, so nothing is saved: set kernel_dump.ssh_key");
            return Vec::new();
        };
        files.push(PlannedFile::new(DUMP_KEY_FILE, key.expose()));
        let line = format!("{HEAD}{} {}\n", known_as(&place.server, *port), host_key.bare());
        files.push(PlannedFile::new(DUMP_HOSTS_FILE, line));
    }
    // Last: who sees it sees what it needs.
    files.push(PlannedFile::new(KERNEL_DUMP_FILE, format!("{HEAD}{}", order.render())));
    files
}

/// The name of a server in known_hosts, as sshd(8) has it.
fn known_as(server: &Server, port: Option<u16>) -> String {
    match port.filter(|port| *port != 22) {
        Some(port) => format!("[{server}]:{port}"),
        None => server.to_string(),
    }
}
