//! Our crates and the arrows between them, read from `cargo metadata --no-deps`: which arrows are allowed, who may reach
//! libvirt, and the drawing. Pure: text in, findings out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use anyhow::Context as _;
use serde::Deserialize;

use super::Finding;

/// The one crate that links libvirt, and the one program that may reach it.
const LIBVIRT: &str = "corbel-virt-libvirt";
const LIBVIRT_PROGRAM: &str = "corbel-node";
/// Crates from outside that link libvirt.
const LIBVIRT_BINDINGS: [&str; 2] = ["virt", "virt-sys"];
/// Crates from outside that bring processes, sockets, a clock or async, none of which the core has.
const NOT_IN_CORE: [&str; 12] = [
    "axum",
    "futures-util",
    "hyper",
    "hyper-util",
    "libc",
    "rustix",
    "rustls",
    "tempfile",
    "tokio",
    "tokio-rustls",
    "tokio-util",
    "tracing-subscriber",
];

/// A room is where a crate lives; its name says what the crate may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Room {
    Bin,
    Api,
    Flows,
    Host,
    Core,
    E2e,
    Powercut,
    Xtask,
    Generate,
}

impl Room {
    fn of(folder: &str) -> Option<Self> {
        match folder.split('/').collect::<Vec<_>>().as_slice() {
            ["crates", "core", _] => Some(Self::Core),
            ["crates", "host", _] => Some(Self::Host),
            ["crates", "flows", _] => Some(Self::Flows),
            ["crates", "api", _] => Some(Self::Api),
            ["crates", "bin", _] => Some(Self::Bin),
            ["e2e"] => Some(Self::E2e),
            ["powercut"] => Some(Self::Powercut),
            ["xtask"] => Some(Self::Xtask),
            ["xtask", "generate"] => Some(Self::Generate),
            _ => None,
        }
    }

    /// The table of arrows. A room may always use itself, save for xtask, which uses nothing of ours.
    fn may_use(self, to: Self) -> bool {
        match self {
            Self::Core => matches!(to, Self::Core),
            Self::Host => matches!(to, Self::Host | Self::Core),
            Self::Flows => matches!(to, Self::Flows | Self::Host | Self::Core),
            Self::Api => matches!(to, Self::Api | Self::Core),
            Self::Bin => matches!(to, Self::Bin | Self::Flows | Self::Host | Self::Api | Self::Core),
            Self::E2e => matches!(to, Self::Api | Self::Core),
            Self::Powercut => matches!(to, Self::E2e | Self::Api | Self::Flows | Self::Host | Self::Core),
            Self::Xtask => false,
            Self::Generate => matches!(to, Self::Api | Self::Core | Self::Bin),
        }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bin => "bin",
            Self::Api => "api",
            Self::Flows => "flows",
            Self::Host => "host",
            Self::Core => "core",
            Self::E2e => "e2e",
            Self::Powercut => "powercut",
            Self::Xtask => "xtask",
            Self::Generate => "generate",
        })
    }
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
}

#[derive(Debug, Deserialize)]
struct MetadataPackage {
    name: String,
    manifest_path: String,
    dependencies: Vec<MetadataDependency>,
}

#[derive(Debug, Deserialize)]
struct MetadataDependency {
    name: String,
    /// `None` is an ordinary dependency, else "dev" or "build".
    kind: Option<String>,
    /// Present for a crate of ours.
    path: Option<String>,
}

/// One of our crates.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    /// Relative to the top of the repository.
    pub(super) folder: String,
    room: Option<Room>,
    ours: BTreeSet<String>,
    /// Ours that only its tests use.
    ours_in_tests: BTreeSet<String>,
    foreign: BTreeSet<String>,
}

/// All of them, by name.
#[derive(Debug)]
pub(super) struct Graph {
    packages: BTreeMap<String, Package>,
}

impl Graph {
    pub(super) fn parse(metadata: &str, root: &Path) -> anyhow::Result<Self> {
        let metadata: Metadata = serde_json::from_str(metadata).context("cannot read what cargo metadata printed")?;
        let mut packages = BTreeMap::new();
        for package in metadata.packages {
            let manifest = Path::new(&package.manifest_path);
            let folder = manifest.parent().unwrap_or(manifest);
            let folder = folder
                .strip_prefix(root)
                .unwrap_or(folder)
                .to_string_lossy()
                .into_owned();
            let mut new = Package {
                name: package.name,
                room: Room::of(&folder),
                folder,
                ours: BTreeSet::new(),
                ours_in_tests: BTreeSet::new(),
                foreign: BTreeSet::new(),
            };
            for dependency in package.dependencies {
                let in_tests = dependency.kind.as_deref() == Some("dev");
                match (dependency.path.is_some(), in_tests) {
                    (true, false) => new.ours.insert(dependency.name),
                    (true, true) => new.ours_in_tests.insert(dependency.name),
                    (false, false) => new.foreign.insert(dependency.name),
                    (false, true) => false,
                };
            }
            packages.insert(new.name.clone(), new);
        }
        Ok(Self { packages })
    }

    pub(super) fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.values()
    }

    /// Everything that a crate uses, and what those use; tests' arrows only of the crate itself.
    fn reach<'a>(&'a self, from: &'a Package) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&str> = from
            .ours
            .iter()
            .chain(&from.ours_in_tests)
            .map(String::as_str)
            .collect();
        while let Some(name) = open.pop() {
            if found.insert(name) {
                open.extend(
                    self.packages
                        .get(name)
                        .into_iter()
                        .flat_map(|package| package.ours.iter().map(String::as_str)),
                );
            }
        }
        found
    }

    pub(super) fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for package in self.packages.values() {
            self.check_arrows(package, &mut findings);
            check_foreign(package, &mut findings);
            let is_libvirt = package.name == LIBVIRT || package.name == LIBVIRT_PROGRAM;
            if !is_libvirt && self.reach(package).contains(LIBVIRT) {
                let name = &package.name;
                findings.push(Finding::Error(format!(
                    "{name} reaches {LIBVIRT}, which only {LIBVIRT_PROGRAM} may"
                )));
            }
        }
        findings
    }

    fn check_arrows(&self, package: &Package, findings: &mut Vec<Finding>) {
        let Package { name, folder, .. } = package;
        let Some(room) = package.room else {
            findings.push(Finding::Error(format!("{name} lives in {folder}, which is no room")));
            return;
        };
        for used in package.ours.iter().chain(&package.ours_in_tests) {
            // A crate without a room is its own finding.
            let Some(to) = self.packages.get(used).and_then(|package| package.room) else {
                continue;
            };
            if !room.may_use(to) {
                findings.push(Finding::Error(format!("{name} uses {used}: {room} may not use {to}")));
            }
        }
    }

    /// One line a crate, rooms from the edges to the core. Arrows that only tests have stand in parentheses.
    pub(super) fn drawing(&self) -> String {
        let mut text = "Every arrow between our crates, by room. Written by `cargo xtask layers --write`.\n".to_owned();
        let mut rooms: BTreeMap<Option<Room>, Vec<&Package>> = BTreeMap::new();
        for package in self.packages.values() {
            rooms.entry(package.room).or_default().push(package);
        }
        for (room, packages) in rooms {
            let room = room.map_or_else(|| "no room".to_owned(), |room| room.to_string());
            text.push_str(&format!("\n{room}\n"));
            for package in packages {
                let tests = package
                    .ours_in_tests
                    .difference(&package.ours)
                    .map(|name| format!("({})", short(name)));
                let used: Vec<String> = package
                    .ours
                    .iter()
                    .map(|name| short(name).to_owned())
                    .chain(tests)
                    .collect();
                let line = format!("  {:14} -> {}", short(&package.name), used.join(" "));
                text.push_str(line.trim_end().trim_end_matches("->").trim_end());
                text.push('\n');
            }
        }
        text
    }
}

fn check_foreign(package: &Package, findings: &mut Vec<Finding>) {
    let name = &package.name;
    for used in &package.foreign {
        if LIBVIRT_BINDINGS.contains(&used.as_str()) && name != LIBVIRT {
            findings.push(Finding::Error(format!(
                "{name} uses {used}: only {LIBVIRT} links libvirt"
            )));
        }
        if package.room == Some(Room::Core) && NOT_IN_CORE.contains(&used.as_str()) {
            findings.push(Finding::Error(format!(
                "{name} uses {used}: the core is pure, so this belongs to host"
            )));
        }
    }
}

/// The name without the prefix that all share.
fn short(name: &str) -> &str {
    name.strip_prefix("corbel-").unwrap_or(name)
}
