//! When booting failed: one message that says what and what to do, then a shell or a reboot. Never a hang without a
//! word, and never a boot with something else than what was asked for.

use std::time::Duration;

use rustix::system::{RebootCommand, reboot};

use crate::log::error;
use crate::shell;
use crate::words::{DEFAULT_PANIC, Words};

/// A root image that is not what the kernel command line vouches for.
#[derive(Debug)]
pub(crate) struct Damaged {
    pub(crate) what: String,
    pub(crate) why: String,
}

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is damaged: {}", self.what, self.why)
    }
}

impl std::error::Error for Damaged {}

/// What comes after the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// `rescue`, and the initrd has a shell.
    Shell,
    /// After so long.
    Reboot(Duration),
    /// `panic=0`.
    Wait,
}

/// A mistake of ours must not become a kernel that stands still because PID 1 left it.
pub(crate) fn reboot_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        error(format!(
            "cannot boot: a mistake in corbel-init: {panic}\nrebooting in {DEFAULT_PANIC} s"
        ));
        std::thread::sleep(Duration::from_secs(DEFAULT_PANIC.unsigned_abs()));
        restart()
    }));
}

/// Tells what failed and ends: this never returns, because a kernel without PID 1 panics.
pub(crate) fn end(words: &Words, failure: &anyhow::Error) -> ! {
    let end = decide(words, failure.is::<Damaged>(), shell::exists());
    error(message(failure, end));
    match end {
        End::Shell => {
            let greeting = "\nRescue shell: the boot failed, the reason stands above. `exit` restarts the machine.\n\n";
            if let Err(e) = shell::run(greeting) {
                error(format!("no rescue shell: {e:#}\nrebooting in {DEFAULT_PANIC} s"));
                std::thread::sleep(Duration::from_secs(DEFAULT_PANIC.unsigned_abs()));
            }
        }
        End::Reboot(after) => std::thread::sleep(after),
        End::Wait => loop {
            std::thread::park();
        },
    }
    restart()
}

fn restart() -> ! {
    rustix::fs::sync();
    loop {
        let _ = reboot(RebootCommand::Restart);
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn decide(words: &Words, damaged: bool, has_shell: bool) -> End {
    match words.panic {
        // A damaged root must not end in a shell either: whoever swapped the image would get one. Nor an installed node, whose
        // shell stands behind a password that cannot be read here; its rescue is that of the medium.
        _ if words.rescue && has_shell && !damaged && words.slot.is_none() => End::Shell,
        0 => End::Wait,
        seconds => End::Reboot(Duration::from_secs(seconds.try_into().unwrap_or(0))),
    }
}

fn message(failure: &anyhow::Error, end: End) -> String {
    let next = match end {
        End::Shell => "a shell follows; leaving it reboots".to_owned(),
        End::Reboot(after) => format!("rebooting in {} s", after.as_secs()),
        End::Wait => "waiting for a reset, as panic=0 asks".to_owned(),
    };
    let advice = match failure.is::<Damaged>() {
        true => "write the medium anew, or boot the version that belongs to this kernel\n",
        false => "",
    };
    format!("cannot boot: {failure:#}\n{advice}{next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_failure() {
        let after = |seconds| End::Reboot(Duration::from_secs(seconds));
        let check = |line: &str, damaged, has_shell, expected| {
            assert_eq!(decide(&Words::parse(line), damaged, has_shell), expected, "{line}");
        };
        check("", false, true, after(30));
        check("rescue", false, true, End::Shell);
        check("rescue", false, false, after(30));
        check("rescue panic=3", true, true, after(3));
        check("rescue corbel.slot=a", false, true, after(30));
        check("panic=0", true, true, End::Wait);
        check("panic=-1", false, false, after(0));
    }

    #[test]
    fn the_message_says_what_and_what_next() {
        let damaged = Damaged {
            what: "the root image on /dev/sr0".to_owned(),
            why: "x".to_owned(),
        }
        .into();
        let text = message(&damaged, End::Reboot(Duration::from_secs(30)));
        assert!(
            text.starts_with("cannot boot: the root image on /dev/sr0 is damaged: x\nwrite the medium anew"),
            "{text}"
        );
        assert!(text.ends_with("\nrebooting in 30 s"), "{text}");
    }
}
