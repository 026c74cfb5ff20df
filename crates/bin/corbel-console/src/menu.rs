//! The pages behind the status screen: on the left what there is, on the right the page. A page is a struct with `key` and `on`; what it wants
//! of the node is a [`Call`], what came of it a [`Reply`].

mod call;
mod config;
mod create;
mod deeds;
mod document;
mod form;
mod line;
mod lists;
mod plain;
mod schema;
mod vms;

pub(crate) use call::{Call, Reply, Secret, VmAct, Wanted};
pub(crate) use config::{Configuration, Save};
pub(crate) use create::Create;
pub(crate) use deeds::{Deed, Deeds, spare};
pub(crate) use document::{Document, Step, shown};
pub(crate) use form::{Form, Outcome};
pub(crate) use line::Line;
pub(crate) use lists::{List, Lists};
pub(crate) use plain::{IOMMU_HEAD, ISCSI_HEAD, MULTIPATH_HEAD, PING_HEAD, PLUGINS_HEAD, SECURITY_HEAD};
pub(crate) use schema::{Field, Kind};
pub(crate) use vms::{Asked, Vms};

use crate::state::{Key, State};

/// A page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Place {
    #[default]
    Vms,
    /// Of the document, by its number.
    Section(usize),
    List(List),
    Upgrade,
    /// Support bundles.
    Support,
    Power,
    Lock,
}

/// What a page wants of its surroundings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Turn {
    Nothing,
    Call(Call),
    /// From the page to the menu.
    Leave,
    /// The serial console of a machine.
    Console(String),
    /// The key means nothing here.
    Unknown,
}

impl From<Option<Call>> for Turn {
    fn from(call: Option<Call>) -> Self {
        call.map_or(Self::Nothing, Self::Call)
    }
}

/// What the menu wants of the state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Exit {
    Call(Call),
    Console(String),
    Status,
    Lock,
}

/// Menu and pages.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Menu {
    pub(crate) place: Place,
    /// The page has the keys, and not the menu.
    pub(crate) inside: bool,
    /// All of a field's help is on the screen.
    pub(crate) help: bool,
    /// Why the last key had no effect.
    pub(crate) hint: Option<String>,
    pub(crate) config: Configuration,
    /// Of the section that is shown.
    pub(crate) form: Option<Form>,
    pub(crate) vms: Vms,
    pub(crate) lists: Lists,
    pub(crate) deeds: Deeds,
    /// Rows of the page; the screen says so before it draws.
    pub(crate) rows: usize,
}

impl Menu {
    /// Every page, in the order of the menu. `locks` where there is something to lock.
    pub(crate) fn places(&self, locks: bool) -> Vec<Place> {
        let sections = (0..self.config.sections.len()).map(Place::Section);
        let lists = List::ALL.map(Place::List);
        let lock = locks.then_some(Place::Lock);
        let first = std::iter::once(Place::Vms);
        first
            .chain(sections)
            .chain(lists)
            .chain([Place::Upgrade, Place::Support, Place::Power])
            .chain(lock)
            .collect()
    }

    pub(crate) fn title(&self, place: Place) -> String {
        match place {
            Place::Vms => "Virtual machines".to_owned(),
            Place::Section(at) => self
                .config
                .sections
                .get(at)
                .map_or(String::new(), |section| section.title.clone()),
            Place::List(list) => list.title().to_owned(),
            Place::Upgrade => "Upgrade".to_owned(),
            Place::Support => "Support bundle".to_owned(),
            Place::Power => "Power".to_owned(),
            Place::Lock => "Lock".to_owned(),
        }
    }

    /// Whether what is typed is a text, so that letters are no commands.
    pub(crate) fn is_typing(&self) -> bool {
        self.inside
            && match self.place {
                Place::Vms => self.vms.is_typing(),
                Place::Section(_) => self.form.as_ref().is_some_and(|form| form.edit.is_some()),
                Place::List(_) => self.lists.typing.is_some(),
                Place::Upgrade | Place::Support => self.deeds.url.is_some(),
                Place::Power | Place::Lock => false,
            }
    }

    /// Whether that text is a secret.
    pub(crate) fn is_secret(&self) -> bool {
        let field = self.form.as_ref().and_then(Form::field);
        self.is_typing()
            && match self.place {
                Place::Section(_) => field.is_some_and(|field| matches!(field.kind, Kind::Secret | Kind::Password)),
                // A URL may carry credentials.
                Place::Upgrade | Place::Support => true,
                _ => false,
            }
    }

    pub(crate) fn key(&mut self, key: Key, state: &State) -> Option<Exit> {
        self.hint = None;
        if std::mem::take(&mut self.help) {
            return None;
        }
        if self.config.is_saving() {
            return self.config.save_key(key).map(Exit::Call);
        }
        if !self.is_typing() {
            match key {
                Key::Help | Key::Char('?') => {
                    self.help = true;
                    return None;
                }
                Key::Char('k') if self.config.pending().is_some() => return Some(Exit::Call(Call::Keep)),
                Key::Char('u') if self.config.pending().is_some() => return Some(Exit::Call(Call::Undo)),
                _ => {}
            }
        }
        let turn = if self.inside {
            self.page_key(key, state)
        } else {
            return self.menu_key(key, state);
        };
        self.follow(turn)
    }

    fn follow(&mut self, turn: Turn) -> Option<Exit> {
        match turn {
            Turn::Nothing => {}
            Turn::Call(call) => return Some(Exit::Call(call)),
            Turn::Console(name) => return Some(Exit::Console(name)),
            Turn::Leave => self.inside = false,
            Turn::Unknown => self.hint = Some("That key means nothing here: F1 or ? shows those that do".to_owned()),
        }
        None
    }

    fn menu_key(&mut self, key: Key, state: &State) -> Option<Exit> {
        let places = self.places(state.locks());
        let at = places.iter().position(|place| *place == self.place).unwrap_or(0);
        let last = places.len().saturating_sub(1);
        let to = match key {
            Key::Up => at.saturating_sub(1),
            Key::Down => (at + 1).min(last),
            Key::Home | Key::PageUp => 0,
            Key::End | Key::PageDown => last,
            Key::Enter | Key::Right | Key::Tab if self.place == Place::Lock => return Some(Exit::Lock),
            Key::Enter | Key::Right | Key::Tab => {
                self.inside = true;
                return None;
            }
            Key::Esc | Key::Left | Key::Char('q') => return Some(Exit::Status),
            Key::Char('s') => return self.config.begin_save().map(Exit::Call),
            _ => return self.follow(Turn::Unknown),
        };
        self.go(places.get(to).copied().unwrap_or_default())
    }

    /// Shows a page. What it shows may have to be asked for.
    pub(crate) fn go(&mut self, place: Place) -> Option<Exit> {
        self.place = place;
        match place {
            Place::Section(at) => self.form = self.config.sections.get(at).map(Form::of),
            Place::List(list) => return self.lists.open(list).map(Exit::Call),
            Place::Upgrade | Place::Power => self.deeds.open(),
            Place::Support => {
                self.deeds.open();
                return Some(Exit::Call(Call::Bundles));
            }
            Place::Vms | Place::Lock => {}
        }
        None
    }

    fn page_key(&mut self, key: Key, state: &State) -> Turn {
        match self.place {
            Place::Vms => self.vms.key(key, state, self.rows),
            Place::Section(_) => self.section_key(key),
            Place::List(_) => self.lists.key(key, self.rows),
            Place::Upgrade | Place::Support | Place::Power => self.deeds.key(key, self.place, state),
            Place::Lock => Turn::Leave,
        }
    }

    /// The page of dumps of the kernel, which has a deed of its own.
    pub(crate) fn tries_dumps(&self) -> bool {
        let Place::Section(at) = self.place else { return false };
        let section = self.config.sections.get(at);
        section.is_some_and(|section| section.path.iter().map(String::as_str).eq(["kernel_dump"]))
    }

    fn section_key(&mut self, key: Key) -> Turn {
        let read_only = self.config.is_read_only();
        let tries = self.tries_dumps();
        let (Some(form), Some(draft)) = (&mut self.form, &self.config.draft) else {
            return Turn::Leave;
        };
        if form.edit.is_none() && !form.asks_removal {
            match key {
                Key::Char('s') => return self.config.begin_save().into(),
                // What the node has is tried, and not what is typed here.
                Key::Char('t') if tries => {
                    self.config.notice = Some("The place is tried …".to_owned());
                    return Turn::Call(Call::TestDump);
                }
                Key::Char('r') if self.config.is_changed() => {
                    self.config.revert();
                    self.find_again();
                    return Turn::Nothing;
                }
                _ => {}
            }
        }
        let turn = match form.key(key, draft, read_only) {
            Outcome::Nothing => Turn::Nothing,
            Outcome::Change(change) => self.config.change(change).into(),
            Outcome::Password(path, password) => self.config.set_password(&path, password).into(),
            Outcome::Leave => Turn::Leave,
            Outcome::Unknown if read_only => {
                self.hint = Some(self.config.why_read_only().to_owned());
                Turn::Nothing
            }
            Outcome::Unknown => Turn::Unknown,
        };
        self.settle();
        turn
    }

    /// Something may have been changed on this page.
    fn settle(&mut self) {
        if let (Some(form), Some(draft)) = (&mut self.form, &self.config.draft) {
            form.settle(draft);
        }
    }

    /// The draft is another document.
    fn find_again(&mut self) {
        if let (Some(form), Some(draft)) = (&mut self.form, &self.config.draft) {
            form.find_again(draft);
        }
    }

    /// Once a second.
    pub(crate) fn on_tick(&mut self, shown: bool) -> Option<Call> {
        self.config.on_tick(shown)
    }

    /// Takes what the node said. A question of a page may follow.
    pub(crate) fn on(&mut self, reply: Reply) -> Option<Call> {
        match reply {
            Reply::Unlock(..) => None,
            Reply::Act(..) | Reply::Detail(_) | Reply::Create(_) | Reply::Choices(..) => {
                self.vms.on(reply);
                None
            }
            Reply::Disks(_)
            | Reply::Links(_)
            | Reply::Services(_)
            | Reply::Logs(_)
            | Reply::Multipath(_)
            | Reply::Iscsi(_)
            | Reply::Iommu(_)
            | Reply::Plugins(_)
            | Reply::Security(_)
            | Reply::Ping(..)
            | Reply::Identify(..) => self.lists.on(reply),
            Reply::Bundles(answer) => {
                self.deeds.on_bundles(answer);
                None
            }
            Reply::Begun(answer) => {
                self.deeds.on(answer);
                None
            }
            reply => {
                let new = self.config.sections.is_empty();
                let replaced = self.config.replaced;
                let call = self.config.on(reply);
                if new && let Place::Section(at) = self.place {
                    self.form = self.config.sections.get(at).map(Form::of);
                }
                if self.config.replaced != replaced {
                    self.find_again();
                }
                call
            }
        }
    }
}

#[cfg(test)]
mod tests;
