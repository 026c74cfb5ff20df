//! What the console knows, and how it changes: every change is an [`Event`], every effect an [`Action`].

use corbel_model::install::Action as Wanted;
use corbel_node_api::{BootSource, Health, NodeInfo, OperationInfo, SlotList, VmSummary};

use crate::wizard::{Answer, Ask, Exit, Wizard, Write};

/// The daemon is asked once a second; after so many times it is not starting any more but broken.
const PATIENCE: u32 = 30;
/// Why `l` does nothing.
const NO_PASSWORD: &str = " No password is set for admin: give one with adminpw= or in the seed";

/// Everything that the screen shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    pub(crate) daemon: Daemon,
    /// The last that was heard; stays while the daemon is away.
    pub(crate) node: Option<NodeInfo>,
    pub(crate) health: Option<Health>,
    /// Sorted by name.
    pub(crate) vms: Vec<VmSummary>,
    /// First line of the list that is shown.
    pub(crate) scroll: usize,
    /// How many lines of the list fit; the screen says so before it draws.
    pub(crate) page: usize,
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
}

/// Why there is an installer here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    Node(Box<NodeInfo>),
    Vms(Vec<VmSummary>),
    /// One machine is so now, or gone.
    Vm {
        name: String,
        vm: Option<VmSummary>,
    },
    Health(Health),
    Slots(SlotList),
    Operation(Option<OperationInfo>),
    /// To the installer's question.
    Answer(Answer),
    Away(String),
    Key(Key),
    /// The terminal has another size now.
    Resized,
}

/// A key of the terminal; what it means depends on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    /// Ctrl-U: empties a field.
    Clear,
    /// Ctrl-L.
    Repaint,
    /// Ctrl-C.
    Quit,
}

/// What the loop shall do besides drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Hand the terminal to login(1).
    Login,
    /// Paint everything, whatever the terminal shows now.
    Repaint,
    /// End; systemd starts the console again.
    Quit,
    /// Ask the node.
    Ask(Ask),
    /// Let the node write to disks. Only a confirmed plan becomes one.
    Write(Write),
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
            // A node that has never answered is booting, for a while.
            Event::Away(_) if self.daemon == Daemon::Starting && self.misses < PATIENCE => self.misses += 1,
            Event::Away(reason) => self.daemon = Daemon::Away(reason),
            Event::Resized => return Some(Action::Repaint),
            Event::Key(key) => return self.on_key(key),
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
        match key {
            Key::Repaint => return Some(Action::Repaint),
            Key::Quit => return Some(Action::Quit),
            _ => {}
        }
        if let Some(wizard) = &mut self.wizard {
            let exit = wizard.key(key);
            return self.exit(exit);
        }
        let page = self.page.max(1);
        match key {
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
            _ => {}
        }
        self.clamp();
        None
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
mod tests {
    use super::*;
    use crate::screen::tests::{node, vm};
    use corbel_node_api::VmState;

    #[test]
    fn machines_stay_sorted_and_vanish() {
        let mut state = State::default();
        state.on(Event::Vms(vec![vm("b", VmState::Off), vm("a", VmState::Off)]));
        state.on(Event::Vm {
            name: "aa".into(),
            vm: Some(vm("aa", VmState::Running)),
        });
        state.on(Event::Vm {
            name: "b".into(),
            vm: None,
        });
        assert_eq!(
            state.vms.iter().map(|vm| vm.name.as_str()).collect::<Vec<_>>(),
            ["a", "aa"]
        );
    }

    #[test]
    fn scrolling_ends_with_the_list_and_follows_when_it_shrinks() {
        let mut state = State {
            page: 3,
            ..State::default()
        };
        state.on(Event::Vms(
            (0..10).map(|n| vm(&format!("vm{n}"), VmState::Off)).collect(),
        ));
        state.on(Event::Key(Key::End));
        assert_eq!(state.scroll, 7);
        state.on(Event::Key(Key::PageUp));
        state.on(Event::Key(Key::Up));
        assert_eq!(state.scroll, 3);
        state.on(Event::Vms(vec![vm("a", VmState::Off)]));
        assert_eq!(state.scroll, 0);
    }

    #[test]
    fn a_daemon_that_goes_leaves_what_it_said() {
        let mut state = State::default();
        state.on(Event::Away("no such file".into()));
        assert_eq!(state.daemon, Daemon::Starting, "a node that boots is not broken");
        for _ in 0..PATIENCE {
            state.on(Event::Away("no such file".into()));
        }
        assert_eq!(state.daemon, Daemon::Away("no such file".into()), "patience ends");
        state.on(Event::Node(Box::new(node())));
        state.on(Event::Away("connection refused".into()));
        assert_eq!(state.daemon, Daemon::Away("connection refused".into()));
        assert!(state.node.is_some());
        state.on(Event::Node(Box::new(node())));
        assert_eq!(state.daemon, Daemon::Here);
    }

    #[test]
    fn without_a_password_nobody_is_sent_to_login() {
        let mut state = State::default();
        let mut node = node();
        node.admin_password_set = Some(false);
        state.on(Event::Node(Box::new(node.clone())));
        assert_eq!(state.on(Event::Key(Key::Char('l'))), None);
        assert_eq!(state.hint, Some(NO_PASSWORD));
        node.admin_password_set = Some(true);
        state.on(Event::Node(Box::new(node)));
        assert_eq!(state.on(Event::Key(Key::Char('l'))), Some(Action::Login));
        assert_eq!(state.hint, None);
    }

    #[test]
    fn keys_that_leave_are_actions() {
        let mut state = State::default();
        for (key, action) in [
            (Key::Char('l'), Action::Login),
            (Key::Char('q'), Action::Quit),
            (Key::Quit, Action::Quit),
            (Key::Repaint, Action::Repaint),
        ] {
            assert_eq!(state.on(Event::Key(key)), Some(action));
        }
    }
}
