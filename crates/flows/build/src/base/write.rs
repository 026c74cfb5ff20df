//! The second look through the packages: copy what stays, unpack kernel modules, add the extras, index the modules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use corbel_release::recipe::is_dropped;
use tar::{Builder, EntryType, Header};

use super::Inputs;
use super::extras::Extras;
use super::survey::{Survey, plain};
use crate::BuildError;
use crate::recipe::OverlayContent;
use crate::report::Step;

/// Write `tar`; kernel and modules go beside it. Gives the bytes that stay per package.
pub(super) fn write(
    inputs: &Inputs<'_>,
    survey: &Survey,
    extras: &Extras,
    folder: &Path,
    tar: &Path,
    step: &Step<'_>,
) -> Result<BTreeMap<String, u64>, BuildError> {
    let source = File::open(inputs.packages_tar).map_err(BuildError::io("open", inputs.packages_tar))?;
    let total = source
        .metadata()
        .map_err(BuildError::io("read", inputs.packages_tar))?
        .len();
    let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 20, source));
    let out = File::create(tar).map_err(BuildError::io("write", tar))?;
    let mut writer = Writer {
        builder: Builder::new(BufWriter::with_capacity(1 << 20, out)),
        tar,
        folder,
        modules: format!("usr/lib/modules/{}/", survey.kernel_version),
        epoch: inputs.tools.epoch,
        folders: BTreeSet::new(),
    };
    let mut sizes = BTreeMap::new();
    let failed = || BuildError::io("read", inputs.packages_tar);
    for entry in archive.entries().map_err(failed())? {
        step.go_on()?;
        let mut entry = entry.map_err(failed())?;
        step.bytes(entry.raw_header_position(), Some(total));
        let path = plain(&entry.path_bytes());
        if path == format!("boot/vmlinuz-{}", survey.kernel_version) {
            let to = folder.join("vmlinuz");
            let mut file = File::create(&to).map_err(BuildError::io("write", &to))?;
            std::io::copy(&mut entry, &mut file).map_err(BuildError::io("write", &to))?;
        }
        if extras.files.contains_key(&path) || is_dropped(&inputs.recipe.prune.drop, &path) {
            continue;
        }
        let written = if let Some(module) = path.strip_prefix(&writer.modules).map(str::to_owned) {
            writer.module(inputs, &module, &mut entry)?
        } else {
            writer.copy(&path, &mut entry)?
        };
        if let Some(owner) = survey.owners.get(&path) {
            *sizes.entry(owner.clone()).or_default() += written;
        }
    }
    writer.indexes(inputs, survey, step)?;
    for (path, mode) in &extras.folders {
        if !writer.folders.contains(path) {
            writer.add(path, EntryType::Directory, *mode, &[])?;
        }
    }
    for (path, file) in &extras.files {
        match &file.content {
            OverlayContent::Bytes(bytes) => writer.add(path, EntryType::Regular, file.mode, bytes)?,
            OverlayContent::Link(target) => writer.link(path, target)?,
        }
    }
    writer.finish()?;
    if folder.join("vmlinuz").is_file() {
        Ok(sizes)
    } else {
        Err(BuildError::content(format!(
            "the packages hold no boot/vmlinuz-{}",
            survey.kernel_version
        )))
    }
}

struct Writer<'a> {
    builder: Builder<BufWriter<File>>,
    tar: &'a Path,
    folder: &'a Path,
    /// `usr/lib/modules/<version>/`
    modules: String,
    epoch: u64,
    folders: BTreeSet<String>,
}

impl Writer<'_> {
    /// An entry as it is, extended attributes (file capabilities) included.
    fn copy<R: Read>(&mut self, path: &str, entry: &mut tar::Entry<'_, R>) -> Result<u64, BuildError> {
        let failed = BuildError::io("write", self.tar);
        let mut header = entry.header().clone();
        if path.is_empty() {
            // sqfstar takes nothing about the root from the archive.
            return Ok(0);
        }
        self.parents(path)?;
        let mut attributes: Vec<(String, Vec<u8>)> = Vec::new();
        if let Some(extensions) = entry.pax_extensions().map_err(BuildError::io("read", self.tar))? {
            for extension in extensions.filter_map(Result::ok) {
                if extension.key().is_ok_and(|key| key.starts_with("SCHILY.xattr.")) {
                    let key = extension.key().unwrap_or_default().to_owned();
                    attributes.push((key, extension.value_bytes().to_owned()));
                }
            }
        }
        if !attributes.is_empty() {
            let pairs = attributes.iter().map(|(key, value)| (key.as_str(), value.as_slice()));
            self.builder
                .append_pax_extensions(pairs)
                .map_err(BuildError::io("write", self.tar))?;
        }
        let kind = header.entry_type();
        if kind.is_dir() {
            self.folders.insert(path.to_owned());
        }
        if kind.is_symlink() || kind.is_hard_link() {
            let target = entry
                .link_name_bytes()
                .map(|t| String::from_utf8_lossy(&t).into_owned())
                .unwrap_or_default();
            self.builder.append_link(&mut header, path, target).map_err(failed)?;
            return Ok(0);
        }
        let size = entry.size();
        header.set_size(size);
        self.builder.append_data(&mut header, path, entry).map_err(failed)?;
        Ok(size)
    }

    /// A file below the modules' folder: dropped by policy, kept for depmod, or unpacked and written. `path` is relative.
    fn module<R: Read>(
        &mut self,
        inputs: &Inputs<'_>,
        path: &str,
        entry: &mut tar::Entry<'_, R>,
    ) -> Result<u64, BuildError> {
        if !entry.header().entry_type().is_file() || is_dropped(&inputs.recipe.modules.drop, path) {
            return Ok(0);
        }
        let mut bytes = Vec::new();
        let failed = BuildError::io("read", self.tar);
        let name = match path.strip_suffix(".xz") {
            // Unpacked: the root is compressed as a whole, and better.
            Some(name) => {
                liblzma::read::XzDecoder::new(entry)
                    .read_to_end(&mut bytes)
                    .map_err(failed)?;
                name
            }
            None => {
                entry.read_to_end(&mut bytes).map_err(failed)?;
                path
            }
        };
        // Indexes are made anew for what stays; only these three are depmod's sources.
        let source = ["modules.builtin", "modules.builtin.modinfo", "modules.order"].contains(&name);
        if name.starts_with("modules.") && !source {
            return Ok(0);
        }
        let beside = self
            .folder
            .join("modules")
            .join("lib")
            .join(&self.modules["usr/lib/".len()..])
            .join(name);
        if let Some(parent) = beside.parent() {
            fs::create_dir_all(parent).map_err(BuildError::io("make", parent))?;
        }
        fs::File::create(&beside)
            .and_then(|mut f| f.write_all(&bytes))
            .map_err(BuildError::io("write", &beside))?;
        if !source {
            self.add(&format!("{}{name}", self.modules), EntryType::Regular, 0o644, &bytes)?;
        }
        u64::try_from(bytes.len()).map_err(|_| BuildError::content(format!("{path} is too large")))
    }

    /// Run depmod(8) over what stayed and add its indexes.
    fn indexes(&mut self, inputs: &Inputs<'_>, survey: &Survey, step: &Step<'_>) -> Result<(), BuildError> {
        let base = self.folder.join("modules");
        inputs
            .tools
            .program("usr/sbin/depmod")
            .arg("-b")
            .arg(&base)
            .arg(&survey.kernel_version)
            .run(step.cancel())
            .map_err(BuildError::program("index the kernel modules (depmod)"))?;
        let folder = base.join("lib/modules").join(&survey.kernel_version);
        let mut names: Vec<_> = fs::read_dir(&folder)
            .map_err(BuildError::io("read", &folder))?
            .filter_map(Result::ok)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with("modules."))
            .collect();
        names.sort();
        for name in names {
            let path = folder.join(&name);
            let bytes = fs::read(&path).map_err(BuildError::io("read", &path))?;
            self.add(&format!("{}{name}", self.modules), EntryType::Regular, 0o644, &bytes)?;
        }
        Ok(())
    }

    fn header(&self, kind: EntryType, mode: u32, size: usize) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.epoch);
        header.set_size(size as u64);
        header
    }

    fn add(&mut self, path: &str, kind: EntryType, mode: u32, bytes: &[u8]) -> Result<(), BuildError> {
        self.parents(path)?;
        let mut header = self.header(kind, mode, bytes.len());
        if kind.is_dir() {
            self.folders.insert(path.to_owned());
        }
        self.builder
            .append_data(&mut header, path, bytes)
            .map_err(BuildError::io("write", self.tar))
    }

    /// Add the folders above `path` that are not there, as pruned ones are not: sqfstar(1) would give them to whoever builds.
    fn parents(&mut self, path: &str) -> Result<(), BuildError> {
        for (at, _) in path.match_indices('/') {
            if !self.folders.contains(&path[..at]) {
                self.add(&path[..at], EntryType::Directory, 0o755, &[])?;
            }
        }
        Ok(())
    }

    fn link(&mut self, path: &str, target: &Path) -> Result<(), BuildError> {
        self.parents(path)?;
        let mut header = self.header(EntryType::Symlink, 0o777, 0);
        self.builder
            .append_link(&mut header, path, target)
            .map_err(BuildError::io("write", self.tar))
    }

    fn finish(self) -> Result<(), BuildError> {
        let failed = || BuildError::io("write", self.tar);
        let mut out = self.builder.into_inner().map_err(failed())?;
        out.flush().map_err(failed())
    }
}
