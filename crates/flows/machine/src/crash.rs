//! A kernel that waits in memory of its own and starts when the running one crashes, to save what that one left: it is loaded here, the place
//! where it saves to is tried, and what it saved is listed. What it does then is [`save()`].

mod kept;
mod save;
mod way;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use corbel_disk::MountError;
use corbel_plan::dump::{Order, Place, crash_words};
use corbel_plan::settle::KERNEL_DUMP_FILE;
use corbel_sys::{Cancel, FileError, Program, ProgramError, chain, read_limited, write_atomic, write_value};
use serde::{Deserialize, Serialize};

use crate::MachineError;
use crate::kernel::Parts;

pub use kept::{Dump, list};
pub use save::save;

/// What became of it at this boot, for console and API.
pub const REPORT: &str = "/run/corbel/kernel-dump.json";
const FOLDER: &str = "/run/corbel/crash-kernel";
/// Bytes that are set aside; less can be written and not more (Documentation/ABI/testing/sysfs-kernel-kexec …).
const SIZE: &str = "/sys/kernel/kexec_crash_size";
/// 1 when a kernel waits there.
const LOADED: &str = "/sys/kernel/kexec_crash_loaded";
const COMMAND_LINE: &str = "/proc/cmdline";
const LIMIT: u64 = 1 << 20;
const KEXEC_LIMIT: Duration = Duration::from_secs(60);
/// How long the newest dump is spoken of.
const NEWS: u64 = 7 * 86_400;

/// Why a dump cannot be made ready, tried or saved. `place` is where it would go.
#[derive(Debug, thiserror::Error)]
pub enum CrashError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{KERNEL_DUMP_FILE} is not as settle writes it")]
    Order(#[from] Box<corbel_plan::dump::OrderError>),
    #[error("no dumps of the kernel are saved: kernel_dump.target is off")]
    Off,
    #[error("dumps are saved by an installed node only: this one runs from its medium")]
    NotInstalled,
    #[error("no memory is set aside for the kernel that saves a dump: restart the node")]
    NoMemory,
    #[error("the kernel that saves a dump could not be loaded")]
    Load(#[source] ProgramError),
    #[error("the kernel says that none was loaded")]
    NotLoaded,
    #[error(transparent)]
    Machine(#[from] MachineError),
    #[error("this node has no data partition, so no dump can stay on it: choose nfs or ssh")]
    NoData,
    #[error("{place} cannot be reached")]
    Unreachable { place: String, source: io::Error },
    #[error("{place} cannot be mounted by NFS version 4")]
    Mount { place: String, source: MountError },
    #[error("nothing can be written to {place}")]
    Write { place: String, source: io::Error },
    #[error("nothing can be written to {place}: {problem}")]
    Ssh { place: String, problem: String },
    #[error("there is no /proc/vmcore: this system was not started by a crash")]
    NoCore,
    #[error("the memory could not be saved to {place}")]
    Core { place: String, source: ProgramError },
}

/// Whether a dump would be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Off,
    /// The other kernel waits.
    Ready,
    /// Memory for it comes with the next start of the node.
    WaitsForRestart,
    Failed,
}

/// The content of [`REPORT`], and how things stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub state: State,
    /// One sentence.
    pub message: String,
    /// Bytes.
    pub set_aside: u64,
    /// What somebody should know, one sentence each.
    pub warnings: Vec<String>,
}

fn number(path: &str) -> u64 {
    let bytes = read_limited(Path::new(path), LIMIT).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim().parse().unwrap_or(0)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map(|time| time.as_secs()).unwrap_or_default()
}

/// What the configuration asks for; `None` when nothing is saved.
///
/// # Errors
/// A file that cannot be read.
pub fn order() -> Result<Option<Order>, CrashError> {
    let path = Path::new(KERNEL_DUMP_FILE);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = read_limited(path, LIMIT)?;
    let order = Order::parse(&String::from_utf8_lossy(&bytes)).map_err(Box::new)?;
    Ok(Some(order))
}

/// Makes the other kernel ready as the configuration says; without an order, gives its memory back. Says so in [`REPORT`].
///
/// # Errors
/// What kept it from being ready, but for memory that is not set aside yet.
pub fn load() -> Result<Status, CrashError> {
    let done = order().and_then(|order| match order {
        None => give_back().map(|()| None),
        Some(order) => ready(&order).map(|()| Some(order)),
    });
    let (state, message) = match &done {
        Ok(None) => (State::Off, CrashError::Off.to_string()),
        Ok(Some(order)) => (State::Ready, ready_for(&order.place)),
        Err(error @ CrashError::NoMemory) => (State::WaitsForRestart, error.to_string()),
        Err(error) => (State::Failed, chain(error)),
    };
    let status = told(state, message);
    let json = serde_json::to_vec_pretty(&status).expect("texts and numbers are always JSON");
    write_atomic(Path::new(REPORT), &json, 0o644)?;
    match done {
        Ok(_) | Err(CrashError::NoMemory) => Ok(status),
        Err(error) => Err(error),
    }
}

fn ready_for(place: &Place) -> String {
    format!("a crash of the kernel is saved to {place}")
}

fn told(state: State, message: String) -> Status {
    let mut warnings = Vec::new();
    if matches!(state, State::WaitsForRestart | State::Failed) {
        warnings.push(message.clone());
    }
    if let Some(newest) = list().first()
        && now().saturating_sub(newest.marker.at) < NEWS
    {
        let reason = &newest.marker.reason;
        warnings.push(format!(
            "the kernel crashed ({reason}): `corbel node dump list` has its dump of {}",
            newest.name
        ));
    }
    Status {
        state,
        message,
        set_aside: number(SIZE),
        warnings,
    }
}

/// Nothing is saved any more. The memory goes back with the next start, so that this can be taken back until then.
///
/// # Errors
/// What kexec(8) says.
pub fn unload() -> Result<(), CrashError> {
    if number(LOADED) == 1 {
        let unloaded = kexec().args(["--load-panic", "--unload"]).run(&Cancel::new());
        unloaded.map_err(CrashError::Load)?;
    }
    match std::fs::remove_file(REPORT) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let path = PathBuf::from(REPORT);
            let operation = "remove";
            Err(FileError::Io {
                operation,
                path,
                source: error,
            }
            .into())
        }
        _ => Ok(()),
    }
}

/// How things stand now.
///
/// # Errors
/// An order that cannot be read.
pub fn status() -> Result<Status, CrashError> {
    let Some(order) = order()? else {
        return Ok(told(State::Off, CrashError::Off.to_string()));
    };
    if number(LOADED) == 1 {
        return Ok(told(State::Ready, ready_for(&order.place)));
    }
    if number(SIZE) == 0 {
        return Ok(told(State::WaitsForRestart, CrashError::NoMemory.to_string()));
    }
    let report = read_limited(Path::new(REPORT), LIMIT).ok();
    let report = report.and_then(|bytes| serde_json::from_slice::<Status>(&bytes).ok());
    let message = report.map_or_else(|| CrashError::NotLoaded.to_string(), |report| report.message);
    Ok(told(State::Failed, message))
}

/// Tries the place: a small file is written there and removed. Gives where that was.
///
/// # Errors
/// Why nothing can be written there.
pub fn test() -> Result<Place, CrashError> {
    let order = order()?.ok_or(CrashError::Off)?;
    way::open(&order.place)?.test()?;
    Ok(order.place)
}

fn kexec() -> Program {
    Program::new("kexec").deadline(KEXEC_LIMIT)
}

fn give_back() -> Result<(), CrashError> {
    unload()?;
    if number(SIZE) > 0 {
        write_value(Path::new(SIZE), "0")?;
    }
    Ok(())
}

fn ready(order: &Order) -> Result<(), CrashError> {
    let size = number(SIZE);
    if size == 0 {
        return Err(CrashError::NoMemory);
    }
    let node = crate::open()?.ok_or(CrashError::NotInstalled)?;
    // What is loaded now holds all of it.
    if let Some(less) = order.memory.filter(|memory| *memory < size) {
        unload()?;
        write_value(Path::new(SIZE), &less.to_string())?;
    }
    let parts = Parts::of(&node.installed.esp, node.place.running.slot, Path::new(FOLDER))?;
    let running = read_limited(Path::new(COMMAND_LINE), LIMIT)?;
    let words = crash_words(&String::from_utf8_lossy(&running));
    let loaded = kexec()
        .args(["--load-panic", "--kexec-syscall-auto"])
        .arg(parts.linux())
        .arg(format!("--initrd={}", parts.initrd().display()))
        .arg(format!("--command-line={words}"))
        .run(&Cancel::new());
    loaded.map_err(CrashError::Load)?;
    match number(LOADED) {
        1 => Ok(()),
        _ => Err(CrashError::NotLoaded),
    }
}
