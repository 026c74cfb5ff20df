//! The programs that the gates need and Debian does not have: cargo-nextest and cargo-deny from the crate registry, typos
//! as a binary wheel. Each is installed once, outside the clone, in a folder that carries its version.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::{context::Context, report};

/// One tool at the one version that the gates are written for.
#[derive(Debug)]
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// `cargo install`, compiled here.
    Crate,
    /// A Python wheel that holds a ready program, with the SHA-256 that it must have. Compiling typos takes minutes.
    Wheel { sha256: &'static str },
}

pub(crate) const NEXTEST: Tool = Tool {
    name: "cargo-nextest",
    version: "0.9.151",
    source: Source::Crate,
};
pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    source: Source::Crate,
};
pub(crate) const TYPOS: Tool = Tool {
    name: "typos",
    version: "1.52.0",
    source: Source::Wheel {
        sha256: "418fd85f7fc11dec14e5482e747f6e916af56da96207cde0cdd69540a4b389f6",
    },
};

/// Installs every tool that is missing.
pub(crate) fn install_all(context: &Context) -> anyhow::Result<()> {
    for tool in [&NEXTEST, &DENY, &TYPOS] {
        tool.ensure(context)?;
    }
    Ok(())
}

impl Tool {
    /// The program's path, after installing it when it is not there.
    pub(crate) fn ensure(&self, context: &Context) -> anyhow::Result<PathBuf> {
        let home = cache()?.join("tools").join(format!("{}-{}", self.name, self.version));
        let program = home.join("bin").join(self.name);
        if program.exists() {
            return Ok(program);
        }
        if let Some(program) = self.on_path() {
            return Ok(program);
        }
        report::talk(&format!("installing {} {}", self.name, self.version));
        match self.source {
            Source::Crate => self.compile(context, &home)?,
            Source::Wheel { sha256 } => self.unpack_wheel(context, &home, sha256)?,
        }
        anyhow::ensure!(
            program.exists(),
            "installing {} left no {}",
            self.name,
            program.display()
        );
        Ok(program)
    }

    /// Only nextest is taken from the host: its report is for people, whereas the others' versions decide what passes.
    fn on_path(&self) -> Option<PathBuf> {
        if self.name != NEXTEST.name {
            return None;
        }
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|directory| directory.join(self.name))
            .find(|program| program.is_file())
    }

    fn compile(&self, context: &Context, home: &Path) -> anyhow::Result<()> {
        let what = format!("{}@{}", self.name, self.version);
        // The tools run for seconds and are compiled on every new machine, so a quick compilation wins over a quick tool.
        let program = context
            .cargo(&[
                "install",
                "--quiet",
                "--locked",
                &what,
                "--no-default-features",
                "--root",
            ])
            .args([home])
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            // Outside the clone: the workspace's own target folder has other settings and must stay as it is.
            .env("CARGO_TARGET_DIR", home.join("target"));
        program.run()?;
        // Hundreds of megabytes that nobody needs again.
        std::fs::remove_dir_all(home.join("target")).context("cannot remove what the compilation left")
    }

    fn unpack_wheel(&self, context: &Context, home: &Path, sha256: &str) -> anyhow::Result<()> {
        let partial = home.with_extension("partial");
        if partial.exists() {
            std::fs::remove_dir_all(&partial).with_context(|| format!("cannot remove {}", partial.display()))?;
        }
        // A virtual environment remembers its own path only in scripts; the program that we want is not one.
        context.program("python3").args(["-m", "venv"]).args([&partial]).run()?;
        let requirements = partial.join("requirements.txt");
        #[allow(clippy::disallowed_methods)] // a file in a folder that counts only once it was renamed
        std::fs::write(
            &requirements,
            format!("{}=={} --hash=sha256:{sha256}\n", self.name, self.version),
        )?;
        context
            .program(partial.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--only-binary=:all:",
            ])
            .args(["--require-hashes", "--requirement"])
            .args([&requirements])
            .run()?;
        std::fs::rename(&partial, home).with_context(|| format!("cannot move {} into place", partial.display()))
    }
}

/// `$XDG_CACHE_HOME/corbel`, by default `~/.cache/corbel`: outside the clone, so that a fresh clone is warm.
pub(crate) fn cache() -> anyhow::Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(directory) => PathBuf::from(directory),
        None => {
            PathBuf::from(std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?).join(".cache")
        }
    };
    Ok(base.join("corbel"))
}
