//! From nothing to a verified, mounted root: wait for the medium, map it, mount it at `/sysroot`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use corbel_disk::{DeviceMapper, FileMedium, MountFlags, SysDevices, Target, Uevents, attach_loop, mount as mount_at};
use corbel_layout::root_image::RootImage;
use corbel_layout::verity::RootHash;

use crate::fail::Damaged;
use crate::log::{error, info};
use crate::medium::{Medium, Place, Search, check_image};
use crate::modules::Modules;
use crate::slot::{self, Slot};
use crate::watchdog::Watchdog;
use crate::words::Words;

pub(crate) const SYSROOT: &str = "/sysroot";
/// From the network the image comes as a second initrd file.
const NETWORK_IMAGE: &str = "/root.img";
/// Devices come without an event now and then (a CD becoming ready), so a fresh look is taken at least this often.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const TELL_EVERY: Duration = Duration::from_secs(5);
/// A damaged medium of ours is not the end as long as a good one may still turn up.
const GRACE_AFTER_DAMAGE: Duration = Duration::from_secs(10);

/// Where the root came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// An optical drive, by its node.
    Cd(String),
    /// A disk or stick, by its node.
    Disk(String),
    /// A slot of the system on this disk, by the disk's node.
    Installed { disk: String, slot: Slot },
    /// The initramfs.
    Network,
}

/// Finds the image with this root hash and mounts it.
pub(crate) fn mount(
    words: &Words,
    wanted: &RootHash,
    modules: &mut Modules,
    watchdog: &mut Watchdog,
) -> anyhow::Result<Source> {
    modules.load_named(&["dm_mod", "dm_verity", "squashfs", "overlay", "loop"]);
    let image = Path::new(NETWORK_IMAGE);
    if image.exists() && words.slot.is_none() {
        mount_network(image, wanted)?;
        return Ok(Source::Network);
    }
    let medium = wait(words, wanted, modules, watchdog)?;
    let node = medium.device.path.display().to_string();
    info(format!("the root image is on {node}"));
    let mapper = DeviceMapper::open()?;
    let linear = Target::Linear {
        device: medium.device.number.clone(),
        start: medium.extent.offset / 512,
        sectors: medium.image.verity.image_length() / 512,
    };
    let image = mapper.create("corbel-medium", &linear)?;
    mount_verified(&mapper, &image.number, &medium.image, wanted).with_context(|| format!("using {node}"))?;
    Ok(match words.slot {
        Some(slot) => Source::Installed {
            disk: slot::disk_of(&medium.device.name).display().to_string(),
            slot,
        },
        None if medium.device.is_cd() => Source::Cd(node),
        None => Source::Disk(node),
    })
}

fn mount_network(path: &Path, wanted: &RootHash) -> anyhow::Result<()> {
    let length = fs::metadata(path)
        .with_context(|| format!("looking at {}", path.display()))?
        .len();
    let bytes = FileMedium::open(path).with_context(|| format!("opening {}", path.display()))?;
    let image = check_image(&bytes, length, wanted).map_err(|why| Damaged {
        what: "the root image from the network".to_owned(),
        why,
    })?;
    info(format!("the root image came over the network, {} MiB", length >> 20));
    let device = attach_loop(path)?;
    mount_verified(&DeviceMapper::open()?, &device.display().to_string(), &image, wanted)
}

fn mount_verified(mapper: &DeviceMapper, device: &str, image: &RootImage, wanted: &RootHash) -> anyhow::Result<()> {
    let table = image.verity.table_line(device, wanted);
    let root = mapper.create(
        "corbel-root",
        &Target::Verity {
            table,
            sectors: image.verity.sectors(),
        },
    )?;
    fs::create_dir_all(SYSROOT).context("making the directory of the root")?;
    let node = root.path.display().to_string();
    mount_at(&node, "squashfs", Path::new(SYSROOT), MountFlags::RDONLY, "").map_err(|e| Damaged {
        what: "the root image".to_owned(),
        why: format!("{:#}", anyhow::Error::new(e)),
    })?;
    Ok(())
}

fn wait(words: &Words, wanted: &RootHash, modules: &mut Modules, watchdog: &mut Watchdog) -> anyhow::Result<Medium> {
    let (start, limit) = (Instant::now(), words.timeout);
    let place = match words.slot {
        Some(slot) => Place::Partition {
            name: slot.partition(),
            name_of: &slot::partition_name,
        },
        None => Place::Volume,
    };
    let uevents = Uevents::open();
    let devices = SysDevices::default();
    let mut search = Search::default();
    let (mut told, mut damaged_since) = (start, None);
    loop {
        modules.load_for_devices();
        watchdog.feed();
        if let Some(medium) = search.look(&devices, &place, wanted) {
            return Ok(medium);
        }
        if let Some((name, why)) = search.damaged() {
            let since = *damaged_since.get_or_insert_with(|| {
                // Whoever stands before the machine shall not wait for the reason.
                error(format!(
                    "the root image on /dev/{name} is damaged: {why}\nwaiting {} s for a better medium",
                    GRACE_AFTER_DAMAGE.as_secs()
                ));
                Instant::now()
            });
            if since.elapsed() > GRACE_AFTER_DAMAGE || start.elapsed() > limit {
                return Err(Damaged {
                    what: format!("the root image on /dev/{name}"),
                    why: why.to_owned(),
                }
                .into());
            }
        }
        if start.elapsed() > limit {
            bail!(not_found(limit, &place, &search));
        }
        if told.elapsed() > TELL_EVERY {
            told = Instant::now();
            let (passed, limit) = (start.elapsed().as_secs(), limit.as_secs());
            error(format!(
                "waiting for the boot medium, {passed} of {limit} s; disks seen: {}",
                search.names()
            ));
        }
        match &uevents {
            Ok(events) => drop(events.wait(LOOK_EVERY)),
            Err(_) => std::thread::sleep(LOOK_EVERY),
        }
    }
}

fn not_found(limit: Duration, place: &Place<'_>, search: &Search) -> String {
    let what = match place {
        Place::Volume => "medium with the volume CORBEL".to_owned(),
        Place::Partition { name, .. } => format!("partition {name}"),
    };
    let mut text = format!("no {what} and this root image within {} s", limit.as_secs());
    match search.report() {
        seen if seen.is_empty() => {
            text.push_str("\nno disks were seen: the driver of the disk controller may be missing")
        }
        seen => seen.iter().for_each(|line| text.push_str(&format!("\nseen: {line}"))),
    }
    text.push_str("\ncheck that the medium is plugged in, or give it more time with corbel.timeout=SECONDS");
    text
}
