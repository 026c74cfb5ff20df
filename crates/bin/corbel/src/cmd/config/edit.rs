//! The document in the person's own editor.

use std::env;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use corbel_model::seed;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

/// What was saved; `None` when it is what it was. A document that cannot be read is kept, so that nobody types it twice.
pub(super) async fn edited(document: &str, printer: &Printer) -> Result<Option<String>, Failure> {
    let failed = |error: anyhow::Error| Failure::new(Exit::Failed, error);
    let mut file = tempfile::Builder::new()
        .prefix("corbel-")
        .suffix(".toml")
        .tempfile()
        .context("cannot make a file for the editor")
        .map_err(failed)?;
    file.write_all(document.as_bytes())
        .and_then(|()| file.flush())
        .context("cannot write the file for the editor")
        .map_err(failed)?;
    let path = file.path().to_owned();
    let ended = tokio::task::spawn_blocking(move || open(&path)).await;
    ended
        .context("the editor could not be started")
        .and_then(|ended| ended)
        .map_err(failed)?;
    // Editors replace the file rather than write into it.
    let bytes = corbel_sys::read_limited(file.path(), super::LIMIT).map_err(|error| failed(error.into()))?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::say(Exit::Refused, "what was saved is not UTF-8 text"))?;
    if text == document {
        return Ok(None);
    }
    if let Err(error) = seed::parse(&text) {
        let kept = file.keep().map(|(_, path)| path.display().to_string());
        if let Ok(kept) = kept {
            printer.talk(&format!(
                "what was typed is kept in {kept}: `corbel config apply` takes it"
            ));
        }
        return Err(Failure::new(Exit::Refused, error));
    }
    Ok(Some(text))
}

// An editor needs the terminal, which `corbel_sys::Program` gives to nobody.
#[allow(clippy::disallowed_methods)]
fn open(path: &Path) -> anyhow::Result<()> {
    let chosen = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|text| !text.trim().is_empty()));
    let line = chosen.unwrap_or_else(|| "vi".to_owned());
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = std::process::Command::new(program)
        .args(words)
        .arg(path)
        .status()
        .with_context(|| format!("cannot start the editor {program}: set EDITOR to one that is here"))?;
    anyhow::ensure!(
        status.success(),
        "the editor {program} ended with {status}, so nothing is changed"
    );
    Ok(())
}
