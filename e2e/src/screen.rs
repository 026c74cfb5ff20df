//! The machine's own screen and keyboard, for whoever stands in front of it: keys go in by QMP, pictures come out.

use std::path::Path;

use anyhow::bail;
use serde_json::{Value, json};

use crate::{Machine, qmp::Qmp};

/// Somebody at the machine itself. The keyboard is American, as the kernel's own table.
#[derive(Debug)]
pub struct Screen {
    qmp: Qmp,
}

impl Screen {
    /// Stands in front of a machine.
    ///
    /// # Errors
    /// When QEMU does not answer.
    pub fn of(machine: &Machine) -> anyhow::Result<Self> {
        Ok(Self { qmp: machine.qmp()? })
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

    /// Writes a picture of what is shown now, as a PNG.
    ///
    /// # Errors
    /// When QEMU refuses.
    pub fn picture(&mut self, to: &Path) -> anyhow::Result<()> {
        self.qmp.screenshot(to)
    }
}
