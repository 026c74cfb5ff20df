//! What every task needs to know: where the repository is, which cargo runs it, and whether somebody pressed Ctrl-C.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::Context as _;

use crate::proc::Program;

/// Handed to every task instead of global state.
#[derive(Debug)]
pub(crate) struct Context {
    root: PathBuf,
    cargo: OsString,
    stop: Arc<AtomicBool>,
}

impl Context {
    /// Finds the repository and starts to listen for SIGINT, SIGTERM and SIGHUP.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest)
            .parent()
            .context("the folder of xtask has no parent: start it as `cargo xtask`")?
            .to_path_buf();
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGHUP,
        ] {
            signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot listen for signals")?;
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Ok(Self { root, cargo, stop })
    }

    /// The top of the repository.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where tasks put what they make; ignored by git.
    pub(crate) fn build(&self) -> PathBuf {
        self.root.join("build")
    }

    /// Where cargo puts what it makes.
    pub(crate) fn target(&self) -> PathBuf {
        target(
            &self.root,
            std::env::var_os("CARGO_TARGET_DIR"),
            std::env::var_os("CARGO_BUILD_TARGET_DIR"),
        )
    }

    /// Set once somebody pressed Ctrl-C.
    pub(crate) fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// A program that runs at the top of the repository and ends when this one is interrupted.
    pub(crate) fn program(&self, name: impl Into<OsString>) -> Program {
        Program::new(name, &self.root, Arc::clone(&self.stop))
    }

    /// `cargo ARGUMENTS…` by the cargo that started this program.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Program {
        let program = self.program(self.cargo.clone()).args(arguments).shown_as("cargo");
        // Incremental files cost a clean machine time and disk and are never used a second time there.
        if std::env::var_os("CI").is_some() {
            program.env("CARGO_INCREMENTAL", "0")
        } else {
            program
        }
    }
}

/// As cargo decides: by its own variable, else by the one that stands for `build.target-dir` of its configuration.
fn target(root: &Path, own: Option<OsString>, configured: Option<OsString>) -> PathBuf {
    root.join(own.or(configured).unwrap_or_else(|| "target".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_folder_is_where_cargo_has_it() {
        let target = |own: Option<&str>, configured: Option<&str>| {
            target(
                Path::new("/corbel"),
                own.map(OsString::from),
                configured.map(OsString::from),
            )
        };
        assert_eq!(target(None, None), Path::new("/corbel/target"));
        assert_eq!(target(None, Some("/there")), Path::new("/there"));
        assert_eq!(target(Some("here"), Some("/there")), Path::new("/corbel/here"));
    }
}
