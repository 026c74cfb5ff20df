//! A machine in memory that loses power after any write, and a judge that says what its disk would start.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use corbel_boot::{Esp, EspError, HardDrive};
use corbel_disk::{RawDisk, partition_path};
use corbel_layout::ReadAt;
use corbel_layout::disk::{DiskLayout, FileSystem};
use corbel_sys::Cancel;

use crate::{ConfigFiles, Facilities, FacilityError};

/// Pieces of a disk; what is absent is zero.
const PIECE: u64 = 4096;
/// Where this stands at the start of a partition there is a file system.
pub(crate) const MARK: &[u8] = b"a file system";

/// Everything that outlives a power cut.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) disks: BTreeMap<String, (u64, BTreeMap<u64, Vec<u8>>)>,
    pub(crate) esp: BTreeMap<String, Vec<u8>>,
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) layouts: BTreeMap<String, DiskLayout>,
    pub(crate) entries: Vec<HardDrive>,
    writes: usize,
    cut_after: Option<usize>,
}

/// Clones are the same machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeMachine(Arc<Mutex<World>>);

fn no_power() -> io::Error {
    io::Error::other("the power is gone")
}

impl FakeMachine {
    pub(crate) fn with_disk(self, path: &str, bytes: u64) -> Self {
        self.lock().disks.insert(path.to_owned(), (bytes, BTreeMap::new()));
        self
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After so many more writes every one fails and changes nothing.
    pub(crate) fn cut_after(&self, writes: usize) {
        let mut world = self.lock();
        world.cut_after = Some(world.writes + writes);
    }

    pub(crate) fn restore(&self) {
        self.lock().cut_after = None;
    }

    pub(crate) fn writes(&self) -> usize {
        self.lock().writes
    }

    /// A copy that goes its own way.
    pub(crate) fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.lock().clone())))
    }

    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> io::Result<T> {
        let mut world = self.lock();
        if world.cut_after.is_some_and(|end| world.writes >= end) {
            return Err(no_power());
        }
        world.writes += 1;
        Ok(change(&mut world))
    }

    /// Disk and first byte of a partition that the kernel has been shown.
    fn place(&self, partition: &str) -> Option<(String, u64)> {
        let world = self.lock();
        world.layouts.iter().find_map(|(disk, layout)| {
            let found = layout
                .partitions
                .iter()
                .find(|p| partition_path(disk, p.number) == partition)?;
            Some((disk.clone(), found.extent.offset))
        })
    }

    pub(crate) fn open(&self, path: &str) -> FakeDisk {
        FakeDisk {
            machine: self.clone(),
            path: path.to_owned(),
        }
    }
}

/// A disk of the machine.
#[derive(Debug)]
pub(crate) struct FakeDisk {
    machine: FakeMachine,
    path: String,
}

impl ReadAt for FakeDisk {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let world = self.machine.lock();
        let (bytes, pieces) = world.disks.get(&self.path).ok_or(io::ErrorKind::NotFound)?;
        if offset + buf.len() as u64 > *bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut done = 0;
        while done < buf.len() {
            let at = offset + done as u64;
            let inner = (at % PIECE) as usize;
            let count = (PIECE as usize - inner).min(buf.len() - done);
            match pieces.get(&(at / PIECE)) {
                Some(piece) => buf[done..done + count].copy_from_slice(&piece[inner..inner + count]),
                None => buf[done..done + count].fill(0),
            }
            done += count;
        }
        Ok(())
    }
}

impl RawDisk for FakeDisk {
    fn size(&self) -> io::Result<u64> {
        let world = self.machine.lock();
        world
            .disks
            .get(&self.path)
            .map(|disk| disk.0)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// A table or an image is several writes, so that it can be cut in its middle; where zeros end matters less.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let count = match bytes.iter().all(|byte| *byte == 0) {
            true => 512 << 10,
            false => 8 << 10,
        };
        for (index, part) in bytes.chunks(count).enumerate() {
            let offset = offset + (index * count) as u64;
            self.machine.change(|world| {
                let Some((_, pieces)) = world.disks.get_mut(&self.path) else {
                    return;
                };
                let mut done = 0;
                while done < part.len() {
                    let at = offset + done as u64;
                    let inner = (at % PIECE) as usize;
                    let count = (PIECE as usize - inner).min(part.len() - done);
                    let piece = pieces.entry(at / PIECE).or_insert_with(|| vec![0; PIECE as usize]);
                    piece[inner..inner + count].copy_from_slice(&part[done..done + count]);
                    done += count;
                }
            })?;
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Esp for FakeMachine {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, EspError> {
        Ok(self.lock().esp.get(path).cloned())
    }
    fn put(&self, path: &str, content: &[u8]) -> Result<(), EspError> {
        let done = self.change(|world| drop(world.esp.insert(path.to_owned(), content.to_vec())));
        done.map_err(|source| EspError::Io {
            operation: "write",
            path: path.to_owned(),
            source,
        })
    }
    fn overwrite(&self, path: &str, content: &[u8]) -> Result<(), EspError> {
        self.put(path, content)
    }
    fn remove(&self, path: &str) -> Result<(), EspError> {
        let done = self.change(|world| drop(world.esp.remove(path)));
        done.map_err(|source| EspError::Io {
            operation: "remove",
            path: path.to_owned(),
            source,
        })
    }
    fn list(&self, folder: &str) -> Result<Vec<String>, EspError> {
        let prefix = format!("{folder}/");
        let world = self.lock();
        let names = world.esp.keys().filter_map(|path| path.strip_prefix(&prefix));
        Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }
}

impl Facilities for FakeMachine {
    fn disk(&self, disk: &str) -> Result<Box<dyn RawDisk>, FacilityError> {
        Ok(Box::new(self.open(disk)))
    }
    fn disk_in_use(&self, disk: &str) -> Result<Box<dyn RawDisk>, FacilityError> {
        Ok(Box::new(self.open(disk)))
    }
    fn reread(&self, disk: &str, layout: &DiskLayout) -> Result<(), FacilityError> {
        self.lock().layouts.insert(disk.to_owned(), layout.clone());
        Ok(())
    }
    fn format(
        &self,
        partition: &str,
        _sector: u64,
        kind: FileSystem,
        _: &str,
        _: &Cancel,
    ) -> Result<(), FacilityError> {
        let (disk, offset) = self.place(partition).ok_or("no such partition")?;
        self.open(&disk).write_at(offset, MARK)?;
        // The mark is the file system; what was in an older one is gone with it.
        let mut world = self.lock();
        match kind {
            FileSystem::Fat32 => world.esp.clear(),
            _ if partition.ends_with('5') => world.config.clear(),
            _ => {}
        }
        Ok(())
    }
    fn with_esp(
        &self,
        _: &str,
        work: &mut dyn FnMut(&dyn Esp) -> Result<(), FacilityError>,
    ) -> Result<(), FacilityError> {
        work(self)
    }
    fn write_config(&self, _: &str, files: ConfigFiles<'_>) -> Result<(), FacilityError> {
        Ok(self.change(|world| {
            world
                .config
                .insert("node.toml".into(), files.document.unwrap_or_default().into());
            world.config.insert("words".into(), files.words.join(" "));
            world.config.insert("data-partitions".into(), files.places.into());
        })?)
    }
    fn add_boot_entry(&self, drive: &HardDrive) -> Result<(), FacilityError> {
        Ok(self.change(|world| world.entries.insert(0, *drive))?)
    }
    fn remove_boot_entries(&self) -> Result<(), FacilityError> {
        Ok(self.change(|world| world.entries.clear())?)
    }
}
