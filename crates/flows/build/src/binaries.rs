//! Our own programs: built by cargo from the source that the recipe lies in, or taken ready from a folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use corbel_sys::Program;

use crate::base::PROGRAMS;
use crate::report::Step;
use crate::{BuildError, BuildRequest};

const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Tells the crate cc, which compiles the C code of dependencies, to read CFLAGS as a shell would.
const SHELL_ESCAPED: &str = "CC_SHELL_ESCAPED_FLAGS";

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
    let shell_escaped =
        std::env::var(SHELL_ESCAPED).is_ok_and(|value| !["", "0", "false", "no"].contains(&value.as_str()));
    let c_environment = c_environment(
        &std::env::var("CFLAGS").unwrap_or_default(),
        shell_escaped,
        &map("-ffile-prefix-map"),
    );
    let cargo = |flags: &[String], args: &[&str]| {
        let mut program = Program::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--release", "--locked", "--target-dir"])
            .arg(&target)
            .args(args)
            .current_dir(&workspace)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_INCREMENTAL", "0")
            .deadline(Duration::from_secs(3600));
        for (name, value) in &c_environment {
            program = program.env(name, value);
        }
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

/// The user's options for the C compiler with ours behind them. The crate cc takes CFLAGS apart at white space, whatever quotes are in
/// it, unless it was told to read them as a shell would; that is said only where one of ours has a path that would break.
fn c_environment(user: &str, shell_escaped: bool, ours: &[String]) -> Vec<(&'static str, String)> {
    let breaks = |option: &String| match shell_escaped {
        true => quoted(option) != *option,
        false => option.contains(|c: char| c.is_ascii_whitespace()),
    };
    let line = |user: &str, ours: &[String]| format!("{user} {}", ours.join(" ")).trim_start().to_owned();
    if !ours.iter().any(breaks) {
        return vec![("CFLAGS", line(user, ours))];
    }
    let user = match shell_escaped {
        true => user.to_owned(),
        // They mean what they meant without a shell.
        false => user.split_ascii_whitespace().map(quoted).collect::<Vec<_>>().join(" "),
    };
    let ours: Vec<String> = ours.iter().map(|option| quoted(option)).collect();
    vec![("CFLAGS", line(&user, &ours)), (SHELL_ESCAPED, "1".to_owned())]
}

/// The text as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(paths: [&str; 2]) -> Vec<String> {
        let [source, home] = paths;
        vec![
            format!("-ffile-prefix-map={source}=/corbel"),
            format!("-ffile-prefix-map={home}=/cargo"),
        ]
    }

    #[test]
    fn plain_paths_stand_behind_the_users_options_as_they_are() {
        let ours = maps(["/home/me/corbel", "/home/me/.cargo"]);
        let ours_joined = "-ffile-prefix-map=/home/me/corbel=/corbel -ffile-prefix-map=/home/me/.cargo=/cargo";
        assert_eq!(c_environment("", false, &ours), [("CFLAGS", ours_joined.to_owned())]);
        assert_eq!(
            c_environment("-O1  -DX='y'", false, &ours),
            [("CFLAGS", format!("-O1  -DX='y' {ours_joined}"))]
        );
        // Without a shell nothing but white space parts words.
        let odd = "-ffile-prefix-map=/home/it's=/corbel -ffile-prefix-map=/c=/cargo";
        assert_eq!(
            c_environment("", false, &maps(["/home/it's", "/c"])),
            [("CFLAGS", odd.to_owned())]
        );
    }

    #[test]
    fn a_path_with_a_blank_stays_one_option_and_the_users_keep_their_meaning() {
        let ours = maps(["/home/me/my projects/it's", "/c"]);
        let ours_joined = r"'-ffile-prefix-map=/home/me/my projects/it'\''s=/corbel' -ffile-prefix-map=/c=/cargo";
        let told = ("CC_SHELL_ESCAPED_FLAGS", "1".to_owned());
        assert_eq!(
            c_environment("", false, &ours),
            [("CFLAGS", ours_joined.to_owned()), told.clone()]
        );
        assert_eq!(
            c_environment(r#"-O1 -DX="y""#, false, &ours),
            [("CFLAGS", format!(r#"-O1 '-DX="y"' {ours_joined}"#)), told.clone()]
        );
        // A user who writes for a shell already is left alone.
        assert_eq!(
            c_environment(r#"-DX="a b""#, true, &ours),
            [("CFLAGS", format!(r#"-DX="a b" {ours_joined}"#)), told]
        );
    }
}
