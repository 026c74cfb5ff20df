//! The installer: a walk over pages, of which each is left forward and backward, and none but Confirm leads to a write.
//!
//! ```text
//!            ┌─▶ Keyboard ─▶ Boot ─▶ Data ─▶ Sizes ─┐   install, reinstall
//! Welcome ───┼───────────────────────────────────────┼─▶ Confirm ─▶ Password ─▶ Progress ─▶ Done
//!   │ │      └─▶ Removal ────────────────────────────┘      (uninstall, and an upgrade without a password: straight to Progress)
//!   │ └─▶ Hardware, System (which of several), the status page                           └─▶ Failed ─▶ Welcome
//! ```
//! Long work that runs on the node takes every wizard to Progress, whoever began it: two consoles show the same.

mod disks;
mod focus;
mod keyboard;
mod offer;
mod progress;
mod request;
mod sizes;
mod turn;

use corbel_model::install::Action as Wanted;
use corbel_node_api::{BootSource, Disk, NodeInfo, OperationInfo, Plan};
use serde::{Deserialize, Serialize};

pub(crate) use corbel_model::password::{SHORTEST, weakness};
pub(crate) use disks::{Use, installed, use_of};
pub(crate) use focus::{Button, Check, Choice, Field, Focus, Texts};
pub(crate) use offer::{Offer, Task};
pub(crate) use request::{Request, Shown, Write};

use request::Confirmed;

/// Where the walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Welcome,
    Hardware,
    /// Which of several installed systems is meant.
    System,
    /// The layout of the installed system.
    Keyboard,
    Boot,
    Data,
    Sizes,
    /// What an uninstallation leaves.
    Removal,
    Confirm,
    Password,
    Progress,
    Done,
    Failed,
}

/// What the wizard wants to know or to be done that writes nothing to a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    Disks,
    /// A dry run. The answer carries the number again, so that one that comes too late is known.
    Plan(Box<Request>, u64),
    /// The long work shall stop where that is safe.
    Cancel,
    Reboot,
    /// Keys of this screen, at once.
    Keyboard(String),
}

/// Why the node said no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The value that was refused, such as `sizes.root`.
    pub(crate) field: Option<String>,
    /// One sentence.
    pub(crate) message: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    Disks(Result<Vec<Disk>, Failure>),
    Plan(u64, Result<Plan, Failure>),
    /// Of a write, a cancel or a reboot.
    Begun(Result<OperationInfo, Failure>),
    /// Whether the keys are those of the layout now.
    Keyboard(String, Result<(), Failure>),
}

/// What the wizard wants of its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exit {
    Ask(Ask),
    /// Writes to disks. Made from a confirmed plan only, see [`Write`].
    Write(Write),
    /// To the status page.
    Leave,
}

/// What is being waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    Plan(u64),
    /// A write was sent.
    Begin,
}

/// Everything that the wizard knows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wizard {
    pub(crate) page: Page,
    pub(crate) focus: Focus,
    /// What the boot's words asked for; only the order of choices follows from it.
    wanted: Wanted,
    /// Version of the medium, once the node has said it.
    pub(crate) version: Option<String>,
    /// Whether that is signed; `None` until it is known.
    medium_signed: Option<bool>,
    /// The system that runs is itself installed.
    runs_installed: bool,
    /// This boot was given a password of `admin` already.
    pub(crate) password_given: bool,
    /// `None` until they were read.
    pub(crate) disks: Option<Vec<Disk>>,
    /// They were asked for.
    reading: bool,
    /// The system that is meant where there are several.
    system: Option<String>,
    pub(crate) task: Task,
    /// Layout that this boot was configured with, if any was.
    boot_keyboard: Option<String>,
    /// Layout that was chosen.
    keyboard: Option<String>,
    /// What was typed to find a layout.
    pub(crate) search: String,
    /// Row of a page's table of disks or of the layouts.
    pub(crate) row: usize,
    pub(crate) boot: Option<String>,
    pub(crate) data: Vec<String>,
    /// Disks of somebody else's storage that were taken all the same.
    taken: Vec<String>,
    pub(crate) texts: Texts,
    pub(crate) fill: bool,
    pub(crate) keep_data: bool,
    pub(crate) wipe_fakeraid: bool,
    /// The node spoke of fake-RAID in a refusal.
    raid_found: bool,
    /// What the Confirm page shows.
    pub(crate) shown: Option<Shown>,
    confirmed: Option<Confirmed>,
    pub(crate) waiting: Option<Waiting>,
    ticket: u64,
    /// One sentence about this page.
    pub(crate) error: Option<String>,
    /// First line of a page that is longer than the screen.
    pub(crate) scroll: usize,
    /// How far it can be scrolled; the screen says so before it draws.
    pub(crate) last: usize,
    pub(crate) operation: Option<OperationInfo>,
    /// What happened in the long work, a line each.
    pub(crate) log: Vec<String>,
    /// The work whose end was read.
    dismissed: Option<u64>,
    /// The node last said that it knows of no work.
    missed: bool,
    /// Whether to stop is being asked.
    pub(crate) asks_stop: bool,
}

impl Wizard {
    /// At its first page.
    pub(crate) fn new(wanted: Wanted) -> Self {
        Self {
            page: Page::Welcome,
            focus: Focus::Choice(Choice::Again),
            wanted,
            version: None,
            medium_signed: None,
            runs_installed: false,
            password_given: false,
            disks: None,
            reading: false,
            system: None,
            task: Task::Install,
            boot_keyboard: None,
            keyboard: None,
            search: String::new(),
            row: 0,
            boot: None,
            data: Vec::new(),
            taken: Vec::new(),
            texts: Texts::default(),
            fill: true,
            keep_data: true,
            wipe_fakeraid: false,
            raid_found: false,
            shown: None,
            confirmed: None,
            waiting: None,
            ticket: 0,
            error: None,
            scroll: 0,
            last: 0,
            operation: None,
            log: Vec::new(),
            dismissed: None,
            missed: false,
            asks_stop: false,
        }
    }

    /// Takes in what the node says of itself. Asks for the disks as long as they are not known.
    pub(crate) fn learn(&mut self, node: &NodeInfo) -> Option<Exit> {
        self.version = Some(node.version.clone());
        self.medium_signed = node.boot.medium_signed;
        self.runs_installed = node.boot.source == BootSource::Installed;
        self.password_given = node.admin_password_set == Some(true);
        self.boot_keyboard.clone_from(&node.keyboard);
        self.settle_focus();
        if self.disks.is_none() && !self.reading {
            self.reading = true;
            return Some(Exit::Ask(Ask::Disks));
        }
        None
    }

    /// What the medium can do here.
    pub(crate) fn offer(&self) -> Offer {
        match (&self.disks, &self.version) {
            (Some(disks), Some(version)) => offer::compare(disks, version, self.system.as_deref(), self.runs_installed),
            _ => Offer::Reading,
        }
    }

    /// What the boot's words asked for and cannot be.
    pub(crate) fn notice(&self) -> Option<&'static str> {
        match (self.wanted, self.offer()) {
            (Wanted::Upgrade, Offer::Install { .. }) => Some("There is no Corbel on the disks that could be upgraded."),
            (Wanted::Uninstall, Offer::Install { .. }) => {
                Some("There is no Corbel on the disks that could be removed.")
            }
            (Wanted::Reinstall, Offer::Install { .. }) => {
                Some("There is no Corbel on the disks: it is installed anew.")
            }
            _ => None,
        }
    }

    /// The pages of the present task, in order.
    pub(crate) fn walk(&self) -> &'static [Page] {
        match self.task {
            Task::Install | Task::Reinstall => &[
                Page::Welcome,
                Page::Keyboard,
                Page::Boot,
                Page::Data,
                Page::Sizes,
                Page::Confirm,
                Page::Password,
                Page::Progress,
            ],
            Task::Upgrade { .. } if self.needs_password() => {
                &[Page::Welcome, Page::Confirm, Page::Password, Page::Progress]
            }
            Task::Upgrade { .. } => &[Page::Welcome, Page::Confirm, Page::Progress],
            Task::Uninstall => &[Page::Welcome, Page::Removal, Page::Confirm, Page::Progress],
        }
    }

    /// The disk with the system that is meant.
    pub(crate) fn system(&self) -> Option<&Disk> {
        let disks = self.disks.as_deref()?;
        let mut found = installed(disks).filter(|disk| self.system.as_ref().is_none_or(|path| *path == disk.path));
        found.next()
    }

    /// Whether an upgrade asks for the password of the installed system.
    fn needs_password(&self) -> bool {
        let installed = self.system().and_then(|disk| disk.installed.as_ref());
        installed.is_some_and(|system| system.admin_password_set)
    }

    /// Takes an answer in.
    pub(crate) fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Disks(Ok(disks)) => {
                self.disks = Some(disks);
                (self.reading, self.error) = (false, None);
                self.forget_gone();
                // What is offered first may be another thing now.
                if self.page == Page::Welcome {
                    self.focus = self.first_focus();
                }
                self.settle_focus();
            }
            Answer::Disks(Err(failure)) => {
                self.reading = false;
                self.error = Some(format!("The disks cannot be read: {}", failure.message));
            }
            Answer::Plan(ticket, plan) if self.waiting == Some(Waiting::Plan(ticket)) => {
                self.waiting = None;
                match plan {
                    Ok(plan) => {
                        if let Some(request) = self.request() {
                            self.show_plan(request, plan);
                        }
                    }
                    Err(failure) => self.refused(failure),
                }
            }
            // Of a question that was taken back.
            Answer::Plan(..) => {}
            Answer::Begun(Ok(operation)) => {
                self.waiting = None;
                self.work(operation);
            }
            Answer::Begun(Err(failure)) => {
                self.waiting = None;
                self.asks_stop = false;
                self.refused(failure);
            }
            Answer::Keyboard(layout, Ok(())) => self.boot_keyboard = Some(layout),
            // The password page says that keys differ; the installation itself can go on.
            Answer::Keyboard(_, Err(failure)) => self.error = Some(failure.message),
        }
    }

    fn show_plan(&mut self, request: Request, plan: Plan) {
        self.shown = Some(Shown::new(request, plan));
        self.go(Page::Confirm);
    }

    /// Shows a refusal on the page of the field that it names.
    fn refused(&mut self, failure: Failure) {
        let Failure { field, message } = failure;
        let field = field.unwrap_or_default();
        let sentence = message.strip_prefix(&format!("{field}: ")).unwrap_or(&message);
        let page = request::page_of(&field).filter(|page| self.walk().contains(page) && *page != self.page);
        if let Some(page) = page {
            self.go(page);
        }
        if let Some(focus) = request::focus_of(&field).filter(|focus| self.items().contains(focus)) {
            self.focus = focus;
        }
        if field == "wipe_fakeraid" {
            self.raid_found = true;
        }
        self.error = Some(sentence.to_owned());
    }

    /// To a page, at its first item.
    fn go(&mut self, page: Page) {
        // What was confirmed counts on the way to the password and nowhere else.
        if page != Page::Password {
            self.confirmed = None;
            self.texts.forget_passwords();
        }
        self.page = page;
        self.error = None;
        self.scroll = 0;
        self.search.clear();
        self.row = self.first_row();
        self.focus = self.first_focus();
    }

    /// The focus is on something that the page has.
    fn settle_focus(&mut self) {
        if !self.items().contains(&self.focus) || (self.page == Page::Welcome && self.offer() == Offer::Reading) {
            self.focus = self.first_focus();
        }
        self.row = self.row.min(self.row_count().saturating_sub(1));
    }
}

#[cfg(test)]
pub(crate) mod tests;
