//! Images on their way: received or fetched into the data partition, where there is room for them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use corbel_agent::{Spool, SystemError};
use corbel_fetch::{FetchError, fetch};
use corbel_model::ByteSize;
use corbel_progress::{Event, Outcome, Sink, Unit};
use corbel_sys::{Cancel, chain};

use super::{failed, refused};

const FOLDER: &str = "/data/spool";
/// Left over for everything else that writes to `/data`.
const RESERVE: u64 = 64 << 20;
const STEP: &str = "fetch";

/// A file of its own in the spool, which is made when it is absent. What an earlier daemon left is removed: nobody will finish it.
fn place() -> Result<(PathBuf, u64), SystemError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let folder = Path::new(FOLDER);
    let making = |error: std::io::Error| failed("making /data/spool", &error);
    std::fs::create_dir_all(folder).map_err(making)?;
    for entry in std::fs::read_dir(folder).map_err(making)?.flatten() {
        // One long work at a time, so nothing here is anybody's.
        if entry.path().extension().is_some_and(|extension| extension == "iso") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    let room = rustix::fs::statvfs(folder).map_err(|error| failed("asking for the room in /data", &error))?;
    let free = room.f_bavail.saturating_mul(room.f_frsize).saturating_sub(RESERVE);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    Ok((folder.join(format!("{}-{number}.iso", std::process::id())), free))
}

/// Where an upload may go.
pub(super) fn receive(bytes: ByteSize) -> Result<Spool, SystemError> {
    let (path, free) = place()?;
    if bytes.bytes() > free {
        let free = ByteSize(free);
        return Err(SystemError::NoRoom(format!(
            "an image of {bytes} does not fit: /data has room for {free}"
        )));
    }
    Ok(Spool::new(path))
}

/// Fetches a URL.
pub(super) fn from_url(url: &str, sink: &dyn Sink, cancel: &Cancel) -> Result<Spool, SystemError> {
    let started = Instant::now();
    sink.event(Event::Begin {
        title: "Fetch".to_owned(),
        steps: 1,
    });
    let step = || STEP.to_owned();
    sink.event(Event::StepStarted {
        step: step(),
        title: "Fetch the image".to_owned(),
    });
    let (path, free) = place()?;
    let mut file = File::create_new(&path).map_err(|error| failed("making a file in /data/spool", &error))?;
    let spool = Spool::new(path);
    let mut report = |done, total| {
        sink.event(Event::StepProgress {
            step: step(),
            done,
            total,
            unit: Unit::Bytes,
        });
    };
    fetch(url, free, &mut file, &mut report, cancel).map_err(|error| match error {
        FetchError::Cancelled => SystemError::Cancelled,
        FetchError::TooLarge { .. } => SystemError::NoRoom(error.to_string()),
        FetchError::Url(_) => refused(error.to_string()),
        error => SystemError::Failed {
            operation: "fetching the image".to_owned(),
            problem: chain(&error),
        },
    })?;
    sink.event(Event::StepFinished {
        step: step(),
        outcome: Outcome::Done,
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    Ok(spool)
}
