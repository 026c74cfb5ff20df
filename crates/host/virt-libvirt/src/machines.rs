//! Machines: list, show, count, start, stop, delete.

use std::collections::{BTreeMap, HashSet};

use corbel_model::ByteSize;
use corbel_model::vm::{VmDetail, VmState, VmStats, VmSummary};
use corbel_virt::creation::volumes_to_delete;
use corbel_virt::xml::{ParsedDomain, parse_domain};
use corbel_virt::{Console, VirtError, rules};
use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::{Error, ErrorNumber};
use virt::sys;

use crate::errors::vm;
use crate::{ffi, volumes};

pub(crate) fn lookup(connection: &Connect, name: &str) -> Result<Domain, VirtError> {
    let about = vm(name, "look-up");
    about.no_nul(name)?;
    Domain::lookup_by_name(connection, name).map_err(|error| about.error(error))
}

/// `virDomainState`.
fn state_of(raw: u64) -> VmState {
    match u32::try_from(raw) {
        // Blocked is Xen's word for a guest that waits.
        Ok(sys::VIR_DOMAIN_RUNNING | sys::VIR_DOMAIN_BLOCKED) => VmState::Running,
        Ok(sys::VIR_DOMAIN_PAUSED) => VmState::Paused,
        Ok(sys::VIR_DOMAIN_SHUTDOWN) => VmState::ShuttingDown,
        Ok(sys::VIR_DOMAIN_SHUTOFF) => VmState::Off,
        Ok(sys::VIR_DOMAIN_CRASHED) => VmState::Crashed,
        Ok(sys::VIR_DOMAIN_PMSUSPENDED) => VmState::Suspended,
        _ => VmState::Unknown,
    }
}

pub(crate) fn state(machine: &Domain, name: &str) -> Result<VmState, VirtError> {
    machine
        .get_state()
        .map(|(state, _)| state_of(u64::from(state)))
        .map_err(|error| vm(name, "state").error(error))
}

/// A bulk call for names, states, CPUs and memory of machines that are off, and two that bring only the machines that start with the
/// node and those without a definition: two questions a machine would be two thousand round trips for a thousand machines. Those that run
/// are asked one by one: in bulk libvirt would ask every QEMU for CPUs and memory.
pub(crate) fn list(connection: &Connect) -> Result<Vec<VmSummary>, VirtError> {
    let about = vm("(all)", "list");
    let mut list = active(connection)?;
    // One that starts just now is told with the others where none runs yet.
    let others = if list.is_empty() {
        ffi::Which::ALL
    } else {
        ffi::Which::INACTIVE
    };
    ffi::all_stats(connection, others, ffi::Groups::LIST, |record| {
        list.push(summary_of(record))
    })
    .map_err(|error| about.error(error))?;
    if others == ffi::Which::INACTIVE {
        // Once more, since one may have started between the two calls and must not be missing then.
        list.extend(active(connection)?);
    }
    // What was told last of a machine is what it is.
    list.sort_by(|a, b| a.name.cmp(&b.name));
    list.dedup_by(|later, kept| {
        let same = later.name == kept.name;
        if same {
            std::mem::swap(later, kept);
        }
        same
    });
    complete(connection, &mut list);
    let names = |flags| {
        let machines = connection.list_all_domains(flags).map_err(|error| about.error(error))?;
        let names = machines
            .iter()
            .map(|machine| machine.get_name().map_err(|error| about.error(error)));
        names.collect::<Result<HashSet<_>, VirtError>>()
    };
    let autostart = names(sys::VIR_CONNECT_LIST_DOMAINS_AUTOSTART)?;
    // A machine without a definition is gone when it stops.
    let transient = if list.iter().any(|machine| rules::is_active(machine.state)) {
        names(sys::VIR_CONNECT_LIST_DOMAINS_TRANSIENT)?
    } else {
        HashSet::new()
    };
    for machine in &mut list {
        machine.autostart = autostart.contains(&machine.name);
        machine.persistent = !transient.contains(&machine.name);
    }
    Ok(list)
}

/// One bulk call, which asks no QEMU.
pub(crate) fn states(connection: &Connect) -> Result<Vec<VmState>, VirtError> {
    let mut states = Vec::new();
    ffi::all_stats(connection, ffi::Which::ALL, ffi::Groups::STATE, |record| {
        states.push(summary_of(record).state);
    })
    .map_err(|error| vm("(all)", "states").error(error))?;
    Ok(states)
}

/// What a bulk call tells; zero for what it does not.
fn summary_of(record: &ffi::Record<'_>) -> VmSummary {
    let mut vm = VmSummary {
        uuid: record.uuid(),
        ..unknown(record.name())
    };
    for (name, value) in record.numbers() {
        match name.to_bytes() {
            b"state.state" => vm.state = state_of(value),
            b"vcpu.current" => vm.cpus = u32::try_from(value).unwrap_or(0),
            b"balloon.maximum" => vm.memory = ByteSize(value.saturating_mul(1024)),
            _ => {}
        }
    }
    vm
}

fn unknown(name: String) -> VmSummary {
    VmSummary {
        name,
        uuid: String::new(),
        state: VmState::Unknown,
        cpus: 0,
        memory: ByteSize(0),
        persistent: true,
        autostart: false,
    }
}

/// The names of machines that run; the rest is asked by [`complete`].
fn active(connection: &Connect) -> Result<Vec<VmSummary>, VirtError> {
    let failed = |error| vm("(all)", "list").error(error);
    let machines = connection.list_all_domains(sys::VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    let named = |machine: &Domain| {
        Ok(VmSummary {
            uuid: machine.get_uuid_string()?,
            ..unknown(machine.get_name()?)
        })
    };
    let list = machines.map_err(failed)?.iter().map(named).collect::<Result<_, _>>();
    list.map_err(failed)
}

/// Asks machines that run one by one, and so all of drivers that tell less in bulk than QEMU's. libvirt answers by itself. One that is
/// gone by now is none.
fn complete(connection: &Connect, list: &mut Vec<VmSummary>) {
    list.retain_mut(|machine| {
        if machine.cpus != 0 && machine.memory != ByteSize(0) {
            return true;
        }
        let found = match lookup(connection, &machine.name) {
            Ok(found) => found,
            Err(error) => return !matches!(error, VirtError::NotFound { .. }),
        };
        if let Ok(info) = found.get_info() {
            machine.state = state_of(u64::from(info.state));
            machine.cpus = info.nr_virt_cpu;
            machine.memory = ByteSize(info.max_mem.saturating_mul(1024));
        }
        true
    });
}

pub(crate) fn summary(machine: &Domain, name: &str) -> Result<VmSummary, VirtError> {
    let failed = |error| vm(name, "look-up").error(error);
    let info = machine.get_info().map_err(failed)?;
    Ok(VmSummary {
        name: machine.get_name().map_err(failed)?,
        uuid: machine.get_uuid_string().map_err(failed)?,
        state: state_of(u64::from(info.state)),
        cpus: info.nr_virt_cpu,
        memory: ByteSize(info.max_mem.saturating_mul(1024)),
        persistent: machine.is_persistent().map_err(failed)?,
        // A machine without a definition cannot start with the node, and is an error to ask.
        autostart: machine.get_autostart().unwrap_or(false),
    })
}

pub(crate) fn show(connection: &Connect, name: &str) -> Result<VmDetail, VirtError> {
    let machine = lookup(connection, name)?;
    let summary = summary(&machine, name)?;
    let domain = parsed(&machine, name)?;
    let pid = if rules::is_active(summary.state) {
        pid(name)
    } else {
        None
    };
    Ok(VmDetail {
        summary,
        firmware: domain.firmware,
        disks: domain.disks.into_iter().map(|disk| disk.disk).collect(),
        nics: domain.nics,
        accelerator: domain.accelerator,
        pid,
    })
}

/// libvirt has no call for it; the QEMU driver writes this file for its own use, and reads it back after a restart. The
/// monitor could be asked, but a guest that was asked through it counts as tainted.
fn pid(name: &str) -> Option<u32> {
    if name.contains('/') {
        return None;
    }
    std::fs::read_to_string(format!("/run/libvirt/qemu/{name}.pid"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

pub(crate) fn xml(connection: &Connect, name: &str) -> Result<String, VirtError> {
    document(&lookup(connection, name)?, name)
}

fn document(machine: &Domain, name: &str) -> Result<String, VirtError> {
    machine
        .get_xml_desc(0)
        .map_err(|error| vm(name, "definition").error(error))
}

pub(crate) fn parsed(machine: &Domain, name: &str) -> Result<ParsedDomain, VirtError> {
    parse_domain(&document(machine, name)?)
}

/// The domains of all machines but `name`. A machine that goes meanwhile is left out.
pub(crate) fn others(connection: &Connect, name: &str) -> Result<Vec<ParsedDomain>, VirtError> {
    let machines = connection
        .list_all_domains(0)
        .map_err(|error| vm("(all)", "list").error(error))?;
    let documents = machines.iter().filter_map(|machine| machine.get_xml_desc(0).ok());
    Ok(documents
        .filter_map(|xml| parse_domain(&xml).ok())
        .filter(|domain| domain.name != name)
        .collect())
}

pub(crate) fn stats(connection: &Connect, name: &str) -> Result<VmStats, VirtError> {
    let machine = lookup(connection, name)?;
    let mut found = BTreeMap::new();
    ffi::machine_stats(&machine, ffi::Groups::COUNTERS, |record| {
        let numbers = record.numbers();
        found.extend(numbers.map(|(name, value)| (name.to_string_lossy().into_owned(), value)));
    })
    .map_err(|error| vm(name, "statistics").error(error))?;
    let mut stats = stats_of(&found);
    if stats.memory == ByteSize(0) || stats.cpu_time_ns == 0 {
        let info = machine
            .get_info()
            .map_err(|error| vm(name, "statistics").error(error))?;
        stats.cpu_time_ns = stats.cpu_time_ns.max(info.cpu_time);
        if stats.memory == ByteSize(0) {
            stats.memory = ByteSize(info.memory.saturating_mul(1024));
        }
    }
    Ok(stats)
}

/// Sums over disks and interfaces: `block.0.rd.bytes`, `net.1.tx.bytes`, … (virConnectGetAllDomainStats).
pub(crate) fn stats_of(found: &BTreeMap<String, u64>) -> VmStats {
    let kib = |name: &str| found.get(name).map(|kib| ByteSize(kib.saturating_mul(1024)));
    let sum = |group: &str, counter: &str| {
        let each = found.iter().filter(|(name, _)| {
            let index = name.strip_prefix(group).and_then(|rest| rest.strip_suffix(counter));
            index.is_some_and(|index| index.parse::<u32>().is_ok())
        });
        ByteSize(each.fold(0, |sum: u64, (_, value)| sum.saturating_add(*value)))
    };
    VmStats {
        cpu_time_ns: found.get("cpu.time").copied().unwrap_or(0),
        memory: kib("balloon.current").unwrap_or_default(),
        memory_rss: kib("balloon.rss"),
        disk_read: sum("block.", ".rd.bytes"),
        disk_written: sum("block.", ".wr.bytes"),
        net_received: sum("net.", ".rx.bytes"),
        net_sent: sum("net.", ".tx.bytes"),
    }
}

pub(crate) fn start(connection: &Connect, name: &str) -> Result<(), VirtError> {
    let machine = lookup(connection, name)?;
    rules::may_start(name, state(&machine, name)?)?;
    machine
        .create()
        .map(drop)
        .map_err(|error| vm(name, "start").error(error))
}

/// What is asked of a machine that runs.
pub(crate) fn while_running<T>(
    connection: &Connect,
    name: &str,
    operation: &'static str,
    work: impl FnOnce(&Domain) -> Result<T, Error>,
) -> Result<T, VirtError> {
    let machine = lookup(connection, name)?;
    rules::must_run(name, state(&machine, name)?)?;
    work(&machine).map_err(|error| vm(name, operation).error(error))
}

pub(crate) fn console(link: &ffi::Link, name: &str) -> Result<Console, VirtError> {
    let machine = lookup(link.connection(), name)?;
    rules::must_run(name, state(&machine, name)?)?;
    ffi::open_console(link, &machine).map_err(|error| match error.code() {
        // libvirt's only code for a console that another client has.
        ErrorNumber::OperationFailed => rules::conflict(name, "has its console open elsewhere: close it there first"),
        _ => vm(name, "console").error(error),
    })
}

pub(crate) fn set_autostart(connection: &Connect, name: &str, autostart: bool) -> Result<(), VirtError> {
    let machine = lookup(connection, name)?;
    machine
        .set_autostart(autostart)
        .map(drop)
        .map_err(|error| vm(name, "autostart").error(error))
}

pub(crate) fn delete(connection: &Connect, name: &str, with_volumes: bool) -> Result<(), VirtError> {
    let machine = lookup(connection, name)?;
    rules::may_delete(name, state(&machine, name)?)?;
    let (domain, pools) = (parsed(&machine, name)?, volumes::paths(connection)?);
    // Nobody else's machine need be read when this one has nothing that would go.
    let doomed = match volumes_to_delete(&domain, &[], &pools, with_volumes) {
        none if none.is_empty() => none,
        _ => volumes_to_delete(&domain, &others(connection, name)?, &pools, with_volumes),
    };
    undefine(&machine).map_err(|error| vm(name, "deletion").error(error))?;
    for volume in doomed {
        match volumes::remove(connection, &volume) {
            // It went by another hand, or never was made.
            Ok(()) | Err(VirtError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// With everything that libvirt keeps for it, which would else refuse.
fn undefine(machine: &Domain) -> Result<(), Error> {
    let all = sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        | sys::VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | sys::VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
        | sys::VIR_DOMAIN_UNDEFINE_NVRAM;
    match machine.undefine_flags(all) {
        // Drivers that know fewer flags have nothing of the kind to keep.
        Err(error) if matches!(error.code(), ErrorNumber::InvalidArg | ErrorNumber::NoSupport) => machine.undefine(),
        result => result,
    }
}
