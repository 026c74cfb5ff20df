//! The initrd: one static program, the modules that find, verify and mount the root, and a shell for rescue. Made by hand as
//! a `newc` cpio (Documentation/driver-api/early-userspace/buffer-format.rst), so that order, numbers and times are ours.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use corbel_layout::cpio::{Cpio, Entry};
use corbel_layout::kmod::{ModuleIndex, module_name};
use corbel_sys::write_atomic;

use crate::BuildError;
use crate::base::Base;
use crate::recipe::Loaded;
use crate::report::Step;
use crate::tools::Tools;

/// Write the compressed initrd to `work`.
pub(crate) fn initrd(
    work: &Path,
    base: &Base,
    init: &Path,
    recipe: &Loaded,
    tools: &Tools,
    step: &Step<'_>,
) -> Result<PathBuf, BuildError> {
    let modules = &recipe.modules.initrd;
    let wanted: Vec<&str> = modules
        .always
        .iter()
        .chain(modules.class.iter().flat_map(|c| &c.modules))
        .map(String::as_str)
        .collect();
    let mut archive = Cpio::new(tools.epoch);
    for folder in ["dev", "proc", "sys", "run", "sysroot", "etc", "bin"] {
        archive.add(folder, Entry::Folder { mode: 0o755 });
    }
    add_file(&mut archive, "init", init, 0o755)?;
    add_file(
        &mut archive,
        "bin/busybox",
        &tools.file("the rescue shell", "usr/bin/busybox")?,
        0o755,
    )?;
    archive.add("bin/sh", Entry::Link { target: "busybox" });
    archive.add(
        "etc/modules-early",
        Entry::File {
            mode: 0o644,
            bytes: format!("{}\n", modules.always.join("\n")).as_bytes(),
        },
    );
    add_modules(&mut archive, base, &wanted, step)?;
    let plain = work.join("initrd.cpio");
    write_atomic(&plain, &archive.finish(), 0o644)?;
    compress(&plain, &work.join("initrd.img"), tools, step)
}

/// Compress as the kernel reads it.
pub(crate) fn compress(plain: &Path, to: &Path, tools: &Tools, step: &Step<'_>) -> Result<PathBuf, BuildError> {
    tools
        .program("usr/bin/zstd")
        .args(["-19", "--quiet", "--force", "-T1", "-o"])
        .args([to, plain])
        .run(step.cancel())
        .map_err(BuildError::program("compress the initrd (zstd)"))?;
    Ok(to.to_owned())
}

/// Add modules with all that they need, and indexes that name only these.
pub(crate) fn add_modules(archive: &mut Cpio, base: &Base, wanted: &[&str], step: &Step<'_>) -> Result<(), BuildError> {
    let version = &base.facts.kernel_version;
    let folder = base.modules.join("lib/modules").join(version);
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(BuildError::io("read", &path))
    };
    let (dep, alias) = (read("modules.dep")?, read("modules.alias")?);
    let index = ModuleIndex::parse(&dep, &alias);
    let builtin = read("modules.builtin")?;
    let order = index.load_order([], wanted.iter().copied());
    if let Some(name) = order.missing.iter().find(|name| !is_builtin(&builtin, name)) {
        return Err(BuildError::content(format!(
            "modules.toml wants {name} in the initrd, which the kernel does not have"
        )));
    }
    let paths: BTreeSet<String> = order.paths.into_iter().collect();
    step.note(format!("{} kernel modules", paths.len()));
    let root = format!("lib/modules/{version}");
    let mut folders = BTreeSet::new();
    for path in &paths {
        let full = format!("{root}/{path}");
        folders.extend(full.match_indices('/').map(|(at, _)| full[..at].to_owned()));
    }
    for path in &folders {
        archive.add(path, Entry::Folder { mode: 0o755 });
    }
    for path in &paths {
        add_file(archive, &format!("{root}/{path}"), &folder.join(path), 0o644)?;
    }
    let names: BTreeSet<String> = paths.iter().map(|path| module_name(path)).collect();
    let dep = lines(&dep, |line| {
        line.split_once(':').is_some_and(|(path, _)| paths.contains(path))
    });
    let alias = lines(&alias, |line| {
        line.rsplit(' ')
            .next()
            .is_some_and(|name| names.contains(&module_name(name)))
    });
    archive.add(
        &format!("{root}/modules.dep"),
        Entry::File {
            mode: 0o644,
            bytes: dep.as_bytes(),
        },
    );
    archive.add(
        &format!("{root}/modules.alias"),
        Entry::File {
            mode: 0o644,
            bytes: alias.as_bytes(),
        },
    );
    Ok(())
}

fn lines(text: &str, keep: impl Fn(&str) -> bool) -> String {
    text.lines()
        .filter(|line| keep(line))
        .flat_map(|line| [line, "\n"])
        .collect()
}

fn is_builtin(list: &str, name: &str) -> bool {
    list.lines().any(|line| module_name(line) == module_name(name))
}

pub(crate) fn add_file(archive: &mut Cpio, name: &str, from: &Path, mode: u32) -> Result<(), BuildError> {
    let bytes = fs::read(from).map_err(BuildError::io("read", from))?;
    archive.add(name, Entry::File { mode, bytes: &bytes });
    Ok(())
}
