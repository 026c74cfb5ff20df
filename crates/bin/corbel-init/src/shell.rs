//! The shell that the kernel word `rescue` asks for: one on every console that the kernel has, because nobody knows at which
//! one the person sits. Each has its own session and terminal, so that Ctrl-C ends the program and not the machine.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};

use crate::log::{info, warning};
use crate::root::{SYSROOT, Source};

const BUSYBOX: &str = "/bin/busybox";
/// The consoles as the kernel names them, one blank between two (Documentation/ABI/testing/sysfs-tty).
const CONSOLES: &str = "/sys/class/tty/console/active";

/// Whether the initrd has a shell.
pub(crate) fn exists() -> bool {
    Path::new(BUSYBOX).exists()
}

/// Runs a shell on every console and returns when the first of them ends; the others end with it.
pub(crate) fn run(greeting: &str) -> anyhow::Result<()> {
    let mut shells = Vec::new();
    for console in consoles(&fs::read_to_string(CONSOLES).unwrap_or_default()) {
        match start(&console, greeting) {
            Ok(shell) => shells.push(shell),
            Err(error) => warning(format!("no shell on {}: {error:#}", console.display())),
        }
    }
    if shells.is_empty() {
        bail!("no console takes a shell");
    }
    info(format!("{} shells are running", shells.len()));
    wait_for_one(&shells);
    for shell in shells {
        // One of them is gone already. The kernel hangs up what runs in the foreground of the others.
        let _ = kill_process_group(shell, Signal::KILL);
    }
    Ok(())
}

/// What somebody reads who asked for the shell and whose boot is good.
pub(crate) fn greeting(source: &Source) -> String {
    let medium = match source {
        Source::Cd(node) | Source::Disk(node) | Source::Installed { disk: node, .. } => node.as_str(),
        Source::Network => "the network",
    };
    format!(
        "\nRescue shell: the kernel command line has the word `rescue`. Nothing of the system was started yet.\n\
         {SYSROOT}  the root, read-only, from {medium}; every block is verified when it is read\n\
         /         the initramfs, in memory\n\
         /run      in memory; it stays when the boot goes on\n\
         `exit` goes on with the boot, `reboot -f` restarts the machine.\n\n"
    )
}

fn start(console: &Path, greeting: &str) -> anyhow::Result<Pid> {
    let mut terminal = OpenOptions::new()
        .read(true)
        .write(true)
        // It shall become the shell's terminal, not ours.
        .custom_flags(OFlags::NOCTTY.bits().cast_signed())
        .open(console)?;
    terminal.write_all(greeting.replace('\n', "\r\n").as_bytes())?;
    let copy = || -> std::io::Result<File> { terminal.try_clone() };
    // A child of ours leads no group, so that setsid(1) does not fork and the child is the shell itself.
    // Busybox's shell runs its other programs itself, so that they need no names in the initrd.
    let child = command(BUSYBOX)
        .args(["setsid", "-c", "/bin/sh"])
        .env("PATH", "/bin")
        .env("HOME", "/")
        .env("PS1", "rescue# ")
        .stdin(copy()?)
        .stdout(copy()?)
        .stderr(copy()?)
        .spawn()
        .with_context(|| format!("starting {BUSYBOX}"))?;
    i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .context("the shell has no process number")
}

/// As PID 1 we also get the orphans of what people start, and pass over them.
fn wait_for_one(shells: &[Pid]) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, _))) if !shells.contains(&pid) => {}
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => return,
        }
    }
}

// There is no log of programs yet, and nothing but the shells to start.
#[allow(clippy::disallowed_methods)]
fn command(program: &str) -> Command {
    Command::new(program)
}

fn consoles(active: &str) -> Vec<PathBuf> {
    let names: Vec<&str> = active.split_whitespace().collect();
    let names = if names.is_empty() { vec!["console"] } else { names };
    names.into_iter().map(|name| Path::new("/dev").join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_console_gets_one() {
        assert_eq!(
            consoles("tty0 ttyS0\n"),
            [Path::new("/dev/tty0"), Path::new("/dev/ttyS0")]
        );
        assert_eq!(consoles(""), [Path::new("/dev/console")]);
    }

    #[test]
    fn the_greeting_says_why_what_and_how_on() {
        let text = greeting(&Source::Cd("/dev/sr0".to_owned()));
        for part in [
            "`rescue`",
            "/sysroot  the root, read-only, from /dev/sr0",
            "`exit` goes on",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(greeting(&Source::Network).contains("from the network;"));
    }
}
