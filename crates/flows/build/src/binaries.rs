//! Our own programs: built by cargo from the source that the recipe lies in, or taken ready from a folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use corbel_sys::Program;

use crate::base::PROGRAMS;
use crate::report::Step;
use crate::{BuildError, BuildRequest};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Where the programs lie.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    pub(crate) node: PathBuf,
    /// Static: runs in the initrd, where no library is.
    pub(crate) init: PathBuf,
    pub(crate) cargo_lock: PathBuf,
}

pub(crate) fn binaries(request: &BuildRequest, step: &Step<'_>) -> Result<Binaries, BuildError> {
    let workspace = request.recipe.parent().unwrap_or(Path::new(".")).to_owned();
    let cargo_lock = workspace.join("Cargo.lock");
    let found = match &request.binaries {
        Some(folder) => {
            step.cached();
            Binaries {
                node: folder.clone(),
                init: folder.join("corbel-init"),
                cargo_lock,
            }
        }
        None => compile(&workspace, cargo_lock, step)?,
    };
    let wanted = PROGRAMS
        .iter()
        .map(|name| found.node.join(name))
        .chain([found.init.clone()]);
    for path in wanted {
        if !path.is_file() {
            return Err(BuildError::Missing {
                what: "one of our own programs",
                path,
            });
        }
    }
    Ok(found)
}

fn compile(workspace: &Path, cargo_lock: PathBuf, step: &Step<'_>) -> Result<Binaries, BuildError> {
    if !workspace.join("Cargo.toml").is_file() {
        return Err(BuildError::Missing {
            what: "the source beside the recipe (or ready programs: --binaries DIR)",
            path: workspace.to_owned(),
        });
    }
    let workspace = workspace.canonicalize().map_err(BuildError::io("find", workspace))?;
    // A folder of its own: these flags would make plain `cargo build` start over each time.
    let target = workspace.join("target/image");
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    // No path of the builder's machine in the programs, and the same bytes wherever they are built.
    let places: Vec<(PathBuf, &str)> = [(workspace.clone(), "/corbel")]
        .into_iter()
        .chain(home.map(|home| (home, "/cargo")))
        .collect();
    let map = |option: &str| -> Vec<String> {
        places
            .iter()
            .map(|(from, to)| format!("{option}={}={to}", from.display()))
            .collect()
    };
    let flags = map("--remap-path-prefix");
    // C code of dependencies names its files in messages (gcc(1), clang(1)).
    let mut c_flags = vec![std::env::var("CFLAGS").unwrap_or_default()];
    c_flags.extend(map("-ffile-prefix-map"));
    let c_flags = c_flags.join(" ");
    let cargo = |flags: &[String], args: &[&str]| {
        let program = Program::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--release", "--locked", "--target-dir"])
            .arg(&target)
            .args(args)
            .current_dir(&workspace)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
            .env("CFLAGS", c_flags.trim_start())
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_INCREMENTAL", "0")
            .deadline(Duration::from_secs(3600));
        program
            .run_with(step.cancel(), |line| {
                if let Some(name) = line.trim_start().strip_prefix("Compiling ") {
                    step.note(name.split(" (").next().unwrap_or(name));
                }
            })
            .map_err(BuildError::program("compile our own programs (cargo)"))
    };
    let packages: Vec<&str> = PROGRAMS.iter().flat_map(|name| ["-p", name]).collect();
    cargo(&flags, &packages)?;
    let mut fixed = flags;
    fixed.push("-Ctarget-feature=+crt-static".into());
    cargo(&fixed, &["-p", "corbel-init", "--target", TARGET])?;
    Ok(Binaries {
        node: target.join("release"),
        init: target.join(TARGET).join("release/corbel-init"),
        cargo_lock,
    })
}
