//! Which device holds the root image: the decision, apart from the waiting.

use std::collections::BTreeMap;
use std::error::Error;

use corbel_disk::{BlockDevice, Devices};
use corbel_layout::iso9660::{self, IsoError};
use corbel_layout::root_image::{self, RootImage};
use corbel_layout::verity::RootHash;
use corbel_layout::{Extent, ReadAt, Window};

/// Name of the volume that we look for, and of the image in it.
const VOLUME: &str = "CORBEL";
const IMAGE: &str = "CORBEL/ROOT.IMG";

/// Where to look for the image.
pub(crate) enum Place<'a> {
    /// A file of the volume `CORBEL`, on whatever medium.
    Volume,
    /// A partition that holds nothing else. Only those of this name are read.
    Partition {
        name: &'static str,
        /// Name of a partition by the kernel name of its device.
        name_of: &'a dyn Fn(&str) -> Option<String>,
    },
}

/// A device with the image that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Medium {
    pub(crate) device: BlockDevice,
    /// Where on it the image lies.
    pub(crate) extent: Extent,
    pub(crate) image: RootImage,
}

/// What a look at a device gave.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// It never will be the medium, unless another medium is put in.
    No(&'static str),
    /// It is named as ours, but its image is another one or damaged.
    Damaged(String),
    /// It could not be read yet: no medium, or still spinning up.
    NotYet(String),
}

/// What was seen so far, so that no device is read twice and a failure can name them all.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// By name: what identifies the present medium in the drive, and the verdict.
    seen: BTreeMap<String, ((u64, u64), Verdict)>,
}

impl Search {
    /// Looks at all devices that are new or were not ready. Optical drives come first, then whole disks: of a stick
    /// written with `dd`, the disk is the medium and not its first partition.
    pub(crate) fn look(&mut self, devices: &dyn Devices, place: &Place<'_>, wanted: &RootHash) -> Option<Medium> {
        let mut list = devices.list().unwrap_or_default();
        list.sort_by_key(|d| (!d.is_cd(), d.partition, d.name.clone()));
        self.seen.retain(|name, _| list.iter().any(|d| d.name == *name));
        // Our own devices, and memory, are no media.
        for device in list.into_iter().filter(|d| {
            !["dm-", "loop", "ram", "zram", "fd"]
                .iter()
                .any(|p| d.name.starts_with(p))
        }) {
            let identity = (device.sequence, device.size);
            match self.seen.get(&device.name) {
                Some((same, Verdict::No(_) | Verdict::Damaged(_))) if *same == identity => continue,
                _ => {}
            }
            if let Place::Partition { name, name_of } = place
                && name_of(&device.name).as_deref() != Some(name)
            {
                let verdict = Verdict::No("not a partition of this name");
                self.seen.insert(device.name, (identity, verdict));
                continue;
            }
            let verdict = match devices.open(&device) {
                Err(error) => Verdict::NotYet(chain(&error)),
                Ok(bytes) => match examine(&bytes, place, device.size, wanted) {
                    Ok((extent, image)) => return Some(Medium { device, extent, image }),
                    Err(verdict) => verdict,
                },
            };
            self.seen.insert(device.name, (identity, verdict));
        }
        None
    }

    /// Whether a medium of ours was refused.
    pub(crate) fn damaged(&self) -> Option<(&str, &str)> {
        self.seen.iter().find_map(|(name, (_, verdict))| match verdict {
            Verdict::Damaged(why) => Some((name.as_str(), why.as_str())),
            _ => None,
        })
    }

    /// Every device that was seen and why it is not the medium, one line each.
    pub(crate) fn report(&self) -> Vec<String> {
        let lines = self.seen.iter().map(|(name, ((_, size), verdict))| {
            let why = match verdict {
                Verdict::No(why) => (*why).to_owned(),
                Verdict::Damaged(why) | Verdict::NotYet(why) => why.clone(),
            };
            format!("/dev/{name} ({} MiB): {why}", size >> 20)
        });
        lines.collect()
    }

    /// The names alone.
    pub(crate) fn names(&self) -> String {
        match self.seen.is_empty() {
            true => "none".to_owned(),
            false => self.seen.keys().map(String::as_str).collect::<Vec<_>>().join(" "),
        }
    }
}

fn examine(
    bytes: &impl ReadAt,
    place: &Place<'_>,
    size: u64,
    wanted: &RootHash,
) -> Result<(Extent, RootImage), Verdict> {
    if let Place::Partition { .. } = place {
        let image = check_image(bytes, size, wanted).map_err(Verdict::Damaged)?;
        let extent = Extent {
            offset: 0,
            length: image.verity.image_length(),
        };
        return Ok((extent, image));
    }
    let refused = |error: IsoError| match error {
        IsoError::NotIso => Verdict::No("not an ISO 9660 volume"),
        IsoError::Io { .. } => Verdict::NotYet(chain(&error)),
        IsoError::NotFound { .. } | IsoError::Damaged { .. } => Verdict::Damaged(chain(&error)),
    };
    let volume = iso9660::read_volume(bytes).map_err(refused)?;
    if volume.id != VOLUME {
        return Err(Verdict::No("an ISO 9660 volume of another name"));
    }
    let extent = iso9660::find(bytes, &volume, IMAGE).map_err(refused)?;
    let image = check_image(&Window::new(bytes, extent), extent.length, wanted).map_err(Verdict::Damaged)?;
    Ok((extent, image))
}

/// Reads the headers of an image of `length` bytes and checks that the top of its hash tree belongs to `wanted`.
///
/// The kernel restarts the machine at the first block that does not match, without a word about the reason; so the
/// likely cases, an image of another version and a broken copy, are told apart here.
pub(crate) fn check_image(image: &impl ReadAt, length: u64, wanted: &RootHash) -> Result<RootImage, String> {
    let headers = root_image::read(image).map_err(|e| chain(&e))?;
    let needed = headers.verity.image_length();
    if needed > length {
        return Err(format!(
            "the root image has {length} bytes, its hash tree ends at {needed}"
        ));
    }
    headers.verity.verify_block(image, 0, wanted).map_err(|e| chain(&e))?;
    Ok(headers)
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
