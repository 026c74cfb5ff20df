//! Path patterns of the recipe: `*` stays within a folder, `**` does not, everything else stands for itself.

/// Whether `path` (no leading `/`) matches `pattern`.
pub fn matches(pattern: &str, path: &str) -> bool {
    matches_bytes(pattern.as_bytes(), path.as_bytes())
}

/// Greedy with one remembered star of each kind, so that a hostile pattern costs at most pattern × path steps.
fn matches_bytes(pattern: &[u8], path: &[u8]) -> bool {
    let (mut p, mut s) = (0, 0);
    // Where to go on after the last star: (pattern position behind it, path position, may cross '/').
    let mut single: Option<(usize, usize)> = None;
    let mut double: Option<(usize, usize)> = None;
    while s < path.len() {
        if pattern[p..].starts_with(b"**") {
            p += 2;
            double = Some((p, s));
            single = None;
        } else if p < pattern.len() && pattern[p] == b'*' {
            p += 1;
            single = Some((p, s));
        } else if p < pattern.len() && pattern[p] == path[s] {
            p += 1;
            s += 1;
        } else if let Some((after, at)) = single.filter(|(_, at)| path[*at] != b'/') {
            single = Some((after, at + 1));
            (p, s) = (after, at + 1);
        } else if let Some((after, at)) = double {
            double = Some((after, at + 1));
            single = None;
            (p, s) = (after, at + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_stay_in_their_folder_unless_doubled() {
        for (pattern, path, expected) in [
            ("usr/bin/dpkg*", "usr/bin/dpkg-deb", true),
            ("usr/bin/*", "usr/bin/a/b", false),
            ("usr/share/doc/**", "usr/share/doc/a/b", true),
            ("usr/share/doc/**", "usr/share/doc", false),
            ("usr/share/doc/*/copyright", "usr/share/doc/bash/copyright", true),
            ("usr/share/doc/*/copyright", "usr/share/doc/a/b/copyright", false),
            ("usr/share/**/doc/**", "usr/share/vim/vim91/doc/help.txt", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    proptest! {
        #[test]
        fn any_pattern_ends(pattern in "[ab*/]{0,20}", path in "[ab/]{0,30}") {
            let _ = matches(&pattern, &path);
        }
        #[test]
        fn a_path_matches_itself(path in "[a-z/]{0,30}") {
            prop_assert!(matches(&path, &path));
        }
    }
}
