//! A session as a file: a line of JSON for each event, from which the same screens are made again. What is typed into a secret field stands in
//! it as `x`, so a record can be handed on.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use ratatui::layout::Size;
use serde::{Deserialize, Serialize};

use crate::screen;
use crate::state::{Event, Installer, Key, State};

/// A record of hours is some megabytes.
const LIMIT: u64 = 256 << 20;

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Begin {
    version: u32,
    installer: Option<Installer>,
    trusted: bool,
}

const VERSION: u32 = 2;

/// Every other line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    /// Since the beginning.
    milliseconds: u64,
    /// Of the terminal when the event came.
    columns: u16,
    rows: u16,
    event: Event,
}

/// Writes a record.
#[derive(Debug)]
pub(crate) struct Recorder {
    file: File,
    started: Instant,
}

impl Recorder {
    /// For a session that begins with this state. The file is the owner's alone.
    pub(crate) fn create(path: &Path, state: &State) -> anyhow::Result<Self> {
        let open = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path);
        let file = open.with_context(|| format!("cannot make {}", path.display()))?;
        let mut recorder = Self {
            file,
            started: Instant::now(),
        };
        let begin = Begin {
            version: VERSION,
            installer: state.installer,
            trusted: state.trusted,
        };
        recorder.line(&begin)?;
        Ok(recorder)
    }

    /// What is about to happen to this state.
    pub(crate) fn write(&mut self, state: &State, event: &Event, size: Size) -> anyhow::Result<()> {
        let event = match event {
            Event::Key(Key::Char(_)) if state.is_secret() => Event::Key(Key::Char('x')),
            event => event.clone(),
        };
        let milliseconds = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.line(&Line {
            milliseconds,
            columns: size.width,
            rows: size.height,
            event,
        })
    }

    fn line(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        Ok(self.file.write_all(&text)?)
    }
}

/// The text of a record.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = corbel_sys::read_limited(path, LIMIT)?;
    String::from_utf8(bytes).with_context(|| format!("{} is no record: it is not text", path.display()))
}

/// Each screen of a record that differs from the one before, with the time and the event that made it.
pub(crate) fn replay(record: &str) -> anyhow::Result<String> {
    let mut lines = record.lines();
    let first = lines.next().context("the record is empty")?;
    let begin: Begin = serde_json::from_str(first).context("this is no record of a console")?;
    anyhow::ensure!(
        begin.version == VERSION,
        "the record is of version {}, and this program reads {VERSION}",
        begin.version
    );
    let mut state = State::new(begin.installer);
    state.trusted = begin.trusted;
    let (mut text, mut before) = (String::new(), String::new());
    for (at, line) in lines.enumerate() {
        let line: Line =
            serde_json::from_str(line).with_context(|| format!("line {} of the record is damaged", at + 2))?;
        let what = name(&line.event);
        let (columns, rows) = (line.columns.clamp(1, 500), line.rows.clamp(1, 500));
        screen::fit_to(&mut state, columns, rows);
        state.on(line.event);
        let shown = screen::as_text(&state, columns, rows);
        if shown != before {
            let (seconds, rest) = (line.milliseconds / 1000, line.milliseconds % 1000);
            text += &format!("=== {seconds}.{rest:03} s, {what}\n{shown}");
            before = shown;
        }
    }
    Ok(text)
}

fn name(event: &Event) -> String {
    match event {
        Event::Key(key) => format!("{key:?}"),
        Event::Mouse(mouse) => format!("{:?} at {},{}", mouse.act, mouse.column, mouse.row),
        Event::Node(_) => "node".to_owned(),
        Event::Vms(_) | Event::Vm { .. } => "machines".to_owned(),
        Event::Health(_) => "health".to_owned(),
        Event::Configured => "the configuration".to_owned(),
        Event::Slots(_) => "slots".to_owned(),
        Event::Operation(_) => "long work".to_owned(),
        Event::Answer(_) | Event::Reply(_) => "an answer of the node".to_owned(),
        Event::Back { .. } => "back from a machine".to_owned(),
        Event::Tick => "a second".to_owned(),
        Event::Away(_) => "the node is away".to_owned(),
        Event::Resized => "another size".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::menu::Reply;
    use crate::screen::tests::node;
    use crate::state::{Mouse, MouseAct};

    /// A session of a person who opens a locked screen and looks around.
    fn session() -> Vec<Event> {
        let mut node = node();
        node.admin_password_set = Some(true);
        let key = |key| Event::Key(key);
        let mut events = vec![Event::Node(Box::new(node)), key(Key::Enter)];
        events.extend("plum-Tr3e".chars().map(|c| key(Key::Char(c))));
        events.push(key(Key::Enter));
        events.push(Event::Reply(Reply::Unlock(1, Ok(()))));
        events.push(Event::Reply(Reply::Schema(
            Ok(corbel_model::seed::schema().to_string()),
        )));
        events.extend([
            Event::Tick,
            key(Key::Down),
            key(Key::Enter),
            key(Key::Help),
            key(Key::Esc),
            Event::Mouse(Mouse {
                act: MouseAct::Click,
                column: 3,
                row: 9,
            }),
            Event::Mouse(Mouse {
                act: MouseAct::WheelDown,
                column: 40,
                row: 9,
            }),
            Event::Away("gone".into()),
        ]);
        events
    }

    #[test]
    fn a_record_makes_the_same_screens_and_has_no_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("record");
        let mut state = State::default();
        let mut recorder = Recorder::create(&path, &state).expect("a record");
        let mut screens = Vec::new();
        for event in session() {
            screen::fit_to(&mut state, 80, 24);
            recorder.write(&state, &event, Size::new(80, 24)).expect("written");
            state.on(event);
            let shown = screen::as_text(&state, 80, 24);
            if screens.last() != Some(&shown) {
                screens.push(shown);
            }
        }
        let record = read(&path).expect("a text");
        assert!(!record.contains("plum") && !record.contains("Tr3e"));
        let replayed = replay(&record).expect("a record");
        let again: Vec<String> = replayed
            .split("=== ")
            .skip(1)
            .map(|part| part.split_once('\n').expect("a head").1.to_owned())
            .collect();
        assert_eq!(again, screens);
        assert!(screens.iter().any(|screen| screen.contains("This screen is locked")));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for text in ["", "nonsense", "{\"version\":1,\"installer\":null,\"trusted\":true}"] {
            assert!(replay(text).is_err(), "{text}");
        }
        let damaged = "{\"version\":2,\"installer\":null,\"trusted\":true}\n{\"event\":\n";
        assert!(replay(damaged).expect_err("damaged").to_string().contains("line 2"));
    }
}
