//! Add a folder below `install-cases/`, get a test: what was asked for and which disks there are, and the plan or refusal to be.
//!
//! Files of a case: `machine.toml` (the disks), and `cmdline` or `corbel.toml` (the request); `uninstall` in the command line asks for
//! a removal. `UPDATE_CASES=1` rewrites `expected`; read the difference before it is committed.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use corbel_layout::disk::{DiskLayout, Guids, Role, Sizes, data_set, lay_out, lay_out_data};
use corbel_layout::gpt::{Found, Guid, Partition};
use corbel_layout::signature::{LvmMember, Signature};
use corbel_model::ByteSize;
use corbel_model::install::{Action, DeviceMatch, InstallRequest, UninstallRequest};
use corbel_model::words::Words;
use corbel_plan::install::{
    Disk, DiskPartition, Firmware, Installed, Observed, ReleaseFacts, candidates, plan_install, plan_uninstall, welcome,
};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Machine {
    medium: Option<String>,
    #[serde(default)]
    bios: bool,
    version: Option<String>,
    #[serde(default)]
    disk: Vec<DiskTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiskTable {
    name: String,
    size: String,
    sector: Option<u64>,
    bus: Option<String>,
    serial: Option<String>,
    wwn: Option<String>,
    model: Option<String>,
    #[serde(default)]
    links: Vec<String>,
    #[serde(default)]
    removable: bool,
    #[serde(default)]
    read_only: bool,
    failing: Option<String>,
    #[serde(default)]
    mounts: Vec<String>,
    #[serde(default)]
    holders: Vec<String>,
    multipath: Option<String>,
    #[serde(default)]
    carries: Vec<String>,
    /// What lies in partitions 1, 2 …
    #[serde(default)]
    partitions: Vec<String>,
    /// The version of a Corbel system with Corbel's own sizes.
    corbel: Option<String>,
    /// Only its data partition is left.
    #[serde(default)]
    only_data: bool,
    /// A data disk that was made for a node whose boot disk is as those of `corbel`, or for another one.
    data_of: Option<String>,
    /// Of the file system in the data partition.
    label: Option<String>,
}

/// `lvm GROUP ID MEMBER,MEMBER TAG,TAG`, `md SET`, `fakeraid FORMAT`, `zfs POOL`, `ceph`, `luks`, `swap`, or a file system.
fn signature(text: &str) -> Signature {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let list = |at: usize| -> Vec<String> {
        let text = fields.get(at).copied().unwrap_or_default();
        text.split(',')
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    };
    match fields[0] {
        "lvm" => Signature::Lvm(LvmMember {
            group: Some(fields[1].to_owned()),
            id: fields[2].to_owned(),
            members: list(3),
            tags: list(4),
        }),
        "md" => Signature::Md {
            version: "1.2",
            set: "00".repeat(16),
            name: Some(fields[1].to_owned()),
        },
        "fakeraid" => Signature::FakeRaid {
            format: if fields[1] == "ddf" { "ddf" } else { "isw" },
        },
        "zfs" => Signature::Zfs {
            pool: Some(fields[1].to_owned()),
        },
        "ceph" => Signature::CephBlueStore,
        "luks" => Signature::Luks { version: 2 },
        "swap" => Signature::Swap,
        "ext4" => file_system("ext4"),
        "vmfs" => file_system("vmfs"),
        "ntfs" => file_system("ntfs"),
        other => panic!("{other:?} is not known to the cases"),
    }
}

fn file_system(name: &'static str) -> Signature {
    Signature::FileSystem { name, label: None }
}

fn ours(layout: &DiskLayout, label: Option<&str>, disk: &mut Disk) {
    let partitions = layout.partitions.iter().map(|laid_out| Partition {
        number: laid_out.number,
        name: laid_out.role.name().to_owned(),
        kind: laid_out.role.kind(),
        id: laid_out.id,
        offset: laid_out.extent.offset,
        length: laid_out.extent.length,
    });
    disk.table = Some(Found {
        sector: disk.sector,
        disk: layout.disk,
        partitions: partitions.collect(),
    });
    disk.partitions = layout
        .partitions
        .iter()
        .map(|laid_out| DiskPartition {
            number: laid_out.number,
            name: laid_out.role.name().to_owned(),
            path: format!("{}{}", disk.path, laid_out.number),
            bytes: laid_out.extent.length,
            signatures: match laid_out.role {
                Role::Config | Role::Log => vec![file_system("ext4")],
                Role::Data => vec![Signature::FileSystem {
                    name: "ext4",
                    label: label.map(str::to_owned),
                }],
                _ => Vec::new(),
            },
        })
        .collect();
}

impl From<DiskTable> for Disk {
    fn from(table: DiskTable) -> Self {
        let path = match table.name.strip_prefix("dm-") {
            Some(number) => format!("/dev/mapper/mpath{number}"),
            None => format!("/dev/{}", table.name),
        };
        let bytes = table.size.parse::<ByteSize>().expect("a size").bytes();
        let partitions = table.partitions.iter().zip(1..).map(|(carried, number)| DiskPartition {
            number,
            path: format!("{path}{number}"),
            bytes: bytes / 2,
            signatures: if carried.is_empty() {
                Vec::new()
            } else {
                vec![signature(carried)]
            },
            ..DiskPartition::default()
        });
        let mut disk = Disk {
            partitions: partitions.collect(),
            links: table.links,
            bytes,
            sector: table.sector.unwrap_or(512),
            bus: table.bus.map(|bus| bus.parse().expect("a bus")),
            serials: table.serial.into_iter().collect(),
            wwn: table.wwn,
            model: table.model,
            removable: table.removable,
            read_only: table.read_only,
            failing: table.failing,
            mounts: table.mounts,
            holders: table.holders,
            multipath: table.multipath,
            signatures: table.carries.iter().map(|text| signature(text)).collect(),
            name: table.name,
            path,
            ..Disk::default()
        };
        if let Some(whose) = &table.data_of {
            let sizes = Sizes::default();
            let boot = lay_out(20 << 30, 512, &sizes, &Guids::from_seed([9; 32])).expect("a layout");
            let set = match whose.as_str() {
                "this" => data_set(boot.disk, boot.partition(Role::Data).map(|data| data.id)),
                _ => Guid([8; 16]),
            };
            let mut seed = [7; 32];
            seed[..disk.name.len()].copy_from_slice(disk.name.as_bytes());
            let layout = lay_out_data(bytes, disk.sector, &Guids::from_seed(seed), set).expect("a layout");
            ours(&layout, table.label.as_deref(), &mut disk);
        }
        if table.corbel.is_some() || table.only_data {
            let layout = lay_out(bytes, disk.sector, &Sizes::default(), &Guids::from_seed([9; 32])).expect("a layout");
            let layout = if table.only_data {
                layout.only_data().expect("data")
            } else {
                layout
            };
            ours(&layout, table.label.as_deref(), &mut disk);
            disk.installed = table.corbel.map(|version| Installed {
                trial: None,
                version: (version != "?").then_some(version),
            });
        }
        disk
    }
}

fn observed(text: &str) -> Observed {
    let machine: Machine = toml::from_str(text).expect("machine.toml");
    Observed {
        disks: machine.disk.into_iter().map(Disk::from).collect(),
        medium: machine.medium,
        firmware: if machine.bios { Firmware::Bios } else { Firmware::Uefi },
        release: ReleaseFacts {
            version: machine.version.unwrap_or_else(|| "1.0.0".into()),
            root_bytes: 140 << 20,
            uki_bytes: 20 << 20,
        },
    }
}

fn outcome(case: &Path) -> String {
    let read = |name: &str| fs::read_to_string(case.join(name)).ok();
    let observed = observed(&read("machine.toml").expect("every case has a machine.toml"));
    let line = read("cmdline").unwrap_or_default();
    let words = Words::parse([line.as_str()]);
    let seed = read("corbel.toml").map(|text| corbel_model::seed::parse(&text));
    let answers = match seed.transpose() {
        Ok(seed) => seed.and_then(|seed| seed.install),
        Err(error) => return format!("refused: {error}\n"),
    };
    if words.install.action() == Some(Action::Uninstall) {
        let request = UninstallRequest {
            boot: words.install.storage_init.as_ref().map(|init| init.boot.clone()),
            wipe_data: words.install.keep_data == Some(false),
            data: words.install.storage_init.map_or_else(Vec::new, |init| init.data),
        };
        return match plan_uninstall(&request, &observed) {
            Ok(plan) => plan.to_string(),
            Err(refusal) => format!("refused: {refusal}\n"),
        };
    }
    match InstallRequest::unattended(&words, answers.as_ref()) {
        Ok(Some(request)) => match plan_install(&request, &observed, [5; 32]) {
            Ok(plan) => plan.to_string(),
            Err(refusal) => format!("refused: {refusal}\n"),
        },
        Ok(None) => format!("asks: {:?}\n", welcome(&observed)),
        Err(error) => format!("refused: {error}\n"),
    }
}

#[test]
fn every_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("install-cases");
    let mut cases: Vec<_> = fs::read_dir(&root)
        .expect("the cases")
        .map(|e| e.expect("an entry").path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    let mut wrong = String::new();
    for case in cases {
        let found = outcome(&case);
        let file = case.join("expected");
        if std::env::var_os("UPDATE_CASES").is_some() {
            let written = fs::File::create(&file).and_then(|mut file| file.write_all(found.as_bytes()));
            written.expect("written");
            continue;
        }
        let expected = fs::read_to_string(&file).unwrap_or_else(|_| "(absent)\n".into());
        if found != expected {
            wrong += &format!("--- {}\nexpected:\n{expected}found:\n{found}", case.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

proptest! {
    /// Whatever is asked for on whatever disks: a plan only ever names disks that may be written.
    #[test]
    fn no_plan_touches_what_is_guarded(
        disks in prop::collection::vec((1u64..40, 0usize..8, any::<bool>()), 1..5),
        words in "(storage_init=(/dev/sd[a-d]|scsi|scsi:ALL|/dev/sd\\*|/dev/sd\\?,scsi|)|install|reinstall|storage_vol=[0-9]{0,4}:[0-9]{0,4}|wipe_fakeraid| ){1,6}",
    ) {
        let carried = ["", "lvm vg a a", "lvm vg b b,c storage_domain", "md 0", "fakeraid isw", "zfs tank", "ceph", "ext4"];
        let mut text = "medium = \"sdb\"\n".to_owned();
        for (letter, (size, carries, read_only)) in ('a'..).zip(&disks) {
            let carries = Some(carried[*carries]).filter(|c| !c.is_empty()).map(|c| format!("{c:?}")).unwrap_or_default();
            text += &format!("[[disk]]\nname = \"sd{letter}\"\nsize = \"{size} GiB\"\nbus = \"scsi\"\nread_only = {read_only}\ncarries = [{carries}]\n");
        }
        let observed = observed(&text);
        let words = Words::parse([words.replace("storage", " storage").as_str()]);
        if let Ok(Some(request)) = InstallRequest::unattended(&words, None)
            && let Ok(plan) = plan_install(&request, &observed, [1; 32])
        {
            for planned in plan.disks() {
                let disk = observed.disks.iter().find(|disk| disk.path == planned.path).expect("a disk that there is");
                prop_assert!(disk.name != "sdb" && !disk.read_only);
                let outright = request.boot == DeviceMatch::path(&disk.path) || request.data.contains(&DeviceMatch::path(&disk.path));
                let foreign = |s: &Signature| s.is_member() && !matches!(s, Signature::FakeRaid { .. });
                prop_assert!(outright || !disk.signatures.iter().any(foreign));
            }
            prop_assert!(candidates(&observed).len() >= plan.disks().count());
        }
    }
}
