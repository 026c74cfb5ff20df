//! Giving back the disk that this system runs from: first nothing writes to it any more, at the end the machine restarts without any
//! program that would have to be read from it.

use std::path::Path;
use std::time::{Duration, Instant};

use corbel_agent::SystemError;
use corbel_progress::{Event, Outcome, Sink};
use corbel_sys::{Cancel, Program, read_limited};
use rustix::system::{RebootCommand, reboot};

use super::{failed, refused};

const STEP: &str = "let-go";
/// A request that the kernel carries out by itself (Documentation/admin-guide/sysrq.rst): `u` remounts every file system read-only,
/// whoever has files open on it.
const SYSRQ: &str = "/proc/sysrq-trigger";
const MOUNTS: &str = "/proc/self/mounts";
const LIMIT: u64 = 1 << 20;
/// The remount writes what was not written yet; a slow disk with much of it takes a while.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(200);
/// Whoever follows the work hears of its end.
const FAREWELL: Duration = Duration::from_secs(3);

/// Afterwards nothing writes to a disk, and this daemon needs nothing from one.
pub(super) fn let_go(sink: &dyn Sink) -> Result<(), SystemError> {
    let started = Instant::now();
    sink.event(Event::StepStarted {
        step: STEP.to_owned(),
        title: "Let go of the disk".to_owned(),
    });
    let run = |program: &str, argument: &str| {
        let run = Program::new(program).arg(argument).run(&Cancel::new());
        run.map_err(|error| failed("letting go of the disk", &error))
    };
    run("swapoff", "--all")?;
    run("journalctl", "--relinquish-var")?;
    // The pages of this program come from a slot that is about to go.
    rustix::mm::mlockall(rustix::mm::MlockAllFlags::CURRENT | rustix::mm::MlockAllFlags::FUTURE)
        .map_err(|error| failed("keeping the daemon in memory", &error))?;
    std::fs::OpenOptions::new()
        .write(true)
        .open(SYSRQ)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"u"))
        .map_err(|error| failed("asking the kernel to stop writing", &error))?;
    while let Some(mount) = writable(&mounts()?) {
        if started.elapsed() > PATIENCE {
            return Err(refused(format!(
                "{mount} could not be made read-only: nothing was removed"
            )));
        }
        std::thread::sleep(LOOK);
    }
    sink.event(Event::StepFinished {
        step: STEP.to_owned(),
        outcome: Outcome::Done,
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    Ok(())
}

fn mounts() -> Result<String, SystemError> {
    let text = read_limited(Path::new(MOUNTS), LIMIT).map_err(|error| failed("reading the mounts", &error))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A file system on a block device that can still be written (proc_mounts(5)).
fn writable(mounts: &str) -> Option<String> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (device, folder) = (fields.next()?, fields.next()?);
        let options = fields.nth(1)?;
        let is_written = device.starts_with("/dev/") && options.split(',').any(|option| option == "rw");
        is_written.then(|| folder.to_owned())
    })
}

/// Restarts the machine by the kernel alone.
pub(super) fn restart_soon() {
    std::thread::spawn(|| {
        std::thread::sleep(FAREWELL);
        if let Err(error) = reboot(RebootCommand::Restart) {
            tracing::error!(%error, "the machine does not restart: switch it off");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_is_still_written_is_found() {
        let quiet =
            "tmpfs /run tmpfs rw,nosuid 0 0\n/dev/vda5 /config ext4 ro,nosuid 0 0\n/dev/dm-0 / squashfs ro 0 0\n";
        assert_eq!(writable(quiet), None);
        let busy = format!("{quiet}/dev/vda7 /data ext4 rw,relatime 0 0\n");
        assert_eq!(writable(&busy).as_deref(), Some("/data"));
    }
}
