//! The tables that are open in a form, one in the other: how one is opened and left, and where it is in another document.

use std::sync::Arc;

use super::super::document::{Change, Document, Step};
use super::super::schema::Kind;
use super::{Form, Level, Outcome};

impl Form {
    /// Something was changed from this page: what is not there any more is left, and what is there may be called otherwise.
    pub(crate) fn settle(&mut self, document: &Document) {
        while self.levels.len() > 1
            && matches!(self.level().path.last(), Some(Step::At(_)))
            && document.get(&self.level().path).is_none()
        {
            self.levels.pop();
            self.edit = None;
        }
        for level in &mut self.levels {
            if matches!(level.path.last(), Some(Step::At(_))) {
                level.name = document.name(&level.path);
            }
        }
        self.clamp(document);
    }

    /// The document is another one altogether. An open entry is looked for by its name; one that is gone is left, and with it what was being
    /// typed. A question about an entry was one about the old document.
    pub(crate) fn find_again(&mut self, document: &Document) {
        self.asks_removal = false;
        for depth in 1..self.levels.len() {
            let level = &self.levels[depth];
            let Some((Step::At(at), list)) = level.path.split_last() else {
                continue;
            };
            let step = list.len();
            let Some(found) = entry(document, list, *at, level.name.as_deref()) else {
                self.levels.truncate(depth);
                self.edit = None;
                break;
            };
            self.levels[depth - 1].row = found;
            for level in &mut self.levels[depth..] {
                level.path[step] = Step::At(found);
            }
        }
        self.clamp(document);
    }

    /// The cursor is on a row that is there.
    fn clamp(&mut self, document: &Document) {
        let last = self.rows(document).saturating_sub(1);
        let level = self.level_mut();
        level.row = level.row.min(last);
    }

    /// Out of the innermost level. An entry in which nothing was said is not left behind.
    pub(super) fn back(&mut self, document: &Document) -> Outcome {
        let path = self.levels.pop().map(|level| level.path).unwrap_or_default();
        let table = document.get(&path).and_then(|item| item.as_table_like());
        match path.last() {
            Some(Step::At(_)) if table.is_some_and(|table| table.is_empty()) => Outcome::Change(Change::Remove(path)),
            _ => Outcome::Nothing,
        }
    }

    pub(super) fn open(&mut self, at: usize, document: &Document) {
        let level = self.level();
        let mut path = level.path.clone();
        path.push(Step::At(at));
        let name = document.name(&path);
        let inner = Level {
            title: format!("{}: {}", level.title, name.as_deref().unwrap_or("new")),
            name,
            help: level.help.clone(),
            list: false,
            fields: Arc::clone(&level.fields),
            row: 0,
            path,
        };
        self.levels.push(inner);
    }

    /// The list behind a field.
    pub(super) fn open_field(&mut self) {
        let Some(field) = self.field() else { return };
        let Kind::Tables(fields) = &field.kind else { return };
        let inner = Level {
            path: self.path_of(field),
            name: None,
            title: format!("{}, {}", self.level().title, field.label),
            help: field.help.clone(),
            list: true,
            fields: Arc::clone(fields),
            row: 0,
        };
        self.levels.push(inner);
    }
}

/// Where the entry of this name is: first where it was. One without a name was just added and is the last, as in [`Document::moved_to`].
fn entry(document: &Document, list: &[Step], at: usize, name: Option<&str>) -> Option<usize> {
    let count = document.count(list);
    let is_it = |at: &usize| document.name(&[list, &[Step::At(*at)]].concat()).as_deref() == name;
    match name {
        Some(_) => std::iter::once(at).chain(0..count).find(is_it),
        None => count.checked_sub(1).filter(is_it),
    }
}
