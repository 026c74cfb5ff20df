//! What a page has that can be chosen, typed into or pressed, in the order in which Tab reaches it.

use std::fmt;

use corbel_model::ByteSize;

use super::{Offer, Page, Task, Wizard, installed};

/// Where the next key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Focus {
    Choice(Choice),
    /// The page's table.
    Disks,
    /// The list of keyboard layouts.
    Layouts,
    Field(Field),
    Check(Check),
    Button(Button),
}

/// A line of the first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Do(Task),
    /// Which of several systems.
    System,
    Hardware,
    /// Read the disks anew.
    Again,
    /// Run without installing.
    Leave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Esp,
    Root,
    Config,
    Log,
    Swap,
    Data,
    Password,
    Repeat,
    /// The password of the installed system.
    Current,
}

impl Field {
    pub(crate) const SIZES: [Self; 5] = [Self::Esp, Self::Root, Self::Config, Self::Log, Self::Swap];

    pub(crate) const fn is_secret(self) -> bool {
        matches!(self, Self::Password | Self::Repeat | Self::Current)
    }

    /// What may stand in it: the API takes 256 bytes of a password, and a size is short.
    const fn limit(self) -> usize {
        if self.is_secret() { 256 } else { 20 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Fill,
    KeepData,
    FakeRaid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Button {
    Back,
    Next,
    /// From the plan on.
    Go,
    /// Asks whether to stop.
    Stop,
    /// No, go on.
    Continue,
    /// Yes, stop.
    ReallyStop,
    Reboot,
    /// To the first page.
    Start,
}

/// The texts of all fields.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Texts {
    texts: [String; 9],
}

// A password must not come into a log or a failed test's output.
impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = Field::SIZES.map(|field| self.get(field));
        f.debug_struct("Texts").field("sizes", &sizes).finish_non_exhaustive()
    }
}

impl Default for Texts {
    fn default() -> Self {
        let mut texts = Self {
            texts: Default::default(),
        };
        let own = corbel_layout::disk::Sizes::default();
        for (field, bytes) in [
            (Field::Esp, own.esp),
            (Field::Root, own.root),
            (Field::Config, own.config),
            (Field::Log, own.log),
        ] {
            *texts.of(field) = ByteSize(bytes).to_string();
        }
        "none".clone_into(texts.of(Field::Swap));
        texts
    }
}

impl Texts {
    pub(crate) fn get(&self, field: Field) -> &str {
        &self.texts[field as usize]
    }

    fn of(&mut self, field: Field) -> &mut String {
        &mut self.texts[field as usize]
    }

    pub(super) fn push(&mut self, field: Field, c: char) {
        let text = self.of(field);
        if !c.is_control() && text.len() + c.len_utf8() <= field.limit() {
            text.push(c);
        }
    }

    pub(super) fn pop(&mut self, field: Field) {
        self.of(field).pop();
    }

    pub(super) fn clear(&mut self, field: Field) {
        self.of(field).clear();
    }

    pub(super) fn forget_passwords(&mut self) {
        for field in [Field::Password, Field::Repeat, Field::Current] {
            self.clear(field);
        }
    }
}

impl Wizard {
    /// What the first page offers, the likeliest first.
    pub(crate) fn choices(&self) -> Vec<Choice> {
        let offer = self.offer();
        let wanted = |task: &Task| {
            matches!(
                (self.wanted, task),
                (super::Wanted::Reinstall, Task::Reinstall) | (super::Wanted::Uninstall, Task::Uninstall)
            )
        };
        let mut tasks = offer.tasks().to_vec();
        tasks.sort_by_key(|task| !wanted(task));
        let mut choices: Vec<_> = tasks.into_iter().map(Choice::Do).collect();
        let several = self.disks.as_deref().is_some_and(|disks| installed(disks).count() > 1);
        if several && !matches!(offer, Offer::Running { .. }) {
            choices.push(Choice::System);
        }
        choices.extend([Choice::Hardware, Choice::Again, Choice::Leave]);
        choices
    }

    /// Everything on the present page that can have the focus.
    pub(crate) fn items(&self) -> Vec<Focus> {
        let (back, next) = (Focus::Button(Button::Back), Focus::Button(Button::Next));
        match self.page {
            Page::Welcome => self.choices().into_iter().map(Focus::Choice).collect(),
            Page::Hardware => vec![back],
            Page::Keyboard => vec![Focus::Layouts, back, next],
            Page::System | Page::Data => vec![Focus::Disks, back, next],
            Page::Boot if self.asks_fakeraid() => vec![Focus::Disks, Focus::Check(Check::FakeRaid), back, next],
            Page::Boot => vec![Focus::Disks, back, next],
            Page::Sizes => {
                let mut items: Vec<_> = Field::SIZES.into_iter().map(Focus::Field).collect();
                items.push(Focus::Check(Check::Fill));
                if !self.fill {
                    items.push(Focus::Field(Field::Data));
                }
                if self.has_storage() {
                    items.push(Focus::Check(Check::KeepData));
                }
                items.extend([back, next]);
                items
            }
            Page::Removal => vec![Focus::Check(Check::KeepData), back, next],
            Page::Confirm => vec![back, Focus::Button(Button::Go)],
            Page::Password if self.task_upgrades() => vec![Focus::Field(Field::Current), back, next],
            Page::Password => {
                vec![Focus::Field(Field::Password), Focus::Field(Field::Repeat), back, next]
            }
            Page::Progress if self.asks_stop => {
                vec![Focus::Button(Button::Continue), Focus::Button(Button::ReallyStop)]
            }
            Page::Progress if self.can_stop() => vec![Focus::Button(Button::Stop)],
            Page::Progress => Vec::new(),
            Page::Done => vec![Focus::Button(Button::Reboot), Focus::Button(Button::Start)],
            Page::Failed => vec![Focus::Button(Button::Start)],
        }
    }

    pub(crate) fn task_upgrades(&self) -> bool {
        matches!(self.task, Task::Upgrade { .. })
    }

    /// Where a page begins. On Confirm it is Back: what erases a disk takes one more deliberate key.
    pub(super) fn first_focus(&self) -> Focus {
        self.items().first().copied().unwrap_or(Focus::Button(Button::Back))
    }
}
