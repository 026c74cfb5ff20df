//! The machines: a list of which only what is seen is made into rows, what is done to the one under the cursor, and the form of a new one.

use corbel_node_api::{VmDetail, VmState, VmSummary};

use super::call::{Call, Reply, VmAct};
use super::create::Create;
use super::line::Line;
use super::{Outcome, Turn};
use crate::state::{Key, State};

/// Something that is done to a machine when it is confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) act: VmAct,
    /// The machine that was under the cursor then, whatever the list does meanwhile.
    pub(crate) name: String,
}

/// The page.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Vms {
    /// The machine under the cursor. A name and no number: machines come and go under it.
    pub(crate) name: Option<String>,
    pub(crate) search: String,
    pub(crate) typing: Option<Line>,
    pub(crate) asked: Option<Asked>,
    /// What came of the last key.
    pub(crate) message: Option<String>,
    /// All about one machine.
    pub(crate) detail: Option<Box<VmDetail>>,
    /// The machine whose details were asked for, until the next key.
    looked_at: Option<String>,
    pub(crate) create: Option<Box<Create>>,
}

impl Vms {
    pub(crate) fn is_typing(&self) -> bool {
        self.typing.is_some() || self.create.as_ref().is_some_and(|create| create.form.edit.is_some())
    }

    /// Those that the search finds. Borrowed: a thousand machines are a thousand pointers.
    pub(crate) fn found<'a>(&self, vms: &'a [VmSummary]) -> Vec<&'a VmSummary> {
        let wanted = self.search.to_lowercase();
        vms.iter()
            .filter(|vm| wanted.is_empty() || vm.name.to_lowercase().contains(&wanted))
            .collect()
    }

    /// Where the cursor is among them: at its machine, or where that would be.
    pub(crate) fn row(&self, found: &[&VmSummary]) -> usize {
        let at = self
            .name
            .as_deref()
            .map_or(0, |name| found.partition_point(|vm| vm.name.as_str() < name));
        at.min(found.len().saturating_sub(1))
    }

    pub(crate) fn key(&mut self, key: Key, state: &State, rows: usize) -> Turn {
        (self.message, self.looked_at) = (None, None);
        if self.create.is_some() {
            return self.create_key(key);
        }
        if let Some(asked) = self.asked.take() {
            return match key {
                Key::Char('y') => Turn::Call(Call::Act(asked.act, asked.name)),
                _ => {
                    self.message = Some("Nothing was done".to_owned());
                    Turn::Nothing
                }
            };
        }
        if let Some(line) = &mut self.typing {
            match key {
                Key::Enter | Key::Down => self.typing = None,
                Key::Esc => (self.typing, self.search) = (None, String::new()),
                key => {
                    line.key(key);
                    self.search = line.text().trim().to_owned();
                }
            }
            return Turn::Nothing;
        }
        if self.detail.is_some() && matches!(key, Key::Esc | Key::Left | Key::Enter) {
            self.detail = None;
            return Turn::Nothing;
        }
        match key {
            Key::Esc if !self.search.is_empty() => self.search.clear(),
            Key::Esc | Key::Left => return Turn::Leave,
            Key::Char('/') => (self.typing, self.detail) = (Some(Line::of(&self.search)), None),
            Key::Char('n') => {
                self.create = Some(Box::new(Create::new()));
                return Turn::Call(Call::Choices);
            }
            key => return self.list_key(key, state, rows),
        }
        Turn::Nothing
    }

    fn list_key(&mut self, key: Key, state: &State, rows: usize) -> Turn {
        let found = self.found(&state.vms);
        let at = self.row(&found);
        let page = rows.max(1);
        let to = match key {
            Key::Up => at.saturating_sub(1),
            Key::Down => at + 1,
            Key::PageUp => at.saturating_sub(page),
            Key::PageDown => at + page,
            Key::Home => 0,
            Key::End => usize::MAX,
            Key::Enter | Key::Right | Key::Char('s' | 'x' | 'f' | 'c') => {
                return match self.meant(key, &state.vms) {
                    Ok(vm) => self.act(key, vm),
                    Err(why) => {
                        self.message = Some(why);
                        Turn::Nothing
                    }
                };
            }
            _ => return Turn::Unknown,
        };
        let to = to.min(found.len().saturating_sub(1));
        self.name = found.get(to).map(|vm| vm.name.clone());
        self.detail = None;
        Turn::Nothing
    }

    /// The machine that a key is meant for: the one whose details are on the screen, else the one under the cursor. Or why there is none.
    fn meant<'a>(&mut self, key: Key, vms: &'a [VmSummary]) -> Result<&'a VmSummary, String> {
        if let Some(detail) = &self.detail {
            return named(vms, &detail.name).ok_or_else(|| format!("{} is not there any more", detail.name));
        }
        let found = self.found(vms);
        let vm = found.get(self.row(&found)).copied();
        let vm = vm.ok_or_else(|| "There is no machine here: n makes one".to_owned())?;
        let before = self.name.replace(vm.name.clone());
        let gone = before.filter(|name| named(vms, name).is_none());
        match gone {
            // Whoever chose a machine does not mean the one that took its row; to look at that is no harm.
            Some(gone) if !matches!(key, Key::Enter | Key::Right) => {
                Err(format!("{gone} is not there any more: this is {}", vm.name))
            }
            _ => Ok(vm),
        }
    }

    fn act(&mut self, key: Key, vm: &VmSummary) -> Turn {
        let name = vm.name.clone();
        self.name = Some(name.clone());
        let runs = !matches!(vm.state, VmState::Off | VmState::Crashed);
        let refused = match key {
            Key::Enter | Key::Right => {
                self.looked_at = Some(name.clone());
                return Turn::Call(Call::Detail(name));
            }
            Key::Char('s') if runs => "runs already",
            Key::Char('s') => return Turn::Call(Call::Act(VmAct::Start, name)),
            _ if !runs => "does not run",
            Key::Char('c') => return Turn::Console(name),
            key => {
                let act = if key == Key::Char('x') {
                    VmAct::Shutdown
                } else {
                    VmAct::ForceOff
                };
                self.asked = Some(Asked { act, name });
                return Turn::Nothing;
            }
        };
        self.message = Some(format!("{name} {refused}"));
        Turn::Nothing
    }

    fn create_key(&mut self, key: Key) -> Turn {
        let Some(create) = &mut self.create else {
            return Turn::Nothing;
        };
        if create.waits {
            return Turn::Nothing;
        }
        if create.form.edit.is_none() && key == Key::Char('s') {
            return match create.request() {
                Ok((spec, start)) => {
                    create.waits = true;
                    Turn::Call(Call::Create(Box::new(spec), start))
                }
                Err(problem) => {
                    create.problem = Some(problem);
                    Turn::Nothing
                }
            };
        }
        match create.form.key(key, &create.document, false) {
            Outcome::Change(change) => {
                create.problem = None;
                create.document.apply(change);
            }
            Outcome::Leave => self.create = None,
            Outcome::Unknown => return Turn::Unknown,
            Outcome::Nothing | Outcome::Password(..) => {}
        }
        Turn::Nothing
    }

    pub(super) fn on(&mut self, reply: Reply) {
        match reply {
            Reply::Act(what, Ok(())) => self.message = Some(what),
            Reply::Act(_, Err(failure)) => self.message = Some(failure.message),
            Reply::Detail(answer) => match *answer {
                Ok(detail) if self.looked_at.as_ref() == Some(&detail.name) => self.detail = Some(Box::new(detail)),
                // Too late: another key was pressed since.
                Ok(_) => {}
                Err(failure) => self.message = Some(failure.message),
            },
            Reply::Choices(volumes, networks) => {
                if let Some(create) = &mut self.create {
                    create.offer(&volumes, &networks);
                }
            }
            Reply::Create(Ok(started)) => {
                let name = self.create.take().map(|create| create.name());
                self.message = name.as_ref().map(|name| match &started {
                    Ok(()) => format!("{name} is made"),
                    Err(failure) => format!("{name} is made, but did not start: {}", failure.message),
                });
                self.name = name;
            }
            Reply::Create(Err(failure)) => match &mut self.create {
                Some(create) => {
                    create.waits = false;
                    create.problem = Some(failure);
                }
                None => self.message = Some(failure.message),
            },
            _ => {}
        }
    }
}

fn named<'a>(vms: &'a [VmSummary], name: &str) -> Option<&'a VmSummary> {
    vms.iter().find(|vm| vm.name == name)
}
