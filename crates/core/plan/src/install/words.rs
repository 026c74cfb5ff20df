//! The owner's kernel words, beside those that every release brings along.

/// `asked` without the words that the release has itself in the same order: a medium's command line begins with them, and kept as the
/// owner's they would stand against a later release that has others. One that comes again behind them stays, as the last
/// `console=` is the one that counts.
pub fn beyond_release(release: &str, asked: &[String]) -> Vec<String> {
    let mut own: Vec<&str> = release.split_whitespace().collect();
    let mut owners = Vec::new();
    for word in asked {
        match own.iter().position(|known| known == word) {
            Some(at) => drop(own.drain(..=at)),
            None => owners.push(word.clone()),
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_releases_own_words_are_not_the_owners() {
        let owners = |asked: &str| {
            let asked: Vec<String> = asked.split(' ').map(str::to_owned).collect();
            beyond_release("corbel.root=00 quiet console=tty0 console=ttyS0,115200", &asked).join(" ")
        };
        assert_eq!(owners("console=tty0 console=ttyS0,115200"), "");
        assert_eq!(owners("console=tty0 console=ttyS0,115200 nomodeset"), "nomodeset");
        assert_eq!(owners("console=tty0 console=ttyS0,115200 console=tty0"), "console=tty0");
        assert_eq!(owners("console=ttyS0,115200 console=tty0"), "console=tty0");
        assert_eq!(owners("console=ttyS1"), "console=ttyS1");
    }
}
