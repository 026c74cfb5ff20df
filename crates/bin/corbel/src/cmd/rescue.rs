//! `corbel rescue`: the shell that the kernel word `rescue` asks for on an installed node, behind the password of `admin` where one is
//! set. sulogin(8) would ask for root's, and root is locked.

use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::time::Duration;

use corbel_settle::REPORT_FILE;
use corbel_sys::{Cancel, Program, ProgramError, read_limited};
use rustix::fs::MemfdFlags;
use serde::Deserialize;

use crate::ask;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

const SHADOW: &str = "/etc/shadow";
const ADMIN: &str = "admin";
/// Then the usual boot goes on: a machine that nobody can use is not locked, it is broken.
const TRIES: usize = 3;
/// PAM's own helper, which reads a password from standard input and says by its status whether it is right (unix_chkpwd(8)).
const CHECK: &str = "/usr/sbin/unix_chkpwd";
const SHELL: &str = "/bin/bash";
const FILE_LIMIT: u64 = 1 << 20;

/// Says why there is a shell, asks for the password where one is set, and becomes the shell.
pub(crate) fn run(printer: &Printer) -> Result<(), Failure> {
    printer.talk(&greeting(&warnings(Path::new(REPORT_FILE))));
    let shadow = read_limited(Path::new(SHADOW), FILE_LIMIT).map_err(|e| Failure::new(Exit::Failed, e))?;
    if has_password(&String::from_utf8_lossy(&shadow)) && !asked(printer)? {
        return Err(Failure::say(Exit::Failed, "no shell; the usual boot goes on"));
    }
    // This program becomes the shell, so the usual door for programs does not fit.
    #[allow(clippy::disallowed_methods)]
    let error = std::process::Command::new(SHELL)
        // Files that shells read at their start would give it their own prompt.
        .args(["--noprofile", "--norc"])
        .env("PS1", "rescue# ")
        .exec();
    Err(Failure::new(
        Exit::Failed,
        anyhow::Error::new(error).context(format!("cannot start {SHELL}")),
    ))
}

fn asked(printer: &Printer) -> Result<bool, Failure> {
    for _ in 0..TRIES {
        let password = ask::password(printer, ADMIN, "a terminal")?;
        if is_right(&password).map_err(|e| Failure::new(Exit::Failed, e))? {
            return Ok(true);
        }
        printer.talk("That is not the password.");
    }
    Ok(false)
}

/// The password goes through a file in memory that has no name: not on a command line, and not on a disk.
fn is_right(password: &str) -> anyhow::Result<bool> {
    let mut file: std::fs::File = rustix::fs::memfd_create("password", MemfdFlags::CLOEXEC)?.into();
    file.write_all(password.as_bytes())?;
    file.write_all(&[0])?;
    let program = Program::new(CHECK)
        .args([ADMIN, "nonull"])
        .stdin_file(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .deadline(Duration::from_secs(60));
    match program.run(&Cancel::new()) {
        Ok(_) => Ok(true),
        Err(ProgramError::Failed { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// shadow(5): a field that is empty or begins with `!` or `*` is no password.
fn has_password(shadow: &str) -> bool {
    let field = shadow.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(ADMIN)).then(|| fields.next().unwrap_or_default())
    });
    field.is_some_and(|field| !field.is_empty() && !field.starts_with(['!', '*']))
}

fn greeting(warnings: &[String]) -> String {
    let mut text = "\nRescue shell: the kernel command line has the word `rescue`. No VM was started.\n\
                    /config has the configuration, /data the VMs; all else cannot be written.\n\
                    `exit` goes on with the boot, `reboot` restarts the machine.\n"
        .to_owned();
    for warning in warnings {
        text.push_str(&format!("seen at this boot: {warning}\n"));
    }
    text
}

/// What settle has to say; a report that cannot be read is itself worth a line.
fn warnings(report: &Path) -> Vec<String> {
    #[derive(Deserialize)]
    struct Report {
        warnings: Vec<String>,
    }
    let read = || -> anyhow::Result<Report> { Ok(serde_json::from_slice(&read_limited(report, FILE_LIMIT)?)?) };
    match read() {
        Ok(report) => report.warnings,
        Err(error) => vec![format!("{error:#}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_asked_for_where_one_is_set() {
        assert!(has_password("root:*:1::::::\nadmin:$6$a$b:1::::::\n"));
        for none in [
            "admin:!:1::::::\n",
            "admin:*:1\n",
            "admin::1\n",
            "administrator:$6$a$b:1\n",
            "",
        ] {
            assert!(!has_password(none), "{none}");
        }
    }

    #[test]
    fn the_reason_is_on_the_screen() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("settle.json");
        corbel_sys::write_atomic(
            &path,
            br#"{"hostname":"x","warnings":["disk: /config: damaged"]}"#,
            0o644,
        )
        .expect("written");
        let text = greeting(&warnings(&path));
        assert!(
            text.contains("the word `rescue`") && text.contains("seen at this boot: disk: /config: damaged"),
            "{text}"
        );
        assert!(warnings(&dir.path().join("none"))[0].contains("none"));
    }
}
