//! Folders for half-made things. Each is locked (flock(2)) by the build that fills it, so that what a killed build left is
//! told from what a running one uses, and removed by the next.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::BuildError;
use crate::report::Step;

/// Between two looks at a lock that another build holds.
const POLL: Duration = Duration::from_millis(100);

/// A folder that is ours until it is dropped, on Ctrl-C too, and then gone.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    kept: bool,
    _lock: File,
}

impl Scratch {
    /// A new folder `<parent>/<prefix>…` for everybody to read; removes what killed builds left under this prefix.
    pub(crate) fn new(parent: &Path, prefix: &str) -> Result<Self, BuildError> {
        let failed = || BuildError::io("make a work folder in", parent);
        sweep(parent, prefix);
        loop {
            // Its name is taken from tempfile, its end is ours: the lock must outlive the removal.
            let path = tempfile::Builder::new()
                .prefix(prefix)
                .tempdir_in(parent)
                .map_err(failed())?
                .keep();
            // Not by the builder's mode, from which the umask takes.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(failed())?;
            if let Some(scratch) = Self::claim(&path).map_err(failed())? {
                return Ok(scratch);
            }
        }
    }

    /// The folder `path`, empty. Waits while another build has it.
    pub(crate) fn wait(path: &Path, step: &Step<'_>) -> Result<Self, BuildError> {
        let failed = || BuildError::io("make", path);
        let mut waited = false;
        loop {
            match fs::DirBuilder::new().mode(0o755).create(path) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(failed()(e)),
                _ => {}
            }
            if let Some(scratch) = Self::claim(path).map_err(failed())? {
                if fs::read_dir(path).map_err(failed())?.next().is_none() {
                    return Ok(scratch);
                }
                // Left by a killed build: dropping it removes it.
                continue;
            }
            pause(&mut waited, step)?;
        }
    }

    /// `None` when another build has the folder, or removed it.
    fn claim(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        if !try_lock(&file)? {
            return Ok(None);
        }
        // The programs that we start hold it, too: should we be killed, the folder stays in use until the last of them has ended.
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty())?;
        // Whoever had the lock before us may have renamed or removed the folder.
        let same = path.metadata().is_ok_and(|now| {
            file.metadata()
                .is_ok_and(|ours| (now.dev(), now.ino()) == (ours.dev(), ours.ino()))
        });
        Ok(same.then(|| Self {
            path: path.to_owned(),
            kept: false,
            _lock: file,
        }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Give the folder its final name.
    pub(crate) fn rename(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.kept && release_mounts(&self.path) {
            // What cannot be removed now is swept by a later build.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Wait until this build alone uses `folder`, which must exist. The lock ends with the file.
pub(crate) fn lock_folder(folder: &Path, step: &Step<'_>) -> Result<File, BuildError> {
    let failed = || BuildError::io("lock", folder);
    let file = File::open(folder).map_err(failed())?;
    let mut waited = false;
    while !try_lock(&file).map_err(failed())? {
        pause(&mut waited, step)?;
    }
    Ok(file)
}

/// Where large temporary files belong: `$TMPDIR`, else `/var/tmp`, which unlike `/tmp` is on a disk (file-hierarchy(7)).
pub(crate) fn temporary() -> PathBuf {
    let from_user = std::env::var_os("TMPDIR")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let disk = PathBuf::from("/var/tmp");
    from_user.unwrap_or(if disk.is_dir() { disk } else { std::env::temp_dir() })
}

/// Remove our own folders `<prefix>…` that no running build holds. Failing to is no failure of the build.
pub(crate) fn sweep(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.filter_map(Result::ok) {
        let ours = entry.file_name().to_string_lossy().starts_with(prefix)
            && entry
                .metadata()
                .is_ok_and(|meta| meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw());
        if ours {
            // Held while it is removed: nobody else begins to use it meanwhile.
            drop(Scratch::claim(&entry.path()));
        }
    }
}

/// Take away what is mounted below `folder`: mmdebstrap as root mounts there, and its end may have been violent. Tells whether
/// nothing is mounted any more; else removing the folder would reach into the host's own file systems.
fn release_mounts(folder: &Path) -> bool {
    for point in mounts(folder).iter().rev() {
        let _ = rustix::mount::unmount(point, rustix::mount::UnmountFlags::DETACH);
    }
    mounts(folder).is_empty()
}

/// Mount points below `folder`, in the order of mounting.
fn mounts(folder: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mount_points(&text).filter(|point| point.starts_with(folder)).collect()
}

/// proc_pid_mountinfo(5): the fifth word is where it is mounted.
fn mount_points(text: &str) -> impl Iterator<Item = PathBuf> {
    text.lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from)
}

fn try_lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn pause(waited: &mut bool, step: &Step<'_>) -> Result<(), BuildError> {
    if !*waited {
        step.note("waiting for another build");
        *waited = true;
    }
    step.go_on()?;
    std::thread::sleep(POLL);
    Ok(())
}

#[cfg(test)]
mod tests {
    use corbel_sys::Cancel;

    use super::*;
    use crate::report::testing::step;

    #[test]
    fn what_a_killed_build_left_is_removed_and_what_a_running_one_has_is_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let running = Scratch::new(dir.path(), "work-").expect("made");
        let stale = dir.path().join("work-stale");
        fs::create_dir_all(stale.join("deep")).expect("made");
        let other = dir.path().join("packages");
        fs::create_dir(&other).expect("made");
        let second = Scratch::new(dir.path(), "work-").expect("made");
        assert!(running.path().is_dir() && second.path().is_dir() && other.is_dir() && !stale.exists());
        drop((running, second));
        assert_eq!(
            fs::read_dir(dir.path()).expect("list").count(),
            1,
            "only what is no work folder stays"
        );
    }

    #[test]
    fn a_folder_is_waited_for_and_then_empty() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("x");
        fs::create_dir_all(path.join("left by a killed build")).expect("made");
        let first = step(&Cancel::new(), |step| Scratch::wait(&path, step)).expect("claimed");
        assert_eq!(fs::read_dir(first.path()).expect("list").count(), 0);
        let waiter = {
            let path = path.clone();
            std::thread::spawn(move || {
                step(&Cancel::new(), |step| Scratch::wait(&path, step)).map(|s| s.path().is_dir())
            })
        };
        first.rename(&dir.path().join("done")).expect("renamed");
        assert!(waiter.join().expect("ended").expect("claimed"));
        assert!(dir.path().join("done").is_dir() && !path.exists());
    }

    #[test]
    fn mount_points_are_read() {
        let text = "42 27 0:39 / /t/x/dev/pts rw - devpts none rw\n43 27 0:27 / /t/x/dev/shm rw,relatime - tmpfs t rw\nbroken\n";
        let points: Vec<_> = mount_points(text).collect();
        assert_eq!(points, [PathBuf::from("/t/x/dev/pts"), PathBuf::from("/t/x/dev/shm")]);
    }

    #[test]
    fn waiting_can_be_cancelled() {
        let dir = tempfile::tempdir().expect("a folder");
        let _held = step(&Cancel::new(), |step| lock_folder(dir.path(), step)).expect("locked");
        let cancel = Cancel::new();
        let result = step(&cancel, |step| {
            cancel.cancel();
            lock_folder(dir.path(), step)
        });
        assert!(matches!(result, Err(BuildError::Cancelled)), "{result:?}");
    }
}
