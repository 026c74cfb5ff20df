//! The four disks of the fake machine.

use corbel_model::ByteSize;

use crate::system::{Disk, Target};

/// An empty one, one of a foreign volume group, a small one, and the USB stick that is the medium.
pub(super) fn disks() -> Vec<Disk> {
    vec![
        disk("/dev/sda", ByteSize::gib(480), "It is empty.", Target::Usable),
        disk(
            "/dev/sdb",
            ByteSize::gib(960),
            "LVM: it belongs to the volume group \"customers\".",
            Target::WhenNamed("it belongs to the volume group \"customers\", which is not Corbel's".to_owned()),
        ),
        Disk {
            data_target: Target::Usable,
            ..disk(
                "/dev/sdc",
                ByteSize::gib(4),
                "It is empty.",
                Target::Refused("it has 4 GiB, and a node needs 8 GB".to_owned()),
            )
        },
        Disk {
            bus: Some("usb".to_owned()),
            removable: true,
            live_medium: true,
            ..disk(
                "/dev/sdd",
                ByteSize::gib(16),
                "The medium that this system runs from.",
                Target::Refused("this system runs from it".to_owned()),
            )
        },
    ]
}

fn disk(path: &str, size: ByteSize, contents: &str, target: Target) -> Disk {
    Disk {
        path: path.to_owned(),
        model: Some("FAKE DISK".to_owned()),
        serial: Some(format!("FAKE{}", path.trim_start_matches("/dev/").to_uppercase())),
        wwn: None,
        bus: Some("ata".to_owned()),
        size,
        sector_size: 512,
        rotational: Some(false),
        removable: false,
        read_only: false,
        contents: contents.to_owned(),
        live_medium: false,
        installed: None,
        data_target: target.clone(),
        target,
    }
}
