//! A tar (POSIX.1-2017, pax) in xz that knows how large it is and what is in it.

use std::io::{self, Write as _};

use corbel_plan::support::{COMPRESSED_LIMIT, Included, Manifest, Missing, PART_LIMIT, WHOLE_LIMIT, end_of};
use liblzma::write::XzEncoder;

/// Of xz(1): text becomes a tenth with it, at 20 MB a second and with 10 MiB of memory.
const PRESET: u32 = 2;

/// A bundle in the making.
pub(super) struct Archive<R> {
    tar: tar::Builder<XzEncoder<Vec<u8>>>,
    folder: String,
    seconds: u64,
    manifest: Manifest,
    whole: u64,
    redact: R,
}

impl<R: Fn(&str) -> String> Archive<R> {
    /// All of it lies in `folder`.
    pub(super) fn new(folder: String, seconds: u64, manifest: Manifest, redact: R) -> Self {
        Self {
            tar: tar::Builder::new(XzEncoder::new(Vec::new(), PRESET)),
            folder,
            seconds,
            manifest,
            whole: 0,
            redact,
        }
    }

    /// Adds a part, or notes why it is not there.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8], shortened: bool) -> io::Result<()> {
        let compressed = self.tar.get_ref().total_out();
        if self.whole >= WHOLE_LIMIT - PART_LIMIT || compressed >= COMPRESSED_LIMIT {
            self.miss(name, "the bundle is full".to_owned());
            return Ok(());
        }
        let (end, cut) = end_of(bytes, PART_LIMIT);
        let text = (self.redact)(&String::from_utf8_lossy(end));
        // A secret may be shorter than what stands in its place.
        let (text, cut_again) = end_of(text.as_bytes(), PART_LIMIT);
        self.append(name, text)?;
        self.whole += text.len() as u64;
        self.manifest.parts.push(Included {
            name: (self.redact)(name),
            bytes: text.len() as u64,
            shortened: shortened || cut || cut_again,
        });
        Ok(())
    }

    pub(super) fn miss(&mut self, name: &str, reason: String) {
        self.manifest.missing.push(Missing {
            name: (self.redact)(name),
            reason: (self.redact)(&reason),
        });
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(self.seconds);
        let path = (self.redact)(&format!("{}/{name}", self.folder));
        self.tar.append_data(&mut header, path, bytes)
    }

    /// The whole, with its manifest as the last file.
    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        let text = serde_json::to_string_pretty(&self.manifest).map_err(io::Error::other)?;
        let text = text + "\n";
        self.append("manifest.json", text.as_bytes())?;
        let mut encoder = self.tar.into_inner()?;
        encoder.flush()?;
        encoder.finish()
    }
}
