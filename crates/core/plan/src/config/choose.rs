//! Which text counts, when several are kept: the newest that this image understands.
//!
//! A newer version of the system may have written a document of a version that this one does not know. After a fall back the node must
//! still be the same node: the last document that is understood counts, and the other one is kept for the version that wrote it.

use std::fmt;

use corbel_model::seed::{self, VERSION, is_of_another_version};

/// A text that is whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Candidate {
    pub generation: u64,
    pub text: String,
}

impl fmt::Debug for Candidate {
    /// The text may hold the hash of a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Candidate({})", self.generation)
    }
}

/// What counts.
#[derive(Clone, PartialEq, Eq)]
pub struct Chosen {
    pub generation: u64,
    pub text: String,
    /// What was passed over and why, one sentence each.
    pub notes: Vec<String>,
}

impl fmt::Debug for Chosen {
    /// The text may hold the hash of a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chosen({}, {:?})", self.generation, self.notes)
    }
}

/// `candidates` have the newest first. When none is understood the newest is given, so that whoever reads it says what is wrong.
pub fn choose(candidates: &[Candidate]) -> Option<Chosen> {
    let mut notes = Vec::new();
    for Candidate { generation, text } in candidates {
        match seed::parse(text) {
            Ok(_) => {
                let notes = notes.into_iter().map(|note: String| format!("{note}; generation {generation} counts"));
                return Some(Chosen {
                    generation: *generation,
                    text: text.clone(),
                    notes: notes.collect(),
                });
            }
            Err(_) if is_of_another_version(text) => notes.push(format!(
                "generation {generation} was written for another version of Corbel (this one reads version = {VERSION}): it is kept as it is"
            )),
            Err(error) => notes.push(format!("generation {generation} cannot be read: {error}")),
        }
    }
    candidates.first().map(|newest| Chosen {
        generation: newest.generation,
        text: newest.text.clone(),
        notes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(texts: &[(u64, &str)]) -> Option<(u64, Vec<String>)> {
        let candidates: Vec<_> = texts
            .iter()
            .map(|(generation, text)| Candidate {
                generation: *generation,
                text: (*text).to_owned(),
            })
            .collect();
        choose(&candidates).map(|chosen| (chosen.generation, chosen.notes))
    }

    #[test]
    fn the_newest_that_is_understood_counts_and_the_rest_is_told() {
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[(2, "version = 1\n"), (1, "version = 1\n")]), Some((2, vec![])));
        let (generation, notes) = chosen(&[
            (9, "version = 2\nnew = 1\n"),
            (8, "version = 1\nx = 1\n"),
            (7, "version = 1\n"),
        ])
        .expect("one");
        assert_eq!((generation, notes.len()), (7, 2));
        assert_eq!(
            notes[0],
            "generation 9 was written for another version of Corbel (this one reads version = 1): it is kept as it is; generation 7 counts"
        );
        assert!(
            notes[1].starts_with("generation 8 cannot be read: line 2, column 1 (x)"),
            "{notes:?}"
        );
        assert_eq!(chosen(&[(9, "version = 2\n"), (8, "[")]), Some((9, vec![])));
    }
}
