//! What is writable on the read-only root, all of it in memory: `/etc` and `/var` as overlays, `/data` empty.

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::Context as _;
use corbel_disk::{MountFlags, mount, move_mount};
use corbel_layout::verity::RootHash;

use crate::log::{info, warning};
use crate::root::{SYSROOT, Source};

const STATE: &str = "/run/corbel";
const VOLATILE: &str = "/run/corbel/volatile";
const IMAGE: &str = "/run/corbel/image";

/// Mounts the overlays and moves `/proc`, `/sys`, `/dev` and `/run` into the root.
pub(crate) fn mount_all() -> anyhow::Result<()> {
    let root = Path::new(SYSROOT);
    make_directory(VOLATILE)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", "tmpfs", Path::new(VOLATILE), flags, "mode=0755,size=50%")?;
    // What the overlays hide stays to be seen: `corbel persist` compares with it.
    make_directory(IMAGE)?;
    mount(SYSROOT, "", Path::new(IMAGE), MountFlags::BIND, "").context("showing the image's own files")?;
    for name in ["etc", "var"] {
        let (upper, work) = (format!("{VOLATILE}/{name}/upper"), format!("{VOLATILE}/{name}/work"));
        make_directory(&upper)?;
        make_directory(&work)?;
        let lower = root.join(name);
        let mode = fs::metadata(&lower)
            .with_context(|| format!("the root image has no /{name}"))?
            .permissions()
            .mode();
        // The directory on top gives the merged one its permissions.
        fs::set_permissions(&upper, fs::Permissions::from_mode(mode)).with_context(|| format!("preparing {upper}"))?;
        let options = format!("lowerdir={},upperdir={upper},workdir={work}", lower.display());
        mount("overlay", "overlay", &lower, MountFlags::NODEV, &options)?;
    }
    let data = root.join("data");
    mount("tmpfs", "tmpfs", &data, flags, "mode=0755,size=75%").context("making /data")?;
    copy_from_initramfs("seed")
}

/// Writes where the root came from, for what asks later, and moves the kernel's file systems into the new root.
pub(crate) fn record(source: &Source, hash: &RootHash) -> anyhow::Result<()> {
    let path = format!("{STATE}/boot.json");
    write(Path::new(&path), boot_json(source, hash).as_bytes())?;
    for name in ["dev", "proc", "sys", "run"] {
        move_mount(&Path::new("/").join(name), &Path::new(SYSROOT).join(name))?;
    }
    Ok(())
}

fn boot_json(source: &Source, hash: &RootHash) -> String {
    let (kind, medium) = match source {
        Source::Cd(node) => ("cd", Some(node)),
        Source::Disk(node) => ("disk", Some(node)),
        Source::Installed { disk, .. } => ("installed", Some(disk)),
        Source::Network => ("network", None),
    };
    let mut value = serde_json::json!({ "source": kind, "medium": medium, "root_hash": hash.to_string() });
    if let Source::Installed { slot, .. } = source {
        value["slot"] = slot.letter().into();
    }
    format!("{value}\n")
}

/// What came with the initramfs (network boot) and would be gone after the switch: the seed, and the release, from which the node
/// can be installed.
pub(crate) fn copy_from_initramfs(name: &str) -> anyhow::Result<()> {
    let from = Path::new("/").join(name);
    if !from.is_dir() {
        return Ok(());
    }
    info(format!("taking the {name} from the initramfs"));
    copy_directory(&from, &Path::new(STATE).join(name))
}

/// The identity of an installed node is that of its disk: systemd and the journal read it before anything could be mounted, and it must
/// be the same at each boot (machine-id(5)). Without it they make one for this boot.
pub(crate) fn write_machine_id(id: &str) -> anyhow::Result<()> {
    write(&Path::new(SYSROOT).join("etc/machine-id"), format!("{id}\n").as_bytes())
}

fn copy_directory(from: &Path, to: &Path) -> anyhow::Result<()> {
    // The seed may hold secrets, such as the password's hash.
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(to)
        .with_context(|| format!("making {}", to.display()))?;
    let entries = fs::read_dir(from).with_context(|| format!("listing {}", from.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("listing {}", from.display()))?;
        let kind = entry
            .file_type()
            .with_context(|| format!("looking at {}", entry.path().display()))?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy_directory(&entry.path(), &target)?;
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).with_context(|| format!("reading {}", entry.path().display()))?;
            write(&target, &bytes)?;
        } else {
            warning(format!(
                "{} is neither file nor directory, left out",
                entry.path().display()
            ));
        }
    }
    Ok(())
}

fn make_directory(path: &str) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .with_context(|| format!("making {path}"))
}

/// These files live in memory and are written before anyone reads, so nothing has to be atomic.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    File::create(path)
        .and_then(|mut f| f.write_all(bytes))
        .with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_has_the_contracts_shape() {
        let hash = RootHash([0xab; 32]);
        let hex = "ab".repeat(32);
        let expected = format!("{{\"medium\":\"/dev/sr0\",\"root_hash\":\"{hex}\",\"source\":\"cd\"}}\n");
        assert_eq!(boot_json(&Source::Cd("/dev/sr0".to_owned()), &hash), expected);
        assert!(boot_json(&Source::Network, &hash).contains("\"medium\":null"));
        let installed = Source::Installed {
            disk: "/dev/vda".to_owned(),
            slot: crate::slot::Slot::B,
        };
        let expected =
            format!("{{\"medium\":\"/dev/vda\",\"root_hash\":\"{hex}\",\"slot\":\"b\",\"source\":\"installed\"}}\n");
        assert_eq!(boot_json(&installed, &hash), expected);
    }

    #[test]
    fn a_seed_is_copied_with_its_directories() {
        let dir = std::env::temp_dir().join(format!("corbel-init-seed-{}", std::process::id()));
        fs::create_dir_all(dir.join("from/clients")).unwrap();
        write(&dir.join("from/clients/a.pem"), b"x").unwrap();
        copy_directory(&dir.join("from"), &dir.join("to")).unwrap();
        assert_eq!(fs::read(dir.join("to/clients/a.pem")).unwrap(), b"x");
        fs::remove_dir_all(dir).unwrap();
    }
}
