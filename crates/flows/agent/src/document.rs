//! The document of a node that is being installed: what a person answered is put into the text that was given or that the running
//! system was configured by.

use std::io::Read as _;

use corbel_model::access::PasswordHash;
use corbel_model::seed;
use corbel_model::{HostName, Keymap};

use crate::crypt::sha512_crypt;
use crate::{Secret, SystemError};

/// What is answered beside the document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answers {
    pub hostname: Option<HostName>,
    pub keyboard: Option<Keymap>,
    pub password: Option<Password>,
}

/// The password of `admin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    Hash(PasswordHash),
    Plain(Secret),
}

/// libxcrypt's default of 5000 rounds is from 2007; this many take about a tenth of a second today.
const ROUNDS: u32 = 100_000;

fn invalid(problem: impl std::fmt::Display) -> SystemError {
    SystemError::Invalid {
        field: "document".to_owned(),
        problem: problem.to_string(),
    }
}

/// The document with the answers in it; `None` when there is neither.
///
/// # Errors
/// The document is not one, with line, column and key.
pub(crate) fn compose(base: Option<&str>, answers: &Answers) -> Result<Option<String>, SystemError> {
    if let Some(text) = base {
        seed::parse(text).map_err(invalid)?;
    }
    if *answers == Answers::default() {
        return Ok(base.map(str::to_owned));
    }
    let mut table: toml::Table = toml::from_str(base.unwrap_or("version = 1\n")).map_err(invalid)?;
    if let Some(name) = &answers.hostname {
        table.insert("hostname".to_owned(), name.to_string().into());
    }
    if let Some(keymap) = &answers.keyboard {
        table.insert("keyboard".to_owned(), keymap.to_string().into());
    }
    if let Some(password) = &answers.password {
        let hash = match password {
            Password::Hash(hash) => hash.expose().to_owned(),
            Password::Plain(Secret(text)) => sha512_crypt(text.as_bytes(), &salt()?, ROUNDS),
        };
        let admin = table
            .entry("admin")
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        if let toml::Value::Table(admin) = admin {
            admin.insert("password_hash".to_owned(), hash.into());
        }
    }
    let text = toml::to_string(&table).map_err(invalid)?;
    seed::parse(&text).map_err(invalid)?;
    Ok(Some(text))
}

/// The document with the hash of a new password, of `admin` or of a user that is in it; everything else stays as it was written.
///
/// # Errors
/// The text is no document, or has no such user.
pub(crate) fn with_password(
    document: &str,
    user: Option<&str>,
    Secret(password): &Secret,
) -> Result<String, SystemError> {
    let path = match user {
        None => "admin.password_hash".to_owned(),
        Some(name) => {
            let users = seed::parse(document).map_err(invalid)?.users;
            if !users.iter().any(|user| user.name.as_str() == name) {
                return Err(SystemError::Invalid {
                    field: "user_passwords".to_owned(),
                    problem: format!("{name:?} is no user of the document: put the user there too"),
                });
            }
            format!("users[{name}].password_hash")
        }
    };
    let hash = sha512_crypt(password.as_bytes(), &salt()?, ROUNDS);
    seed::set(document, &path, &hash).map_err(invalid)
}

/// Sixteen characters of crypt(5)'s alphabet.
fn salt() -> Result<String, SystemError> {
    const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| SystemError::Failed {
            operation: "reading /dev/urandom".to_owned(),
            problem: error.to_string(),
        })?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 63)]))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_into_the_document_that_was_given() {
        let answers = Answers {
            hostname: Some("node-7".parse().unwrap()),
            keyboard: Some("de-latin1".parse().unwrap()),
            password: Some(Password::Plain(Secret("correct horse".into()))),
        };
        let base = "version = 1\nhostname = \"old\"\n[admin]\nssh_keys = []\n";
        let text = compose(Some(base), &answers).unwrap().unwrap();
        let seed = seed::parse(&text).unwrap();
        assert_eq!(seed.hostname.unwrap().to_string(), "node-7");
        assert_eq!(seed.keyboard.unwrap().to_string(), "de-latin1");
        assert!(seed.admin_password.unwrap().expose().starts_with("$6$rounds=100000$"));
        assert!(!text.contains("correct horse"));
        // Nothing to begin with is a document too.
        assert!(compose(None, &answers).unwrap().is_some());
        assert_eq!(compose(None, &Answers::default()), Ok(None));
    }

    #[test]
    fn a_new_password_leaves_the_rest_as_it_was() {
        let text = with_password("version = 1 # mine\n", None, &Secret("correct horse".into())).unwrap();
        assert!(text.starts_with("version = 1 # mine\n"), "{text}");
        assert!(seed::parse(&text).unwrap().admin_password.is_some());
        assert!(with_password("version = ", None, &Secret("x".into())).is_err());
    }

    #[test]
    fn a_user_gets_a_password_where_it_is_and_nowhere_else() {
        let text = "version = 1\n[[users]]\nname = \"ada\" # mine\nrole = \"viewer\"\n";
        let secret = Secret("correct horse".into());
        let with = with_password(text, Some("ada"), &secret).unwrap();
        assert!(with.starts_with(text), "{with}");
        let users = seed::parse(&with).unwrap().users;
        assert!(users[0].password.is_some() && users.len() == 1);
        for (text, user) in [
            (text, "bob"),
            (text, "0"),
            ("version = 1\n", "ada"),
            ("version = ", "ada"),
        ] {
            assert!(with_password(text, Some(user), &secret).is_err(), "{text} {user}");
        }
    }

    #[test]
    fn a_document_without_answers_stays_as_it_was_written() {
        let base = "version = 1 # mine\n";
        assert_eq!(compose(Some(base), &Answers::default()).unwrap().as_deref(), Some(base));
    }

    #[test]
    fn a_wrong_document_names_its_place() {
        let error = compose(Some("version = 1\nhostnam = 'x'\n"), &Answers::default()).unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("document: line 2"), "{said}");
    }
}
