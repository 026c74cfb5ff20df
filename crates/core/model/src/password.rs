//! What a new password should be. Only its owner knows what the node is worth, so all of this is advice.

/// Fewer characters are too few: NIST SP 800-63B (5.1.1.2) wants at least so many of a password that a person chooses, and this one
/// opens the node over the network.
pub const SHORTEST: usize = 8;
/// Without a second kind of characters.
const LONG: usize = 14;
const COMMON: [&str; 8] = [
    "password", "passw0rd", "corbel", "admin", "qwerty", "letmein", "12345", "secret",
];

/// What to say of a password that was given by other means than the installer's page, which refuses a short one.
pub fn advice(password: &str) -> Option<String> {
    if password.chars().count() < SHORTEST {
        return Some(format!("Weak: it has fewer than {SHORTEST} characters."));
    }
    weakness(password).map(str::to_owned)
}

/// Why a password is weak although it is long enough; nothing about an empty one.
pub fn weakness(password: &str) -> Option<&'static str> {
    let lower = password.to_lowercase();
    let kinds = [
        password.chars().any(char::is_lowercase),
        password.chars().any(char::is_uppercase),
        password.chars().any(|c| c.is_ascii_digit()),
        password.chars().any(|c| !c.is_alphanumeric()),
    ];
    let kinds = kinds.into_iter().filter(|kind| *kind).count();
    let mut different: Vec<char> = password.chars().collect();
    different.sort_unstable();
    different.dedup();
    if password.is_empty() {
        None
    } else if COMMON.iter().any(|word| lower.contains(word)) {
        Some("Weak: it holds a word that is tried first.")
    } else if different.len() < 5 {
        Some("Weak: it has few different characters.")
    } else if password.chars().any(char::is_uppercase) && !password.chars().any(char::is_lowercase) {
        Some("All letters are capitals: is Caps Lock on?")
    } else if kinds < 2 && password.chars().count() < LONG {
        Some("Weak: longer, or with digits and signs, would be better.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_ones_are_named_and_good_ones_are_not() {
        for weak in ["Password1!", "aaaaaaaabb", "CORREKT42!", "hzkwerbn"] {
            assert!(weakness(weak).is_some(), "{weak}");
        }
        for good in ["", "plum-Tr3e", "four words in a row", "x7#kd9!w"] {
            assert_eq!(weakness(good), None, "{good}");
        }
        assert_eq!(
            advice("x7#kd9!").as_deref(),
            Some("Weak: it has fewer than 8 characters.")
        );
        assert_eq!(advice("x7#kd9!w"), None);
    }
}
