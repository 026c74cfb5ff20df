//! Whether the image has every keyboard layout that the installer lists.

use corbel_model::keyboard::LAYOUTS;
use corbel_release::recipe::is_dropped;

use super::survey::Survey;
use crate::BuildError;
use crate::recipe::Loaded;

/// Where loadkeys(1) looks for keymaps, at any depth, and what their names end in.
pub(super) const KEYMAPS: &str = "usr/share/keymaps/";
pub(super) const KEYMAP_END: &str = ".kmap.gz";
/// The unit that loads one. A recipe without it makes an image that has no use for any.
const UNIT: &str = "corbel-keyboard.service";

/// Refuses packages, pruned as the recipe says, that lack a layout of the installer's list.
pub(super) fn check(recipe: &Loaded, survey: &Survey) -> Result<(), BuildError> {
    if !recipe.units.enable.iter().any(|entry| entry.unit == UNIT) {
        return Ok(());
    }
    let kept = survey
        .keymaps
        .iter()
        .filter(|path| !is_dropped(&recipe.prune.drop, path));
    let names: Vec<&str> = kept
        .filter_map(|path| path.rsplit('/').next()?.strip_suffix(KEYMAP_END))
        .collect();
    let missing: Vec<&str> = LAYOUTS
        .iter()
        .map(|layout| layout.name)
        .filter(|name| !names.contains(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(BuildError::content(format!(
        "the installer lists keyboard layouts that the packages do not have, or that prune.toml drops: {}",
        missing.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::recipe::load;

    fn image() -> Loaded {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../image");
        load(&folder).expect("the image's recipe")
    }

    fn packages(without: &str) -> Survey {
        let names = LAYOUTS.iter().map(|layout| layout.name).filter(|name| *name != without);
        Survey {
            keymaps: names
                .map(|name| format!("{KEYMAPS}i386/qwertz/{name}{KEYMAP_END}"))
                .collect(),
            ..Survey::default()
        }
    }

    #[test]
    fn a_layout_that_nobody_could_load_is_named() {
        let mut recipe = image();
        check(&recipe, &packages("")).expect("the image's own pruning leaves them");
        let error = check(&recipe, &packages("sg-latin1")).expect_err("refused").to_string();
        assert!(error.ends_with("prune.toml drops: sg-latin1"), "{error}");
        let mut only_mac = packages("us");
        only_mac.keymaps.push(format!("{KEYMAPS}mac/us{KEYMAP_END}"));
        assert!(check(&recipe, &only_mac).is_err(), "what is pruned does not count");
        recipe.units.enable.retain(|entry| entry.unit != UNIT);
        check(&recipe, &packages("sg-latin1")).expect("nothing would load it");
    }
}
