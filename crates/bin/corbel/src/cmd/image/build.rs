//! `corbel image build`.

use std::path::{Path, PathBuf};

use clap::Args;
use corbel_build::{BuildError, BuildRequest, build};
use corbel_model::ByteSize;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::{cancel_on_signal, interrupted};
use crate::printer::Printer;
use crate::progress::Progress;

/// Longer than Debian supports a release: nobody shall be kept from installing what is still maintained.
const THREE_YEARS: u32 = 3 * 365;

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Folder that says what the operating system is
    #[arg(long, value_name = "DIR", default_value = "image")]
    pub(crate) recipe: PathBuf,
    /// Debian suite to build from instead of the recipe's first
    #[arg(long, value_name = "NAME")]
    pub(crate) suite: Option<String>,
    /// Folder for what is built
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub(crate) out: PathBuf,
    /// Use only what earlier builds have fetched
    #[arg(long)]
    pub(crate) offline: bool,
    /// Take exactly the packages of this lock file, for the same bytes again
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,
    /// Debian archive to fetch from instead of the one that this host's apt is configured with
    #[arg(long, value_name = "URL", env = "CORBEL_MIRROR")]
    pub(crate) mirror: Option<String>,
    /// Debian's security archive, likewise
    #[arg(long, value_name = "URL", env = "CORBEL_SECURITY_MIRROR")]
    pub(crate) security_mirror: Option<String>,
    /// Folder for packages and layers that later builds use again; safe to delete
    #[arg(long, value_name = "DIR", env = "CORBEL_CACHE")]
    pub(crate) cache: Option<PathBuf>,
    /// Version of the image instead of this program's own
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(crate) version: Option<String>,
    /// Sign the release with this secret key (minisign, without a password); nodes of the image trust its public half
    #[arg(long, value_name = "FILE", env = "CORBEL_SIGN_KEY")]
    pub(crate) sign_key: Option<PathBuf>,
    /// Days for which the release may be installed, from the time of its packages on
    #[arg(long, value_name = "DAYS", default_value_t = THREE_YEARS)]
    pub(crate) expires: u32,
    /// Folder with ready programs, instead of compiling them
    #[arg(long, value_name = "DIR")]
    pub(crate) binaries: Option<PathBuf>,
}

pub(super) fn run(args: BuildArgs, printer: &Printer) -> Result<(), Failure> {
    let cancel = cancel_on_signal()?;
    let cache = match args.cache {
        Some(cache) => cache,
        None => default_cache()?,
    };
    let request = BuildRequest {
        recipe: absolute(&args.recipe)?,
        suite: args.suite,
        out: absolute(&args.out)?,
        offline: args.offline,
        lock: args.lock,
        mirror: args.mirror,
        security_mirror: args.security_mirror,
        cache: absolute(&cache)?,
        binaries: args.binaries.as_deref().map(absolute).transpose()?,
        version: args.version.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
        sign_key: args.sign_key.as_deref().map(absolute).transpose()?,
        expires_days: args.expires,
    };
    let progress = Progress::new(*printer);
    let built = build(&request, &progress, &cancel).map_err(failure)?;
    if printer.json {
        return printer.json_line(&json!({ "event": "result", "result": built }));
    }
    printer.line(&format!("{} ({})", built.iso.display(), ByteSize(built.iso_bytes)))?;
    printer.line(&format!("sha256 {}", built.iso_sha256))?;
    printer.line(&format!("root   {}", built.root_hash))
}

/// Numbers with dots between, and what follows a hyphen or tilde: it becomes part of file names, of `os-release` and of loader entries.
fn version(text: &str) -> Result<String, String> {
    let (numbers, rest) = text.split_at(text.find(['-', '~']).unwrap_or(text.len()));
    let parts: Vec<_> = numbers.split('.').collect();
    let good_rest = rest
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '~'))
        && rest.len() != 1;
    let good_parts = (2..=4).contains(&parts.len()) && parts.iter().all(|part| part.parse::<u32>().is_ok());
    if good_parts && good_rest && text.len() <= 40 {
        Ok(text.to_owned())
    } else {
        Err("give numbers with dots, such as 1.2.0 or 1.2.0-rc1".into())
    }
}

fn failure(error: BuildError) -> Failure {
    let exit = match &error {
        BuildError::Cancelled => return interrupted(),
        BuildError::NoRecipe { .. } | BuildError::Suite { .. } | BuildError::Key(_) => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure::new(exit, error)
}

/// `$XDG_CACHE_HOME/corbel`, outside any checkout, so that a fresh clone finds it (XDG Base Directory Specification).
fn default_cache() -> Result<PathBuf, Failure> {
    let from = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    from("XDG_CACHE_HOME")
        .or_else(|| from("HOME").map(|home| home.join(".cache")))
        .map(|folder| folder.join("corbel"))
        .ok_or_else(|| Failure::usage("neither XDG_CACHE_HOME nor HOME is set: give --cache DIR"))
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|e| Failure::usage(format!("{} is not a usable path: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_fits_file_names_and_has_an_order() {
        for good in ["1.2.0", "0.1.0.1", "1.2.0-rc.1", "1.2.0~rc1"] {
            assert_eq!(version(good).as_deref(), Ok(good));
        }
        for bad in ["", "1", "1.2.x", "1.2.0-", "1..2", "1.2.0/../x", "v1.2.0", "1.2.3.4.5"] {
            assert!(version(bad).is_err(), "{bad}");
        }
    }
}
