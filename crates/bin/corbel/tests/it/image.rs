//! `corbel image`: how a build ends that cannot be done, without network, root or Debian's tools, and files that are no image.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{self, Ran};

/// A home folder, ready programs, and a folder `bin` that is all of PATH.
struct Case {
    dir: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let case = Self {
            dir: tempfile::tempdir().expect("a folder"),
        };
        for name in ["corbel", "corbel-node", "corbel-console", "corbel-init"] {
            case.put(&format!("programs/{name}"), "");
        }
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        corbel_sys::write_atomic(&self.path(name), text.as_bytes(), 0o644).expect("written");
    }

    /// A stand-in for a program of the host.
    fn script(&self, name: &str, text: &str) {
        self.put(&format!("bin/{name}"), &format!("#!/bin/sh\n{text}\n"));
        let path = self.path(&format!("bin/{name}"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    }

    fn recipe() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../image")
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = program::command(self.dir.path());
        command
            .env("PATH", self.path("bin"))
            .args(["image", "build", "--out"])
            .arg(self.path("out"))
            .arg("--binaries")
            .arg(self.path("programs"))
            .args(args);
        if !args.contains(&"--recipe") {
            command.arg("--recipe").arg(Self::recipe());
        }
        command
    }

    /// Run to a failure with `status`: nothing may lie under a final name, and no work folder in the cache.
    #[track_caller]
    fn fails(&self, status: i32, args: &[&str]) -> Ran {
        let ran = program::run(&mut self.command(args)).expect(status);
        self.nothing_is_left();
        ran
    }

    #[track_caller]
    fn nothing_is_left(&self) {
        for folder in ["out", ".cache/corbel"] {
            let names: Vec<_> = std::fs::read_dir(self.path(folder))
                .into_iter()
                .flatten()
                .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
                .filter(|name| folder == "out" || name.starts_with("work-"))
                .collect();
            assert!(names.is_empty(), "{folder}: {names:?}");
        }
    }
}

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(ran.err.contains(word), "{word:?} is not in\n{ran}");
    }
}

#[test]
fn what_was_asked_for_is_checked_first() {
    let case = Case::new();
    says(
        &case.fails(2, &["--recipe", "/nonexistent"]),
        &["no recipe in /nonexistent", "--recipe"],
    );
    says(
        &case.fails(2, &["--suite", "sarge"]),
        &["suite \"sarge\" is not in this recipe: it builds trixie"],
    );
    std::fs::remove_file(case.path("programs/corbel-node")).expect("removed");
    says(
        &case.fails(1, &["--offline"]),
        &[
            "one of our own programs was not where it should be: ",
            "programs/corbel-node",
        ],
    );
}

#[test]
fn a_broken_recipe_is_told_with_file_line_and_column() {
    let case = Case::new();
    for entry in std::fs::read_dir(Case::recipe())
        .expect("the recipe")
        .filter_map(Result::ok)
    {
        if entry.path().is_file() {
            let text = std::fs::read_to_string(entry.path()).expect("text");
            case.put(&format!("image/{}", entry.file_name().to_string_lossy()), &text);
        }
    }
    case.put("image/units.toml", "default_target = \"x\"\nenabel = []\n");
    let recipe = case.path("image");
    let ran = case.fails(1, &["--recipe", &recipe.to_string_lossy(), "--offline"]);
    says(&ran, &["units.toml", "line 2, column 1", "enabel"]);
}

#[test]
fn without_a_network_a_cold_cache_says_what_is_missing() {
    let case = Case::new();
    says(
        &case.fails(1, &["--offline"]),
        &["no lock is cached for trixie", "--lock FILE"],
    );
    case.put("bad.lock", "version = 1\n");
    let bad = case.path("bad.lock");
    let bad = bad.to_string_lossy();
    says(
        &case.fails(1, &["--offline", "--lock", &bad]),
        &["bad.lock is not usable", "line 1, column 1"],
    );
    let lock = "version = 1\nsuite = \"trixie\"\narchitecture = \"amd64\"\nepoch = 1\nrequest = \"other\"\nimage = []\ntools = []\n";
    case.put("bad.lock", lock);
    says(
        &case.fails(1, &["--offline", "--lock", &bad]),
        &["another list of packages", "without --lock and --offline"],
    );
    case.put("bad.lock", &lock.replace("trixie", "bookworm"));
    says(
        &case.fails(1, &["--offline", "--lock", &bad]),
        &["is for suite \"bookworm\""],
    );
}

#[test]
fn a_dead_mirror_and_a_missing_tool_are_named() {
    let case = Case::new();
    let mirror = ["--mirror", "http://mirror.invalid/debian"];
    says(
        &case.fails(1, &mirror),
        &[
            "cannot fetch package lists: apt-get is not installed",
            "apt install apt",
        ],
    );
    case.script("apt-get", "echo 'E: Failed to fetch it' >&2; exit 100");
    says(
        &case.fails(1, &mirror),
        &[
            "could not be fetched from http://mirror.invalid/debian/",
            "--offline",
            "E: Failed to fetch it",
        ],
    );
    case.script(
        "apt-get",
        "echo 'E: Write error - write (28: No space left on device)' >&2; exit 100",
    );
    says(
        &case.fails(1, &mirror),
        &["cannot fetch package lists into ", "the disk is full; make room"],
    );
}

#[test]
fn an_interrupted_build_leaves_nothing() {
    let case = Case::new();
    // The lists never come; that they are asked for is seen by a file.
    case.script(
        "apt-get",
        &format!(
            "echo $$ > {0}.new; /bin/mv {0}.new {0}; exec /bin/sleep 1000",
            case.path("asked").display()
        ),
    );
    let mut command = case.command(&["--mirror", "http://mirror.invalid/debian"]);
    let child = program::spawn(&mut command);
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !case.path("asked").is_file() {
        assert!(std::time::Instant::now() < limit, "apt-get was never run");
        std::thread::yield_now();
    }
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process");
    kill_process(pid, Signal::INT).expect("interrupted");
    let ran = program::ended(child.wait_with_output().expect("it ends")).expect(130);
    assert!(ran.err.ends_with("error: interrupted\n"), "{ran}");
    case.nothing_is_left();
    let apt = std::fs::read_to_string(case.path("asked")).expect("its number");
    assert!(!Path::new("/proc").join(apt.trim()).exists(), "apt-get still runs");
}

#[test]
fn what_is_no_image_is_told() {
    let case = Case::new();
    case.put("empty.iso", "");
    // An ISO 9660 volume descriptor, and then nothing.
    let mut cut = vec![0; 34816];
    cut[32768..32775].copy_from_slice(b"\x01CD001\x01");
    corbel_sys::write_atomic(&case.path("cut.iso"), &cut, 0o644).expect("written");
    for (name, words) in [
        ("absent.iso", "cannot open"),
        ("empty.iso", "is not a Corbel image: no ISO 9660 file system"),
        ("cut.iso", "is not a Corbel image: "),
        ("programs", "is not a Corbel image: it is a folder"),
    ] {
        let file = case.path(name);
        let inspect = |json: &[&str]| {
            let mut command = program::command(case.dir.path());
            program::run(command.args(["image", "inspect"]).arg(&file).args(json)).expect(1)
        };
        says(&inspect(&[]), &[name, words]);
        let ran = inspect(&["--json"]);
        let error: serde_json::Value = serde_json::from_str(&ran.err).expect("JSON on standard error");
        assert_eq!(error["error"]["kind"], "failed");
    }
}
