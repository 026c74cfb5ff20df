//! Keys: what each does on each page. The only place that gives a [`super::Write`] away.

use super::request::Request;
use super::{Ask, Button, Check, Choice, Exit, Field, Focus, Page, Waiting, Wizard};
use crate::state::Key;
use corbel_model::password::SHORTEST;

impl Wizard {
    /// Takes a key. What the loop shall do follows from it, or nothing.
    pub(crate) fn key(&mut self, key: Key) -> Option<Exit> {
        // What was sent cannot be taken back; its answer comes or its deadline.
        if self.waiting == Some(Waiting::Begin) {
            return None;
        }
        match (key, self.focus) {
            (Key::Esc, _) => return self.back(),
            (Key::PageUp, Focus::Layouts) => self.move_row(-10),
            (Key::PageDown, Focus::Layouts) => self.move_row(10),
            (Key::PageUp, _) => self.scroll = self.scroll.saturating_sub(10),
            (Key::PageDown, _) => self.scroll = (self.scroll + 10).min(self.last),
            (Key::Tab, _) => self.step(1),
            (Key::BackTab, _) => self.step(-1),
            (Key::Up, Focus::Disks | Focus::Layouts) => self.move_row(-1),
            (Key::Down, Focus::Disks | Focus::Layouts) => self.move_row(1),
            (Key::Home, Focus::Disks | Focus::Layouts) => self.row = 0,
            (Key::End, Focus::Disks | Focus::Layouts) => self.row = self.row_count().saturating_sub(1),
            (Key::Backspace, Focus::Layouts) => self.search_pop(),
            (Key::Clear, Focus::Layouts) => self.search_for(String::clear),
            (Key::Char(c), Focus::Layouts) => self.search_push(c),
            // Pages of text: there is nothing above the buttons that could have the focus.
            (Key::Up, _) if self.is_text() => self.scroll = self.scroll.saturating_sub(1),
            (Key::Down, _) if self.is_text() => self.scroll = (self.scroll + 1).min(self.last),
            (Key::Up, _) => self.step(-1),
            (Key::Down, _) => self.step(1),
            (Key::Left, Focus::Button(_)) => self.step(-1),
            (Key::Right, Focus::Button(_)) => self.step(1),
            (Key::Backspace, Focus::Field(field)) => self.texts.pop(field),
            (Key::Clear, Focus::Field(field)) => self.texts.clear(field),
            (Key::Char(c), Focus::Field(field)) => self.texts.push(field, c),
            (Key::Char(' '), Focus::Check(check)) => self.toggle(check),
            (Key::Char(' '), Focus::Disks) if self.page == Page::Data => {
                self.take_row();
            }
            (Key::Char('r'), _) if matches!(self.page, Page::Welcome | Page::Boot | Page::Data | Page::System) => {
                return self.read_disks();
            }
            (Key::Char('k'), _) if self.is_text() => self.scroll = self.scroll.saturating_sub(1),
            (Key::Char('j'), _) if self.is_text() => self.scroll = (self.scroll + 1).min(self.last),
            (Key::Enter, focus) => return self.enter(focus),
            _ => {}
        }
        None
    }

    /// Whether the page has no items above its buttons.
    fn is_text(&self) -> bool {
        matches!(
            self.page,
            Page::Hardware | Page::Confirm | Page::Progress | Page::Done | Page::Failed
        )
    }

    /// The cursor of a table or list, within it.
    fn move_row(&mut self, by: isize) {
        let last = self.row_count().saturating_sub(1);
        self.row = self.row.saturating_add_signed(by).min(last);
    }

    fn step(&mut self, by: isize) {
        let items = self.items();
        let Some(at) = items.iter().position(|item| *item == self.focus) else {
            self.focus = self.first_focus();
            return;
        };
        let count = items.len();
        self.focus = items[at.saturating_add(count).saturating_add_signed(by) % count];
    }

    fn toggle(&mut self, check: Check) {
        self.error = None;
        match check {
            Check::Fill => self.fill = !self.fill,
            Check::KeepData => self.keep_data = !self.keep_data,
            Check::FakeRaid => self.wipe_fakeraid = !self.wipe_fakeraid,
        }
    }

    fn enter(&mut self, focus: Focus) -> Option<Exit> {
        match focus {
            Focus::Choice(choice) => self.choose(choice),
            Focus::Button(Button::Back) => self.back(),
            Focus::Button(Button::Go) => self.confirm(),
            Focus::Button(Button::Stop) => {
                self.asks_stop = true;
                self.focus = self.first_focus();
                None
            }
            Focus::Button(Button::Continue) => {
                self.asks_stop = false;
                self.focus = self.first_focus();
                None
            }
            Focus::Button(Button::ReallyStop) => {
                self.asks_stop = false;
                Some(Exit::Ask(Ask::Cancel))
            }
            Focus::Button(Button::Reboot) => Some(Exit::Ask(Ask::Reboot)),
            Focus::Button(Button::Start) => self.start_again(),
            Focus::Field(Field::Password) => {
                self.focus = Focus::Field(Field::Repeat);
                None
            }
            Focus::Button(Button::Next) | Focus::Disks | Focus::Layouts | Focus::Field(_) | Focus::Check(_) => {
                self.next()
            }
        }
    }

    fn choose(&mut self, choice: Choice) -> Option<Exit> {
        match choice {
            Choice::Do(task) => {
                self.task = task;
                let page = self.walk().get(1).copied().unwrap_or(Page::Welcome);
                if page == Page::Confirm {
                    return self.ask_plan();
                }
                self.go(page);
            }
            Choice::System => self.go(Page::System),
            Choice::Hardware => self.go(Page::Hardware),
            Choice::Again => {
                self.disks = None;
                return self.read_disks();
            }
            Choice::Leave => return Some(Exit::Leave),
        }
        None
    }

    /// Asks for the disks, once at a time.
    pub(super) fn read_disks(&mut self) -> Option<Exit> {
        if self.reading {
            return None;
        }
        (self.reading, self.error) = (true, None);
        Some(Exit::Ask(Ask::Disks))
    }

    /// One page back. A question that waits for its answer is taken back with it.
    fn back(&mut self) -> Option<Exit> {
        if self.waiting.take().is_some() {
            return None;
        }
        match self.page {
            Page::Welcome => self.error = Some("This is the first page: \"Run without installing\" leaves it".into()),
            Page::Hardware | Page::System => self.go(Page::Welcome),
            Page::Progress if self.asks_stop => {
                self.asks_stop = false;
                self.focus = self.first_focus();
            }
            Page::Progress if self.can_stop() => {
                self.asks_stop = true;
                self.focus = self.first_focus();
            }
            Page::Progress => {}
            Page::Done | Page::Failed => return self.start_again(),
            page => {
                let walk = self.walk();
                let at = walk.iter().position(|other| *other == page).unwrap_or(0);
                self.go(walk[at.saturating_sub(1)]);
            }
        }
        None
    }

    /// One page on, when this one is complete.
    fn next(&mut self) -> Option<Exit> {
        match self.page {
            Page::System | Page::Boot => {
                let next = if self.page == Page::Boot {
                    Page::Data
                } else {
                    Page::Welcome
                };
                if !self.take_row() {
                    return None;
                }
                self.go(next);
            }
            Page::Keyboard => return self.take_layout(),
            Page::Data => self.go(Page::Sizes),
            Page::Sizes => match self.check_sizes() {
                Ok(()) => return self.ask_plan(),
                Err((field, problem)) => {
                    let focus = Focus::Field(field);
                    self.focus = if self.items().contains(&focus) {
                        focus
                    } else {
                        self.focus
                    };
                    self.error = Some(problem);
                }
            },
            Page::Removal => return self.ask_plan(),
            Page::Password => return self.password(),
            _ => {}
        }
        None
    }

    fn ask_plan(&mut self) -> Option<Exit> {
        self.error = None;
        match self.request()? {
            request @ Request::Upgrade(_) => {
                let plan = self.upgrade_plan();
                self.show_plan(request, plan);
                None
            }
            request => {
                self.ticket += 1;
                self.waiting = Some(Waiting::Plan(self.ticket));
                Some(Exit::Ask(Ask::Plan(Box::new(request), self.ticket)))
            }
        }
    }

    /// The plan was read and is wanted.
    fn confirm(&mut self) -> Option<Exit> {
        let confirmed = self.shown.as_ref()?.confirm();
        if self.walk().contains(&Page::Password) {
            self.go(Page::Password);
            self.confirmed = Some(confirmed);
            return None;
        }
        self.confirmed = Some(confirmed);
        self.write()
    }

    fn password(&mut self) -> Option<Exit> {
        self.error = None;
        let (password, repeat) = (self.texts.get(Field::Password), self.texts.get(Field::Repeat));
        let (field, problem) = if self.task_upgrades() {
            if self.texts.get(Field::Current).is_empty() {
                (
                    Field::Current,
                    "The installed system asks for its password of admin".to_owned(),
                )
            } else {
                return self.write();
            }
        } else if password.is_empty() && repeat.is_empty() && self.password_given {
            return self.write();
        } else if password.chars().count() < SHORTEST {
            (
                Field::Password,
                format!("The password is too short: it needs {SHORTEST} characters"),
            )
        } else if repeat.is_empty() && self.focus == Focus::Field(Field::Repeat) {
            (Field::Repeat, "Type the same password once more".to_owned())
        } else if password != repeat {
            (Field::Repeat, "The two passwords differ".to_owned())
        } else {
            return self.write();
        };
        self.focus = Focus::Field(field);
        self.error = Some(problem);
        None
    }

    /// The one way to a disk: what was confirmed, as it was confirmed.
    fn write(&mut self) -> Option<Exit> {
        let field = if self.task_upgrades() {
            Field::Current
        } else {
            Field::Password
        };
        let write = self.confirmed.as_ref()?.write(self.texts.get(field));
        self.waiting = Some(Waiting::Begin);
        Some(Exit::Write(write))
    }

    /// To the first page, with nothing chosen and the disks as they are now.
    fn start_again(&mut self) -> Option<Exit> {
        self.dismissed = self.operation.as_ref().map(|operation| operation.id);
        let fresh = Self::new(self.wanted);
        *self = Self {
            version: self.version.take(),
            medium_signed: self.medium_signed,
            runs_installed: self.runs_installed,
            password_given: self.password_given,
            boot_keyboard: self.boot_keyboard.take(),
            dismissed: self.dismissed,
            ticket: self.ticket,
            reading: self.reading,
            ..fresh
        };
        self.read_disks()
    }
}
