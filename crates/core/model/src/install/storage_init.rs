//! `storage_init=` as oVirt Node 3.x wrote it: `BOOT[,DATA…][;DATA…]`, each disk a path below /dev (with globs) or
//! `ata|cciss|scsi|usb[:SERIAL|:ALL]`.

use super::{Bus, DeviceMatch, FieldError, Pattern};

const FIELD: &str = "storage_init";

/// Which disks the words name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StorageInit {
    pub boot: DeviceMatch,
    /// The ancestor's further disks of HostVG and those of AppVG: here all of them carry data.
    pub data: Vec<DeviceMatch>,
}

/// Reads the value; an empty one means the first disk that can be used.
///
/// # Errors
/// What cannot be read, with the part that is wrong.
pub fn parse_storage_init(value: &str) -> Result<StorageInit, FieldError> {
    let (system, application) = value.split_once(';').unwrap_or((value, ""));
    if application.contains(';') {
        return Err(FieldError::new(FIELD, "has more than one ';': write BOOT,DATA;DATA"));
    }
    let mut disks = list(system).map(parse_device);
    let mut boot = disks.next().transpose()?.unwrap_or_default();
    let mut data = disks
        .chain(list(application).map(parse_device))
        .collect::<Result<Vec<_>, _>>()?;
    if boot.all {
        if !data.is_empty() {
            let problem = "names ALL disks of a bus first and others behind them: name the disk to boot from first";
            return Err(FieldError::new(FIELD, problem));
        }
        // The first one boots, the others carry data.
        data.push(boot.clone());
        boot.all = false;
    }
    Ok(StorageInit { boot, data })
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|disk| !disk.is_empty())
}

/// Reads one disk: `/dev/sd?`, `scsi:SERIAL`, `usb`.
///
/// # Errors
/// Neither a path below /dev nor a bus.
pub fn parse_device(text: &str) -> Result<DeviceMatch, FieldError> {
    if let Some(rest) = text.strip_prefix("/dev/") {
        let sane = !rest.is_empty() && !rest.contains(char::is_whitespace) && !rest.split('/').any(|part| part == "..");
        return if sane {
            Ok(DeviceMatch::path(text))
        } else {
            Err(FieldError::new(
                FIELD,
                format!("{text:?} is not a device: write a path such as /dev/sda"),
            ))
        };
    }
    let (bus, serial) = text.split_once(':').unwrap_or((text, ""));
    let bus: Bus = bus.parse().map_err(|_| {
        let problem = format!("{text:?} is not a disk: give /dev/NAME, or a bus such as scsi, scsi:SERIAL or scsi:ALL");
        FieldError::new(FIELD, problem)
    })?;
    Ok(DeviceMatch {
        bus: Some(bus),
        all: serial == "ALL",
        serial: Some(serial).filter(|s| !s.is_empty() && *s != "ALL").map(Pattern::new),
        ..DeviceMatch::default()
    })
}
