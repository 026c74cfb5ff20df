//! Several texts of words as one text, so that a later program reads what settle read.

use super::{Word, split};

/// The words of all texts in their order, one a line: later texts win, as in [`Words::parse`](super::Words::parse). A quote that nobody
/// closed is left out, as it would swallow the words of the next text.
pub fn merged<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().flat_map(split).filter_map(line).collect()
}

/// The first way to write the word of which [`split()`] makes the same word again.
fn line(word: Word<'_>) -> Option<String> {
    let name = word.name;
    let ways = match word.value {
        None => vec![name.to_owned(), format!("\"{name}\"")],
        Some(value) => vec![
            format!("{name}={value}"),
            format!("{name}=\"{value}\""),
            format!("\"{name}={value}\""),
        ],
    };
    // What follows must still be read as a word of its own.
    let next = Word { name: "x", value: None };
    for way in ways {
        let text = format!("{way}\n");
        if split(&format!("{text}x")).eq([word, next]) {
            return Some(text);
        }
    }
    let has_quotes = name.contains('"') || word.value.is_some_and(|value| value.contains('"'));
    let (name, value) = (name.replace('"', ""), word.value.map(|value| value.replace('"', "")));
    let bare = Word {
        name: &name,
        value: value.as_deref(),
    };
    if has_quotes { line(bare) } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn later_texts_stay_behind_and_nothing_swallows_them() {
        let seed = "install storage_init=/dev/sda\nhostname=\"a b\" -- for init";
        assert_eq!(
            merged([seed, "quiet \"dns=192.0.2.1, 192.0.2.2\" hostname=b"]),
            "install\nstorage_init=/dev/sda\nhostname=\"a b\"\nquiet\ndns=\"192.0.2.1, 192.0.2.2\"\nhostname=b\n"
        );
        assert_eq!(merged(["a=\"b", "c"]), "a=b\nc\n");
        assert_eq!(merged(["a=b\"c", "d"]), "a=bc\nd\n");
    }

    proptest! {
        #[test]
        fn words_without_quotes_inside_stay_what_they_are(
            first in "([a-c]{1,3}(=([a-c,/=]{0,4}|\"[a-c ]{0,4}\"))?[ \n]){0,5}",
            second in "([a-c]{1,3}(=[a-c]{0,3})?[ ]){0,5}",
        ) {
            let text = merged([first.as_str(), &second]);
            prop_assert!(split(&text).eq(split(&first).chain(split(&second))), "{}", text);
        }
        #[test]
        fn every_text_is_merged(first in "[a=\" \\-\n]{0,30}", second in "[a=\" \\-\n]{0,30}") {
            let text = merged([first.as_str(), &second]);
            prop_assert_eq!(merged([text.as_str()]), text);
        }
    }
}
