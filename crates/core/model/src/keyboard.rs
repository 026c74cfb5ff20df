//! Keyboard layouts of the console: names as the keymaps below `/usr/share/keymaps` have them (loadkeys(1)), and those that the
//! installer lists.
//!
//! The image build refuses an image that lacks a keymap of [`LAYOUTS`].

use crate::ids::Keymap;

/// The layout of a kernel that was told nothing, and the one that the installer begins at.
pub const DEFAULT: &str = "us";

/// A layout that the installer lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The keymap's name, which a document and the word `keyboard=` have.
    pub name: &'static str,
    /// For people, in ASCII, sorted.
    pub label: &'static str,
}

const fn layout(name: &'static str, label: &'static str) -> Layout {
    Layout { name, label }
}

/// The usual layouts by label. Any other keymap of the image can be named too.
pub const LAYOUTS: [Layout; 60] = [
    layout("by", "Belarusian"),
    layout("be-latin1", "Belgian"),
    layout("bg", "Bulgarian"),
    layout("cf", "Canadian French"),
    layout("ca-multi", "Canadian multilingual"),
    layout("croat", "Croatian"),
    layout("cz-lat2", "Czech"),
    layout("cz-us-qwertz", "Czech and US (QWERTZ)"),
    layout("dk-latin1", "Danish"),
    layout("nl", "Dutch"),
    layout("dvorak", "English (Dvorak)"),
    layout("uk", "English (UK)"),
    layout("us", "English (US)"),
    layout("us-intl.iso15", "English (US, international)"),
    layout("et", "Estonian"),
    layout("fi-latin1", "Finnish"),
    layout("fr-latin9", "French"),
    layout("dvorak-fr-bepo", "French (Bepo)"),
    layout("fr-pc", "French (PC)"),
    layout("de-latin1-nodeadkeys", "German"),
    layout("dvorak-de", "German (Dvorak)"),
    layout("de-latin1", "German (with dead keys)"),
    layout("gr", "Greek"),
    layout("il", "Hebrew"),
    layout("hu", "Hungarian"),
    layout("hu101", "Hungarian (101 keys)"),
    layout("is-latin1", "Icelandic"),
    layout("it", "Italian"),
    layout("jp106", "Japanese"),
    layout("kk", "Kazakh"),
    layout("kg", "Kyrgyz"),
    layout("lv-latin7", "Latvian"),
    layout("lt", "Lithuanian"),
    layout("mk", "Macedonian"),
    layout("no-latin1", "Norwegian"),
    layout("pl", "Polish"),
    layout("pl-qwertz", "Polish (QWERTZ)"),
    layout("pt-latin1", "Portuguese"),
    layout("br-abnt2", "Portuguese (Brazil, ABNT2)"),
    layout("br-latin1", "Portuguese (Brazil, US keys)"),
    layout("ro", "Romanian"),
    layout("ru", "Russian"),
    layout("ru-ms", "Russian (Windows)"),
    layout("sr-cy", "Serbian"),
    layout("sr", "Serbian (Latin)"),
    layout("sk-qwerty", "Slovak (QWERTY)"),
    layout("sk-qwertz", "Slovak (QWERTZ)"),
    layout("slovene", "Slovenian"),
    layout("es", "Spanish"),
    layout("la-latin1", "Spanish (Latin America)"),
    layout("se-latin1", "Swedish"),
    layout("fr_CH-latin1", "Swiss French"),
    layout("sg-latin1", "Swiss German"),
    layout("th-tis", "Thai"),
    layout("trf", "Turkish (F)"),
    layout("trq", "Turkish (Q)"),
    layout("ua-utf", "Ukrainian"),
    layout("ua-utf-ws", "Ukrainian (Windows)"),
    layout("us-latin1", "Western European (US keys)"),
    layout("wo", "Wolof"),
];

/// Whether the installer lists this layout, so that the image is known to have it.
pub fn is_listed(keymap: &Keymap) -> bool {
    LAYOUTS.iter().any(|layout| layout.name == keymap.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_whole_and_fits_a_screen() {
        let labels = LAYOUTS.map(|layout| layout.label);
        assert!(labels.is_sorted(), "{labels:?}");
        let mut names: Vec<_> = LAYOUTS.iter().map(|layout| layout.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), LAYOUTS.len(), "each name stands once");
        assert!(names.contains(&DEFAULT));
        for Layout { name, label } in LAYOUTS {
            assert!(name.parse::<Keymap>().is_ok_and(|keymap| is_listed(&keymap)), "{name}");
            assert!(
                label.len() <= 40 && label.is_ascii() && name.len() <= 24,
                "{name}: {label}"
            );
        }
    }

    #[test]
    fn a_name_is_a_file_name_and_never_an_option_or_a_path() {
        for good in ["us", "de-latin1", "fr_CH-latin1", "us-intl.iso15", "lt.l4", "a+b"] {
            assert!(good.parse::<Keymap>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-u",
            "../us",
            "a/b",
            ".us",
            "us map",
            "us\nFONT=x",
            "$KEYMAP",
            "d\u{e9}",
        ] {
            assert!(bad.parse::<Keymap>().is_err(), "{bad}");
        }
        assert!("a".repeat(40).parse::<Keymap>().is_ok() && "a".repeat(41).parse::<Keymap>().is_err());
    }
}
