//! The Debian packages that the host needs, why it needs each, and their installation: asked first unless `--yes` was said.

use std::{
    io::IsTerminal as _,
    os::fd::AsFd,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, bail};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::{context::Context, proc::Interrupted, report};

/// What somebody is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Purpose {
    /// Compile the workspace and build the image
    Build,
    /// Boot the image in QEMU
    Up,
    /// Run every gate and test
    Test,
}

/// Arguments of `cargo xtask packages`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What the host shall be able to do
    #[arg(default_value = "test")]
    purpose: Purpose,
    /// Install without asking
    #[arg(long)]
    yes: bool,
}

struct Package {
    name: &'static str,
    purpose: Purpose,
    reason: &'static str,
}

const fn package(name: &'static str, purpose: Purpose, reason: &'static str) -> Package {
    Package { name, purpose, reason }
}

/// Names are the same in Debian 12, Debian 13 and Ubuntu 24.04.
const PACKAGES: &[Package] = &[
    package("gcc", Purpose::Build, "links, and compiles the C in aws-lc"),
    package(
        "libc6-dev",
        Purpose::Build,
        "headers and start files, also for the static init",
    ),
    package("pkg-config", Purpose::Build, "finds libvirt"),
    package("libvirt-dev", Purpose::Build, "libvirt's headers for the daemon"),
    package("libpam0g-dev", Purpose::Build, "PAM's headers for the daemon"),
    package("git", Purpose::Build, "version of the image, clean-tree check"),
    package("ca-certificates", Purpose::Build, "fetching packages over https"),
    package(
        "mmdebstrap",
        Purpose::Build,
        "bootstraps the tools tree and the root from Debian's packages",
    ),
    package("uidmap", Purpose::Build, "the same without root"),
    package(
        "debian-archive-keyring",
        Purpose::Build,
        "verifies Debian's packages on hosts that are not Debian",
    ),
    package(
        "qemu-system-x86",
        Purpose::Up,
        "the machine that the image is booted on",
    ),
    package("seabios", Purpose::Up, "its BIOS"),
    package("ovmf", Purpose::Up, "its UEFI"),
    package("ipxe-qemu", Purpose::Up, "option ROMs of its network card"),
    package("dosfstools", Purpose::Up, "makes the seed disk"),
    package("mtools", Purpose::Up, "fills the seed disk without mounting it"),
    package("openssh-client", Purpose::Up, "makes a key for the seed, and logs in"),
    package(
        "e2fsprogs",
        Purpose::Test,
        "replays the journal of a recorded configuration",
    ),
    package(
        "python3-venv",
        Purpose::Test,
        "installs the spelling checker's binary wheel",
    ),
    package("xz-utils", Purpose::Test, "unpacks a support bundle"),
    package(
        "curl",
        Purpose::Test,
        "asks the API as somebody with no client of ours does",
    ),
];

/// The suite that the image is made of.
pub(crate) const SUITE: &str = "trixie";

/// Lists of packages older than this may name versions that the mirror has dropped.
const LISTS_TOO_OLD: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const LISTS: &str = "/var/lib/apt/lists";

/// How often somebody who was asked is looked at for Ctrl-C: 50 ms.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// Runs `cargo xtask packages`.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<()> {
    install(context, arguments.purpose, arguments.yes)?;
    if arguments.purpose == Purpose::Test {
        crate::tools::install_all(context)?;
        crate::servers::ensure(context)?;
    }
    Ok(())
}

/// Installs what is missing for the purpose; does nothing, quickly, when nothing is.
pub(crate) fn install(context: &Context, purpose: Purpose, yes: bool) -> anyhow::Result<()> {
    install_these(context, &wanted(purpose), yes)
}

/// The same for packages that one task alone needs.
pub(crate) fn install_more(context: &Context, wanted: &[&'static str], yes: bool) -> anyhow::Result<()> {
    install_these(context, wanted, yes)
}

fn install_these(context: &Context, wanted: &[&str], yes: bool) -> anyhow::Result<()> {
    if !Path::new("/usr/bin/dpkg-query").exists() {
        report::talk("this host has no dpkg, so nothing is installed; what Debian calls these must be there:");
        report::talk(&format!("  {}", wanted.join(" ")));
        return Ok(());
    }
    let missing = missing(context, wanted)?;
    if missing.is_empty() {
        return Ok(());
    }
    for name in &missing {
        report::talk(format!("  {name:24} {}", reason(name)).trim_end());
    }
    if !yes && !agreed(context, &missing)? {
        bail!(
            "nothing was installed; `apt-get install {}` does the same",
            missing.join(" ")
        );
    }
    if lists_are_stale(Path::new(LISTS), SystemTime::now()) {
        apt(context, &["update"])?;
    }
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(&missing);
    if let Err(first) = apt(context, &arguments) {
        if first.is::<Interrupted>() {
            return Err(first);
        }
        report::talk("apt-get failed; trying again with new package lists");
        apt(context, &["update"])?;
        apt(context, &arguments)?;
    }
    let left = self::missing(context, wanted)?;
    if !left.is_empty() {
        bail!(
            "apt-get ended well but these are still not installed: {}",
            left.join(" ")
        );
    }
    Ok(())
}

/// Debian's archive as this host's apt has it.
pub(crate) fn archive(context: &Context) -> anyhow::Result<String> {
    let targets = context
        .program("apt-get")
        .args(["indextargets", "--format", "$(REPO_URI) $(RELEASE)"])
        .text()?;
    let debian = |uri: &str| uri.trim_end_matches('/').ends_with("debian");
    let mut uris = targets.lines().filter_map(|line| line.split_whitespace().next());
    let uri = uris
        .find(|uri| debian(uri))
        .context("apt on this host knows no Debian archive")?;
    Ok(format!("deb {uri} {SUITE} main"))
}

/// Everything that the purpose needs; to run the image one must build it, and the tests run it.
fn wanted(purpose: Purpose) -> Vec<&'static str> {
    let needed = |of: Purpose| match purpose {
        Purpose::Build => of == Purpose::Build,
        Purpose::Up => of != Purpose::Test,
        Purpose::Test => true,
    };
    PACKAGES
        .iter()
        .filter(|package| needed(package.purpose))
        .map(|package| package.name)
        .collect()
}

fn reason(name: &str) -> &'static str {
    PACKAGES
        .iter()
        .find(|package| package.name == name)
        .map_or("this task alone needs it", |package| package.reason)
}

fn missing<'a>(context: &Context, wanted: &[&'a str]) -> anyhow::Result<Vec<&'a str>> {
    // dpkg-query ends with 1 when it does not know a name, which is an answer and no failure here. Its complaint is noise.
    let script = "exec dpkg-query --show --showformat '${db:Status-Status} ${Package}\\n' \"$@\" 2>/dev/null";
    let query = context
        .program("sh")
        .args(["-c", script, "sh"])
        .args(wanted.iter().copied());
    let (_, text) = query.output()?;
    Ok(not_installed(wanted, &text))
}

/// The wanted names without a line `installed NAME` in dpkg-query's answer.
fn not_installed<'a>(wanted: &[&'a str], answer: &str) -> Vec<&'a str> {
    let installed: Vec<&str> = answer
        .lines()
        .filter_map(|line| line.strip_prefix("installed "))
        .collect();
    wanted
        .iter()
        .copied()
        .filter(|name| !installed.contains(name))
        .collect()
}

fn agreed(context: &Context, missing: &[&str]) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!(
            "these Debian packages are missing: {}; say --yes to have them installed",
            missing.join(" ")
        );
    }
    report::ask(&format!("install: {}? [y/N] ", missing.join(" ")));
    let answer = line(&std::io::stdin(), context.stop())?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The line that somebody types, or [`Interrupted`]: Ctrl-C only sets the flag, and a plain read would go on.
fn line(source: &impl AsFd, stop: &AtomicBool) -> anyhow::Result<String> {
    let mut line: Vec<u8> = Vec::new();
    loop {
        if stop.load(Ordering::SeqCst) {
            return Err(Interrupted.into());
        }
        let mut watched = [PollFd::new(source, PollFlags::IN)];
        match poll(&mut watched, Some(&TICK)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error).context("cannot wait for the answer"),
        }
        let mut buffer = [0_u8; 256];
        let length = match rustix::io::read(source, &mut buffer[..]) {
            Err(Errno::INTR) => continue,
            length => length.context("cannot read the answer")?,
        };
        line.extend_from_slice(&buffer[..length]);
        if length == 0 || line.contains(&b'\n') {
            return Ok(String::from_utf8_lossy(&line).into_owned());
        }
    }
}

fn apt(context: &Context, arguments: &[&str]) -> anyhow::Result<()> {
    let apt = "apt-get";
    // A package that asks questions would wait for ever where nobody sits.
    let environment = "DEBIAN_FRONTEND=noninteractive";
    let program = if rustix::process::geteuid().is_root() {
        context.program("env").args([environment, apt])
    } else if Path::new("/usr/bin/sudo").exists() {
        context.program("sudo").args(["env", environment, apt]).foreground()
    } else {
        bail!(
            "installing packages needs root and there is no sudo: run `apt-get {}` as root",
            arguments.join(" ")
        );
    };
    program
        .args(["-q", "-o", "DPkg::Lock::Timeout=120"])
        .args(arguments.iter().copied())
        .run()
}

/// No list at all, or only old ones.
fn lists_are_stale(directory: &Path, now: SystemTime) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return true;
    };
    let newest = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
        .filter_map(|entry| entry.metadata().ok()?.modified().ok())
        .max();
    newest.is_none_or(|newest| now.duration_since(newest).is_ok_and(|age| age > LISTS_TOO_OLD))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn only_the_word_installed_counts() {
        let answer = "installed gcc\nconfig-files ovmf\nnot-installed mtools\n";
        assert_eq!(
            not_installed(&["gcc", "ovmf", "mtools", "git"], answer),
            ["ovmf", "mtools", "git"]
        );
    }

    #[test]
    fn each_purpose_includes_the_one_before() {
        let (build, up, test) = (wanted(Purpose::Build), wanted(Purpose::Up), wanted(Purpose::Test));
        assert!(build.contains(&"mmdebstrap") && !build.contains(&"ovmf"));
        assert!(build.iter().all(|name| up.contains(name)) && !up.contains(&"python3-venv"));
        assert!(up.iter().all(|name| test.contains(name)));
    }

    #[test]
    fn an_answer_is_read_to_the_end_of_its_line() {
        let stop = AtomicBool::new(false);
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"yes\n").unwrap();
        assert_eq!(line(&reader, &stop).unwrap(), "yes\n");
        writer.write_all(b"n").unwrap();
        drop(writer);
        assert_eq!(line(&reader, &stop).unwrap(), "n");
    }

    #[test]
    fn ctrl_c_ends_the_question() {
        let stop = AtomicBool::new(false);
        let (reader, writer) = std::io::pipe().unwrap();
        let error = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(100));
                stop.store(true, Ordering::SeqCst);
            });
            line(&reader, &stop).unwrap_err()
        });
        assert!(error.is::<Interrupted>(), "{error:#}");
        // Open until here: what ended the question was no end of input.
        drop(writer);
    }

    #[test]
    fn lists_that_are_not_there_are_stale() {
        assert!(lists_are_stale(Path::new("/nonexistent"), SystemTime::now()));
    }
}
