//! A small installed node: real partition table, real file systems, real records, and a root image of a few blocks.

use std::{collections::BTreeSet, io::Write as _, path::Path};

use corbel_e2e::installed::PASSWORD_HASH;
use corbel_layout::{
    Extent,
    disk::{DataSize, DiskLayout, Guids, Role, Sizes, lay_out},
    grub,
    grubenv::GrubEnv,
    loader_entry::{EntryName, LoaderEntry},
    slot::Slot,
    verity::{BLOCK, RootHash},
};
use corbel_plan::slots::{Entry, Records, Step};
use corbel_sys::ledger::{Ledger, render_copy};
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use sha2::{Digest as _, Sha256};

use super::{Recorder, recorder::Part};
use crate::{
    esp,
    recording::Recording,
    release::{LOADERS, Medium, Release},
};

const MIB: u64 = 1 << 20;
const LOADER: &[u8] = b"MZ the loader";
const SIZES: Sizes = Sizes {
    esp: 36 * MIB,
    bios: MIB,
    root: MIB,
    // With a second block group, so that there is a backup of the superblock.
    config: 20 * MIB,
    log: MIB,
    swap: 0,
    data: DataSize::None,
};

/// A release with a root image of 40 blocks and a UKI of 3 KiB.
#[derive(Debug)]
pub(crate) struct SmallRelease {
    pub(crate) release: Release,
    pub(crate) image: Vec<u8>,
    pub(crate) uki: Vec<u8>,
}

impl SmallRelease {
    pub(crate) fn new(number: u8) -> Self {
        let (image, root_hash) = root_image(number);
        let uki = uki(number);
        let part = Extent {
            offset: 0,
            length: image.len() as u64,
        };
        let release = Release::assemble(
            format!("1.{number}.0"),
            root_hash,
            Medium::new(image.clone()),
            part,
            &uki,
            BTreeSet::from([esp::sum(LOADER)]),
        );
        Self {
            release: release.expect("a sound release"),
            image,
            uki,
        }
    }

    pub(crate) fn words(&self, slot: Slot) -> String {
        format!("corbel.root={} quiet corbel.slot={slot}", self.release.root_hash)
    }
}

/// A squashfs's header and numbers behind it, with the hash tree that `veritysetup` would append.
fn root_image(number: u8) -> (Vec<u8>, RootHash) {
    let blocks = 40;
    let mut image: Vec<u8> = (0..blocks * BLOCK)
        .map(|at| number.wrapping_mul(31).wrapping_add((at / 64) as u8))
        .collect();
    image[..96].fill(0);
    image[..4].copy_from_slice(b"hsqs");
    image[28] = 4;
    image[40..48].copy_from_slice(&(blocks * BLOCK).to_le_bytes());
    let mut level: Vec<u8> = image
        .chunks(BLOCK as usize)
        .flat_map(|block| Sha256::digest(block).to_vec())
        .collect();
    level.resize(BLOCK as usize, 0);
    let mut header = vec![0; BLOCK as usize];
    header[..8].copy_from_slice(b"verity\0\0");
    (header[8], header[12]) = (1, 1);
    header[32..38].copy_from_slice(b"sha256");
    header[64..68].copy_from_slice(&4096u32.to_le_bytes());
    header[68..72].copy_from_slice(&4096u32.to_le_bytes());
    header[72..80].copy_from_slice(&blocks.to_le_bytes());
    let root = RootHash(Sha256::digest(&level).into());
    image.extend(header);
    image.extend(level);
    (image, root)
}

/// A PE image with the two sections that GRUB loads.
fn uki(number: u8) -> Vec<u8> {
    let mut pe = vec![number; 3072];
    pe[..512].fill(0);
    pe[..2].copy_from_slice(b"MZ");
    pe[60] = 128;
    pe[128..132].copy_from_slice(b"PE\0\0");
    (pe[134], pe[148]) = (2, 16);
    for (n, (name, size, offset)) in [(".linux", 1024u32, 512u32), (".initrd", 1536, 1536)]
        .iter()
        .enumerate()
    {
        let header = &mut pe[168 + 40 * n..208 + 40 * n];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[8..12].copy_from_slice(&size.to_le_bytes());
        header[16..20].copy_from_slice(&size.to_le_bytes());
        header[20..24].copy_from_slice(&offset.to_le_bytes());
    }
    pe
}

/// The node's disk while it is written to.
#[derive(Debug)]
pub(crate) struct SmallNode {
    pub(crate) recorder: Recorder,
    layout: DiskLayout,
}

impl SmallNode {
    pub(crate) fn empty(sector: u64) -> Self {
        let bytes = 64 * MIB;
        let layout = lay_out(bytes, sector, &SIZES, &Guids::from_seed([7; 32])).expect("fits");
        Self {
            recorder: Recorder::new(sector, bytes),
            layout,
        }
    }

    /// With this release in slot a; what is written from now on is recorded.
    pub(crate) fn installed(sector: u64, release: &SmallRelease) -> Self {
        let mut node = Self::empty(sector);
        node.install(release);
        let recorder = Recorder::from_image(&node.recorder.disk(), sector);
        Self {
            recorder,
            layout: node.layout,
        }
    }

    /// As the installer does: everything first, and what makes firmware look at the disk last.
    pub(crate) fn install(&mut self, release: &SmallRelease) {
        self.write_table();
        self.make_config();
        let esp = self.extent(Role::Esp);
        {
            let mut part = self.recorder.part(esp.offset, esp.length);
            // FAT32 needs 65,525 clusters, which is more than there are of 4 KiB.
            let (kind, cluster) = if self.layout.sector == 512 {
                (FatType::Fat32, 512)
            } else {
                (FatType::Fat16, 4096)
            };
            let options = FormatVolumeOptions::new()
                .fat_type(kind)
                .bytes_per_cluster(cluster)
                .volume_label(*b"CORBEL-ESP ");
            let options = options.bytes_per_sector(self.layout.sector as u16);
            fatfs::format_volume(&mut part, options).expect("a FAT volume");
        }
        self.recorder.flush();
        let good = GrubEnv {
            good: Slot::A,
            trial: None,
        };
        self.put("corbel/grub.cfg", grub::main_config(3).as_bytes());
        self.put("corbel/grubenv", &good.render());
        for step in [
            Step::WriteRoot(Slot::A),
            Step::WriteKernel(Slot::A),
            Step::WriteMenu(Slot::A),
        ] {
            self.execute(&step, release);
        }
        let name = EntryName::plain(Slot::A);
        self.execute(&Step::PutEntry(Entry { name, generation: 1 }), release);
        for path in LOADERS {
            self.put(path, LOADER);
        }
        self.install_boot_code();
    }

    fn write_table(&mut self) {
        for (offset, bytes) in [self.layout.backup(), self.layout.primary()] {
            self.recorder.write(offset, &bytes);
            self.recorder.flush();
        }
    }

    fn install_boot_code(&mut self) {
        if self.layout.sector != 512 {
            return;
        }
        let part = self.extent(Role::Bios);
        let mut boot = vec![0xb0; 512];
        boot[510..].copy_from_slice(&[0x55, 0xaa]);
        let mut sector0 = [0; 512];
        let disk = std::fs::read(self.recorder.disk()).expect("the disk");
        sector0.copy_from_slice(&disk[..512]);
        let (first, sectors) = (part.offset / 512, part.length / 512);
        let images = grub::bios::for_disk(&boot, &vec![0xc0; 3000], &sector0, first, sectors).expect("fits");
        self.recorder.write(part.offset, &images.core);
        self.recorder.flush();
        self.recorder.write(0, &images.first_sector);
        self.recorder.flush();
    }

    fn make_config(&mut self) {
        let part = self.extent(Role::Config);
        let folder = tempfile::tempdir().expect("a folder");
        let copy = folder.path().join("node.a.toml");
        let mut file = std::fs::File::create(&copy).expect("a file");
        file.write_all(render_copy(4, "version = 1\nhostname = \"a\"\n").as_bytes())
            .expect("a document");
        let secrets = Ledger::new(folder.path(), "secrets", "toml");
        let kept = format!("version = 1\nadmin_password_hash = \"{PASSWORD_HASH}\"\n");
        secrets.save(&kept).expect("a password");
        self.recorder.changed_by(part.offset, part.length, 4096, |image| {
            corbel_e2e::run::tool("mkfs.ext4", |mkfs| {
                mkfs.args(["-q", "-b", "1024", "-d"]).arg(folder.path()).arg(image)
            })
            .expect("a file system");
        });
        self.recorder.flush();
    }

    /// Where a partition lies.
    pub(crate) fn extent(&self, role: Role) -> Extent {
        self.layout.partition(role).expect("there is such a partition").extent
    }

    /// Lets a program change the configuration's file system, and flushes.
    pub(crate) fn change_config(&mut self, change: impl FnOnce(&Path)) {
        let part = self.extent(Role::Config);
        self.recorder.changed_by(part.offset, part.length, 4096, change);
        self.recorder.flush();
    }

    /// Does steps of the slots' plan, each followed by a flush.
    pub(crate) fn run(&mut self, steps: &[Step], release: &SmallRelease) {
        for step in steps {
            self.execute(step, release);
            self.recorder.flush();
        }
    }

    /// Does one step without a flush at its end.
    pub(crate) fn execute(&mut self, step: &Step, release: &SmallRelease) {
        match step {
            Step::PutEntry(Entry { name, generation }) => {
                let entry = LoaderEntry {
                    title: format!("Corbel {}", release.release.version),
                    generation: *generation,
                    efi: format!("/corbel/{}/corbel.efi", name.slot),
                    words: release.words(name.slot),
                };
                self.put(&format!("loader/entries/{name}"), entry.render().as_bytes());
            }
            Step::RemoveEntry(name) => self.remove(&format!("loader/entries/{name}")),
            Step::PutEnv(env) => self.overwrite("corbel/grubenv", &env.render()),
            Step::RemoveMenu(slot) => self.remove(&format!("corbel/{slot}/grub.cfg")),
            Step::WriteRoot(slot) => {
                let part = self.extent(if *slot == Slot::A { Role::RootA } else { Role::RootB });
                for (number, piece) in release.image.chunks(1 << 14).enumerate() {
                    self.recorder.write(part.offset + ((number as u64) << 14), piece);
                }
            }
            Step::WriteKernel(slot) => self.put(&format!("corbel/{slot}/corbel.efi"), &release.uki),
            Step::WriteMenu(slot) => {
                let (blocks, words) = (&release.release.blocks, release.words(*slot));
                let text = grub::slot_config(*slot, &format!("Corbel {}", release.release.version), blocks, &words);
                self.put(&format!("corbel/{slot}/grub.cfg"), text.as_bytes());
            }
            // Of these the configuration's file system tells, which the host cannot write as a kernel does.
            Step::NoteTrial(_) | Step::NoteStarted(_) | Step::NoteFailed(_) | Step::ForgetTrial => {}
        }
    }

    /// A new file, under another name until it is whole.
    pub(crate) fn put(&mut self, path: &str, bytes: &[u8]) {
        let temporary = format!("{path}.new");
        self.esp(|root| {
            let mut folder = String::new();
            for part in path.split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev() {
                folder = if folder.is_empty() {
                    part.to_owned()
                } else {
                    format!("{folder}/{part}")
                };
                root.create_dir(&folder).expect("a folder");
            }
            let mut file = root.create_file(&temporary).expect("a file");
            file.truncate().expect("an empty file");
            file.write_all(bytes).expect("its content");
        });
        self.recorder.flush();
        self.esp(|root| {
            // FAT has no rename over another file.
            let _ = root.remove(path);
            root.rename(&temporary, root, path).expect("its name");
        });
    }

    pub(crate) fn remove(&mut self, path: &str) {
        // A step that removes what is not there is done.
        self.esp(|root| drop(root.remove(path)));
    }

    /// Over the bytes that are there.
    pub(crate) fn overwrite(&mut self, path: &str, bytes: &[u8]) {
        self.esp(|root| {
            root.open_file(path)
                .expect("the file")
                .write_all(bytes)
                .expect("its content")
        });
    }

    fn esp(&mut self, change: impl FnOnce(&fatfs::Dir<'_, Part<'_>>)) {
        let part = self.extent(Role::Esp);
        let part = self.recorder.part(part.offset, part.length);
        let volume = FileSystem::new(part, FsOptions::new()).expect("a FAT volume");
        change(&volume.root_dir());
        volume.unmount().expect("unmounted");
    }

    pub(crate) fn finish(self) -> Recording {
        self.recorder.finish()
    }
}

/// What both loaders of a node with one healthy slot a say.
pub(crate) fn records_of_a() -> Records {
    Records {
        entries: vec![Entry {
            name: EntryName::plain(Slot::A),
            generation: 1,
        }],
        env: Some(GrubEnv {
            good: Slot::A,
            trial: None,
        }),
    }
}
