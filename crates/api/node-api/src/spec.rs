//! What clients send. Strict: an unknown field, a wrong type or an impossible value is refused with its path.

use corbel_model::vm as model;
use corbel_model::vm::SpecError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Size;

/// A virtual machine as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(
    json!({"name": "web", "memory": "512 MiB", "disks": [{"volume": "web.qcow2", "size": "10 GiB"}], "networks": [{"nat": "default"}]}),
    json!({"name": "db", "cpus": 4, "memory": 8589934592u64, "firmware": "uefi", "disks": [{"volume": "db.raw", "format": "raw", "bus": "scsi"}],
        "networks": [{"bridge": "br0", "mac": "52:54:00:12:34:56"}], "cloud_init": {"user_data": "#cloud-config\n"}, "autostart": true})
))]
pub struct VmSpec {
    /// 1 to 63 letters, digits, `.`, `_`, `+` and `-`, beginning with a letter or a digit.
    pub name: String,
    /// Virtual processors, 1 to 255.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 255)]
    pub cpus: u16,
    /// At least 16 MiB.
    pub memory: Size,
    #[serde(default)]
    pub firmware: Firmware,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<DiskSpec>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<NicSpec>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_boot: Option<DirectBoot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_init: Option<CloudInit>,
    /// Start with the node.
    #[serde(default)]
    pub autostart: bool,
    /// What becomes of the running machine when the node reboots or is upgraded.
    #[serde(default)]
    pub on_reboot: OnReboot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnReboot {
    /// The guest is asked to shut down.
    #[default]
    ShutDown,
    /// Its memory is written to disk, and it goes on from there after the reboot.
    Save,
}

fn one() -> u16 {
    1
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Firmware {
    #[default]
    Bios,
    Uefi,
}

/// A disk backed by a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskSpec {
    /// `web.qcow2` in the pool `default`, `data2/web.qcow2` in another.
    pub volume: String,
    /// Make the volume with this size if it does not exist. Without it the volume must exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    #[serde(default)]
    pub format: DiskFormat,
    #[serde(default)]
    pub bus: DiskBus,
    #[serde(default)]
    pub kind: DiskKind,
    #[serde(default)]
    pub read_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiskFormat {
    Raw,
    #[default]
    Qcow2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiskBus {
    #[default]
    Virtio,
    Scsi,
    Sata,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiskKind {
    #[default]
    Disk,
    Cdrom,
}

/// A network card. Exactly one of `nat` and `bridge` is given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NicSpec {
    /// A libvirt network, such as `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat: Option<String>,
    /// A bridge of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
    /// Such as `52:54:00:12:34:56`; chosen by libvirt when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
}

/// Boot a kernel without a boot loader. Kernel and initrd are volumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectBoot {
    pub kernel: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initrd: Option<String>,
    #[serde(default)]
    pub command_line: String,
}

/// Documents of cloud-init's NoCloud data source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudInit {
    pub user_data: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta_data: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_config: Option<String>,
}

/// Body of `PUT /v1/vms/{name}/autostart`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Autostart {
    pub autostart: bool,
}

/// Body of `POST /v1/volumes`: an empty volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "data.qcow2", "size": "20 GiB"}))]
pub struct VolumeSpec {
    /// `web.qcow2` in the pool `default`, `data2/web.qcow2` in another.
    pub name: String,
    pub size: Size,
    #[serde(default)]
    pub format: DiskFormat,
}

/// Reads a request body. The error carries the path of the value, such as `disks[0].size`, or `body` when the text is
/// not JSON at all, and one sentence.
pub fn parse_request<T: DeserializeOwned>(json: &[u8]) -> Result<T, SpecError> {
    // serde would also read a struct from an array of its fields in order, which nobody means.
    if json
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_some_and(|byte| *byte != b'{')
    {
        return Err(SpecError::new("body", "is not a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        refusal(&path, &error.into_inner())
    })?;
    deserializer
        .end()
        .map_err(|error| SpecError::new("body", format!("has more behind the JSON value: {error}")))?;
    Ok(value)
}

fn refusal(path: &str, error: &serde_json::Error) -> SpecError {
    let said = error.to_string();
    if !error.is_data() {
        return SpecError::new("body", format!("is not valid JSON: {said}"));
    }
    // The position in the text helps only when the text itself is broken; here the path says more.
    let sentence = said
        .rsplit_once(" at line ")
        .map_or(said.as_str(), |(sentence, _)| sentence);
    let missing = sentence
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    match (path, missing) {
        (".", Some(field)) => SpecError::new(field, "is missing"),
        (_, Some(field)) => SpecError::new(format!("{path}.{field}"), "is missing"),
        (".", None) => SpecError::new("body", sentence),
        (_, None) => SpecError::new(path, sentence),
    }
}

fn name<T>(field: impl Into<String>, text: &str) -> Result<T, SpecError>
where
    T: std::str::FromStr<Err = corbel_model::NameError>,
{
    text.parse()
        .map_err(|error: corbel_model::NameError| SpecError::new(field, error.to_string()))
}

impl TryFrom<VmSpec> for model::VmSpec {
    type Error = SpecError;

    /// Checks every value and the machine as a whole.
    fn try_from(wire: VmSpec) -> Result<Self, SpecError> {
        let disks = wire
            .disks
            .iter()
            .enumerate()
            .map(|(i, disk)| disk.to_model(i))
            .collect::<Result<_, _>>()?;
        let networks = wire
            .networks
            .iter()
            .enumerate()
            .map(|(i, nic)| nic.to_model(i))
            .collect::<Result<_, _>>()?;
        let direct_boot = wire.direct_boot.as_ref().map(DirectBoot::to_model).transpose()?;
        let spec = Self {
            name: name("name", &wire.name)?,
            cpus: wire.cpus,
            memory: wire.memory.0,
            firmware: match wire.firmware {
                Firmware::Bios => model::Firmware::Bios,
                Firmware::Uefi => model::Firmware::Uefi,
            },
            disks,
            networks,
            direct_boot,
            cloud_init: wire.cloud_init.map(|c| model::CloudInit {
                user_data: c.user_data,
                meta_data: c.meta_data,
                network_config: c.network_config,
            }),
            autostart: wire.autostart,
            on_reboot: match wire.on_reboot {
                OnReboot::ShutDown => model::OnReboot::ShutDown,
                OnReboot::Save => model::OnReboot::Save,
            },
        };
        spec.check()?;
        Ok(spec)
    }
}

impl DiskSpec {
    fn to_model(&self, i: usize) -> Result<model::DiskSpec, SpecError> {
        Ok(model::DiskSpec {
            volume: name(format!("disks[{i}].volume"), &self.volume)?,
            create: self.size.map(|size| size.0),
            format: self.format.into(),
            bus: match self.bus {
                DiskBus::Virtio => model::DiskBus::Virtio,
                DiskBus::Scsi => model::DiskBus::Scsi,
                DiskBus::Sata => model::DiskBus::Sata,
            },
            kind: match self.kind {
                DiskKind::Disk => model::DiskKind::Disk,
                DiskKind::Cdrom => model::DiskKind::Cdrom,
            },
            read_only: self.read_only,
        })
    }
}

impl NicSpec {
    fn to_model(&self, i: usize) -> Result<model::NicSpec, SpecError> {
        let source = match (&self.nat, &self.bridge) {
            (Some(nat), None) => model::NicSource::Nat(name(format!("networks[{i}].nat"), nat)?),
            (None, Some(bridge)) => model::NicSource::Bridge(name(format!("networks[{i}].bridge"), bridge)?),
            _ => {
                return Err(SpecError::new(
                    format!("networks[{i}]"),
                    "give exactly one of nat and bridge",
                ));
            }
        };
        Ok(model::NicSpec {
            source,
            mac: self.mac.as_ref().map(|mac| mac.to_ascii_lowercase()),
        })
    }
}

impl DirectBoot {
    fn to_model(&self) -> Result<model::DirectBoot, SpecError> {
        Ok(model::DirectBoot {
            kernel: name("direct_boot.kernel", &self.kernel)?,
            initrd: self
                .initrd
                .as_deref()
                .map(|text| name("direct_boot.initrd", text))
                .transpose()?,
            command_line: self.command_line.clone(),
        })
    }
}

impl From<DiskFormat> for model::DiskFormat {
    fn from(format: DiskFormat) -> Self {
        match format {
            DiskFormat::Raw => Self::Raw,
            DiskFormat::Qcow2 => Self::Qcow2,
        }
    }
}

#[cfg(test)]
mod tests;
