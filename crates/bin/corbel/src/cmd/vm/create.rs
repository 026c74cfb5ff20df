//! `corbel vm create`: from options, from a specification in JSON or TOML, or from libvirt's XML.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use clap::Args;
use corbel_client::Client;
use corbel_model::ByteSize;
use corbel_node_api::{
    BODY_LIMIT, CloudInit, DirectBoot, DiskBus, DiskFormat, DiskKind, DiskSpec, Firmware, NicSpec, OnReboot, Size,
    VmSpec, parse_request,
};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::read_text;

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  corbel vm create --name web --memory 1G --disk web.qcow2,size=20G --network nat:default --start
  corbel vm create --file web.toml
  virsh dumpxml web | corbel vm create --xml -")]
pub(crate) struct CreateArgs {
    /// Specification in JSON or TOML; `-` reads it from standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = OPTIONS)]
    file: Option<PathBuf>,
    /// libvirt's own domain description; `-` reads it from standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = OPTIONS, conflicts_with = "file")]
    xml: Option<PathBuf>,

    /// Name of the machine
    #[arg(long, required_unless_present_any = ["file", "xml"])]
    name: Option<String>,
    /// Virtual processors
    #[arg(long, value_name = "N", default_value_t = 1)]
    cpus: u16,
    /// Memory, such as 512M or 4G
    #[arg(long, value_name = "SIZE", default_value = "1G")]
    memory: ByteSize,
    /// Boot with UEFI instead of BIOS
    #[arg(long)]
    uefi: bool,
    // Not a doc comment: rustdoc would take the brackets for links.
    #[arg(
        long,
        value_name = "DISK",
        help = "A disk, repeatable: VOLUME[,size=SIZE][,format=qcow2|raw][,bus=virtio|scsi|sata][,cdrom][,read-only]; \
                with a size the volume is made"
    )]
    disk: Vec<DiskArg>,
    /// A network card, repeatable: nat:NETWORK or bridge:BRIDGE, and [,mac=ADDRESS]
    #[arg(long, value_name = "NETWORK")]
    network: Vec<NetworkArg>,
    /// User data for cloud-init
    #[arg(long, value_name = "FILE")]
    cloud_init: Option<PathBuf>,
    /// Network configuration for cloud-init
    #[arg(long, value_name = "FILE", requires = "cloud_init")]
    cloud_init_network: Option<PathBuf>,
    /// Boot this kernel, a volume, without a boot loader
    #[arg(long, value_name = "VOLUME")]
    kernel: Option<String>,
    /// Initial RAM disk for the kernel, a volume
    #[arg(long, value_name = "VOLUME", requires = "kernel")]
    initrd: Option<String>,
    /// Command line of the kernel
    #[arg(long, value_name = "WORDS", requires = "kernel")]
    cmdline: Option<String>,
    /// Start it with the node
    #[arg(long)]
    autostart: bool,
    /// What becomes of it when the node reboots: shut-down asks the guest, save lets it go on afterwards
    #[arg(long, value_name = "WHAT", default_value = "shut-down", value_parser = on_reboot)]
    on_reboot: OnReboot,

    /// Start it now
    #[arg(long)]
    start: bool,
}

/// What a file says, an option may not say again: nobody could tell which one counts.
const OPTIONS: [&str; 13] = [
    "name",
    "cpus",
    "memory",
    "uefi",
    "disk",
    "network",
    "cloud_init",
    "cloud_init_network",
    "kernel",
    "initrd",
    "cmdline",
    "autostart",
    "on_reboot",
];

/// `VOLUME[,size=SIZE][,format=…][,bus=…][,cdrom][,read-only]`.
#[derive(Debug, Clone)]
struct DiskArg(DiskSpec);

/// `nat:NETWORK` or `bridge:BRIDGE`, and `[,mac=ADDRESS]`.
#[derive(Debug, Clone)]
struct NetworkArg(NicSpec);

/// A short form that says something unknown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct ShortFormError(String);

impl FromStr for DiskArg {
    type Err = ShortFormError;

    fn from_str(text: &str) -> Result<Self, ShortFormError> {
        let mut parts = text.split(',');
        let volume = parts.next().unwrap_or_default().to_owned();
        if volume.is_empty() || volume.contains('=') {
            return Err(ShortFormError("a disk begins with the name of its volume".into()));
        }
        let mut disk = DiskSpec {
            volume,
            size: None,
            format: DiskFormat::default(),
            bus: DiskBus::default(),
            kind: DiskKind::default(),
            read_only: false,
        };
        for part in parts {
            match part.split_once('=') {
                Some(("size", value)) => {
                    disk.size = Some(Size(value.parse().map_err(|e| ShortFormError(format!("size: {e}")))?));
                }
                Some(("format", "raw")) => disk.format = DiskFormat::Raw,
                Some(("format", "qcow2")) => disk.format = DiskFormat::Qcow2,
                Some(("format", other)) => return Err(word("format", other, "qcow2 or raw")),
                Some(("bus", "virtio")) => disk.bus = DiskBus::Virtio,
                Some(("bus", "scsi")) => disk.bus = DiskBus::Scsi,
                Some(("bus", "sata")) => disk.bus = DiskBus::Sata,
                Some(("bus", other)) => return Err(word("bus", other, "virtio, scsi or sata")),
                None if part == "cdrom" => disk.kind = DiskKind::Cdrom,
                None if part == "read-only" => disk.read_only = true,
                _ => {
                    let known = "size=SIZE, format=FORMAT, bus=BUS, cdrom and read-only";
                    return Err(ShortFormError(format!(
                        "{part:?} is unknown: behind the volume may stand {known}"
                    )));
                }
            }
        }
        Ok(Self(disk))
    }
}

impl FromStr for NetworkArg {
    type Err = ShortFormError;

    fn from_str(text: &str) -> Result<Self, ShortFormError> {
        let (source, mac) = match text.split_once(',') {
            None => (text, None),
            Some((source, rest)) => match rest.strip_prefix("mac=") {
                Some(mac) => (source, Some(mac.to_owned())),
                None => {
                    return Err(ShortFormError(format!(
                        "{rest:?} is unknown: behind the network may stand mac=ADDRESS"
                    )));
                }
            },
        };
        let nic = match source.split_once(':') {
            Some(("nat", name)) if !name.is_empty() => NicSpec {
                nat: Some(name.into()),
                bridge: None,
                mac,
            },
            Some(("bridge", name)) if !name.is_empty() => NicSpec {
                nat: None,
                bridge: Some(name.into()),
                mac,
            },
            _ => {
                return Err(ShortFormError(
                    "write nat:NETWORK or bridge:BRIDGE, such as nat:default".into(),
                ));
            }
        };
        Ok(Self(nic))
    }
}

fn word(field: &str, found: &str, right: &str) -> ShortFormError {
    ShortFormError(format!("{field}: {found:?} is unknown: give {right}"))
}

/// Defines the machine, and starts it if wanted.
pub(super) async fn run(args: CreateArgs, client: &Client, printer: &Printer) -> Result<(), Failure> {
    let start = args.start;
    let vm = if let Some(file) = &args.xml {
        client.define_vm_xml(&text_of(file)?).await?
    } else if let Some(file) = &args.file {
        client.create_vm(&spec_of_file(file)?).await?
    } else {
        client.create_vm(&spec_of_options(args)?).await?
    };
    let name = vm.name.clone();
    if !start {
        return printer.done(&format!("{name} is defined"), &vm);
    }
    if let Err(error) = client.start_vm(&name).await {
        printer.talk(&format!("{name} is defined, but could not be started"));
        return Err(error.into());
    }
    let vm = corbel_node_api::VmSummary {
        state: corbel_node_api::VmState::Running,
        ..vm
    };
    printer.done(&format!("{name} is defined and started"), &vm)
}

fn spec_of_options(args: CreateArgs) -> Result<VmSpec, Failure> {
    let cloud_init = match &args.cloud_init {
        None => None,
        Some(file) => Some(CloudInit {
            user_data: read_text(file)?,
            meta_data: None,
            network_config: args.cloud_init_network.as_deref().map(read_text).transpose()?,
        }),
    };
    Ok(VmSpec {
        name: args.name.unwrap_or_default(),
        cpus: args.cpus,
        memory: Size(args.memory),
        firmware: if args.uefi { Firmware::Uefi } else { Firmware::Bios },
        disks: args.disk.into_iter().map(|disk| disk.0).collect(),
        networks: args.network.into_iter().map(|network| network.0).collect(),
        direct_boot: args.kernel.map(|kernel| DirectBoot {
            kernel,
            initrd: args.initrd,
            command_line: args.cmdline.unwrap_or_default(),
        }),
        cloud_init,
        autostart: args.autostart,
        on_reboot: args.on_reboot,
    })
}

fn on_reboot(word: &str) -> Result<OnReboot, &'static str> {
    match word {
        "shut-down" => Ok(OnReboot::ShutDown),
        "save" => Ok(OnReboot::Save),
        _ => Err("give shut-down or save"),
    }
}

fn spec_of_file(file: &Path) -> Result<VmSpec, Failure> {
    let text = text_of(file)?;
    parse_spec(&text)
        .with_context(|| shown(file))
        .map_err(|e| Failure::new(Exit::Refused, e))
}

/// JSON begins with a brace; TOML never does.
fn parse_spec(text: &str) -> anyhow::Result<VmSpec> {
    if text.trim_start().starts_with('{') {
        Ok(parse_request(text.as_bytes())?)
    } else {
        Ok(toml::from_str(text)?)
    }
}

fn text_of(file: &Path) -> Result<String, Failure> {
    if file != Path::new("-") {
        return read_text(file);
    }
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(BODY_LIMIT as u64 + 1)
        .read_to_string(&mut text)
        .context("cannot read standard input")
        .map_err(|e| Failure::new(Exit::Failed, e))?;
    Ok(text)
}

fn shown(file: &Path) -> String {
    if file == Path::new("-") {
        "standard input".into()
    } else {
        file.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn disks_have_a_short_form() {
        let disk: DiskArg = "web.qcow2,size=20G,format=raw,bus=scsi,read-only"
            .parse()
            .expect("valid");
        assert_eq!(
            serde_json::to_value(&disk.0).expect("JSON"),
            serde_json::json!({"volume": "web.qcow2", "size": 20u64 << 30, "format": "raw", "bus": "scsi", "kind": "disk", "read_only": true})
        );
        for (text, problem) in [
            ("", "a disk begins with the name of its volume"),
            ("size=20G", "a disk begins with the name of its volume"),
            ("a,format=vmdk", "format: \"vmdk\" is unknown: give qcow2 or raw"),
            (
                "a,sise=1G",
                "\"sise=1G\" is unknown: behind the volume may stand size=SIZE, format=FORMAT, bus=BUS, cdrom and read-only",
            ),
            (
                "a,size=big",
                "size: \"big\" is not a size: write a number and a unit, such as 512 MiB or 20 GiB",
            ),
        ] {
            assert_eq!(text.parse::<DiskArg>().expect_err(text).to_string(), problem);
        }
    }

    #[test]
    fn networks_have_a_short_form() {
        let nic = |text: &str| text.parse::<NetworkArg>().map(|nic| nic.0);
        assert_eq!(
            nic("nat:default"),
            Ok(NicSpec {
                nat: Some("default".into()),
                ..Default::default()
            })
        );
        let mac = Some("52:54:00:00:00:01".to_owned());
        assert_eq!(
            nic("bridge:br0,mac=52:54:00:00:00:01"),
            Ok(NicSpec {
                bridge: Some("br0".into()),
                mac,
                ..Default::default()
            })
        );
        for text in ["", "default", "nat:", "tap:x", "nat:a,b"] {
            assert!(nic(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_is_json_or_toml() {
        let json =
            parse_spec(r#" {"name": "web", "memory": "512 MiB", "networks": [{"nat": "default"}]}"#).expect("JSON");
        let toml = parse_spec("name = 'web'\nmemory = '512 MiB'\n[[networks]]\nnat = 'default'\n").expect("TOML");
        assert_eq!(json, toml);
        let typo = parse_spec("name = 'web'\nmemory = 1\nmemmory = 2\n")
            .expect_err("a typo")
            .to_string();
        assert!(typo.contains("line 3") && typo.contains("memmory"), "{typo}");
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".{0,60}") {
            let _ = text.parse::<DiskArg>();
            let _ = text.parse::<NetworkArg>();
            let _ = parse_spec(&text);
        }
    }
}
