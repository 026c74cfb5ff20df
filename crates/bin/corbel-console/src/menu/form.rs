//! A page of fields over a document: where the cursor is, what is being typed, and which change follows from a key. The form itself changes
//! nothing; whoever owns the document does.

mod levels;

use std::sync::Arc;

use super::document::{Change, Document, Path, Step, keys, shown, texts};
use super::line::Line;
use super::schema::{Field, Kind, Section};
use crate::state::Key;
use crate::wizard::SHORTEST;

/// A table or a list of tables that is looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Level {
    pub(crate) path: Path,
    /// Of an entry of a list that has one: its number may be another's in another document.
    name: Option<String>,
    pub(crate) title: String,
    pub(crate) help: String,
    pub(crate) list: bool,
    pub(crate) fields: Arc<[Field]>,
    pub(crate) row: usize,
}

/// What is being typed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edit {
    pub(crate) line: Line,
    /// A password, once typed, is typed again.
    pub(crate) first: Option<Line>,
}

/// The page: the section, and the tables that were opened in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Form {
    pub(crate) levels: Vec<Level>,
    pub(crate) edit: Option<Edit>,
    /// Why what was typed is not taken, or a key has no effect.
    pub(crate) error: Option<String>,
    /// The entry under the cursor is about to go.
    pub(crate) asks_removal: bool,
}

/// What follows from a key.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Nothing,
    Change(Change),
    /// Of the user at the path, or of `admin` where that is no entry of a list; an empty one takes a new one back.
    Password(Path, String),
    /// Back to where the form was opened from.
    Leave,
    /// The key is none of the form's.
    Unknown,
}

impl Form {
    pub(crate) fn of(section: &Section) -> Self {
        let level = Level {
            path: keys(&section.path),
            name: None,
            title: section.title.clone(),
            help: section.help.clone(),
            list: section.list,
            fields: Arc::clone(&section.fields),
            row: 0,
        };
        Self {
            levels: vec![level],
            edit: None,
            error: None,
            asks_removal: false,
        }
    }

    /// The innermost level; a form always has one.
    pub(crate) fn level(&self) -> &Level {
        self.levels
            .last()
            .expect("a form is made with a level and never loses its last")
    }

    fn level_mut(&mut self) -> &mut Level {
        self.levels
            .last_mut()
            .expect("a form is made with a level and never loses its last")
    }

    /// The field under the cursor.
    pub(crate) fn field(&self) -> Option<&Field> {
        let level = self.level();
        (!level.list).then(|| level.fields.get(level.row)).flatten()
    }

    pub(crate) fn path_of(&self, field: &Field) -> Path {
        [&self.level().path[..], &keys(&field.key)[..]].concat()
    }

    /// Rows that the cursor can be on: the fields, or the entries and the one that adds.
    pub(crate) fn rows(&self, document: &Document) -> usize {
        let level = self.level();
        if level.list {
            document.count(&level.path) + 1
        } else {
            level.fields.len()
        }
    }

    pub(crate) fn key(&mut self, key: Key, document: &Document, read_only: bool) -> Outcome {
        self.error = None;
        if self.asks_removal {
            return self.removal(key);
        }
        if self.edit.is_some() {
            return self.typing(key, document);
        }
        let last = self.rows(document).saturating_sub(1);
        let list = self.level().list;
        match key {
            Key::Up | Key::BackTab => self.level_mut().row = self.level().row.saturating_sub(1),
            Key::Down | Key::Tab => self.level_mut().row = (self.level().row + 1).min(last),
            Key::PageUp => self.level_mut().row = self.level().row.saturating_sub(10),
            Key::PageDown => self.level_mut().row = (self.level().row + 10).min(last),
            Key::Home => self.level_mut().row = 0,
            Key::End => self.level_mut().row = last,
            Key::Esc | Key::Left => {
                if self.levels.len() == 1 {
                    return Outcome::Leave;
                }
                return self.back(document);
            }
            Key::Enter | Key::Right if list && self.level().row < last => self.open(self.level().row, document),
            Key::Enter | Key::Right | Key::Char(' ')
                if matches!(self.field().map(|field| &field.kind), Some(Kind::Tables(_))) =>
            {
                self.open_field();
            }
            _ if read_only => return Outcome::Unknown,
            Key::Enter if list => return self.add(document),
            Key::Char('a') if list => return self.add(document),
            Key::Char('d') if list && self.level().row < last => self.asks_removal = true,
            Key::Enter => return self.begin(document),
            Key::Char(' ') if !list => return self.turn(document),
            Key::Char('x') | Key::Clear | Key::Backspace if !list => return self.leave_out(document),
            _ => return Outcome::Unknown,
        }
        Outcome::Nothing
    }

    fn add(&mut self, document: &Document) -> Outcome {
        let path = self.level().path.clone();
        let at = document.count(&path);
        self.level_mut().row = at;
        self.open(at, document);
        Outcome::Change(Change::Add(path))
    }

    fn removal(&mut self, key: Key) -> Outcome {
        self.asks_removal = false;
        if key != Key::Char('y') {
            return Outcome::Nothing;
        }
        let level = self.level_mut();
        let mut path = level.path.clone();
        path.push(Step::At(level.row));
        level.row = level.row.saturating_sub(1);
        Outcome::Change(Change::Remove(path))
    }

    /// Begins to type, or takes the next of two or three values.
    fn begin(&mut self, document: &Document) -> Outcome {
        let Some(field) = self.field() else {
            return Outcome::Nothing;
        };
        let text = match &field.kind {
            Kind::Bool => return self.turn(document),
            Kind::Secret | Kind::Password => String::new(),
            Kind::Other => {
                self.error = Some("This can be set with `corbel config edit` only".to_owned());
                return Outcome::Nothing;
            }
            _ => self.text_of(field, document),
        };
        self.edit = Some(Edit {
            line: Line::of(&text),
            first: None,
        });
        Outcome::Nothing
    }

    /// The value of a field as it is typed.
    pub(crate) fn text_of(&self, field: &Field, document: &Document) -> String {
        match document.get(&self.path_of(field)) {
            Some(item) if field.kind == Kind::Texts && shown(item).is_empty() => "[]".to_owned(),
            Some(item) => shown(item),
            None => String::new(),
        }
    }

    /// The next value: of yes, no and left out, or of the words.
    fn turn(&mut self, document: &Document) -> Outcome {
        let Some(field) = self.field() else {
            return Outcome::Nothing;
        };
        let path = self.path_of(field);
        let now = document.get(&path);
        let next = match &field.kind {
            Kind::Bool => match now.and_then(|item| item.as_bool()) {
                None => Some(true.into()),
                Some(true) => Some(false.into()),
                Some(false) => None,
            },
            Kind::Text(words) if !words.is_empty() => {
                let now = now.and_then(|item| item.as_str());
                let at = now.and_then(|now| words.iter().position(|word| word == now));
                let next = at.map_or(0, |at| at + 1);
                words.get(next).map(|word| word.as_str().into())
            }
            _ => return self.begin(document),
        };
        Outcome::Change(match next {
            Some(value) => Change::Set(path, value),
            None => Change::Unset(path),
        })
    }

    fn leave_out(&mut self, document: &Document) -> Outcome {
        let Some(field) = self.field() else {
            return Outcome::Nothing;
        };
        if field.kind == Kind::Password {
            return Outcome::Password(self.level().path.clone(), String::new());
        }
        let path = self.path_of(field);
        if document.get(&path).is_none() {
            self.error = Some("It is left out already".to_owned());
            return Outcome::Nothing;
        }
        Outcome::Change(Change::Unset(path))
    }

    fn typing(&mut self, key: Key, document: &Document) -> Outcome {
        let Some(edit) = &mut self.edit else {
            return Outcome::Nothing;
        };
        match key {
            Key::Esc => self.edit = None,
            Key::Enter | Key::Down | Key::Up | Key::Tab => return self.commit(document),
            key => {
                if !edit.line.key(key) {
                    self.error = Some("Enter takes what was typed, Esc leaves it as it was".to_owned());
                }
            }
        }
        Outcome::Nothing
    }

    fn commit(&mut self, document: &Document) -> Outcome {
        let Some(field) = self.field().cloned() else {
            return Outcome::Nothing;
        };
        if field.kind == Kind::Password {
            return self.commit_password();
        }
        let Some(edit) = &self.edit else {
            return Outcome::Nothing;
        };
        let typed = edit.line.text().trim().to_owned();
        let path = self.path_of(&field);
        if typed == self.text_of(&field, document) || (field.kind == Kind::Secret && typed.is_empty()) {
            self.edit = None;
            return Outcome::Nothing;
        }
        let value = match &field.kind {
            _ if typed.is_empty() => None,
            Kind::Number { min, max } => match number(&typed, *min, *max) {
                Ok(number) => Some(number.into()),
                Err(problem) => {
                    self.error = Some(problem);
                    return Outcome::Nothing;
                }
            },
            Kind::Texts if typed == "[]" => Some(texts("")),
            Kind::Texts => Some(texts(&typed)),
            _ => Some(typed.as_str().into()),
        };
        self.edit = None;
        Outcome::Change(match value {
            Some(value) => Change::Set(path, value),
            None => Change::Unset(path),
        })
    }

    fn commit_password(&mut self) -> Outcome {
        let Some(edit) = &mut self.edit else {
            return Outcome::Nothing;
        };
        let typed = edit.line.text().to_owned();
        match &edit.first {
            None if typed.is_empty() => self.edit = None,
            None if typed.chars().count() < SHORTEST => {
                self.error = Some(format!("The password is too short: it needs {SHORTEST} characters"));
            }
            None => edit.first = Some(std::mem::take(&mut edit.line)),
            Some(first) if first.text() != typed => {
                self.error = Some("The two differ: type the new password again".to_owned());
                *edit = Edit {
                    line: Line::default(),
                    first: None,
                };
            }
            Some(_) => {
                self.edit = None;
                return Outcome::Password(self.level().path.clone(), typed);
            }
        }
        Outcome::Nothing
    }
}

fn number(typed: &str, min: Option<i64>, max: Option<i64>) -> Result<i64, String> {
    let range = match (min, max) {
        (Some(min), Some(max)) => format!("a whole number from {min} to {max}"),
        (Some(min), None) => format!("a whole number from {min}"),
        _ => "a whole number".to_owned(),
    };
    let number = typed.parse::<i64>().ok();
    number
        .filter(|number| min.is_none_or(|min| *number >= min) && max.is_none_or(|max| *number <= max))
        .ok_or_else(|| format!("{typed:?} is not {range}"))
}

#[cfg(test)]
mod tests;
