//! The table `[install]` of a document: strict, with line, column and key of a mistake (from `crate::seed`, which reads the whole).
//!
//! ```toml
//! [install]
//! mode = "install"                        # or "reinstall": make the system of this disk anew
//! boot = { serial = "S3Z8NB0K", bus = "ata" }   # or a text as in storage_init: "/dev/sda", "scsi:SERIAL"
//! data = ["/dev/sdb", { bus = "nvme", all = true }]
//! sizes = { swap = "4 GiB", log = "2 GiB", data = "rest" }
//! keep_data = true
//! wipe_fakeraid = false
//! words = "console=ttyS0,115200n8"
//! reboot_delay = 10
//! ```

use schemars::JsonSchema;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, de};

use super::{Bus, DataRequest, DeviceMatch, InstallRequest, Mode, Pattern, SizeRequest, parse_device};
use crate::ByteSize;
use crate::words::split;

/// What the table says. The request's `document` is left to whoever has the document's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallAnswers {
    pub request: InstallRequest,
    /// Seconds to wait before the reboot at the end.
    pub reboot_delay: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstallTable {
    /// `install`, or `reinstall` to make the system of this disk anew.
    #[serde(default, deserialize_with = "mode")]
    #[schemars(with = "String", extend("examples" = ["install"]))]
    mode: Mode,
    /// The disk that the node is installed on, as a text such as `/dev/sda` or as a table.
    #[schemars(with = "DeviceShape", extend("examples" = ["/dev/sda"]))]
    boot: Device,
    /// Further disks for the data of virtual machines.
    #[serde(default)]
    #[schemars(with = "Vec<DeviceShape>")]
    data: Vec<Device>,
    /// Sizes of partitions; what is left out is chosen.
    #[serde(default)]
    sizes: SizesTable,
    /// Whether the data of an earlier installation is kept.
    #[serde(default = "yes")]
    keep_data: bool,
    /// Whether a disk with metadata of a BIOS RAID may be taken.
    #[serde(default)]
    wipe_fakeraid: bool,
    /// Kernel words of the installed node.
    #[serde(default, deserialize_with = "words")]
    #[schemars(with = "String", extend("examples" = ["console=ttyS0,115200n8"]))]
    words: Vec<String>,
    /// Seconds to wait before the reboot at the end.
    reboot_delay: Option<u32>,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct SizesTable {
    /// The EFI partition.
    #[schemars(with = "Option<String>")]
    esp: Option<Size>,
    /// Each of the two system slots.
    #[schemars(with = "Option<String>")]
    root: Option<Size>,
    /// The configuration.
    #[schemars(with = "Option<String>")]
    config: Option<Size>,
    /// The journal.
    #[schemars(with = "Option<String>")]
    log: Option<Size>,
    /// Swap; left out, none.
    #[schemars(with = "Option<String>", extend("examples" = ["4 GiB"]))]
    swap: Option<Size>,
    /// A size, `rest` or `none`.
    #[schemars(with = "Option<String>", extend("examples" = ["rest"]))]
    data: Option<Data>,
}

/// Only for the schema.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum DeviceShape {
    Text(String),
    Table(DeviceTable),
}

struct Size(ByteSize);
struct Data(DataRequest);
struct Device(DeviceMatch);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeviceTable {
    /// A path below `/dev`, with `*` and `?`.
    path: Option<String>,
    /// `ata`, `scsi`, `virtio`, `nvme` and the like.
    bus: Option<String>,
    /// The serial number, with `*` and `?`.
    serial: Option<String>,
    /// The world-wide name, with `*` and `?`.
    wwn: Option<String>,
    /// The model, with `*` and `?`.
    model: Option<String>,
    /// The smallest disk that is taken.
    #[schemars(with = "Option<String>")]
    at_least: Option<Size>,
    /// The largest disk that is taken.
    #[schemars(with = "Option<String>")]
    at_most: Option<Size>,
    /// Every disk that matches and not only the first.
    #[serde(default)]
    all: bool,
}

impl From<InstallTable> for InstallAnswers {
    fn from(table: InstallTable) -> Self {
        let size = |size: Option<Size>| size.map(|size| size.0);
        Self {
            request: InstallRequest {
                mode: table.mode,
                boot: table.boot.0,
                data: table.data.into_iter().map(|device| device.0).collect(),
                sizes: SizeRequest {
                    esp: size(table.sizes.esp),
                    root: size(table.sizes.root),
                    config: size(table.sizes.config),
                    log: size(table.sizes.log),
                    swap: size(table.sizes.swap),
                    data: table.sizes.data.map(|data| data.0),
                    raise: false,
                },
                keep_data: table.keep_data,
                wipe_fakeraid: table.wipe_fakeraid,
                words: table.words,
                document: None,
            },
            reboot_delay: table.reboot_delay,
        }
    }
}

fn yes() -> bool {
    true
}

fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "install" => Ok(Mode::Install),
        "reinstall" => Ok(Mode::Reinstall),
        other => Err(D::Error::custom(format!(
            "{other:?} is not a mode: give install or reinstall"
        ))),
    }
}

/// The words as they will stand on the kernel's command line. What it cannot carry is refused here and not at the next boot.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    check_words(&text).map_err(D::Error::custom)
}

/// Cuts kernel words apart; none of them may be one that Corbel sets itself.
pub(crate) fn check_words(text: &str) -> Result<Vec<String>, &'static str> {
    if text.chars().any(|c| c.is_control() || c == '"' || c == '\\') {
        return Err("kernel words may not hold quotes, backslashes or control characters");
    }
    if split(text).any(|word| matches!(word.name.replace('-', "_").as_str(), "corbel.root" | "corbel.slot")) {
        return Err("corbel.root and corbel.slot are set by the installer itself");
    }
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self(match text.as_str() {
            "rest" => DataRequest::Rest,
            "none" => DataRequest::None,
            size => DataRequest::Size(size.parse().map_err(D::Error::custom)?),
        }))
    }
}

impl<'de> Deserialize<'de> for Device {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Device;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a device such as \"/dev/sda\" or { serial = \"…\" }")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Device, E> {
                parse_device(text).map(Device).map_err(|error| E::custom(error.problem))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Device, A::Error> {
                let table = DeviceTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                device(table).map(Device).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

fn device(table: DeviceTable) -> Result<DeviceMatch, String> {
    let path = match &table.path {
        Some(path) => parse_device(path).map_err(|error| error.problem)?.path,
        None => None,
    };
    if table.path.is_some() && path.is_none() {
        return Err("path must be below /dev".into());
    }
    let bus = table.bus.map(|bus| bus.parse::<Bus>()).transpose();
    Ok(DeviceMatch {
        path,
        bus: bus.map_err(|error| error.to_string())?,
        serial: table.serial.map(Pattern::new),
        wwn: table.wwn.map(Pattern::new),
        model: table.model.map(Pattern::new),
        at_least: table.at_least.map(|size| size.0),
        at_most: table.at_most.map(|size| size.0),
        all: table.all,
    })
}
