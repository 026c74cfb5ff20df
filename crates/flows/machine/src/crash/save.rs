//! What the kernel does that was started by a crash: save the messages and the memory of the one before it, note that, and let the unit restart
//! the machine, whatever came of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use corbel_model::ByteSize;
use corbel_model::kernel_dump::KernelDump;
use corbel_plan::dump::{Marker, Order, Place, name_of, reason};
use corbel_sys::{Cancel, Program, chain, read_limited};

use super::way::{self, Way};
use super::{CrashError, kept, now, order};

const VMCORE: &str = "/proc/vmcore";
const MESSAGES: &str = "/run/corbel/crash-dmesg.txt";
const MESSAGES_LIMIT: u64 = 64 << 20;
/// A switch that has just lost its link takes up to a minute until it passes packets on.
const NETWORK_LIMIT: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_secs(3);
/// What a remote place needs besides what is started anyway.
const NETWORK: [&str; 2] = ["systemd-networkd.service", "systemd-resolved.service"];

/// Saves the dump and gives its name and what was noted. A dump that could not be saved is noted as well.
///
/// # Errors
/// Why it could not be saved.
pub fn save() -> Result<(String, Marker), CrashError> {
    if !Path::new(VMCORE).exists() {
        return Err(CrashError::NoCore);
    }
    let at = now();
    let name = name_of(at);
    // Whoever crashed with an order that nobody can read any more wants a dump all the same.
    let order = order().ok().flatten().unwrap_or(Order {
        memory: None,
        keep: KernelDump::KEEP,
        max_size: KernelDump::MAX_SIZE.bytes(),
        place: Place::Local,
    });
    let messages = messages();
    let said = match &messages {
        Ok(path) => read_limited(path, MESSAGES_LIMIT).unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let mut marker = Marker {
        at,
        reason: reason(&String::from_utf8_lossy(&said)),
        place: match &order.place {
            Place::Local => order.place.to_string(),
            remote => format!("{remote}/{name}"),
        },
        bytes: 0,
        problem: None,
    };
    tracing::warn!(name, reason = marker.reason, place = marker.place, "the kernel crashed");
    let folder = Path::new(kept::FOLDER);
    let max_size = ByteSize(order.max_size);
    // Room for this one first: the disk may be as full as its owner allowed.
    kept::prune(folder, order.keep.saturating_sub(1).max(1), max_size);
    let saved = reach(&order.place).and_then(|way| {
        if let Ok(path) = &messages {
            way.put_messages(&name, path)?;
        }
        way.put_core(&name)
    });
    match &saved {
        Ok(bytes) => marker.bytes = *bytes,
        Err(error) => marker.problem = Some(chain(error)),
    }
    // On this node in any case, where it has a place for it.
    if way::open(&Place::Local).is_ok()
        && let Err(error) = kept::note(folder, &name, &marker)
    {
        tracing::warn!(error = chain(&error), "the dump is not noted");
    }
    kept::prune(folder, order.keep, max_size);
    rustix::fs::sync();
    saved.map(|_| (name, marker))
}

/// The last messages of the kernel that crashed, as a file.
fn messages() -> Result<PathBuf, CrashError> {
    let path = PathBuf::from(MESSAGES);
    let program = Program::new("makedumpfile").args(["--dump-dmesg", VMCORE, MESSAGES]);
    let done = program.deadline(Duration::from_secs(120)).run(&Cancel::new());
    done.map(|_| path).map_err(|source| CrashError::Core {
        place: MESSAGES.to_owned(),
        source,
    })
}

/// The way to the place, when there is one: a network takes its time.
fn reach(place: &Place) -> Result<Way, CrashError> {
    if *place == Place::Local {
        return way::open(place);
    }
    let start = Instant::now();
    let started = Program::new("systemctl").arg("start").args(NETWORK);
    if let Err(error) = started.deadline(Duration::from_secs(60)).run(&Cancel::new()) {
        // What matters is whether the place can be reached, which is seen below.
        tracing::warn!(error = chain(&error), "the network");
    }
    loop {
        let tried = way::open(place).and_then(|way| way.test().map(|()| way));
        match tried {
            Err(error) if start.elapsed() < NETWORK_LIMIT => {
                tracing::info!(error = chain(&error), "waiting for the network");
                std::thread::sleep(PAUSE);
            }
            other => return other,
        }
    }
}
