//! `corbel-console`: the screen on tty1 and on the serial line. A client of the node's API and nothing more; it may end at
//! any time, systemd starts it again.
//!
//! ```text
//! keys, size ──┬─▶ Event ─▶ State::on ─▶ Action (log in, leave, paint)
//! events, poll ┘                └──▶ draw(&State, frame)
//! ```

mod feed;
mod run;
mod screen;
mod state;
mod text;
mod vt;

use std::io::Write as _;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context as _;
use clap::Parser;

/// Show this node on the terminal.
#[derive(Debug, Parser)]
#[command(name = "corbel-console", version)]
struct Args {
    /// UNIX socket of the node's API
    #[arg(long, value_name = "PATH", default_value = corbel_node_api::SOCKET_PATH)]
    socket: PathBuf,
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

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    // One thread: the console of a node with 1 GiB must cost next to nothing.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let feed = feed::Feed { socket: args.socket };
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
