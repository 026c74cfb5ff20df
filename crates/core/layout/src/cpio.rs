//! Writing `newc` cpio archives, as the kernel's initramfs reads them
//! (Documentation/driver-api/early-userspace/buffer-format.rst). Everything belongs to root; times and numbers are fixed.

/// An archive being written. Entries stand in the order in which they were added: folders before what is in them.
#[derive(Debug)]
pub struct Cpio {
    bytes: Vec<u8>,
    /// Seconds since 1970; the format has 32 bits.
    time: u32,
    inode: u32,
}

/// What an entry is.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    Folder { mode: u32 },
    File { mode: u32, bytes: &'a [u8] },
    Link { target: &'a str },
}

impl Cpio {
    /// An empty archive whose entries all have the time `epoch` (seconds since 1970).
    pub fn new(epoch: u64) -> Self {
        Self {
            bytes: Vec::new(),
            time: u32::try_from(epoch).unwrap_or(u32::MAX),
            inode: 0,
        }
    }

    /// Add an entry; `path` has no leading `/`.
    pub fn add(&mut self, path: &str, entry: Entry<'_>) {
        let (mode, content): (u32, &[u8]) = match entry {
            Entry::Folder { mode } => (0o040_000 | mode, &[]),
            Entry::File { mode, bytes } => (0o100_000 | mode, bytes),
            Entry::Link { target } => (0o120_777, target.as_bytes()),
        };
        let header = self.header(path, mode, content.len());
        self.bytes.extend(header);
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    /// What stands before the content of a regular file that the caller appends itself, padded to four bytes. For files that
    /// should not be held in memory; only as the first entry of an archive.
    pub fn file_header(epoch: u64, path: &str, mode: u32, size: usize) -> Vec<u8> {
        Self::new(epoch).header(path, 0o100_000 | mode, size)
    }

    /// What stands behind the last entry.
    pub fn trailer() -> Vec<u8> {
        Self {
            bytes: Vec::new(),
            time: 0,
            inode: 0,
        }
        .finish()
    }

    /// The archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.time = 0;
        let trailer = self.header("TRAILER!!!", 0, 0);
        self.bytes.extend(trailer);
        self.pad();
        self.bytes
    }

    fn header(&mut self, path: &str, mode: u32, size: usize) -> Vec<u8> {
        self.inode += 1;
        let links = if mode & 0o170_000 == 0o040_000 { 2 } else { 1 };
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let name = u32::try_from(path.len() + 1).unwrap_or(u32::MAX);
        let fields = [self.inode, mode, 0, 0, links, self.time, size, 0, 0, 0, 0, name, 0];
        let mut header = b"070701".to_vec();
        for field in fields {
            header.extend(format!("{field:08X}").bytes());
        }
        header.extend_from_slice(path.as_bytes());
        header.push(0);
        while !header.len().is_multiple_of(4) {
            header.push(0);
        }
        header
    }

    fn pad(&mut self) {
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_the_documented_shape() {
        let mut archive = Cpio::new(1);
        archive.add("bin", Entry::Folder { mode: 0o755 });
        archive.add(
            "bin/a",
            Entry::File {
                mode: 0o644,
                bytes: b"hello",
            },
        );
        archive.add("bin/b", Entry::Link { target: "a" });
        let bytes = archive.finish();
        assert!(bytes.len().is_multiple_of(4));
        assert_eq!(&bytes[..22], b"07070100000001000041ED");
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(text.matches("070701").count(), 4);
        assert!(text.contains("hello\0\0\0") && text.contains("TRAILER!!!"));
        let streamed = [Cpio::file_header(1, "x", 0o644, 4), b"data".to_vec(), Cpio::trailer()].concat();
        let mut whole = Cpio::new(1);
        whole.add(
            "x",
            Entry::File {
                mode: 0o644,
                bytes: b"data",
            },
        );
        assert_eq!(streamed.len(), whole.finish().len());
    }
}
