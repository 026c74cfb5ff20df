//! Whether this boot installs, upgrades or removes without a person.

use corbel_model::install::{Action, InstallRequest};
use corbel_model::seed::Seed;
use corbel_model::words::Words;

/// Whether somebody said all that is needed. A word that names no disk never does: the menu's entries have such words, and they open
/// the wizard. A word that could not be read is among the warnings, and then nothing is done on a guess.
pub(super) fn installs(words: &Words, seed: &Seed) -> bool {
    if words.stateless == Some(true) || words.rescue {
        return false;
    }
    match InstallRequest::unattended(words, seed.install.as_ref()) {
        Ok(Some(_)) => true,
        // What is there says which disk.
        Ok(None) => words.install.action() == Some(Action::Upgrade),
        Err(_) => false,
    }
}
