//! Installing to a disk and giving the disk back.

use corbel_model::install as model;
use corbel_model::vm::SpecError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{DiskMatch, OperationInfo, Size};

/// Body of `POST /v1/install`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"boot": {"path": "/dev/sdb"}, "dry_run": true}))]
pub struct InstallRequest {
    #[serde(default)]
    pub mode: InstallMode,
    /// The disk for the system. Without it, the first one that can be used.
    #[serde(default)]
    pub boot: DiskMatch,
    /// Further disks, whole, for VM storage: `/data2`, `/data3`, ….
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DiskMatch>,
    #[serde(default)]
    pub sizes: InstallSizes,
    /// VM storage of Corbel that is found on these disks stays as it is; true by default.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub keep_data: bool,
    /// Erase what a fake-RAID controller left on the disks.
    #[serde(default)]
    pub wipe_fakeraid: bool,
    /// Password of `admin` as crypt(5) text. At most one of this and `admin_password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_password_hash: Option<String>,
    /// Password of `admin`; the node keeps its hash only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = Password, write_only)]
    pub admin_password: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Layout of the keyboard at the node's screen: the name of a keymap, such as `de-latin1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyboard: Option<String>,
    /// Configuration of the installed node: text of a `corbel.toml`, as a seed has it. Without it the node keeps the
    /// configuration that it runs with now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Kernel words for every boot, such as `console=ttyS0,115200`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// Reboot into the installed system when it is done.
    #[serde(default)]
    pub reboot: bool,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

fn yes() -> bool {
    true
}

impl Default for InstallRequest {
    fn default() -> Self {
        Self {
            mode: InstallMode::default(),
            boot: DiskMatch::default(),
            data: vec![],
            sizes: InstallSizes::default(),
            keep_data: true,
            wipe_fakeraid: false,
            admin_password_hash: None,
            admin_password: None,
            hostname: None,
            keyboard: None,
            document: None,
            words: vec![],
            reboot: false,
            dry_run: false,
        }
    }
}

/// Whether the disk may carry Corbel already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InstallMode {
    /// A disk that carries one is refused.
    #[default]
    Install,
    /// Its configuration is lost and the system is made anew.
    Reinstall,
}

// A password must not come into a log by way of a debug print.
impl std::fmt::Debug for InstallRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstallRequest")
            .field("mode", &self.mode)
            .field("boot", &self.boot)
            .field("data", &self.data)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

/// Sizes of the partitions; what is absent has its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstallSizes {
    /// Boot loaders and kernels; 512 MiB by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub esp: Option<Size>,
    /// Each of the two slots; 1 GiB by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Size>,
    /// 128 MiB by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Size>,
    /// 1 GiB by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Size>,
    /// No swap by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap: Option<Size>,
    /// VM storage on the boot disk: a size, `"rest"` (the default) or `"none"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataSize>,
    /// Sizes that were meant for a smaller system: what is less than Corbel needs is raised instead of refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub raise: bool,
}

/// What the VM storage gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum DataSize {
    Word(DataWord),
    Size(Size),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataWord {
    /// What the other partitions leave.
    Rest,
    None,
}

/// Body of `POST /v1/uninstall`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"keep_data": true, "dry_run": true}))]
pub struct UninstallRequest {
    /// The disk with the system. Without it there must be exactly one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<DiskMatch>,
    /// Leave the VM storage where it is; true by default. Without it the boot disk's goes, and that of the data disks that were made for it.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub keep_data: bool,
    /// Further data disks, whose VM storage goes too: those of which nothing says that they are this node's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DiskMatch>,
    /// Reboot when it is done.
    #[serde(default)]
    pub reboot: bool,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

impl Default for UninstallRequest {
    fn default() -> Self {
        Self {
            boot: None,
            keep_data: true,
            data: Vec::new(),
            reboot: false,
            dry_run: false,
        }
    }
}

/// What is done to disks, before it is done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// What will be lost, one sentence each, VM storage first; empty when nothing is.
    #[serde(default)]
    pub erases: Vec<String>,
    /// What stays of all that the disks carry, VM storage first.
    #[serde(default)]
    pub keeps: Vec<String>,
    /// What will be done, in order, one line each.
    #[serde(default)]
    pub steps: Vec<String>,
    /// What should be known before, one sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Answer to a request for long work on disks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Planned {
    pub plan: Plan,
    /// The work that was started; null for a dry run.
    #[serde(default)]
    pub operation: Option<OperationInfo>,
}

/// Each is one word: they are written into the loaders' files side by side (kernel, `admin-guide/kernel-parameters.rst`: a value with
/// blanks stands in double quotes).
fn kernel_words(words: &[String]) -> Result<Vec<String>, SpecError> {
    let is_one = |word: &str| {
        let blank = word.chars().any(char::is_whitespace) && !word.contains('"');
        !word.is_empty() && !blank && !word.chars().any(char::is_control)
    };
    match words.iter().position(|word| !is_one(word)) {
        None => Ok(words.to_vec()),
        Some(at) => Err(SpecError::new(
            format!("words[{at}]"),
            "is not one kernel word, such as console=ttyS0,115200",
        )),
    }
}

impl TryFrom<&InstallRequest> for model::InstallRequest {
    type Error = SpecError;

    /// Disks, sizes and words; password, host name, keyboard and document are for whoever writes the document.
    fn try_from(wire: &InstallRequest) -> Result<Self, SpecError> {
        let size = |size: Option<Size>| size.map(|size| size.0);
        Ok(Self {
            mode: match wire.mode {
                InstallMode::Install => model::Mode::Install,
                InstallMode::Reinstall => model::Mode::Reinstall,
            },
            boot: wire.boot.to_model("boot")?,
            data: data_disks(&wire.data)?,
            sizes: model::SizeRequest {
                esp: size(wire.sizes.esp),
                root: size(wire.sizes.root),
                config: size(wire.sizes.config),
                log: size(wire.sizes.log),
                swap: size(wire.sizes.swap),
                data: wire.sizes.data.map(|data| match data {
                    DataSize::Word(DataWord::Rest) => model::DataRequest::Rest,
                    DataSize::Word(DataWord::None) => model::DataRequest::None,
                    DataSize::Size(size) => model::DataRequest::Size(size.0),
                }),
                raise: wire.sizes.raise,
            },
            keep_data: wire.keep_data,
            wipe_fakeraid: wire.wipe_fakeraid,
            words: kernel_words(&wire.words)?,
            document: wire.document.clone(),
        })
    }
}

fn data_disks(wire: &[DiskMatch]) -> Result<Vec<model::DeviceMatch>, SpecError> {
    let disks = wire.iter().enumerate();
    disks.map(|(i, disk)| disk.to_model(&format!("data[{i}]"))).collect()
}

impl From<&model::InstallRequest> for InstallRequest {
    fn from(request: &model::InstallRequest) -> Self {
        let size = |size: Option<corbel_model::ByteSize>| size.map(Size);
        Self {
            mode: match request.mode {
                model::Mode::Install => InstallMode::Install,
                model::Mode::Reinstall => InstallMode::Reinstall,
            },
            boot: (&request.boot).into(),
            data: request.data.iter().map(DiskMatch::from).collect(),
            sizes: InstallSizes {
                esp: size(request.sizes.esp),
                root: size(request.sizes.root),
                config: size(request.sizes.config),
                log: size(request.sizes.log),
                swap: size(request.sizes.swap),
                data: request.sizes.data.map(|data| match data {
                    model::DataRequest::Rest => DataSize::Word(DataWord::Rest),
                    model::DataRequest::None => DataSize::Word(DataWord::None),
                    model::DataRequest::Size(size) => DataSize::Size(Size(size)),
                }),
                raise: request.sizes.raise,
            },
            keep_data: request.keep_data,
            wipe_fakeraid: request.wipe_fakeraid,
            words: request.words.clone(),
            document: request.document.clone(),
            ..Self::default()
        }
    }
}

impl TryFrom<&UninstallRequest> for model::UninstallRequest {
    type Error = SpecError;

    fn try_from(wire: &UninstallRequest) -> Result<Self, SpecError> {
        Ok(Self {
            boot: wire.boot.as_ref().map(|boot| boot.to_model("boot")).transpose()?,
            wipe_data: !wire.keep_data,
            data: data_disks(&wire.data)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_request;

    #[test]
    fn a_request_survives_the_way_there_and_back() {
        let json = r#"{"mode":"reinstall","boot":{"serial":"S?","bus":"ata"},"data":[{"path":"/dev/sdb"},{"bus":"nvme","all":true}],
            "sizes":{"swap":"4 GiB","data":"none"},"keep_data":false,"words":["console=ttyS0"]}"#;
        let wire: InstallRequest = parse_request(json.as_bytes()).unwrap();
        let request = model::InstallRequest::try_from(&wire).unwrap();
        assert!(!request.boot.names_outright() && request.data[0].names_outright());
        assert_eq!(InstallRequest::from(&request), wire);
        let sent = serde_json::to_vec(&wire).unwrap();
        assert_eq!(parse_request::<InstallRequest>(&sent).unwrap(), wire);
    }

    #[test]
    fn nothing_said_keeps_vm_storage() {
        let wire: InstallRequest = parse_request(b"{}").unwrap();
        assert!(wire.keep_data);
        let wire: UninstallRequest = parse_request(b"{}").unwrap();
        assert!(!model::UninstallRequest::try_from(&wire).unwrap().wipe_data);
        let wire: UninstallRequest = parse_request(br#"{"keep_data":false,"data":[{"path":"/dev/sdb"}]}"#).unwrap();
        let request = model::UninstallRequest::try_from(&wire).unwrap();
        assert_eq!(request.data, [model::DeviceMatch::path("/dev/sdb")]);
    }

    #[test]
    fn a_mistake_is_named() {
        let refused = |json: &str| {
            let wire = parse_request::<InstallRequest>(json.as_bytes());
            wire.and_then(|wire| model::InstallRequest::try_from(&wire).map(drop))
                .unwrap_err()
                .to_string()
        };
        for (json, start) in [
            (r#"{"boot":{"path":"sda"}}"#, "boot.path: is not a device"),
            (
                r#"{"boot":{"path":"/dev/../etc/passwd"}}"#,
                "boot.path: is not a device",
            ),
            (r#"{"boot":{"serial":""}}"#, "boot.serial: is empty"),
            (
                r#"{"boot":{},"data":[{"bus":"isa"}]}"#,
                "data[0].bus: \"isa\" is not a bus",
            ),
            (r#"{"boot":{"disk":"x"}}"#, "boot.disk: unknown field"),
            (r#"{"sizes":{"data":"much"}}"#, "sizes.data: "),
            (r#"{"words":["quiet","a\nb"]}"#, "words[1]: is not one kernel word"),
            (r#"{"words":["a b"]}"#, "words[0]: is not one kernel word"),
            (r#"{"words":[""]}"#, "words[0]: is not one kernel word"),
        ] {
            let said = refused(json);
            assert!(said.starts_with(start), "{json}: {said}");
        }
    }

    #[test]
    fn a_debug_print_shows_no_password() {
        let wire = InstallRequest {
            admin_password: Some("secret".into()),
            document: Some("secret".into()),
            ..InstallRequest::default()
        };
        assert!(!format!("{wire:?}").contains("secret"));
    }
}
