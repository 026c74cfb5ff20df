//! Text for terminals that know ASCII only: the fonts of a VGA console and of a serial terminal have little else in common.

/// `text` in printable ASCII. What has an obvious spelling gets it, the rest becomes `?`.
pub(crate) fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => out.push(c),
            '\u{2026}' => out.push_str("..."),
            '\u{2010}'..='\u{2015}' => out.push('-'),
            '\u{2018}' | '\u{2019}' => out.push('\''),
            '\u{201c}' | '\u{201d}' => out.push('"'),
            '\t' | '\n' | '\r' | '\u{a0}' => out.push(' '),
            _ => out.push('?'),
        }
    }
    out
}

/// Lines of at most `width` characters, broken at blanks, and inside words that are longer. `text` is ASCII.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut rest: String = word.to_owned();
        loop {
            let line = lines.last_mut().expect("there is always a line");
            let room = width.saturating_sub(line.len() + usize::from(!line.is_empty()));
            if rest.len() <= room {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(&rest);
                break;
            }
            if line.is_empty() {
                let tail = rest.split_off(width.min(rest.len()));
                *line = rest;
                rest = tail;
            }
            lines.push(String::new());
        }
    }
    lines
}

/// Cut to `width`, the cut marked where there is room for a mark.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if text.len() <= width {
        return text.to_owned();
    }
    let mark = if width > 3 { "..." } else { "" };
    text.chars().take(width - mark.len()).chain(mark.chars()).collect()
}

/// `[####......]`, `width` characters in all.
pub(crate) fn bar(share: f64, width: usize) -> String {
    let inside = width.saturating_sub(2);
    // NaN and what lies outside of 0 to 1 is drawn as empty or full.
    let full = (0..inside)
        .filter(|at| (*at as f64 + 0.5) / (inside as f64) < share)
        .count();
    format!("[{}{}]", "#".repeat(full), ".".repeat(inside - full))
}

/// `3 d 4 h`, `4 h 5 min`, `5 min`: two parts, so that the line changes once a minute.
pub(crate) fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_forms() {
        assert_eq!(ascii("a\u{2026}b \u{2013} \u{e4}\x1b"), "a...b - ??");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh i", 3), ["abc", "def", "gh", "i"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(bar(0.5, 12), "[#####.....]");
        assert_eq!(bar(f64::NAN, 4), "[..]");
        assert_eq!(bar(9.0, 4), "[##]");
        assert_eq!(fit("abcdef", 5), "ab...");
        assert_eq!(
            [duration(59), duration(3_700), duration(200_000)],
            ["0 min", "1 h 1 min", "2 d 7 h"]
        );
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_and_no_letter_is_lost(text in "\\PC{0,80}", width in 1_usize..30) {
            let text = ascii(&text);
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|line| line.len() <= width));
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
            prop_assert!(fit(&text, width).len() <= width);
        }
    }
}
