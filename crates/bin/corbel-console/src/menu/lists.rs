//! What is only looked at: disks, links, services and the journal.

use corbel_node_api::{Disk, Link, LogEntry, LogPage, Service};

use super::Turn;
use super::call::{Call, Reply};
use super::line::Line;
use crate::state::Key;
use crate::wizard::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Disks,
    Links,
    Services,
    Logs,
}

impl List {
    pub(crate) const ALL: [Self; 4] = [Self::Disks, Self::Links, Self::Services, Self::Logs];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Disks => "Disks",
            Self::Links => "Network links",
            Self::Services => "Services",
            Self::Logs => "Logs",
        }
    }
}

/// What was read, of the list that is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Lists {
    pub(crate) disks: Vec<Disk>,
    pub(crate) links: Vec<Link>,
    pub(crate) services: Vec<Service>,
    pub(crate) logs: LogPage,
    shown: Option<List>,
    pub(crate) row: usize,
    pub(crate) reading: bool,
    pub(crate) trouble: Option<String>,
    pub(crate) search: String,
    pub(crate) typing: Option<Line>,
}

impl Lists {
    /// Shows a list, which has to be read.
    pub(super) fn open(&mut self, list: List) -> Call {
        if self.shown != Some(list) {
            // Only one is kept: the journal alone may be as large as the rest of this program.
            *self = Self::default();
        }
        (self.shown, self.reading, self.trouble) = (Some(list), true, None);
        match list {
            List::Disks => Call::Disks,
            List::Links => Call::Links,
            List::Services => Call::Services,
            List::Logs => Call::Logs(self.search.clone()),
        }
    }

    pub(crate) fn count(&self) -> usize {
        match self.shown {
            Some(List::Disks) => self.disks.len(),
            Some(List::Links) => self.links.len(),
            Some(List::Services) => self.services.len(),
            Some(List::Logs) => self.logs.entries.len(),
            None => 0,
        }
    }

    /// The entry of the journal under the cursor.
    pub(crate) fn entry(&self) -> Option<&LogEntry> {
        self.logs.entries.get(self.row)
    }

    pub(super) fn key(&mut self, key: Key, rows: usize) -> Turn {
        let Some(list) = self.shown else { return Turn::Leave };
        if let Some(line) = &mut self.typing {
            match key {
                Key::Enter => {
                    self.search = line.text().trim().to_owned();
                    (self.typing, self.row) = (None, 0);
                    return Turn::Call(self.open(list));
                }
                Key::Esc => self.typing = None,
                key => {
                    line.key(key);
                }
            }
            return Turn::Nothing;
        }
        let (last, page) = (self.count().saturating_sub(1), rows.max(1));
        match key {
            Key::Up => self.row = self.row.saturating_sub(1),
            Key::Down => self.row = (self.row + 1).min(last),
            Key::PageUp => self.row = self.row.saturating_sub(page),
            Key::PageDown => self.row = (self.row + page).min(last),
            Key::Home => self.row = 0,
            Key::End => self.row = last,
            Key::Char('/') if list == List::Logs => self.typing = Some(Line::of(&self.search)),
            Key::Char('r') if self.reading => {}
            Key::Char('r') => return Turn::Call(self.open(list)),
            Key::Esc if !self.search.is_empty() => {
                (self.search, self.row) = (String::new(), 0);
                return Turn::Call(self.open(list));
            }
            Key::Esc | Key::Left => return Turn::Leave,
            _ => return Turn::Unknown,
        }
        Turn::Nothing
    }

    pub(super) fn on(&mut self, reply: Reply) {
        self.reading = false;
        match (reply, self.shown) {
            (Reply::Disks(answer), Some(List::Disks)) => take(&mut self.disks, answer, &mut self.trouble),
            (Reply::Links(answer), Some(List::Links)) => {
                take(&mut self.links, answer.map(|list| list.links), &mut self.trouble);
            }
            (Reply::Services(answer), Some(List::Services)) => {
                take(&mut self.services, answer.map(|list| list.services), &mut self.trouble);
            }
            (Reply::Logs(answer), Some(List::Logs)) => take(&mut self.logs, answer, &mut self.trouble),
            // Of a list that was left meanwhile.
            _ => self.reading = true,
        }
        self.row = self.row.min(self.count().saturating_sub(1));
    }
}

/// What was read, or why not; then what was read before stays.
fn take<T>(place: &mut T, answer: Result<T, Failure>, trouble: &mut Option<String>) {
    match answer {
        Ok(read) => *place = read,
        Err(failure) => *trouble = Some(failure.message),
    }
}
