//! What is only looked at: disks, links, services, the journal, and what the node reaches.

use corbel_node_api::{Disk, Link, LogEntry, LogPage, PingResult, Service};

use super::Turn;
use super::call::{Call, Reply};
use super::line::Line;
use super::plain::{self, Row};
use crate::state::Key;
use crate::wizard::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Disks,
    Multipath,
    Iscsi,
    Iommu,
    Links,
    Ping,
    Services,
    Logs,
    Plugins,
    Security,
}

/// Echoes that a host gets.
const ECHOES: usize = 5;

impl List {
    pub(crate) const ALL: [Self; 10] = [
        Self::Disks,
        Self::Multipath,
        Self::Iscsi,
        Self::Iommu,
        Self::Links,
        Self::Ping,
        Self::Services,
        Self::Logs,
        Self::Plugins,
        Self::Security,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Disks => "Disks",
            Self::Links => "Network links",
            Self::Services => "Services",
            Self::Logs => "Logs",
            Self::Multipath => "Multipath devices",
            Self::Iscsi => "iSCSI sessions",
            Self::Iommu => "IOMMU groups",
            Self::Ping => "Ping",
            Self::Plugins => "Plugins",
            Self::Security => "Security",
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
    /// Of all other lists.
    pub(crate) plain: Vec<Row>,
    shown: Option<List>,
    pub(crate) row: usize,
    pub(crate) reading: bool,
    pub(crate) trouble: Option<String>,
    /// What was done.
    pub(crate) note: Option<String>,
    /// The text that is searched for, or the host that gets echoes.
    pub(crate) search: String,
    /// Echoes that are still to be sent.
    left: usize,
    pub(crate) typing: Option<Line>,
}

impl Lists {
    /// Shows a list, which has to be read.
    pub(super) fn open(&mut self, list: List) -> Option<Call> {
        if self.shown != Some(list) {
            // Only one is kept: the journal alone may be as large as the rest of this program.
            *self = Self::default();
        }
        (self.shown, self.trouble, self.note) = (Some(list), None, None);
        // A host has to be named first.
        self.reading = list != List::Ping;
        Some(match list {
            List::Ping => return None,
            List::Multipath => Call::Multipath,
            List::Iscsi => Call::Iscsi,
            List::Iommu => Call::Iommu,
            List::Plugins => Call::Plugins,
            List::Security => Call::Security,
            List::Disks => Call::Disks,
            List::Links => Call::Links,
            List::Services => Call::Services,
            List::Logs => Call::Logs(self.search.clone()),
        })
    }

    pub(crate) fn count(&self) -> usize {
        match self.shown {
            Some(List::Disks) => self.disks.len(),
            Some(List::Links) => self.links.len(),
            Some(List::Services) => self.services.len(),
            Some(List::Logs) => self.logs.entries.len(),
            Some(_) => self.plain.len(),
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
                    return match list {
                        List::Ping => self.ping().into(),
                        list => self.open(list).into(),
                    };
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
            Key::Enter | Key::Char('/') if list == List::Ping && !self.reading => {
                self.typing = Some(Line::of(&self.search));
            }
            // The echo that is on its way is the last.
            Key::Esc if list == List::Ping && self.reading => self.left = 0,
            Key::Char('i') if list == List::Links => return self.identify(),
            Key::Char('r') if self.reading => {}
            Key::Char('r') if list == List::Ping => return self.ping().into(),
            Key::Char('r') => return self.open(list).into(),
            Key::Esc if !self.search.is_empty() && list == List::Logs => {
                (self.search, self.row) = (String::new(), 0);
                return self.open(list).into();
            }
            Key::Esc | Key::Left => return Turn::Leave,
            _ => return Turn::Unknown,
        }
        Turn::Nothing
    }

    /// Begins anew with the host that was typed.
    fn ping(&mut self) -> Option<Call> {
        if self.search.is_empty() {
            return None;
        }
        (self.plain, self.row, self.trouble) = (Vec::new(), 0, None);
        (self.reading, self.left) = (true, ECHOES);
        Some(Call::Ping {
            host: self.search.clone(),
            rests: false,
        })
    }

    fn identify(&mut self) -> Turn {
        let Some(link) = self.links.get(self.row) else {
            return Turn::Nothing;
        };
        self.note = Some(format!("The lamps of {} blink", link.name));
        Turn::Call(Call::Identify(link.name.clone()))
    }

    /// One echo more, or not.
    fn on_echo(&mut self, host: String, answer: Result<PingResult, Failure>) -> Option<Call> {
        if self.shown != Some(List::Ping) || host != self.search {
            return None;
        }
        self.left = self.left.saturating_sub(1);
        match answer {
            Ok(result) => {
                let number = self.plain.len() + 1;
                self.plain
                    .extend(result.echoes.iter().map(|echo| plain::echo(number, echo)));
                self.row = self.plain.len().saturating_sub(1);
            }
            Err(failure) => (self.trouble, self.left) = (Some(failure.message), 0),
        }
        self.reading = self.left > 0;
        self.reading.then_some(Call::Ping { host, rests: true })
    }

    /// Takes what the node said. The next echo may follow.
    pub(super) fn on(&mut self, reply: Reply) -> Option<Call> {
        match reply {
            Reply::Ping(host, answer) => return self.on_echo(host, answer),
            Reply::Identify(name, done) => {
                (self.note, self.trouble) = match done {
                    Ok(()) => (Some(format!("The lamps of {name} blinked")), None),
                    Err(failure) => (None, Some(failure.message)),
                };
                return None;
            }
            _ => {}
        }
        let waits = std::mem::take(&mut self.reading);
        match (reply, self.shown) {
            (Reply::Disks(answer), Some(List::Disks)) => take(&mut self.disks, answer, &mut self.trouble),
            (Reply::Links(answer), Some(List::Links)) => {
                take(&mut self.links, answer.map(|list| list.links), &mut self.trouble);
            }
            (Reply::Services(answer), Some(List::Services)) => {
                take(&mut self.services, answer.map(|list| list.services), &mut self.trouble);
            }
            (Reply::Logs(answer), Some(List::Logs)) => take(&mut self.logs, answer, &mut self.trouble),
            (Reply::Multipath(answer), Some(List::Multipath)) => {
                take(
                    &mut self.plain,
                    answer.map(|list| plain::multipath(&list)),
                    &mut self.trouble,
                );
            }
            (Reply::Iscsi(answer), Some(List::Iscsi)) => {
                take(
                    &mut self.plain,
                    answer.map(|info| plain::iscsi(&info)),
                    &mut self.trouble,
                );
            }
            (Reply::Iommu(answer), Some(List::Iommu)) => {
                take(
                    &mut self.plain,
                    answer.map(|info| plain::iommu(&info)),
                    &mut self.trouble,
                );
            }
            (Reply::Plugins(answer), Some(List::Plugins)) => {
                take(
                    &mut self.plain,
                    answer.map(|list| plain::plugins(&list)),
                    &mut self.trouble,
                );
            }
            (Reply::Security(answer), Some(List::Security)) => {
                take(
                    &mut self.plain,
                    answer.map(|level| plain::security(&level)),
                    &mut self.trouble,
                );
            }
            // Of a list that was left meanwhile.
            _ => self.reading = waits,
        }
        self.row = self.row.min(self.count().saturating_sub(1));
        None
    }
}

/// What was read, or why not; then what was read before stays.
fn take<T>(place: &mut T, answer: Result<T, Failure>, trouble: &mut Option<String>) {
    match answer {
        Ok(read) => *place = read,
        Err(failure) => *trouble = Some(failure.message),
    }
}
