//! From package names to a lock: apt resolves in a state of its own, never the host's.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use corbel_release::lock::{Archive, Lock, Locked, parse_lock, parse_print_uris, render_lock};
use corbel_release::recipe::Packages;
use corbel_sys::{Cancel, Program, ProgramError, write_atomic};

use crate::cache::Key;
use crate::error::is_full;
use crate::mirror::Mirrors;
use crate::recipe::Loaded;
use crate::report::Step;
use crate::scratch::lock_folder;
use crate::{BuildError, BuildRequest};

/// Debian's keys, from the package debian-archive-keyring, so that a host that is not Debian verifies the same way.
pub(crate) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The lock to build from: the one given, the cached one when offline, else a fresh one.
pub(crate) fn lock(
    request: &BuildRequest,
    suite: &str,
    recipe: &Loaded,
    mirrors: Option<&Mirrors>,
    step: &Step<'_>,
) -> Result<Lock, BuildError> {
    let wanted = Key::new("request-1")
        .with(recipe.text("packages.toml"))
        .with(recipe.text("tools.toml"))
        .with(suite)
        .finish();
    let cached = request.cache.join(format!("{suite}.lock"));
    if let Some(path) = &request.lock {
        step.cached();
        return load(path, suite, &wanted);
    }
    let Some(mirrors) = mirrors else {
        if !cached.is_file() {
            return Err(BuildError::NoLock { suite: suite.into() });
        }
        step.cached();
        return load(&cached, suite, &wanted);
    };
    let lock = resolve(&request.cache, suite, recipe, mirrors, wanted, step)?;
    write_atomic(&cached, render_lock(&lock).as_bytes(), 0o644)?;
    Ok(lock)
}

fn load(path: &Path, suite: &str, wanted: &str) -> Result<Lock, BuildError> {
    let text = fs::read_to_string(path).map_err(BuildError::io("read", path))?;
    let lock = parse_lock(&text).map_err(|source| BuildError::Lock {
        path: path.to_owned(),
        source,
    })?;
    if lock.suite != suite {
        return Err(BuildError::LockSuite {
            path: path.to_owned(),
            found: lock.suite,
            wanted: suite.into(),
        });
    }
    if lock.request != wanted {
        return Err(BuildError::LockStale { path: path.to_owned() });
    }
    Ok(lock)
}

fn resolve(
    cache: &Path,
    suite: &str,
    recipe: &Loaded,
    mirrors: &Mirrors,
    request: String,
    step: &Step<'_>,
) -> Result<Lock, BuildError> {
    if let Some(warning) = mirrors.warning() {
        step.warn(warning);
    }
    let folder = cache.join("apt").join(suite);
    fs::create_dir_all(&folder).map_err(BuildError::io("make", &folder))?;
    // apt would not wait for another build that uses the same state, but fail.
    let _lock = lock_folder(&folder, step)?;
    let apt = Apt::prepare(&folder, suite, &recipe.recipe.os.components.join(" "), mirrors)?;
    step.note("fetching package lists");
    apt.update(step.cancel()).map_err(|source| match source {
        ProgramError::Cancelled { .. } => BuildError::Cancelled,
        source @ ProgramError::Missing { .. } => BuildError::program("fetch package lists")(source),
        source if is_full(&source) => BuildError::DiskFull {
            operation: "fetch package lists into",
            path: folder.clone(),
        },
        source => BuildError::Lists {
            suite: suite.into(),
            from: mirrors.main.clone(),
            source,
        },
    })?;
    step.note("choosing versions");
    let set = |packages: &Packages| {
        apt.choose(packages, mirrors, step.cancel())
            .map_err(|error| match error {
                ChooseError::Program(ProgramError::Cancelled { .. }) => BuildError::Cancelled,
                ChooseError::Program(source) => BuildError::Resolve {
                    suite: suite.into(),
                    source,
                },
                ChooseError::Content(problem) => BuildError::content(problem),
            })
    };
    Ok(Lock {
        version: 1,
        suite: suite.into(),
        architecture: "amd64".into(),
        epoch: apt.release_date(suite)?,
        request,
        image: set(&recipe.packages)?,
        tools: set(&recipe.tools)?,
    })
}

/// apt.conf(5) for a state of its own; read after the host's, whose proxy and credentials stay in force.
fn options(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"Dir::State "{folder}/state";
Dir::State::status "{folder}/state/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/etc/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "-";
APT::Architecture "amd64";
#clear APT::Architectures;
APT::Architectures {{ "amd64"; }};
// The host's own release, which our sources do not have.
APT::Default-Release "";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
// Without it, --print-uris still prints MD5 (apt-get(8)).
Acquire::ForceHash "SHA256";
pkgCacheGen::Essential "none";
"#
    )
}

/// An apt whose state, cache and sources are ours, with nothing installed.
struct Apt {
    folder: PathBuf,
}

enum ChooseError {
    Program(ProgramError),
    Content(String),
}

impl Apt {
    fn prepare(folder: &Path, suite: &str, components: &str, mirrors: &Mirrors) -> Result<Self, BuildError> {
        for name in ["state/lists/partial", "cache/archives/partial", "etc"] {
            let path = folder.join(name);
            fs::create_dir_all(&path).map_err(BuildError::io("make", &path))?;
        }
        let mut sources = String::new();
        let mut add = |root: &str, release: &str| {
            sources.push_str(&format!(
                "deb [signed-by={KEYRING} arch=amd64] {root} {release} {components}\n"
            ));
        };
        add(mirrors.root(Archive::Main), suite);
        add(mirrors.root(Archive::Main), &format!("{suite}-updates"));
        if let Some(security) = &mirrors.security {
            add(security, &format!("{suite}-security"));
        }
        write_atomic(&folder.join("etc/sources.list"), sources.as_bytes(), 0o644)?;
        write_atomic(&folder.join("state/status"), b"", 0o644)?;
        write_atomic(&folder.join("etc/apt.conf"), options(folder).as_bytes(), 0o644)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn get(&self) -> Program {
        Program::new("apt-get").arg("-c").arg(self.folder.join("etc/apt.conf"))
    }

    fn update(&self, cancel: &Cancel) -> Result<(), ProgramError> {
        self.get()
            .arg("update")
            .deadline(Duration::from_secs(600))
            .run(cancel)
            .map(|_| ())
    }

    fn choose(&self, packages: &Packages, mirrors: &Mirrors, cancel: &Cancel) -> Result<Vec<Locked>, ChooseError> {
        let names = packages.package.iter().map(|p| p.name.as_str());
        let program = self
            .get()
            .args(["--yes", "--print-uris", "install"])
            .args(names)
            .deadline(Duration::from_secs(120));
        let output = program.run(cancel).map_err(ChooseError::Program)?;
        locked(&output.text(), mirrors).map_err(ChooseError::Content)
    }

    /// When the suite was last released: every time stamp in the image. Moves with point releases, not from day to day.
    fn release_date(&self, suite: &str) -> Result<u64, BuildError> {
        let lists = self.folder.join("state/lists");
        let entries = fs::read_dir(&lists).map_err(BuildError::io("read", &lists))?;
        let ending = format!("_dists_{suite}_InRelease");
        for entry in entries
            .filter_map(Result::ok)
            .filter(|e| e.file_name().to_string_lossy().ends_with(&ending))
        {
            let text = fs::read_to_string(entry.path()).map_err(BuildError::io("read", &entry.path()))?;
            if let Some(date) = text
                .lines()
                .find_map(|line| line.strip_prefix("Date: "))
                .and_then(parse_date)
            {
                return Ok(date);
            }
        }
        Err(BuildError::content(format!(
            "the package lists of {suite} have no release date"
        )))
    }
}

/// Lock entries from what `apt-get --print-uris` printed, sorted. Err: one sentence on what cannot be locked.
fn locked(printed: &str, mirrors: &Mirrors) -> Result<Vec<Locked>, String> {
    let mut locked = Vec::new();
    for uri in parse_print_uris(printed) {
        let (archive, path) = mirrors
            .split(&uri.uri)
            .ok_or_else(|| format!("apt would fetch {} from an archive that was not given", uri.file))?;
        let mut parts = uri.file.splitn(3, '_');
        let (Some(name), Some(version)) = (parts.next(), parts.next()) else {
            return Err(format!("{:?} is not the file name of a package", uri.file));
        };
        locked.push(Locked {
            name: name.to_owned(),
            version: version.replace("%3a", ":"),
            archive,
            path: path.to_owned(),
            size: uri.size,
            sha256: uri.sha256,
        });
    }
    locked.sort();
    if locked.is_empty() {
        return Err("apt chose no package at all".into());
    }
    Ok(locked)
}

/// `Sat, 14 Nov 2026 10:00:00 UTC` → seconds since 1970 (deb-repository's Date field is RFC 2822 with `UTC`).
fn parse_date(text: &str) -> Option<u64> {
    let zoned = jiff::fmt::rfc2822::parse(&text.trim().replace("UTC", "+0000")).ok()?;
    u64::try_from(zoned.timestamp().as_second()).ok()
}

#[cfg(test)]
mod tests;
