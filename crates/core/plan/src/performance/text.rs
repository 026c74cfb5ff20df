//! The tuning as a small file, which settle writes and whoever does it reads: a word, a pattern and the values of it on each line.

use super::{Kind, Tunable, Tuning};

const WORDS: [(Kind, &str); 4] = [
    (Kind::Wish, "wish"),
    (Kind::Need, "need"),
    (Kind::Solid, "solid"),
    (Kind::Rotating, "rotating"),
];

impl Tuning {
    /// The lines of the file; none for a document that asks for nothing.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for Tunable { kind, pattern, choices } in &self.tunables {
            let word = WORDS
                .iter()
                .find(|(own, _)| own == kind)
                .map_or("wish", |(_, word)| word);
            text += &format!("{word} {pattern} {}\n", choices.join(" "));
        }
        if let Some(cpus) = &self.isolated {
            text += &format!("isolate {cpus}\n");
        }
        if let Some(percent) = self.memory_overcommit {
            text += &format!("overcommit {percent}\n");
        }
        text
    }

    /// The same back. Lines that are none are passed over: nobody writes the file but settle.
    pub fn parse(text: &str) -> Self {
        let mut found = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["isolate", cpus] => found.isolated = cpus.parse().ok(),
                ["overcommit", percent] => found.memory_overcommit = percent.parse().ok(),
                [word, pattern, ref choices @ ..] if !choices.is_empty() => {
                    if let Some((kind, _)) = WORDS.iter().find(|(_, own)| *own == word) {
                        found.add(*kind, pattern, choices);
                    }
                }
                _ => {}
            }
        }
        found
    }
}
