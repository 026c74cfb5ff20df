//! The time zone: `/etc/localtime` is a link into the image's zones (localtime(5)), and UTC where it is not there.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use corbel_model::TimeZone;

use super::problem;
use crate::facilities::FacilityError;

const ZONES: &str = "usr/share/zoneinfo";

/// A name of which the image has no zone.
#[derive(Debug, thiserror::Error)]
#[error("this image has no time zone {0}: it is UTC here")]
struct NoZone(TimeZone);

/// Changes nothing when it is set already.
pub(super) fn set(root: &Path, zone: Option<&TimeZone>) -> Result<(), FacilityError> {
    let link = root.join("etc/localtime");
    let remove = |path: &Path| match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(problem("remove", path)(error)),
        _ => Ok(()),
    };
    let known = |zone: &&TimeZone| root.join(ZONES).join(zone.as_str()).is_file();
    let Some(wanted) = zone.filter(known) else {
        remove(&link)?;
        return match zone {
            Some(zone) => Err(NoZone(zone.clone()).into()),
            None => Ok(()),
        };
    };
    let target = Path::new("..").join(ZONES).join(wanted.as_str());
    if fs::read_link(&link).is_ok_and(|present| present == target) {
        return Ok(());
    }
    // A link cannot be replaced at once; a new one can take its place.
    let new = root.join("etc/.corbel-localtime");
    remove(&new)?;
    symlink(&target, &new).map_err(problem("make", &new))?;
    fs::rename(&new, &link).map_err(problem("replace", &link))?;
    Ok(())
}

/// The name of the zone that is set; `None` for UTC and for a link that is not ours.
pub(super) fn get(root: &Path) -> Option<TimeZone> {
    let target = fs::read_link(root.join("etc/localtime")).ok()?;
    let name = target.strip_prefix(Path::new("..").join(ZONES)).ok()?;
    name.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_set_replaced_and_taken_away() {
        let root = tempfile::tempdir().expect("a folder");
        for zone in ["Europe/Berlin", "UTC"] {
            corbel_sys::write_atomic(&root.path().join(ZONES).join(zone), b"TZif2", 0o644).expect("written");
        }
        fs::create_dir_all(root.path().join("etc")).expect("a folder");
        for zone in ["Europe/Berlin", "UTC", "UTC"] {
            let zone: TimeZone = zone.parse().expect("a zone");
            set(root.path(), Some(&zone)).expect("set");
            assert_eq!(get(root.path()), Some(zone));
            assert!(fs::read(root.path().join("etc/localtime")).is_ok_and(|bytes| bytes == b"TZif2"));
        }
        let unknown: TimeZone = "Mars/Olympus".parse().expect("a name");
        assert!(set(root.path(), Some(&unknown)).is_err());
        assert_eq!(get(root.path()), None);
        set(root.path(), None).expect("nothing to do");
    }
}
