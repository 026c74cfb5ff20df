//! What the console knows, and how it changes: every change is an [`Event`], every effect an [`Action`].

use corbel_model::install::Action as Wanted;
use corbel_node_api::{BootSource, Health, NodeInfo, OperationInfo, SlotList, VmSummary};

use serde::{Deserialize, Serialize};

use crate::menu::{self, Call, Line, Menu, Reply, Secret};
use crate::trend::Trend;
use crate::wizard::{Exit, Field, Focus, Wizard};

pub(crate) use event::{Action, Event, Key, Mouse, MouseAct};

mod event;
mod mouse;

/// The daemon is asked once a second; after so many times it is not starting any more but broken.
const PATIENCE: u32 = 30;
/// Without a key for so many seconds an open console is locked again.
const IDLE: u32 = 900;
/// Why the menu does not open on an installed node.
const NO_WAY_IN: &str = " No password is set for admin, so this screen stays locked: set one over SSH or the API";
/// Why `l` does nothing.
const NO_PASSWORD: &str = " No password is set for admin: give one with adminpw= or in the seed";

/// Everything that the screen shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    pub(crate) daemon: Daemon,
    /// The last that was heard; stays while the daemon is away.
    pub(crate) node: Option<NodeInfo>,
    pub(crate) health: Option<Health>,
    pub(crate) trend: Trend,
    /// Sorted by name.
    pub(crate) vms: Vec<VmSummary>,
    /// First line of the list that is shown.
    pub(crate) scroll: usize,
    /// How many lines of the list fit; the screen says so before it draws.
    pub(crate) page: usize,
    /// Columns and rows of the screen, by which a click has its meaning; the screen says so before it draws.
    pub(crate) size: (u16, u16),
    /// How often the daemon did not answer before it first did.
    pub(crate) misses: u32,
    /// Why the last key had no effect.
    pub(crate) hint: Option<&'static str>,
    /// Of an installed node.
    pub(crate) slots: SlotList,
    /// The present long work or the last one.
    pub(crate) operation: Option<OperationInfo>,
    /// The installer, while it is shown.
    pub(crate) wizard: Option<Box<Wizard>>,
    /// What the installer is opened for, where it may be.
    pub(crate) installer: Option<Installer>,
    pub(crate) view: View,
    pub(crate) menu: Menu,
    /// Whoever started this program is known to the node already: a person who logged in.
    pub(crate) trusted: bool,
    /// The password was typed here.
    unlocked: bool,
    /// Passwords that were asked about so far.
    tickets: u64,
    idle: u32,
}

/// What is on the screen while there is no installer on it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum View {
    #[default]
    Status,
    /// The password is asked for.
    Lock(Lock),
    Menu,
}

/// The password of `admin`, as it is typed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Lock {
    pub(crate) line: Line,
    /// The number of the question, while its answer is not there.
    pub(crate) asked: Option<u64>,
    pub(crate) problem: Option<String>,
}

/// Why there is an installer here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Installer {
    /// This boot was asked for it. An installed system takes no notice of such words: whoever stands at its console has not logged in.
    Word(Wanted),
    /// Whoever started this program asked.
    Asked,
}

impl Installer {
    fn wizard(self) -> Box<Wizard> {
        Box::new(Wizard::new(match self {
            Self::Word(wanted) => wanted,
            Self::Asked => Wanted::Install,
        }))
    }
}

/// Whether the node's API answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Daemon {
    /// Not asked yet, or the node is still booting.
    #[default]
    Starting,
    Here,
    /// With the reason.
    Away(String),
}

impl State {
    /// With the installer on the screen, where there is one.
    pub(crate) fn new(installer: Option<Installer>) -> Self {
        Self {
            installer,
            wizard: installer.map(Installer::wizard),
            ..Self::default()
        }
    }

    /// Takes one event in.
    pub(crate) fn on(&mut self, event: Event) -> Option<Action> {
        match event {
            Event::Node(node) => {
                if node.boot.source == BootSource::Installed && matches!(self.installer, Some(Installer::Word(_))) {
                    (self.installer, self.wizard) = (None, None);
                }
                let exit = self.wizard.as_mut().and_then(|wizard| wizard.learn(&node));
                self.trend.learn(&node);
                self.node = Some(*node);
                self.daemon = Daemon::Here;
                return self.exit(exit);
            }
            Event::Slots(slots) => self.slots = slots,
            Event::Operation(operation) => {
                match (&mut self.wizard, &operation) {
                    (Some(wizard), Some(operation)) => wizard.work(operation.clone()),
                    (Some(wizard), None) => wizard.work_is_lost(),
                    (None, _) => {}
                }
                self.operation = operation;
            }
            Event::Answer(answer) => {
                if let Some(wizard) = &mut self.wizard {
                    wizard.answer(answer);
                }
            }
            Event::Vms(mut vms) => {
                vms.sort_by(|a, b| a.name.cmp(&b.name));
                self.vms = vms;
                self.daemon = Daemon::Here;
            }
            Event::Vm { name, vm } => {
                self.vms.retain(|other| other.name != name);
                if let Some(vm) = vm {
                    let at = self.vms.partition_point(|other| other.name < vm.name);
                    self.vms.insert(at, vm);
                }
            }
            Event::Health(health) => self.health = Some(health),
            Event::Configured => return self.menu.config.on_news().map(Action::Call),
            // A node that has never answered is booting, for a while.
            Event::Away(_) if self.daemon == Daemon::Starting && self.misses < PATIENCE => self.misses += 1,
            Event::Away(reason) => self.daemon = Daemon::Away(reason),
            Event::Reply(Reply::Unlock(ticket, answer)) => self.on_unlock(ticket, answer),
            Event::Reply(reply) => {
                let call = self.menu.on(reply);
                return call.map(Action::Call);
            }
            Event::Back { reason, idle } => {
                self.menu.vms.message = reason;
                self.idle = if idle { IDLE } else { 0 };
                return Some(Action::Repaint);
            }
            Event::Tick => return self.on_tick(),
            Event::Resized => return Some(Action::Repaint),
            Event::Key(key) => return self.on_key(key),
            Event::Mouse(mouse) => return self.on_mouse(mouse),
        }
        self.clamp();
        None
    }

    fn exit(&mut self, exit: Option<Exit>) -> Option<Action> {
        match exit? {
            Exit::Ask(ask) => Some(Action::Ask(ask)),
            Exit::Write(write) => Some(Action::Write(write)),
            Exit::Leave => {
                self.wizard = None;
                None
            }
        }
    }

    fn on_key(&mut self, key: Key) -> Option<Action> {
        self.hint = None;
        self.idle = 0;
        match key {
            Key::Repaint => return Some(Action::Repaint),
            Key::Quit => return Some(Action::Quit),
            _ => {}
        }
        if let Some(wizard) = &mut self.wizard {
            let exit = wizard.key(key);
            return self.exit(exit);
        }
        match self.view {
            View::Status => {}
            View::Lock(_) => return self.lock_key(key),
            View::Menu => return self.menu_key(key),
        }
        let page = self.page.max(1);
        match key {
            Key::Enter | Key::Char('m') => return self.open_menu(),
            Key::Up | Key::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            Key::Down | Key::Char('j') => self.scroll = self.scroll.saturating_add(1),
            Key::PageUp => self.scroll = self.scroll.saturating_sub(page),
            Key::PageDown => self.scroll = self.scroll.saturating_add(page),
            Key::Home => self.scroll = 0,
            Key::End => self.scroll = usize::MAX,
            Key::Char('l') if self.no_password() => self.hint = Some(NO_PASSWORD),
            Key::Char('l') => return Some(Action::Login),
            Key::Char('q') => return Some(Action::Quit),
            Key::Char('i') => {
                let mut wizard = self.installer?.wizard();
                wizard.begin_with(self.operation.as_ref());
                let exit = self.node.as_ref().and_then(|node| wizard.learn(node));
                self.wizard = Some(wizard);
                return self.exit(exit);
            }
            Key::Esc => {}
            _ => self.hint = Some(" That key means nothing here: Enter opens the menu"),
        }
        self.clamp();
        None
    }

    /// Whether this screen stands where anybody may come by.
    pub(crate) fn locks(&self) -> bool {
        !self.trusted && !self.may_enter_without()
    }

    /// Who stands at a node that runs from its medium may install it anew anyway; one that is installed without a password is meant to be
    /// reached otherwise.
    fn may_enter_without(&self) -> bool {
        let installed = self
            .node
            .as_ref()
            .is_none_or(|node| node.boot.source == BootSource::Installed);
        self.no_password() && !installed
    }

    fn open_menu(&mut self) -> Option<Action> {
        if self.node.is_none() {
            self.hint = Some(" The node does not answer yet: the menu opens when it does");
        } else if !self.locks() || self.unlocked {
            self.view = View::Menu;
            return self.menu.on_tick(true).map(Action::Call);
        } else if self.no_password() {
            self.hint = Some(NO_WAY_IN);
        } else {
            self.view = View::Lock(Lock::default());
        }
        None
    }

    fn lock_key(&mut self, key: Key) -> Option<Action> {
        let View::Lock(lock) = &mut self.view else { return None };
        lock.problem = None;
        match key {
            Key::Esc => self.view = View::Status,
            _ if lock.asked.is_some() => {}
            Key::Enter if lock.line.text().is_empty() => lock.problem = Some("Type the password of admin".to_owned()),
            Key::Enter => {
                self.tickets += 1;
                lock.asked = Some(self.tickets);
                let typed = std::mem::take(&mut lock.line);
                let typed = Secret(typed.text().to_owned());
                return Some(Action::Call(Call::Unlock(self.tickets, typed)));
            }
            key => {
                lock.line.key(key);
            }
        }
        None
    }

    fn on_unlock(&mut self, ticket: u64, answer: Result<(), crate::wizard::Failure>) {
        // Whoever left the question does not get in by its answer, nor does who came after.
        let View::Lock(lock) = &mut self.view else { return };
        if lock.asked != Some(ticket) {
            return;
        }
        lock.asked = None;
        match answer {
            Ok(()) => (self.unlocked, self.view) = (true, View::Menu),
            Err(failure) => lock.problem = Some(failure.message),
        }
    }

    fn menu_key(&mut self, key: Key) -> Option<Action> {
        let mut menu = std::mem::take(&mut self.menu);
        let exit = menu.key(key, self);
        self.menu = menu;
        self.menu_exit(exit)
    }

    fn menu_exit(&mut self, exit: Option<menu::Exit>) -> Option<Action> {
        match exit? {
            menu::Exit::Call(call) => return Some(Action::Call(call)),
            menu::Exit::Console(name) => return Some(Action::Console(name)),
            menu::Exit::Status => self.view = View::Status,
            menu::Exit::Lock => self.lock(),
        }
        None
    }

    /// The next who comes types the password.
    fn lock(&mut self) {
        (self.unlocked, self.view) = (false, View::Status);
        self.menu.inside = false;
    }

    fn on_tick(&mut self) -> Option<Action> {
        self.idle = self.idle.saturating_add(1);
        // Also behind the status screen: who left the menu by Esc and went away has left it open.
        if self.idle >= IDLE && self.unlocked && self.locks() {
            self.lock();
        }
        let shown = self.view == View::Menu;
        // What an older daemon would answer is nothing to wait for.
        (self.daemon == Daemon::Here)
            .then(|| self.menu.on_tick(shown))
            .flatten()
            .map(Action::Call)
    }

    /// Whether what is typed now must be in no record.
    pub(crate) fn is_secret(&self) -> bool {
        if let Some(wizard) = &self.wizard {
            return matches!(
                wizard.focus,
                Focus::Field(Field::Password | Field::Repeat | Field::Current)
            );
        }
        match &self.view {
            View::Status => false,
            View::Lock(_) => true,
            View::Menu => self.menu.is_secret(),
        }
    }

    /// Whether login(1) would refuse everybody. What a daemon said that is away now may be past.
    pub(crate) fn no_password(&self) -> bool {
        self.daemon == Daemon::Here
            && self
                .node
                .as_ref()
                .is_some_and(|node| node.admin_password_set == Some(false))
    }

    /// The list cannot be scrolled past its last page.
    pub(crate) fn clamp(&mut self) {
        self.scroll = self.scroll.min(self.vms.len().saturating_sub(self.page.max(1)));
    }
}

#[cfg(test)]
mod tests;
