//! A disk whose writes become a log like QEMU's.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::FileExt as _,
    path::Path,
};

use crate::recording::Recording;

/// A disk whose writes are logged. Reads see them at once, as they do on a real disk.
#[derive(Debug)]
pub(crate) struct Recorder {
    folder: tempfile::TempDir,
    disk: File,
    log: File,
    sector: u64,
    /// Bytes of the log so far.
    end: u64,
    entries: u64,
    size: u64,
}

impl Recorder {
    /// An empty disk of `size` bytes.
    ///
    /// # Panics
    /// When temporary files cannot be made.
    pub(crate) fn new(sector: u64, size: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let before = File::create(folder.path().join("before.img")).expect("a disk");
        before.set_len(size).expect("a disk of that size");
        Self::over(folder, sector)
    }

    /// A disk that begins as a copy of this file.
    ///
    /// # Panics
    /// When the file cannot be copied.
    pub(crate) fn from_image(image: &Path, sector: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        corbel_e2e::run::tool("cp", |cp| {
            cp.args(["--sparse=always"])
                .arg(image)
                .arg(folder.path().join("before.img"))
        })
        .expect("a copy of the disk");
        Self::over(folder, sector)
    }

    fn over(folder: tempfile::TempDir, sector: u64) -> Self {
        let path = |name: &str| folder.path().join(name);
        let (before, disk) = (path("before.img"), path("disk.img"));
        corbel_e2e::run::tool("cp", |cp| cp.args(["--sparse=always"]).args([&before, &disk]))
            .expect("a copy of the disk");
        let disk = File::options().read(true).write(true).open(disk).expect("the disk");
        let log = File::create(path("writes.log")).expect("a log");
        let size = disk.metadata().expect("the disk's size").len();
        Self {
            folder,
            disk,
            log,
            sector,
            end: sector,
            entries: 0,
            size,
        }
    }

    fn entry(&mut self, offset: u64, bytes: &[u8], flags: u64) {
        let mut header = vec![0; self.sector as usize];
        let sectors = bytes.len() as u64 / self.sector;
        assert_eq!(sectors * self.sector, bytes.len() as u64, "whole sectors are written");
        for (number, value) in [offset / self.sector, sectors, flags].iter().enumerate() {
            header[8 * number..8 * number + 8].copy_from_slice(&value.to_le_bytes());
        }
        self.log.write_all_at(&header, self.end).expect("writing the log");
        self.log
            .write_all_at(bytes, self.end + self.sector)
            .expect("writing the log");
        self.end += self.sector + bytes.len() as u64;
        self.entries += 1;
    }

    /// Logs and does a write of whole sectors.
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.entry(offset, bytes, 0);
        self.disk.write_all_at(bytes, offset).expect("writing the disk");
    }

    /// The same, forced.
    pub(crate) fn write_forced(&mut self, offset: u64, bytes: &[u8]) {
        self.entry(offset, bytes, 2);
        self.disk.write_all_at(bytes, offset).expect("writing the disk");
    }

    /// Makes everything safe.
    pub(crate) fn flush(&mut self) {
        self.entry(0, &[], 1);
    }

    /// Lets a program change a copy of the disk, or of a part of it, and logs what became different, in runs of at most `most` bytes.
    ///
    /// # Panics
    /// When the program fails.
    pub(crate) fn changed_by(&mut self, offset: u64, length: u64, most: u64, change: impl FnOnce(&Path)) {
        let copy = self.folder.path().join("part.img");
        {
            let part = File::create(&copy).expect("a copy");
            part.set_len(length).expect("a copy");
            let mut buffer = vec![0; 1 << 16];
            for at in (0..length).step_by(1 << 16) {
                let piece = &mut buffer[..(1 << 16).min(length - at) as usize];
                self.disk.read_exact_at(piece, offset + at).expect("reading the disk");
                if piece.iter().any(|byte| *byte != 0) {
                    part.write_all_at(piece, at).expect("a copy");
                }
            }
        }
        change(&copy);
        let part = File::open(&copy).expect("the changed copy");
        let (mut old, mut new) = (vec![0; most as usize], vec![0; most as usize]);
        for at in (0..length).step_by(most as usize) {
            let bytes = most.min(length - at) as usize;
            self.disk
                .read_exact_at(&mut old[..bytes], offset + at)
                .expect("reading the disk");
            part.read_exact_at(&mut new[..bytes], at).expect("reading the copy");
            if old[..bytes] != new[..bytes] {
                let bytes = new[..bytes].to_vec();
                self.write(offset + at, &bytes);
            }
        }
        std::fs::remove_file(copy).expect("removing the copy");
    }

    /// The disk as it is now.
    pub(crate) fn disk(&self) -> std::path::PathBuf {
        self.folder.path().join("disk.img")
    }

    /// Closes the log. The files are gone when the recording is.
    ///
    /// # Panics
    /// When the log cannot be read back.
    pub(crate) fn finish(self) -> Recording {
        let mut head = vec![0; self.sector as usize];
        let magic: u64 = 0x006a_7366_7773_6872;
        for (number, value) in [magic, 1, self.entries, self.sector].iter().enumerate() {
            head[8 * number..8 * number + 8].copy_from_slice(&value.to_le_bytes());
        }
        self.log.write_all_at(&head, 0).expect("writing the log");
        Recording::open(self.folder.path()).expect("the recording is sound")
    }
}

/// A part of the disk as a file, for what writes file systems. Like a kernel it keeps what is written in memory, by sectors, and
/// brings it to the disk when it is closed: neighbours in one write, in the order of their places.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    recorder: &'a mut Recorder,
    offset: u64,
    length: u64,
    position: u64,
    /// By place within the part.
    dirty: BTreeMap<u64, Vec<u8>>,
}

impl Recorder {
    /// The bytes from `offset` on.
    pub(crate) fn part(&mut self, offset: u64, length: u64) -> Part<'_> {
        assert!(offset + length <= self.size, "the part is within the disk");
        Part {
            recorder: self,
            offset,
            length,
            position: 0,
            dirty: BTreeMap::new(),
        }
    }
}

impl Part<'_> {
    /// The sector that begins here, as it is in memory or on the disk.
    fn sector(&self, at: u64) -> io::Result<Vec<u8>> {
        if let Some(sector) = self.dirty.get(&at) {
            return Ok(sector.clone());
        }
        let mut sector = vec![0; self.recorder.sector as usize];
        self.recorder.disk.read_exact_at(&mut sector, self.offset + at)?;
        Ok(sector)
    }

    /// Where in its sector the position is, where that begins, and how many of `wanted` bytes lie in it.
    fn here(&self, wanted: usize) -> (u64, usize, usize) {
        let start = self.position / self.recorder.sector * self.recorder.sector;
        let within = (self.position - start) as usize;
        let left = self
            .length
            .saturating_sub(self.position)
            .min(self.recorder.sector - within as u64);
        (start, within, wanted.min(left as usize))
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        let mut run: Option<(u64, Vec<u8>)> = None;
        for (at, sector) in std::mem::take(&mut self.dirty) {
            match &mut run {
                Some((start, bytes)) if *start + bytes.len() as u64 == at && bytes.len() < 1 << 16 => {
                    bytes.extend(sector)
                }
                _ => {
                    if let Some((start, bytes)) = run.replace((at, sector)) {
                        self.recorder.write(self.offset + start, &bytes);
                    }
                }
            }
        }
        if let Some((start, bytes)) = run {
            self.recorder.write(self.offset + start, &bytes);
        }
    }
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (start, within, count) = self.here(buffer.len());
        if count > 0 {
            buffer[..count].copy_from_slice(&self.sector(start)?[within..within + count]);
        }
        self.position += count as u64;
        Ok(count)
    }
}

impl Write for Part<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (start, within, count) = self.here(bytes.len());
        if count > 0 {
            let old = self.sector(start)?;
            let mut new = old.clone();
            new[within..within + count].copy_from_slice(&bytes[..count]);
            if new != old {
                self.dirty.insert(start, new);
            }
        }
        self.position += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Part<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
