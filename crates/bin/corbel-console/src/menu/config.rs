//! The configuration that is being edited: one draft over all pages, judged by the node after each change, and the way from it to a node
//! that is so.
//!
//! ```text
//! draft ─change▶ dry run ─▶ a sentence by the field
//!   │ s
//!   ▼
//! dry run ─▶ plan on the screen ─Enter▶ apply ─▶ saved
//!                                         └─▶ waits ─k▶ kept
//!                                               └─u, or nobody in time─▶ taken back, the draft stays
//! ```

use corbel_node_api::{Config, ConfigApplied, ConfigPlan, PendingConfig};

use super::call::{Call, Passwords, Reply, Secret, Wanted};
use super::document::{Change, Document, Path, Step};
use super::schema::{Section, sections};
use crate::state::Key;
use crate::wizard::Failure;

/// How far a save is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Save {
    Asking(u64),
    /// The plan is on the screen and waits for Enter.
    Plan(ConfigPlan),
    Applying,
    Failed(String),
}

/// The draft and what the node says of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Configuration {
    pub(crate) sections: Vec<Section>,
    /// As the node had it last.
    pub(crate) config: Option<Config>,
    pub(crate) draft: Option<Document>,
    /// How often another document took the draft's place: a page that is open in it has to look then where it is.
    pub(crate) replaced: u64,
    passwords: Passwords,
    /// The document of this console that waits, as the node tells it.
    own: Option<String>,
    /// What the node would refuse.
    pub(crate) problem: Option<Failure>,
    /// What the node would warn of.
    pub(crate) warnings: Vec<String>,
    pub(crate) save: Option<Save>,
    /// A sentence on what happened last.
    pub(crate) notice: Option<String>,
    /// Why there are no pages.
    pub(crate) trouble: Option<String>,
    ticket: u64,
    asking: bool,
    ticks: u64,
    scroll: usize,
    /// How far the plan can be scrolled; the screen says so before it draws.
    pub(crate) last: usize,
}

impl Configuration {
    pub(crate) fn pending(&self) -> Option<&PendingConfig> {
        self.config.as_ref()?.pending.as_ref()
    }

    pub(crate) fn is_changed(&self) -> bool {
        !self.passwords.is_empty() || self.draft.as_ref().is_some_and(Document::is_changed)
    }

    /// What is known of the password of `admin` or of the user at the path.
    pub(crate) fn password_word(&self, path: &[Step]) -> &'static str {
        let (is_new, is_set) = match self.user_at(path) {
            None => (
                self.passwords.admin.is_some(),
                self.config.as_ref().is_some_and(|config| config.password_set),
            ),
            Some(name) => (
                self.passwords.users.contains_key(&name),
                self.config
                    .as_ref()
                    .is_some_and(|config| config.user_passwords_set.contains(&name)),
            ),
        };
        match (is_new, is_set) {
            (true, _) => "new, not saved yet",
            (false, true) => "set; it is never shown",
            (false, false) => "not set",
        }
    }

    /// The name of the user at the path, if it is an entry of a list; empty while it has none.
    fn user_at(&self, path: &[Step]) -> Option<String> {
        matches!(path.last(), Some(Step::At(_))).then(|| {
            self.draft
                .as_ref()
                .and_then(|draft| name_at(draft, path))
                .unwrap_or_default()
        })
    }

    pub(crate) fn scroll(&self) -> usize {
        self.scroll.min(self.last)
    }

    /// Nothing can be changed: the node keeps nothing, or a change waits.
    pub(crate) fn is_read_only(&self) -> bool {
        self.config
            .as_ref()
            .is_none_or(|config| !config.kept || config.pending.is_some())
    }

    /// Whether keys belong to the save and not to the page.
    pub(crate) fn is_saving(&self) -> bool {
        self.save.is_some()
    }

    /// Why nothing can be changed, where that is so.
    pub(crate) fn why_read_only(&self) -> &'static str {
        match &self.config {
            Some(config) if config.pending.is_some() => "A change waits: k keeps it, u takes it back; then go on",
            Some(_) => "This node runs from its medium: what it was told at its boot cannot be changed here",
            None => "The node has not said its configuration yet",
        }
    }

    /// Once a second. Pages are asked for when they are shown; a change that waits is shown everywhere.
    pub(crate) fn on_tick(&mut self, shown: bool) -> Option<Call> {
        self.ticks += 1;
        if let Some(pending) = self.config.as_mut().and_then(|config| config.pending.as_mut()) {
            pending.seconds_left = pending.seconds_left.saturating_sub(1);
        }
        if shown && self.sections.is_empty() && !self.asking {
            self.asking = true;
            return Some(Call::Schema);
        }
        let due = self.pending().is_some() || (shown && self.config.is_none()) || self.ticks.is_multiple_of(5);
        (due && !self.asking && self.save.is_none()).then(|| self.ask())
    }

    /// Somebody changed something, perhaps this console: then the answer to its save tells.
    pub(crate) fn on_news(&mut self) -> Option<Call> {
        (self.config.is_some() && !self.asking && self.save.is_none()).then(|| self.ask())
    }

    fn ask(&mut self) -> Call {
        self.asking = true;
        Call::Config
    }

    /// A change from the page. What the node thinks of it is asked at once.
    pub(crate) fn change(&mut self, change: Change) -> Option<Call> {
        self.notice = None;
        if !self.draft.as_mut()?.apply(change) {
            self.notice = Some("The document has no place for that: look at it with `corbel config edit`".to_owned());
            return None;
        }
        self.check()
    }

    /// A new password, of `admin` or of the user at the path; an empty one takes it back.
    pub(crate) fn set_password(&mut self, path: &[Step], password: String) -> Option<Call> {
        let new = (!password.is_empty()).then_some(Secret(password));
        match (self.user_at(path), new) {
            (None, new) => self.passwords.admin = new,
            (Some(name), _) if name.is_empty() => {
                self.notice = Some("Give the user a name first: the password belongs to it".to_owned());
                return None;
            }
            (Some(name), Some(new)) => {
                self.passwords.users.insert(name, new);
            }
            (Some(name), None) => {
                self.passwords.users.remove(&name);
            }
        }
        self.check()
    }

    /// The passwords of users that are in the draft: whose name was changed or who was taken out is nobody any more.
    fn passwords(&self, draft: &Document) -> Passwords {
        let users: Path = vec![Step::Key("users".to_owned())];
        let names = (0..draft.count(&users)).filter_map(|at| name_at(draft, &[&users[..], &[Step::At(at)]].concat()));
        let names: Vec<String> = names.collect();
        let mut passwords = self.passwords.clone();
        passwords.users.retain(|name, _| names.contains(name));
        passwords
    }

    fn check(&mut self) -> Option<Call> {
        self.ticket += 1;
        let wanted = Wanted {
            base: None,
            ..self.wanted()?
        };
        Some(Call::Plan(self.ticket, wanted))
    }

    fn wanted(&self) -> Option<Wanted> {
        let draft = self.draft.as_ref()?;
        Some(Wanted {
            base: Some(self.config.as_ref()?.generation),
            document: Secret(draft.text()),
            passwords: self.passwords(draft),
        })
    }

    /// Everything that was typed is forgotten.
    pub(crate) fn revert(&mut self) {
        let text = self.config.as_ref().map(|config| config.document.clone());
        self.draft = text.and_then(|text| Document::parse(&text));
        self.replaced += 1;
        (self.passwords, self.problem, self.warnings) = (Passwords::default(), None, Vec::new());
        self.notice = Some("What was typed is forgotten: this is what the node has".to_owned());
    }

    /// Asks for the plan.
    pub(crate) fn begin_save(&mut self) -> Option<Call> {
        if !self.is_changed() {
            self.notice = Some("There is nothing to save: nothing was changed".to_owned());
            return None;
        }
        self.ticket += 1;
        (self.save, self.notice, self.scroll) = (Some(Save::Asking(self.ticket)), None, 0);
        Some(Call::Plan(self.ticket, self.wanted()?))
    }

    /// Keys while a save is on the screen.
    pub(crate) fn save_key(&mut self, key: Key) -> Option<Call> {
        match (&self.save, key) {
            (Some(Save::Plan(_)), Key::Enter) => {
                self.save = Some(Save::Applying);
                return Some(Call::Apply(self.wanted()?));
            }
            // What was sent cannot be taken back; its answer comes or its deadline.
            (Some(Save::Applying), _) => {}
            (_, Key::Up) => self.scroll = self.scroll().saturating_sub(1),
            (_, Key::Down) => self.scroll = (self.scroll() + 1).min(self.last),
            (_, Key::PageUp) => self.scroll = self.scroll().saturating_sub(10),
            (_, Key::PageDown) => self.scroll = (self.scroll() + 10).min(self.last),
            (_, Key::Esc) | (Some(Save::Failed(_)), Key::Enter) => {
                self.save = None;
                self.notice = Some("Nothing was saved: what was typed is still here".to_owned());
            }
            _ => self.notice = Some("Enter does it, Esc goes back without saving".to_owned()),
        }
        None
    }

    /// Takes what the node said. A question of ours may follow.
    pub(crate) fn on(&mut self, reply: Reply) -> Option<Call> {
        match reply {
            Reply::Schema(answer) => {
                self.asking = false;
                match answer.map(|text| sections(&text)) {
                    Ok(Ok(sections)) => (self.sections, self.trouble) = (sections, None),
                    Ok(Err(_)) => self.trouble = Some("the node's schema cannot be read by this console".to_owned()),
                    Err(failure) => self.trouble = Some(failure.message),
                }
            }
            Reply::Config(answer) => {
                self.asking = false;
                match answer {
                    Ok(config) => self.learn(config),
                    Err(failure) if self.config.is_none() => self.trouble = Some(failure.message),
                    Err(_) => {}
                }
            }
            Reply::Settled(Ok(config)) => self.learn(config),
            Reply::Settled(Err(failure)) => {
                self.notice = Some(failure.message);
                return Some(self.ask());
            }
            Reply::TestDump(Ok(place)) => self.notice = Some(format!("Dumps of the kernel can be written to {place}.")),
            Reply::TestDump(Err(failure)) => self.notice = Some(failure.message),
            Reply::Plan(ticket, answer) => return self.planned(ticket, answer),
            Reply::Apply(answer) => return self.applied(answer),
            _ => {}
        }
        None
    }

    fn planned(&mut self, ticket: u64, answer: Result<ConfigApplied, Failure>) -> Option<Call> {
        let asked = self.save == Some(Save::Asking(ticket));
        if ticket != self.ticket {
            return None;
        }
        match answer {
            Ok(applied) => {
                self.problem = None;
                self.warnings = applied.plan.warnings.clone();
                if asked {
                    self.save = Some(Save::Plan(applied.plan));
                }
                None
            }
            Err(failure) => {
                self.problem = Some(failure);
                if !asked {
                    return None;
                }
                self.save = None;
                // Perhaps somebody else saved meanwhile: the newest document tells.
                Some(self.ask())
            }
        }
    }

    fn applied(&mut self, answer: Result<ConfigApplied, Failure>) -> Option<Call> {
        match answer {
            Ok(applied) => {
                self.save = None;
                if let (Some(pending), Some(config)) = (applied.pending, &mut self.config) {
                    self.own = Some(pending.document.clone());
                    config.pending = Some(pending);
                } else {
                    (self.draft, self.passwords) = (None, Passwords::default());
                    self.notice = Some(format!(
                        "Saved as generation {}, and the node is so.",
                        applied.generation
                    ));
                }
            }
            Err(failure) => self.save = Some(Save::Failed(failure.message)),
        }
        Some(self.ask())
    }

    /// The node's own document. What was typed goes along to a newer one.
    fn learn(&mut self, config: Config) {
        self.trouble = None;
        let before = self.config.replace(config);
        let Some(config) = &self.config else { return };
        let newer = before
            .as_ref()
            .is_none_or(|before| before.generation != config.generation);
        let waited = before.as_ref().and_then(|before| before.pending.as_ref());
        if let (Some(waited), None) = (waited, &config.pending) {
            let own = self.own.take();
            if !newer {
                self.notice = Some("The change was taken back; what was typed is still here.".to_owned());
            } else if waited.document == config.document {
                self.notice = Some(format!("Kept as generation {}.", config.generation));
                // Somebody else's takes nothing of what was typed here.
                if own.as_ref() == Some(&config.document) {
                    (self.draft, self.passwords) = (None, Passwords::default());
                }
            }
        }
        let moved = match &self.draft {
            Some(draft) if newer && draft.is_changed() => draft.moved_to(&config.document),
            Some(_) if !newer => return,
            _ => None,
        };
        self.replaced += 1;
        match moved {
            Some((draft, lost)) => {
                let rest = match lost {
                    0 => String::new(),
                    1 => " but for one change whose place is gone".to_owned(),
                    _ => format!(" but for {lost} changes whose place is gone"),
                };
                self.notice = Some(format!(
                    "Somebody else saved generation {} meanwhile: what you typed stands on top of it now{rest}. Look, and save again.",
                    config.generation
                ));
                (self.draft, self.save, self.problem) = (Some(draft), None, None);
            }
            None => self.draft = Document::parse(&config.document),
        }
    }
}

fn name_at(draft: &Document, path: &[Step]) -> Option<String> {
    let name = draft.get(path)?.as_table_like()?.get("name")?.as_str()?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests;
