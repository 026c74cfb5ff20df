//! `corbel-console`: the screen on tty1 and on the serial line. A client of the node's API and nothing more; it may end at
//! any time, systemd starts it again.
//!
//! ```text
//! keys, size ──┬─▶ Event ─▶ State::on ─▶ Action (log in, leave, paint, ask the node, let it write)
//! events, poll ┘                └──▶ draw(&State, frame)
//! ```

mod api;
mod feed;
mod keys;
mod menu;
mod passthrough;
mod record;
mod run;
mod screen;
mod state;
mod text;
mod trend;
mod tty;
mod vt;
mod wizard;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use clap::Parser;
use corbel_model::install::Action as Wanted;
use corbel_model::words::Words;
use corbel_plan::settle::WORDS_FILE;
use state::Installer;

const WORDS_LIMIT: u64 = 1 << 20;

/// Show this node on the terminal.
#[derive(Debug, Parser)]
#[command(name = "corbel-console", version)]
struct Args {
    /// UNIX socket of the node's API
    #[arg(long, value_name = "PATH", default_value = corbel_node_api::SOCKET_PATH)]
    socket: PathBuf,
    /// Begin with the installer, whatever this boot was asked for
    #[arg(long)]
    install: bool,
    /// Lock nothing: whoever starts this is the only one at this terminal. Who is not root is trusted anyway
    #[arg(long)]
    unlocked: bool,
    /// Write every event into this file; what is typed into a secret field is not in it
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Print the screens of a recorded session and end
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "once"])]
    replay: Option<PathBuf>,
    /// Print one frame of this size as text and end
    #[arg(long, value_name = "COLUMNSxROWS")]
    once: Option<FrameSize>,
}

/// `80x24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FrameSize {
    columns: u16,
    rows: u16,
}

impl FromStr for FrameSize {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| text.parse().ok().filter(|n| (1..=500).contains(n));
        text.split_once('x')
            .and_then(|(columns, rows)| {
                Some(Self {
                    columns: side(columns)?,
                    rows: side(rows)?,
                })
            })
            .ok_or_else(|| format!("{text:?} is not a size: write it like 80x24, each side 1 to 500"))
    }
}

/// The words of this boot: those that settle wrote down, where the seed's stand too, else the kernel's own. What cannot be read asks for
/// nothing.
fn words(settled: &Path, kernel: &Path) -> String {
    let read = |path| {
        let bytes = corbel_sys::read_limited(path, WORDS_LIMIT).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    read(settled).or_else(|| read(kernel)).unwrap_or_default()
}

/// What the words of this boot ask of the installer.
fn asked_for(text: &str) -> Option<Wanted> {
    let words = Words::parse([text]);
    words.install.action().filter(|_| words.stateless != Some(true))
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(path) = &args.replay {
        let text = record::replay(&record::read(path)?)?;
        return std::io::stdout()
            .write_all(text.as_bytes())
            .context("cannot write the screens");
    }
    // One thread: the console of a node with 1 GiB must cost next to nothing.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let installer = if args.install {
        Some(Installer::Asked)
    } else {
        let words = words(Path::new(WORDS_FILE), Path::new("/proc/cmdline"));
        asked_for(&words).map(Installer::Word)
    };
    let feed = feed::Feed {
        socket: args.socket,
        installer,
    };
    match args.once {
        Some(FrameSize { columns, rows }) => {
            let state = runtime.block_on(feed.once());
            let text = screen::as_text(&state, columns, rows);
            std::io::stdout()
                .write_all(text.as_bytes())
                .context("cannot write the frame")
        }
        None => {
            let options = run::Options {
                // The daemon's socket is for admin anyway; only systemd starts this program as root, on a terminal that anybody may come to.
                trusted: args.unlocked || !rustix::process::geteuid().is_root(),
                record: args.record,
            };
            run::run(&runtime, feed, &options)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_seed_count_as_those_of_the_menu() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            corbel_sys::write_atomic(&path, text.as_bytes(), 0o600).unwrap();
            path
        };
        let kernel = put("cmdline", "quiet install\n");
        let absent = folder.path().join("absent");
        assert_eq!(asked_for(&words(&absent, &kernel)), Some(Wanted::Install));
        let settled = put("words", "stateless\nquiet\ninstall\n");
        assert_eq!(asked_for(&words(&settled, &kernel)), None);
        assert_eq!(words(&absent, &absent), "");
    }

    #[test]
    fn the_menus_words_open_the_installer() {
        for (words, wanted) in [
            ("quiet install", Some(Wanted::Install)),
            ("reinstall console=ttyS0", Some(Wanted::Reinstall)),
            ("local_boot", Some(Wanted::Upgrade)),
            ("uninstall", Some(Wanted::Uninstall)),
            ("stateless", None),
            ("install=no", None),
            ("install stateless", None),
            ("quiet", None),
        ] {
            assert_eq!(asked_for(words), wanted, "{words}");
        }
    }
}
