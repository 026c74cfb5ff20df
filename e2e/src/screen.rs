//! The machine's own screen and keyboard, for whoever stands in front of it: keys go in by QMP, pictures come out.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::{Machine, qmp::Qmp, until};

/// A screen that was the same for so long has nothing to come.
const STILL: Duration = Duration::from_millis(1200);

/// Somebody at the machine itself. The keyboard is American, as the kernel's own table.
#[derive(Debug)]
pub struct Screen {
    qmp: Qmp,
    picture: PathBuf,
    limit: Duration,
    seen: Vec<u8>,
}

impl Screen {
    /// Stands in front of a machine; `limit` is for what a key leads to.
    ///
    /// # Errors
    /// When QEMU does not answer.
    pub fn of(machine: &Machine, limit: Duration) -> anyhow::Result<Self> {
        Ok(Self {
            qmp: machine.qmp()?,
            picture: machine.place().folder.join("screen.png"),
            limit,
            seen: Vec::new(),
        })
    }

    /// Presses one key after the other: QEMU's names (`ret`, `down`, `esc`; qapi/ui.json, `QKeyCode`).
    ///
    /// # Errors
    /// When QEMU knows no such key.
    pub fn press(&mut self, keys: &[&str]) -> anyhow::Result<()> {
        keys.iter().try_for_each(|key| self.chord(&[key]))
    }

    /// Types letters, digits and hyphens.
    ///
    /// # Errors
    /// For any other character.
    pub fn types(&mut self, text: &str) -> anyhow::Result<()> {
        for letter in text.chars() {
            let key = match letter {
                '-' => "minus".to_owned(),
                letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase().to_string(),
                other => bail!("{other:?} is on no key that is known here"),
            };
            match letter.is_ascii_uppercase() {
                true => self.chord(&["shift", &key])?,
                false => self.chord(&[&key])?,
            }
        }
        Ok(())
    }

    fn chord(&mut self, keys: &[&str]) -> anyhow::Result<()> {
        let keys: Vec<Value> = keys.iter().map(|key| json!({"type": "qcode", "data": key})).collect();
        self.qmp.command("send-key", &json!({ "keys": keys }))?;
        Ok(())
    }

    /// Writes a picture of a page that never stands still.
    ///
    /// # Errors
    /// When QEMU refuses.
    pub fn moving(&mut self, to: &Path) -> anyhow::Result<()> {
        self.qmp.screenshot(to)?;
        self.seen = std::fs::read(to).context("the picture cannot be read")?;
        Ok(())
    }

    /// Waits until the screen shows something else than at the last picture and then stands still, and writes a picture of it.
    ///
    /// # Errors
    /// When nothing changes, or it never stands still.
    pub async fn picture(&mut self, to: &Path) -> anyhow::Result<()> {
        let (mut last, mut since) = (Vec::new(), Instant::now());
        until("the screen to show another page", self.limit, async || {
            self.qmp.screenshot(&self.picture)?;
            let now = std::fs::read(&self.picture).context("the picture cannot be read")?;
            if now != last {
                (last, since) = (now, Instant::now());
            }
            Ok((last != self.seen && since.elapsed() >= STILL).then_some(()))
        })
        .await?;
        std::fs::copy(&self.picture, to).with_context(|| format!("cannot write {}", to.display()))?;
        self.seen = last;
        Ok(())
    }
}
