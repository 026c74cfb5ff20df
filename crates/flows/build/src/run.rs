//! The build as a whole: steps in order, results renamed into place at the end, nothing half-written under a final name.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use corbel_progress::{Event, Sink};
use corbel_release::lock::render_lock;
use corbel_release::manifest::{Manifest, Part};
use corbel_release::release::{KERNEL_PART, ROOT_PART};
use corbel_sys::{Cancel, hash_file, write_atomic};

use crate::base::{Inputs, base};
use crate::binaries::binaries;
use crate::boot::{UkiParts, boot_files, common_words, entries};
use crate::release::{Facts, release};
use crate::report::Report;
use crate::scratch::{Scratch, temporary};
use crate::sign::SigningKey;
use crate::tools::Tools;
use crate::{BuildError, BuildRequest, Built};
use crate::{demo, fetch, initrd, iso, keys, loaders, mirror, netboot, packages, recipe, resolve, root};

/// Steps that a build has.
const STEPS: usize = 12;

/// Build an image. Tells `sink` what it does; stops soon after `cancel`, leaving nothing behind but the cache.
pub fn build(request: &BuildRequest, sink: &dyn Sink, cancel: &Cancel) -> Result<Built, BuildError> {
    let started = Instant::now();
    sink.event(Event::Begin {
        title: format!("Building Corbel {}", request.version),
        steps: STEPS,
    });
    let result = run(request, Report { sink, cancel })
        .map_err(|error| error.locate(&[&request.cache, &temporary(), &request.out]));
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let message = result.as_ref().err().map(ToString::to_string);
    sink.event(Event::End {
        ok: result.is_ok(),
        elapsed_ms,
        message,
    });
    result
}

fn run(request: &BuildRequest, report: Report<'_>) -> Result<Built, BuildError> {
    let recipe = recipe::load(&request.recipe)?;
    let suites = &recipe.recipe.os.suites;
    let suite = request.suite.as_ref().unwrap_or(&suites[0]);
    if !suites.contains(suite) {
        return Err(BuildError::Suite {
            suite: suite.clone(),
            known: suites.join(", "),
        });
    }
    fs::create_dir_all(&request.out).map_err(BuildError::io("make", &request.out))?;
    let cache = &request.cache;
    fs::create_dir_all(cache).map_err(BuildError::io("make the cache folder", cache))?;
    let work = Scratch::new(cache, "work-")?;
    let work = work.path();
    let version = request.version.as_str();
    // Before anything that takes time.
    let key = request.sign_key.as_deref().map(SigningKey::load).transpose()?;

    // Our own programs first: what a developer breaks most often should fail soonest.
    let programs = report.step("programs", "Compiling our own programs", |step| binaries(request, step))?;
    let mirrors = if request.offline {
        None
    } else {
        Some(mirror::find(request, report.cancel)?)
    };
    let lock = report.step("lock", &format!("Choosing packages of {suite}"), |step| {
        resolve::lock(request, suite, &recipe, mirrors.as_ref(), step)
    })?;
    report.step("fetch", "Fetching packages", |step| {
        fetch::all(cache, &lock, mirrors.as_ref(), step)
    })?;
    let tree = report.step("tools", "Unpacking the builder's tools", |step| {
        packages::tools(cache, &lock, &recipe, step)
    })?;
    let tools = Tools {
        tree,
        epoch: lock.epoch,
    };
    let packages_tar = report.step("packages", "Installing packages into a tree", |step| {
        packages::installed(cache, &lock, &recipe, step)
    })?;
    let base = report.step("base", "Pruning and compressing the tree", |step| {
        let inputs = Inputs {
            packages_tar: &packages_tar,
            recipe: &recipe,
            tools: &tools,
            lock: &lock,
        };
        base(cache, &inputs, step)
    })?;
    let mut manifest = Manifest {
        name: recipe.recipe.os.id.clone(),
        version: version.into(),
        suite: suite.clone(),
        architecture: lock.architecture.clone(),
        epoch: lock.epoch,
        kernel: base.facts.kernel_version.clone(),
        packages: base.facts.packages.clone(),
        parts: Vec::new(),
        root_hash: None,
        entries: Vec::new(),
    };
    let os_release = root::os_release(&recipe, version);
    let root = report.step("root", "Adding our programs and sealing the root", |step| {
        let additions = root::Additions {
            binaries: &programs,
            manifest: &manifest,
            os_release: &os_release,
            loaders: &loaders::loaders(work, &tools, step)?,
            keys: &keys::trusted(key.as_ref(), &recipe.keys),
        };
        let image = root::append(work, &base, &additions, &tools, step)?;
        root::seal(image, &tools, step)
    })?;
    let initrd = report.step("initrd", "Making the initrd", |step| {
        initrd::initrd(work, &base, &programs.init, &recipe, &tools, step)
    })?;
    manifest.entries = entries(&recipe, version, &root.hash);
    let boot = report.step("boot", "Making the boot files", |step| {
        let parts = UkiParts {
            base: &base,
            initrd: &initrd,
            os_release: &os_release,
        };
        boot_files(work, &parts, &recipe, &manifest.entries, &tools, step)
    })?;
    let words = common_words(&recipe, &root.hash);
    let release = report.step("release", "Describing the release", |step| {
        if key.is_none() {
            step.note("it is not signed: no key was given");
        }
        let facts = Facts {
            name: &manifest.name,
            version,
            architecture: &lock.architecture,
            epoch: lock.epoch,
            expires_days: request.expires_days,
            root_hash: &root.hash,
            words: &words,
        };
        let parts = [(ROOT_PART, root.image.as_path()), (KERNEL_PART, &boot.uki)];
        release(work, &facts, &parts, key.as_ref())
    })?;
    manifest.parts = parts(&[
        ("root image", &root.image),
        ("base layer of the root", &base.squashfs),
        ("kernel", &base.kernel),
        ("initrd", &initrd),
        ("UKI (kernel, initrd, words)", &boot.uki),
        ("EFI partition", &boot.esp),
        ("GRUB", &boot.grub),
    ])?;
    manifest.root_hash = Some(root.hash.clone());
    let manifest_text = serde_json::to_string_pretty(&manifest).expect("a manifest is plain values");
    let manifest_path = work.join("manifest.json");
    write_atomic(&manifest_path, manifest_text.as_bytes(), 0o644)?;
    let iso = report.step("iso", "Writing the ISO", |step| {
        let documents = iso::Documents {
            manifest: &manifest_path,
            release: &release,
        };
        iso::iso(work, &root, &boot, &documents, &recipe, &tools, step)
    })?;
    report.step("extras", "Writing files for the network and the demo guest", |step| {
        let files = netboot::Files {
            kernel: &base.kernel,
            initrd: &initrd,
            root: &root.image,
            uki: &boot.uki,
        };
        let netboot = netboot::netboot(work, &files, &release, &words, &tools)?;
        let demo = demo::demo_guest(work, &base, &tools, step)?;
        let names = Names::new(&request.out, version);
        write_atomic(&names.lock, render_lock(&lock).as_bytes(), 0o644)?;
        write_atomic(&names.manifest, manifest_text.as_bytes(), 0o644)?;
        let read = |path: &Path| fs::read(path).map_err(BuildError::io("read", path));
        write_atomic(&names.release, &read(&release.json)?, 0o644)?;
        match &release.signature {
            Some(path) => write_atomic(&names.signature, &read(path)?, 0o644)?,
            // That of an earlier build would not fit.
            None if names.signature.exists() => {
                fs::remove_file(&names.signature).map_err(BuildError::io("remove", &names.signature))?;
            }
            None => {}
        }
        replace_folder(&netboot, &names.netboot)?;
        replace_folder(&demo, &names.demo_guest)?;
        replace(&iso, &names.iso)?;
        names.checksums()
    })
}

/// Final names in the output folder.
struct Names {
    iso: PathBuf,
    manifest: PathBuf,
    lock: PathBuf,
    checksums: PathBuf,
    release: PathBuf,
    signature: PathBuf,
    netboot: PathBuf,
    demo_guest: PathBuf,
}

impl Names {
    fn new(out: &Path, version: &str) -> Self {
        let stem = format!("corbel-{version}-amd64");
        Self {
            iso: out.join(format!("{stem}.iso")),
            manifest: out.join(format!("{stem}.manifest.json")),
            lock: out.join(format!("{stem}.lock")),
            checksums: out.join("SHA256SUMS"),
            release: out.join(format!("{stem}.release.json")),
            signature: out.join(format!("{stem}.release.sig")),
            netboot: out.join("netboot"),
            demo_guest: out.join("demo-guest"),
        }
    }

    /// Write `SHA256SUMS` (sha256sum(1)) over everything that is to be distributed.
    fn checksums(self) -> Result<Built, BuildError> {
        let out = self.iso.parent().unwrap_or(Path::new("."));
        let signature = self.signature.exists().then(|| self.signature.clone());
        let mut files = vec![
            self.iso.clone(),
            self.manifest.clone(),
            self.lock.clone(),
            self.release.clone(),
        ];
        files.extend(signature.clone());
        files.extend(
            ["vmlinuz", "initrd.img", "root.cpio", "cmdline", "corbel.ipxe"].map(|name| self.netboot.join(name)),
        );
        let mut text = String::new();
        let mut iso_sha256 = String::new();
        for file in &files {
            let sum = hash_file(file)?;
            if iso_sha256.is_empty() {
                iso_sha256.clone_from(&sum);
            }
            text.push_str(&format!(
                "{sum}  {}\n",
                file.strip_prefix(out).unwrap_or(file).display()
            ));
        }
        write_atomic(&self.checksums, text.as_bytes(), 0o644)?;
        let manifest = fs::read_to_string(&self.manifest).map_err(BuildError::io("read", &self.manifest))?;
        let root_hash = corbel_release::manifest::parse_manifest(&manifest)
            .ok()
            .and_then(|m| m.root_hash)
            .unwrap_or_default();
        Ok(Built {
            iso_bytes: self.iso.metadata().map_err(BuildError::io("read", &self.iso))?.len(),
            iso_sha256,
            root_hash,
            iso: self.iso,
            manifest: self.manifest,
            lock: self.lock,
            checksums: self.checksums,
            release: self.release,
            signature,
            netboot: self.netboot,
            demo_guest: self.demo_guest,
        })
    }
}

fn parts(files: &[(&str, &Path)]) -> Result<Vec<Part>, BuildError> {
    files
        .iter()
        .map(|(name, path)| {
            let bytes = path.metadata().map_err(BuildError::io("read", path))?.len();
            Ok(Part {
                name: (*name).into(),
                bytes,
            })
        })
        .collect()
}

/// Put a finished file under its final name; across file systems by way of a temporary name beside it.
fn replace(from: &Path, to: &Path) -> Result<(), BuildError> {
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    let folder = to.parent().unwrap_or(Path::new("."));
    let temporary = tempfile::NamedTempFile::new_in(folder).map_err(BuildError::io("write in", folder))?;
    fs::copy(from, temporary.path()).map_err(BuildError::io("write", to))?;
    temporary.as_file().sync_all().map_err(BuildError::io("flush", to))?;
    temporary
        .persist(to)
        .map_err(|e| BuildError::io("write", to)(e.error))?;
    Ok(())
}

fn replace_folder(from: &Path, to: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(to).map_err(BuildError::io("make", to))?;
    for entry in fs::read_dir(from).map_err(BuildError::io("read", from))? {
        let entry = entry.map_err(BuildError::io("read", from))?;
        replace(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
