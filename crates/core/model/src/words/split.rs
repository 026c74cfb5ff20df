//! The kernel's own way to cut its command line into words (`next_arg` in lib/cmdline.c): blanks separate, double quotes keep blanks
//! together around the whole word or its value, and a lone `--` ends what is for the kernel.

/// One word: `name` or `name=value`, quotes removed as the kernel removes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    pub name: &'a str,
    pub value: Option<&'a str>,
}

/// The words of a command line in their order.
pub fn split(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(is_blank);
        if rest.is_empty() {
            return None;
        }
        let (word, tail) = next(rest);
        rest = tail;
        // Everything behind `--` is for init, not for us.
        (word
            != Word {
                name: "--",
                value: None,
            })
        .then_some(word)
    })
}

/// The text without the lines that begin with `#`, for the seed's file `words`.
pub fn without_comments(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n")
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' | '\0')
}

fn next(text: &str) -> (Word<'_>, &str) {
    let (start, quoted_word) = if text.starts_with('"') { (1, true) } else { (0, false) };
    let mut in_quotes = quoted_word;
    let mut equals = None;
    let mut end = text.len();
    for (at, c) in text[start..].char_indices().map(|(at, c)| (at + start, c)) {
        if is_blank(c) && !in_quotes {
            end = at;
            break;
        }
        // As in the kernel, a word that begins with '=' has no value: its name is everything.
        if c == '=' && equals.is_none() && at > start {
            equals = Some(at);
        }
        in_quotes ^= c == '"';
    }
    let mut word = &text[start..end];
    if quoted_word {
        word = word.strip_suffix('"').unwrap_or(word);
    }
    let found = match equals {
        None => Word {
            name: word,
            value: None,
        },
        Some(at) => {
            let (name, value) = word.split_at(at - start);
            let value = &value[1..];
            let inner = value
                .strip_prefix('"')
                .map_or(value, |v| v.strip_suffix('"').unwrap_or(v));
            Word {
                name,
                value: Some(inner),
            }
        }
    };
    (found, &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_are_the_kernels() {
        let words = |text| split(text).map(|w| (w.name, w.value)).collect::<Vec<_>>();
        assert_eq!(words(" a  b=c\t"), [("a", None), ("b", Some("c"))]);
        assert_eq!(words(r#"a="b c" d"#), [("a", Some("b c")), ("d", None)]);
        assert_eq!(words(r#""a=b c" d"#), [("a", Some("b c")), ("d", None)]);
        assert_eq!(words("a=b=c"), [("a", Some("b=c"))]);
        assert_eq!(words("a= =b"), [("a", Some("")), ("=b", None)]);
        assert_eq!(words(r#"a=b"c d"e"#), [("a", Some(r#"b"c d"e"#))]);
        assert_eq!(words("a -- b"), [("a", None)]);
        assert_eq!(words("\"a=\""), [("a", Some(""))]);
        assert_eq!(words("\""), [("", None)]);
    }

    proptest! {
        #[test]
        fn every_text_is_cut(text in "[a=\" \\-\u{e4}#\n]{0,60}") {
            for word in split(&text) {
                prop_assert!(word.name.len() <= text.len());
            }
            let _ = without_comments(&text);
        }
    }
}
