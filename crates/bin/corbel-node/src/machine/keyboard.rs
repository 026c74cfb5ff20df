//! The keys of the node's own screen.

use std::path::Path;

use corbel_agent::SystemError;
use corbel_model::Keymap;
use corbel_plan::settle::{KEYBOARD_FILE, keyboard_file};
use corbel_sys::{Cancel, Program, read_limited, write_atomic};

use super::failed;

const LIMIT: u64 = 4096;
const MODE: u32 = 0o644;

/// Writes the file as settle does and lets the same unit load it. A layout that cannot be loaded leaves the file as it was.
pub(super) fn load(layout: &Keymap) -> Result<(), SystemError> {
    let path = Path::new(KEYBOARD_FILE);
    let before = path.exists().then(|| read_limited(path, LIMIT)).transpose();
    let before = before.map_err(|error| failed("reading the keyboard's layout", &error))?;
    let write = |content: &[u8]| {
        write_atomic(path, content, MODE).map_err(|error| failed("noting the keyboard's layout", &error))
    };
    write(keyboard_file(layout).as_bytes())?;
    let loaded = Program::new("systemctl")
        .args(["restart", "corbel-keyboard.service"])
        .run(&Cancel::new());
    let Err(error) = loaded else {
        return Ok(());
    };
    tracing::warn!(%error, %layout, "the keyboard keeps its layout");
    match before {
        Some(content) => write(&content)?,
        None => std::fs::remove_file(path).map_err(|error| failed("removing the keyboard's layout", &error))?,
    }
    Err(SystemError::Invalid {
        field: "layout".to_owned(),
        problem: format!("there is no keymap {layout} that can be loaded: `corbel install --help` names the list"),
    })
}
