//! Partitions, file systems and folders of the real machine.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use corbel_disk::{FileMedium, MountFlags, mount};
use corbel_layout::gpt::{self, Guid};
use corbel_persist::{Places, Store};
use corbel_plan::settle::state::{Kept, StateMount, StatePartition};
use corbel_sys::{Cancel, Program, ProgramError, read_limited, wait_for_quiet_udev, write_atomic};
use serde::Deserialize;

use super::{Host, READ_LIMIT, problem};
use crate::facilities::FacilityError;
use crate::state::StateFacilities;

/// How long udev must have been idle before further data disks are taken as all there, and how long that is waited for. The disk of
/// the node itself is there already: the root is on it.
const GRACE: Duration = Duration::from_millis(300);
const LIMIT: Duration = Duration::from_secs(20);
/// Replaying the journal of a large file system takes seconds; checking a damaged one takes its time, and a boot must go on.
const CHECK_LIMIT: Duration = Duration::from_secs(600);
/// Where [`corbel_plan::settle::state`] mounts it.
const LOG: &str = "/var/log";
/// e2fsck(8): errors were corrected; with 2, before anything was mounted.
const CORRECTED: i32 = 3;

/// A check that found more than it may repair alone.
#[derive(Debug, thiserror::Error)]
#[error("the file system of {device} is damaged: `e2fsck {device}` in the rescue shell repairs it")]
struct Damaged {
    device: String,
    source: ProgramError,
}

/// `/run/corbel/boot.json` says installed, and not on which disk.
#[derive(Debug, thiserror::Error)]
#[error("the record of this boot names no disk")]
struct NoDisk;

impl StateFacilities for Host {
    fn boot_disk(&self) -> Result<Option<String>, FacilityError> {
        #[derive(Deserialize)]
        struct Boot {
            source: String,
            medium: Option<String>,
        }
        let bytes = read_limited(&self.path("/run/corbel/boot.json"), READ_LIMIT)?;
        let boot: Boot = serde_json::from_slice(&bytes)?;
        match boot.source.as_str() {
            "installed" => Ok(Some(boot.medium.ok_or(NoDisk)?)),
            _ => Ok(None),
        }
    }

    fn restore_persisted(&self) -> Vec<String> {
        Store::new(Places::node(true)).restore()
    }

    fn partitions(&self, wait: bool) -> Result<Vec<StatePartition>, FacilityError> {
        if wait && self.is_this_machine() {
            wait_for_quiet_udev(&self.root, GRACE, LIMIT);
        }
        let folder = self.path("/sys/class/block");
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).map_err(problem("list", &folder))? {
            found.extend(self.partition(&entry.map_err(problem("list", &folder))?.path()));
        }
        found.sort_by(|a, b| a.device.cmp(&b.device));
        Ok(found)
    }

    fn mount(&self, wanted: &StateMount, thorough: bool) -> Result<Option<String>, FacilityError> {
        let note = check(&wanted.device, thorough)?;
        let at = self.path(&wanted.at);
        make_folder(&at, 0o755)?;
        let mut flags = MountFlags::NOSUID | MountFlags::NODEV;
        // Nothing starts programs from the log. /config holds the owner's hooks, which do start.
        if wanted.at == LOG {
            flags |= MountFlags::NOEXEC;
        }
        mount(&wanted.device, "ext4", &at, flags, "")?;
        Ok(note)
    }

    fn keep(&self, kept: &Kept) -> Result<(), FacilityError> {
        let (from, at) = (self.path(kept.from), self.path(kept.at));
        make_folder(&from, kept.mode)?;
        make_folder(&at, kept.mode)?;
        // What the image has there belongs to it: folders of libvirt with their owners, which a newer version may have more of.
        Program::new("cp")
            .args(["--archive", "--update=none", "--no-target-directory"])
            .args([&at, &from])
            .deadline(Duration::from_secs(60))
            .run(&Cancel::new())?;
        rustix::mount::mount_bind(&from, &at).map_err(|e| problem("mount at", &at)(e.into()))?;
        Ok(())
    }

    fn swap_on(&self, device: &str) -> Result<(), FacilityError> {
        Program::new("swapon")
            .arg(device)
            .deadline(Duration::from_secs(60))
            .run(&Cancel::new())?;
        Ok(())
    }

    fn make_folder(&self, path: &str, mode: u32) -> Result<(), FacilityError> {
        Ok(make_folder(&self.path(path), mode)?)
    }

    fn read_state(&self, path: &str) -> Result<Option<Vec<u8>>, FacilityError> {
        let path = self.path(path);
        if path.exists() {
            Ok(Some(read_limited(&path, READ_LIMIT)?))
        } else {
            Ok(None)
        }
    }

    fn write_state(&self, path: &str, content: &[u8], mode: u32) -> Result<(), FacilityError> {
        Ok(write_atomic(&self.path(path), content, mode)?)
    }
}

impl Host {
    /// A partition with a name of ours, from its folder in sysfs.
    fn partition(&self, folder: &Path) -> Option<StatePartition> {
        let uevent = fs::read_to_string(folder.join("uevent")).ok()?;
        let name = uevent.lines().find_map(|line| line.strip_prefix("PARTNAME="))?;
        if !name.starts_with("corbel-") {
            return None;
        }
        let node = |folder: &Path| Some(format!("/dev/{}", folder.file_name()?.to_str()?.replace('!', "/")));
        let disk = fs::canonicalize(folder).ok()?;
        let device = node(folder)?;
        let number = fs::read_to_string(folder.join("partition")).ok();
        let number = number.and_then(|text| text.trim().parse().ok());
        let disk = node(disk.parent()?)?;
        Some(StatePartition {
            id: number.and_then(|number| identifier(&self.path(&disk), number)),
            disk,
            label: label(&self.path(&device)),
            name: name.to_owned(),
            device,
        })
    }
}

/// What the table of a disk calls its partition of that number.
fn identifier(disk: &Path, number: u32) -> Option<Guid> {
    let medium = FileMedium::open(disk).ok()?;
    let table = gpt::read_primary(&medium).ok().or_else(|| {
        let bytes = File::open(disk).and_then(|mut file| file.seek(SeekFrom::End(0))).ok()?;
        gpt::read_backup(&medium, bytes).ok()
    })?;
    let partition = table.partitions.iter().find(|partition| partition.number == number)?;
    Some(partition.id)
}

/// Volume name of an ext4 file system (Documentation/filesystems/ext4/super.rst: the superblock is at 1024, `s_volume_name` at 0x78).
fn label(device: &Path) -> Option<String> {
    let file = File::open(device).ok()?;
    let mut block = [0; 0x88];
    file.read_exact_at(&mut block, 1024).ok()?;
    if block[0x38..0x3a] != [0x53, 0xef] {
        return None;
    }
    let name = block[0x78..].split(|byte| *byte == 0).next()?;
    String::from_utf8(name.to_vec()).ok().filter(|name| !name.is_empty())
}

fn make_folder(path: &Path, mode: u32) -> Result<(), super::FileProblem> {
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(problem("make", path))
}

fn check(device: &str, thorough: bool) -> Result<Option<String>, FacilityError> {
    let repaired = || Some(format!("the file system of {device} was repaired"));
    let careful = e2fsck("-p", device);
    match careful {
        Ok(()) => Ok(None),
        Err(error) if corrected(&error) => Ok(repaired()),
        Err(ProgramError::Failed { .. }) if thorough => match e2fsck("-y", device) {
            Ok(()) => Ok(repaired()),
            Err(error) if corrected(&error) => Ok(repaired()),
            Err(source) => Err(damaged(device, source)),
        },
        Err(source @ ProgramError::Failed { .. }) => Err(damaged(device, source)),
        Err(error) => Err(error.into()),
    }
}

fn damaged(device: &str, source: ProgramError) -> FacilityError {
    Damaged {
        device: device.to_owned(),
        source,
    }
    .into()
}

fn corrected(error: &ProgramError) -> bool {
    matches!(error, ProgramError::Failed { status, .. } if status.code().is_some_and(|code| code & !CORRECTED == 0))
}

fn e2fsck(how: &str, device: &str) -> Result<(), ProgramError> {
    Program::new("e2fsck")
        .args([how, device])
        .deadline(CHECK_LIMIT)
        .run(&Cancel::new())
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use corbel_layout::disk::{Guids, Role, Sizes, lay_out};

    use super::*;

    #[test]
    fn partitions_of_ours_are_seen_with_disk_and_label() {
        let root = tempfile::tempdir().expect("a folder");
        let put = |path: &str, bytes: &[u8]| write_atomic(&root.path().join(path), bytes, 0o644).expect("written");
        let sys = "sys/devices/pci0/block/vda";
        put(&format!("{sys}/uevent"), b"DEVTYPE=disk\n");
        put(
            &format!("{sys}/vda5/uevent"),
            b"DEVTYPE=partition\nPARTNAME=corbel-data\n",
        );
        put(&format!("{sys}/vda5/partition"), b"7\n");
        put(
            &format!("{sys}/vda1/uevent"),
            b"DEVTYPE=partition\nPARTNAME=something\n",
        );
        let mut volume = vec![0; 4096];
        volume[1024 + 0x38..1024 + 0x3a].copy_from_slice(&[0x53, 0xef]);
        volume[1024 + 0x78..1024 + 0x78 + 12].copy_from_slice(b"corbel-data2");
        put("dev/vda5", &volume);
        let layout = lay_out(8_000_000_512, 512, &Sizes::default(), &Guids::from_seed([1; 32])).expect("a layout");
        put("dev/vda", &layout.primary().1);
        let class = root.path().join("sys/class/block");
        fs::create_dir_all(&class).expect("a folder");
        for (name, below) in [("vda", ""), ("vda1", "/vda1"), ("vda5", "/vda5")] {
            let target = root.path().join(format!("{sys}{below}"));
            std::os::unix::fs::symlink(target, class.join(name)).expect("a link");
        }
        let found = Host::below(root.path()).partitions(false).expect("a list");
        let expected = StatePartition {
            device: "/dev/vda5".into(),
            disk: "/dev/vda".into(),
            name: "corbel-data".into(),
            id: layout.partition(Role::Data).map(|data| data.id),
            label: Some("corbel-data2".into()),
        };
        assert!(expected.id.is_some());
        assert_eq!(found, [expected]);
        put("dev/vda5", &[0; 16]);
        put("dev/vda", &[0; 16]);
        let found = Host::below(root.path()).partitions(false).expect("a list");
        assert_eq!((&found[0].label, found[0].id), (&None, None));
    }

    #[test]
    fn only_an_installed_boot_has_a_disk() {
        let root = tempfile::tempdir().expect("a folder");
        let boot = |text: &str| {
            write_atomic(&root.path().join("run/corbel/boot.json"), text.as_bytes(), 0o644).expect("written");
            Host::below(root.path()).boot_disk()
        };
        let installed = boot(r#"{"source":"installed","medium":"/dev/vda","slot":"a"}"#);
        assert_eq!(installed.expect("read").as_deref(), Some("/dev/vda"));
        assert_eq!(boot(r#"{"source":"cd","medium":"/dev/sr0"}"#).expect("read"), None);
        assert!(boot(r#"{"source":"installed","medium":null}"#).is_err());
        assert!(boot("").is_err());
    }

    #[test]
    fn what_e2fsck_means_by_its_numbers() {
        let ended = |code: i32| -> ProgramError {
            Program::new("sh")
                .args(["-c", &format!("exit {code}")])
                .run(&Cancel::new())
                .expect_err("it fails")
        };
        assert!(corrected(&ended(1)) && corrected(&ended(2)) && corrected(&ended(3)));
        assert!(!corrected(&ended(4)) && !corrected(&ended(8)) && !corrected(&ended(12)));
    }
}
