//! A node in memory, apart from its configuration, which is a temporary folder; and releases as ISO images.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use corbel_boot::{Content, EfiVarsError, Esp, FakeEsp, Loaders, entry_words, install_loaders, install_system};
use corbel_layout::ReadAt;
use corbel_layout::slot::Slot;
use corbel_plan::slots::{Firmware, Running, choose_bios, choose_uefi};
use corbel_release::release::{KERNEL_PART, ROOT_PART, Release as Manifest, ReleasePart};
use corbel_sys::ProgramError;
use sha2::{Digest, Sha256};

use crate::copy::hex;
use crate::{Facilities, SlotDevice, Source};

/// Room of a slot.
pub(crate) const SLOT_BYTES: usize = 64 * 1024;

#[derive(Debug, Default)]
struct Disk {
    bytes: Vec<u8>,
    /// Writes that are still done.
    left: Option<usize>,
    /// Reads give other bytes than were written.
    forgets: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct FakeSlot(Arc<Mutex<Disk>>);

impl FakeSlot {
    fn with<T>(&self, work: impl FnOnce(&mut Disk) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
    pub(crate) fn cut_after(&self, writes: usize) {
        self.with(|disk| disk.left = Some(writes));
    }
    pub(crate) fn forget(&self) {
        self.with(|disk| disk.forgets = true);
    }
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.with(|disk| disk.bytes.clone())
    }
}

impl ReadAt for FakeSlot {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.with(|disk| {
            disk.bytes.read_at(offset, buf)?;
            if disk.forgets {
                buf[0] ^= 1;
            }
            Ok(())
        })
    }
}

impl SlotDevice for FakeSlot {
    fn size(&self) -> io::Result<u64> {
        Ok(SLOT_BYTES as u64)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.with(|disk| {
            if let Some(left) = &mut disk.left {
                *left = left
                    .checked_sub(1)
                    .ok_or_else(|| io::Error::other("the power is gone"))?;
            }
            let start = offset as usize;
            disk.bytes.resize(SLOT_BYTES, 0);
            disk.bytes[start..start + bytes.len()].copy_from_slice(bytes);
            Ok(())
        })
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A release's content by its version.
pub(crate) struct Parts {
    pub(crate) root: Vec<u8>,
    pub(crate) kernel: Vec<u8>,
    pub(crate) manifest: Manifest,
}

/// A release that is whole; its bytes follow from the version.
pub(crate) fn parts(version: &str) -> Parts {
    let seed = hex(&Sha256::digest(version.as_bytes()));
    let root = seed.repeat(300).into_bytes();
    let mut kernel = vec![seed.as_bytes()[0]; 4096];
    kernel[..400].fill(0);
    kernel[..2].copy_from_slice(b"MZ");
    kernel[60] = 128;
    kernel[128..132].copy_from_slice(b"PE\0\0");
    (kernel[134], kernel[148]) = (2, 16);
    for (n, (name, offset)) in [(".linux", 1024u32), (".initrd", 2048)].into_iter().enumerate() {
        let header = &mut kernel[168 + 40 * n..208 + 40 * n];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[8..12].copy_from_slice(&700u32.to_le_bytes());
        header[16..20].copy_from_slice(&1024u32.to_le_bytes());
        header[20..24].copy_from_slice(&offset.to_le_bytes());
    }
    let part = |name: &str, bytes: &[u8]| ReleasePart {
        name: name.to_owned(),
        bytes: bytes.len() as u64,
        sha256: hex(&Sha256::digest(bytes)),
    };
    let manifest = Manifest {
        format: 1,
        name: "corbel".to_owned(),
        version: version.to_owned(),
        architecture: "amd64".to_owned(),
        epoch: 1000,
        expires: Some(5000),
        words: format!("corbel.root={seed} quiet"),
        root_hash: seed,
        parts: vec![part(ROOT_PART, &root), part(KERNEL_PART, &kernel)],
    };
    Parts { root, kernel, manifest }
}

impl Parts {
    pub(crate) fn text(&self) -> Vec<u8> {
        serde_json::to_vec(&self.manifest).expect("json")
    }

    /// An ISO with the manifest as `text`, and `signature` if there is one.
    pub(crate) fn iso(&self, text: &[u8], signature: Option<&str>) -> Source {
        let mut files = vec![
            ("CORBEL/RELEASE.JSON", text.to_vec()),
            ("CORBEL/ROOT.IMG", self.root.clone()),
            ("boot/esp.img", esp_image(&self.kernel)),
        ];
        files.extend(signature.map(|text| ("CORBEL/RELEASE.SIG", text.as_bytes().to_vec())));
        Arc::new(iso(&files))
    }
}

fn esp_image(kernel: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut image = io::Cursor::new(vec![0; 512 * 1024]);
    fatfs::format_volume(&mut image, fatfs::FormatVolumeOptions::new()).expect("formatted");
    {
        let volume = fatfs::FileSystem::new(&mut image, fatfs::FsOptions::new()).expect("a volume");
        let root = volume.root_dir();
        let folder = root
            .create_dir("EFI")
            .expect("a folder")
            .create_dir("Linux")
            .expect("a folder");
        let mut file = folder.create_file("corbel.efi").expect("a file");
        file.write_all(kernel).expect("written");
    }
    image.into_inner()
}

fn record(name: &[u8], block: usize, length: usize, flags: u8) -> Vec<u8> {
    let mut record = vec![0u8; 33 + name.len() + (name.len() + 1) % 2];
    record[0] = record.len() as u8;
    record[2..6].copy_from_slice(&(block as u32).to_le_bytes());
    record[10..14].copy_from_slice(&(length as u32).to_le_bytes());
    record[25] = flags;
    record[32] = name.len() as u8;
    record[33..33 + name.len()].copy_from_slice(name);
    record
}

/// An ISO with files one folder deep (ECMA-119, primary volume only): root in block 20, folders behind it, then files.
fn iso(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let folders = ["CORBEL", "boot"];
    let mut image = vec![0u8; 30 * 2048];
    let mut inside = folders.map(|_| [record(b"\0", 20, 2048, 2), record(b"\x01", 20, 2048, 2)].concat());
    for (path, content) in files {
        let (folder, name) = path.split_once('/').expect("one folder deep");
        let block = image.len() / 2048;
        image.extend_from_slice(content);
        image.resize(image.len().next_multiple_of(2048), 0);
        let at = folders.iter().position(|f| *f == folder).expect("a known folder");
        inside[at].extend(record(format!("{name};1").as_bytes(), block, content.len(), 0));
    }
    let mut root = [record(b"\0", 20, 2048, 2), record(b"\x01", 20, 2048, 2)].concat();
    for (at, (folder, records)) in folders.iter().zip(&inside).enumerate() {
        let start = (21 + at) * 2048;
        image[start..start + records.len()].copy_from_slice(records);
        root.extend(record(folder.as_bytes(), 21 + at, 2048, 2));
    }
    image[20 * 2048..20 * 2048 + root.len()].copy_from_slice(&root);
    let blocks = (image.len() / 2048) as u32;
    let volume = &mut image[16 * 2048..17 * 2048];
    volume[..7].copy_from_slice(b"\x01CD001\x01");
    volume[40..72].copy_from_slice(b"CORBEL                          ");
    volume[80..84].copy_from_slice(&blocks.to_le_bytes());
    volume[128..132].copy_from_slice(&[0, 8, 8, 0]);
    let root = record(b"\0", 20, 2048, 2);
    volume[156..156 + root.len()].copy_from_slice(&root);
    image[17 * 2048..17 * 2048 + 7].copy_from_slice(b"\xffCD001\x01");
    image
}

/// The node. Its clock stands at 2000.
pub(crate) struct FakeNode {
    pub(crate) esp: FakeEsp,
    pub(crate) slots: [FakeSlot; 2],
    pub(crate) running: Running,
    pub(crate) version: String,
    pub(crate) reboots: Mutex<usize>,
    /// What somebody made the default entry in systemd-boot's menu: the loader starts it whatever else is there.
    pub(crate) default_entry: Mutex<Option<Slot>>,
    folder: tempfile::TempDir,
    config: PathBuf,
}

impl FakeNode {
    /// Version 1.0 in slot a, healthy.
    pub(crate) fn installed(firmware: Firmware) -> Self {
        let esp = FakeEsp::new();
        let first = parts("1.0");
        install_loaders(
            &esp,
            &Loaders {
                systemd_boot: b"loader",
            },
        )
        .expect("loaders");
        let content = Content {
            title: "Corbel 1.0",
            words: &entry_words(&first.manifest, Slot::A, ""),
            kernel: &first.kernel,
            release: &first.text(),
        };
        install_system(&esp, &content).expect("a system");
        let slots = [FakeSlot::default(), FakeSlot::default()];
        slots[0].write_at(0, &first.root).expect("written");
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            esp,
            slots,
            running: Running {
                slot: Slot::A,
                firmware,
            },
            version: "1.0".to_owned(),
            reboots: Mutex::new(0),
            default_entry: Mutex::new(None),
            config: folder.path().to_owned(),
            folder,
        }
    }

    /// Switches the machine off and on: the loader chooses and counts, and the node is what it started.
    pub(crate) fn boot(&mut self) -> Slot {
        let state = corbel_boot::read_state(&self.esp).expect("readable");
        let default = *self.default_entry.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = match (self.running.firmware, default) {
            (Firmware::Uefi, Some(slot)) => slot,
            (Firmware::Uefi, None) => {
                let boot = choose_uefi(&state.records.entries).expect("an entry");
                if let Some(renamed) = boot.renamed {
                    let old = format!("loader/entries/{}", boot.entry.name);
                    let content = self.esp.read(&old).expect("read").expect("there");
                    self.esp.remove(&old).expect("renamed");
                    self.esp
                        .put(&format!("loader/entries/{renamed}"), &content)
                        .expect("renamed");
                }
                boot.entry.name.slot
            }
            (Firmware::Bios, _) => {
                let loadable = [0, 1].map(|slot| state.slots[slot].menu && state.slots[slot].kernel);
                let boot = choose_bios(state.records.env, loadable).expect("a slot");
                if let Some(env) = boot.saved {
                    self.esp.overwrite("corbel/grubenv", &env.render()).expect("saved");
                }
                boot.slot
            }
        };
        let release = state.slot(slot).release.clone().expect("it was written whole");
        let root = &self.slots[slot as usize].bytes()[..release.parts[0].bytes as usize];
        assert_eq!(hex(&Sha256::digest(root)), release.parts[0].sha256, "the root is whole");
        self.running.slot = slot;
        self.version = release.version;
        slot
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Facilities for FakeNode {
    fn running(&self) -> Running {
        self.running
    }
    fn version(&self) -> &str {
        &self.version
    }
    fn esp(&self) -> &dyn Esp {
        &self.esp
    }
    fn slot(&self, slot: Slot) -> io::Result<Box<dyn SlotDevice>> {
        Ok(Box::new(self.slots[slot as usize].clone()))
    }
    fn config(&self) -> &Path {
        &self.config
    }
    fn now(&self) -> u64 {
        2000
    }
    fn forget_default_entry(&self) -> Result<(), EfiVarsError> {
        *self.default_entry.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
    fn reboot(&self) -> Result<(), ProgramError> {
        *self.reboots.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Ok(())
    }
}
