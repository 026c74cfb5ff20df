//! Programs that the host's Debian has too old, or not as we need them: taken from packages of the node's own suite, unpacked beside the other
//! tools and run by their own loader, without being installed.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{context::Context, packages, report, tools};

/// Programs with everything that they need.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Of the folder; the suite stands behind it.
    pub(crate) name: &'static str,
    /// With a comma between them.
    pub(crate) packages: &'static str,
    /// What is kept of them, beside the loader and the shared libraries: patterns of tar(1).
    pub(crate) files: &'static [&'static str],
    pub(crate) programs: &'static [Program],
}

/// A program of a tree. In texts for the shell, `$tree` is its `/usr`.
#[derive(Debug)]
pub(crate) struct Program {
    /// Below `/usr`.
    pub(crate) path: &'static str,
    /// More folders of libraries, each with a colon before it.
    pub(crate) libraries: &'static str,
    /// Before those that it is given.
    pub(crate) arguments: &'static str,
    /// With which it says what it is and ends well.
    pub(crate) version: &'static str,
}

impl Program {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    /// Starts it; `$0` is the script.
    fn starter(&self) -> String {
        format!(
            "#!/bin/sh\ntree=$(dirname \"$(dirname \"$0\")\")/tree/usr\n\
             exec \"$tree/lib64/ld-linux-x86-64.so.2\" --argv0 {} --library-path \"$tree/lib/x86_64-linux-gnu{}\" \"$tree/{}\" {} \"$@\"\n",
            self.name(),
            self.libraries,
            self.path,
            self.arguments
        )
    }
}

impl Tree {
    /// The folder whose `bin` has what starts the programs, after unpacking it when it is not there.
    pub(crate) fn ensure(&self, context: &Context) -> anyhow::Result<PathBuf> {
        let home = tools::cache()?
            .join("tools")
            .join(format!("{}-{}", self.name, packages::SUITE));
        let bin = home.join("bin");
        if !self.programs.iter().all(|program| bin.join(program.name()).exists()) {
            self.unpack(context, &home)?;
        }
        Ok(home)
    }

    fn unpack(&self, context: &Context, home: &Path) -> anyhow::Result<()> {
        let names: Vec<&str> = self.programs.iter().map(Program::name).collect();
        report::talk(&format!(
            "unpacking {} of Debian's {}",
            names.join(", "),
            packages::SUITE
        ));
        let partial = home.with_extension("partial");
        for old in [&partial, &home.to_path_buf()] {
            if old.exists() {
                std::fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))?;
            }
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
        for program in self.programs {
            let starter = partial.join("bin").join(program.name());
            #[allow(clippy::disallowed_methods)] // a file in a folder that counts only once it was renamed
            std::fs::write(&starter, program.starter())?;
            std::fs::set_permissions(&starter, std::fs::Permissions::from_mode(0o755))?;
            context
                .program(&starter)
                .args([program.version])
                .text()
                .with_context(|| format!("the unpacked {} does not start", program.name()))?;
        }
        std::fs::rename(&partial, home).with_context(|| format!("cannot rename {}", partial.display()))
    }
}
