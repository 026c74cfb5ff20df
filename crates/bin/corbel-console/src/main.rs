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
mod run;
mod screen;
mod state;
mod text;
mod vt;
mod wizard;

use std::io::Write as _;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context as _;
use clap::Parser;
use corbel_model::install::Action as Wanted;
use corbel_model::words::Words;
use state::Installer;

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

/// What the kernel's words ask of the installer.
fn asked_for(text: &str) -> Option<Wanted> {
    let words = Words::parse([text]);
    words.install.action().filter(|_| words.stateless != Some(true))
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    // One thread: the console of a node with 1 GiB must cost next to nothing.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let installer = if args.install {
        Some(Installer::Asked)
    } else {
        // What cannot be read asks for nothing.
        let words = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
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
        None => run::run(&runtime, feed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
