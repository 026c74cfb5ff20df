//! Everything that somebody said about this boot, as text. A source that cannot be read is a warning, the others count.

use corbel_model::secret::Secrets;
use corbel_model::words::Warning;
use corbel_plan::settle::Sources;

use crate::Facilities;
use crate::configure;
use crate::facilities::chain;

pub(crate) fn sources(facilities: &dyn Facilities) -> Sources {
    let mut sources = words(facilities);
    if facilities.installed() {
        mounts(facilities, &mut sources);
        own(facilities, &mut sources);
        return sources;
    }
    sources.fetched = configure::fetched(facilities);
    let files = facilities.seed().unwrap_or_else(|error| {
        let problem = format!("{}; the node boots without it", chain(&error));
        sources.warnings.push(Warning::new("seed", problem));
        Default::default()
    });
    for (name, bytes) in files {
        let client = name.strip_prefix("clients/").and_then(|file| file.strip_suffix(".pem"));
        let known = matches!(name.as_str(), "corbel.toml" | "words" | "authorized_keys");
        if !known && client.is_none() {
            // An owner may keep notes there; a misspelt name must not pass for one silently.
            if !name.to_ascii_lowercase().starts_with("readme") {
                let right = "is not used: the seed has corbel.toml, words, authorized_keys and clients/*.pem";
                sources.warnings.push(Warning::new(format!("seed file {name}"), right));
            }
            continue;
        }
        let Ok(text) = String::from_utf8(bytes) else {
            sources.warnings.push(Warning::new(
                format!("seed file {name}"),
                "is not UTF-8 text and is not used",
            ));
            continue;
        };
        match (name.as_str(), client) {
            (_, Some(client)) => sources.clients.push((client.to_owned(), text)),
            ("corbel.toml", _) => sources.document = Some(text),
            ("words", _) => sources.words = Some(text),
            _ => sources.authorized_keys = Some(text),
        }
    }
    sources
}

/// What a boot of an installed node would find if this were its document.
pub(crate) fn with_document(facilities: &dyn Facilities, text: String, secrets: Secrets) -> Sources {
    let mut sources = words(facilities);
    mounts(facilities, &mut sources);
    sources.document = Some(text);
    sources.secrets = secrets;
    sources
}

fn words(facilities: &dyn Facilities) -> Sources {
    let mut sources = Sources::default();
    match facilities.command_line() {
        Ok(text) => sources.command_line = text,
        Err(error) => sources
            .warnings
            .push(Warning::new("kernel command line", chain(&error))),
    }
    sources
}

/// Whether `/config` is there, so that what is made now is there at the next boot.
pub(crate) fn keeps(facilities: &dyn Facilities) -> bool {
    facilities.installed() && matches!(facilities.state_report(), Ok(Some(report)) if report.config)
}

/// What became of the mounts of an installed node.
fn mounts(facilities: &dyn Facilities, sources: &mut Sources) {
    sources.installed = true;
    match facilities.state_report() {
        Ok(Some(report)) => {
            let warnings = report.warnings.into_iter();
            sources.warnings.extend(warnings.map(|text| Warning::new("disk", text)));
        }
        Ok(None) => sources
            .warnings
            .push(Warning::new("disk", "nobody said what was mounted")),
        Err(error) => sources.warnings.push(Warning::new("disk", chain(&error))),
    }
}

/// The document of an installed node. No seed: a stick that was forgotten must not change who the node is.
fn own(facilities: &dyn Facilities, sources: &mut Sources) {
    match facilities.document() {
        Ok(None) => {}
        Ok(Some(current)) => {
            sources.document = Some(current.text);
            sources.secrets = current.secrets;
            let notes = current.notes.into_iter();
            sources
                .warnings
                .extend(notes.map(|note| Warning::new("node.toml", note)));
        }
        Err(error) => {
            let problem = format!("{}; the node boots with its defaults", chain(&error));
            sources.warnings.push(Warning::new("node.toml", problem));
        }
    }
}
