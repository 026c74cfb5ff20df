//! The way of a few files through survey, extras and write: what stays, what goes, what is added. No tool is needed but a
//! shell that stands in for depmod.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use corbel_release::lock::Lock;
use corbel_sys::Cancel;
use tar::{Builder, EntryType, Header};

use super::*;
use crate::recipe::testing::recipe;
use crate::report::testing::step;

const EPOCH: u64 = 1000;
const MODULES: &str = "usr/lib/modules/6.1-amd64";

struct Case {
    dir: tempfile::TempDir,
    recipe: Loaded,
    tools: Tools,
    lock: Lock,
}

struct Made {
    facts: BTreeMap<String, u64>,
    survey: survey::Survey,
    /// Path → kind, mode, content or target, extended attributes.
    entries: BTreeMap<String, (EntryType, u32, Vec<u8>, Vec<String>)>,
}

fn header(kind: EntryType, mode: u32, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(7);
    header.set_mtime(5);
    header.set_size(size as u64);
    header
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = liblzma::read::XzEncoder::new(bytes, 1);
    encoder.read_to_end(&mut out).expect("compressed");
    out
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let recipe = recipe(dir.path());
        let tree = dir.path().join("tools");
        // The tools run through the tree's own loader: `ld.so --library-path L PROGRAM ARGUMENTS`.
        let loader =
            "#!/bin/sh\ncase \"$3\" in */depmod) echo made > \"$5/lib/modules/$6/modules.dep\" ;; *) exit 1 ;; esac\n";
        let path = tree.join("usr/lib64/ld-linux-x86-64.so.2");
        corbel_sys::write_atomic(&path, loader.as_bytes(), 0o755).expect("written");
        Self {
            recipe,
            tools: Tools { tree, epoch: EPOCH },
            lock: Lock {
                version: 1,
                suite: "trixie".into(),
                architecture: "amd64".into(),
                epoch: EPOCH,
                request: String::new(),
                image: Vec::new(),
                tools: Vec::new(),
            },
            dir,
        }
    }

    /// A small `packages.tar`, without the files in `without`.
    fn packages(&self, without: &[&str]) -> PathBuf {
        let path = self.dir.path().join("packages.tar");
        let mut tar = Builder::new(fs::File::create(&path).expect("created"));
        for folder in ["./", "./usr/", "./usr/bin/", "./boot/"] {
            let mut header = header(EntryType::Directory, 0o755, 0);
            tar.append_data(&mut header, folder, &[][..]).expect("added");
        }
        let module = xz(b"a module");
        let sound = xz(b"a beep");
        let files: [(&str, u32, &[u8]); 14] = [
            ("boot/vmlinuz-6.1-amd64", 0o644, b"kernel"),
            ("etc/motd", 0o644, b"Debian's"),
            ("etc/machine-id", 0o444, b"uninitialized"),
            ("usr/bin/bash", 0o755, b"shell"),
            ("usr/share/doc/bash/README", 0o644, b"long"),
            ("usr/share/doc/bash/copyright", 0o644, b"GPL"),
            (&format!("{MODULES}/kernel/fs/x.ko.xz"), 0o644, &module),
            (&format!("{MODULES}/kernel/sound/beep.ko.xz"), 0o644, &sound),
            (&format!("{MODULES}/modules.builtin"), 0o644, b"kernel/fs/ext4.ko\n"),
            (&format!("{MODULES}/modules.dep"), 0o644, b"stale"),
            (
                "usr/lib/systemd/system/a.service",
                0o644,
                b"[Install]\nWantedBy=multi-user.target\n",
            ),
            ("usr/lib/systemd/system/c.service", 0o644, b"[Service]\n"),
            (
                "var/lib/dpkg/status",
                0o644,
                b"Package: bash\nStatus: install ok installed\nVersion: 5\n\n",
            ),
            (
                "var/lib/dpkg/info/bash:amd64.list",
                0o644,
                b"/.\n/bin/bash\n/usr/share/doc/bash/copyright\n",
            ),
        ];
        for (name, mode, bytes) in files {
            if !without.iter().any(|part| name.contains(part)) {
                let mut header = header(EntryType::Regular, mode, bytes.len());
                tar.append_data(&mut header, format!("./{name}"), bytes).expect("added");
            }
        }
        tar.append_pax_extensions([("SCHILY.xattr.security.capability", &b"\x01\x00\xff"[..])])
            .expect("added");
        let mut ping = header(EntryType::Regular, 0o755, 4);
        tar.append_data(&mut ping, "./usr/bin/ping", &b"ping"[..])
            .expect("added");
        let mut link = header(EntryType::Symlink, 0o777, 0);
        tar.append_link(&mut link, "./usr/bin/sh", "bash").expect("added");
        let mut link = header(EntryType::Link, 0o755, 0);
        tar.append_link(&mut link, "./usr/bin/rbash", "./usr/bin/bash")
            .expect("added");
        tar.into_inner().and_then(|mut f| f.flush()).expect("finished");
        path
    }

    fn make(&self, packages_tar: &Path) -> Result<Made, BuildError> {
        let inputs = Inputs {
            packages_tar,
            recipe: &self.recipe,
            tools: &self.tools,
            lock: &self.lock,
        };
        let folder = self.dir.path().join("layer");
        fs::create_dir_all(&folder).expect("made");
        let tar = folder.join("base.tar");
        step(&Cancel::new(), |step| {
            let survey = survey::survey(packages_tar, step)?;
            let extras = extras::extras(&self.recipe, &survey)?;
            let facts = write::write(&inputs, &survey, &extras, &folder, &tar, step)?;
            Ok(Made {
                facts,
                survey,
                entries: entries(&tar),
            })
        })
    }
}

fn entries(tar: &Path) -> BTreeMap<String, (EntryType, u32, Vec<u8>, Vec<String>)> {
    let mut archive = tar::Archive::new(fs::File::open(tar).expect("open"));
    let mut found = BTreeMap::new();
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        let path = survey::plain(&entry.path_bytes());
        let attributes = entry
            .pax_extensions()
            .expect("readable")
            .into_iter()
            .flatten()
            .filter_map(|e| Some(e.ok()?.key().ok()?.to_owned()))
            .filter(|key| key.starts_with("SCHILY.xattr."))
            .collect();
        let (kind, mode) = (entry.header().entry_type(), entry.header().mode().expect("a mode"));
        let mut bytes = entry.link_name_bytes().map(|l| l.into_owned()).unwrap_or_default();
        if bytes.is_empty() {
            entry.read_to_end(&mut bytes).expect("read");
        }
        let before = found.insert(path.clone(), (kind, mode, bytes, attributes));
        assert!(before.is_none(), "{path} is there twice");
    }
    found
}

#[test]
fn what_stays_what_goes_and_what_is_added() {
    let case = Case::new();
    let made = case.make(&case.packages(&[])).expect("made");
    let text = |path: &str| {
        let (_, _, bytes, _) = made.entries.get(path).unwrap_or_else(|| panic!("{path} is missing"));
        String::from_utf8_lossy(bytes).into_owned()
    };
    for gone in [
        "boot",
        "boot/vmlinuz-6.1-amd64",
        "usr/share/doc/bash/README",
        "var/lib/dpkg/status",
        &format!("{MODULES}/kernel/fs/x.ko.xz"),
        &format!("{MODULES}/kernel/sound/beep.ko"),
    ] {
        // The folder `boot` itself is no file below `boot/`.
        assert!(
            gone == "boot" || !made.entries.contains_key(gone),
            "{gone} should be gone"
        );
    }
    assert_eq!(text("usr/share/doc/bash/copyright"), "GPL");
    assert_eq!(text("etc/motd"), "ours\n", "the overlay wins");
    assert_eq!(text("etc/machine-id"), "", "no identity in the image");
    assert_eq!(text(&format!("{MODULES}/kernel/fs/x.ko")), "a module");
    assert_eq!(text(&format!("{MODULES}/modules.dep")), "made\n", "by depmod, once");
    assert_eq!(text("usr/bin/sh"), "bash");
    assert_eq!(made.entries["usr/bin/rbash"].0, EntryType::Link);
    assert_eq!(made.entries["usr/bin/ping"].3, ["SCHILY.xattr.security.capability"]);
    assert_eq!(text("usr/lib/os-release"), "/corbel/share/os-release");
    assert_eq!(text("usr/bin/corbel-node"), "/corbel/bin/corbel-node");
    for (link, target) in [
        (
            "etc/systemd/system/default.target",
            "/usr/lib/systemd/system/multi-user.target",
        ),
        (
            "etc/systemd/system/multi-user.target.wants/a.service",
            "/usr/lib/systemd/system/a.service",
        ),
        (
            "etc/systemd/system/getty.target.wants/b@tty1.service",
            "/usr/lib/systemd/system/b@.service",
        ),
        ("etc/systemd/system/c.service", "/dev/null"),
    ] {
        assert_eq!(text(link), target, "{link}");
    }
    assert!(made.entries["data"].0.is_dir() && made.entries["etc/systemd/system/getty.target.wants"].0.is_dir());
    assert_eq!(made.facts["bash"], 5 + 3, "the shell and its licence");
    assert_eq!(made.survey.installed, [("bash".to_owned(), "5".to_owned())]);
    for path in made.entries.keys() {
        for (at, _) in path.match_indices('/') {
            assert!(
                made.entries[&path[..at]].0.is_dir(),
                "a folder above {path} has no owner"
            );
        }
    }
    let folder = case.dir.path().join("layer");
    assert_eq!(fs::read(folder.join("vmlinuz")).expect("the kernel"), b"kernel");
    assert!(
        folder.join("modules/lib/modules/6.1-amd64/kernel/fs/x.ko").is_file(),
        "for the initrd"
    );
}

#[test]
fn the_same_packages_give_the_same_bytes() {
    let hash = |case: &Case| {
        case.make(&case.packages(&[])).expect("made");
        corbel_sys::hash_file(&case.dir.path().join("layer/base.tar")).expect("read")
    };
    assert_eq!(hash(&Case::new()), hash(&Case::new()));
}

#[test]
fn packages_that_make_no_system_are_refused() {
    let refused = |without: &[&str]| {
        let case = Case::new();
        let packages = case.packages(without);
        case.make(&packages).err().expect("refused").to_string()
    };
    assert_eq!(
        refused(&["lib/modules"]),
        "the packages hold no kernel: packages.toml must name one"
    );
    assert_eq!(refused(&["vmlinuz"]), "the packages hold no boot/vmlinuz-6.1-amd64");
    assert_eq!(refused(&["dpkg/status"]), "the packages layer has no package database");
    assert_eq!(
        refused(&["a.service"]),
        "units.toml enables a.service, which no package and no overlay has"
    );
}

#[test]
fn a_cut_layer_of_packages_is_an_error_that_names_it() {
    let case = Case::new();
    let packages = case.packages(&[]);
    let file = fs::File::options().write(true).open(&packages).expect("open");
    file.set_len(file.metadata().expect("stat").len() - 2000).expect("cut");
    let error = case.make(&packages).err().expect("refused").to_string();
    assert!(error.contains("packages.tar"), "{error}");
}
