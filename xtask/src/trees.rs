//! Programs that the host's Debian has too old, or not as we need them: taken from packages of the node's own suite, unpacked beside the other
//! tools and run by their own loader, without being installed.

use std::{os::unix::fs::PermissionsExt as _, path::PathBuf};

use anyhow::Context as _;

use crate::{context::Context, packages, report, tools};

/// A program with everything that it needs.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Of the folder.
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    /// With a comma between them.
    pub(crate) packages: &'static str,
    /// What is kept of them, beside the loader and the shared libraries: patterns of tar(1).
    pub(crate) files: &'static [&'static str],
    /// Starts it; `$0` is the script.
    pub(crate) starter: &'static str,
    /// With which it says its version and ends.
    pub(crate) version: &'static str,
}

impl Tree {
    /// The program to start, after unpacking it when it is not there.
    pub(crate) fn ensure(&self, context: &Context) -> anyhow::Result<PathBuf> {
        let home = tools::cache()?
            .join("tools")
            .join(format!("{}-{}", self.name, packages::SUITE));
        let program = home.join("bin").join(self.program);
        if !program.exists() {
            report::talk(&format!("unpacking {} of Debian's {}", self.program, packages::SUITE));
            self.unpack(context, &home)?;
        }
        Ok(program)
    }

    fn unpack(&self, context: &Context, home: &std::path::Path) -> anyhow::Result<()> {
        let partial = home.with_extension("partial");
        if partial.exists() {
            std::fs::remove_dir_all(&partial).with_context(|| format!("cannot remove {}", partial.display()))?;
        }
        std::fs::create_dir_all(partial.join("tree"))?;
        std::fs::create_dir_all(partial.join("bin"))?;
        let archive = partial.join("tree.tar");
        context
            .program("mmdebstrap")
            .args([
                "--quiet",
                "--variant=extract",
                "--format=tar",
                "--aptopt=APT::Install-Recommends false",
                &format!("--include={}", self.packages),
                packages::SUITE,
            ])
            .args([&archive])
            .args([packages::archive(context)?])
            .run()?;
        context
            .program("tar")
            .args(["--extract", "--no-same-owner", "--wildcards", "--file"])
            .args([&archive])
            .args(["--directory"])
            .args([partial.join("tree")])
            .args(["./usr/lib64/*", "./usr/lib/x86_64-linux-gnu/*.so*"])
            .args(self.files)
            .run()?;
        std::fs::remove_file(&archive)?;
        let starter = partial.join("bin").join(self.program);
        #[allow(clippy::disallowed_methods)] // a file in a folder that counts only once it was renamed
        std::fs::write(&starter, self.starter)?;
        std::fs::set_permissions(&starter, std::fs::Permissions::from_mode(0o755))?;
        context
            .program(&starter)
            .args([self.version])
            .text()
            .with_context(|| format!("the unpacked {} does not start", self.program))?;
        std::fs::rename(&partial, home).with_context(|| format!("cannot rename {}", partial.display()))
    }
}
