//! Upgrade, support bundles and power: deeds that take their time or change which system runs. Each is asked about before it is done.

use corbel_node_api::{BundleList, BundleRequest, OperationInfo, Slot, SlotState, UpgradeRequest};

use super::call::Call;
use super::line::Line;
use super::{Place, Turn};
use crate::state::{Key, State};
use crate::wizard::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Upgrade,
    Rollback,
    BundleToNode,
    /// By its place in the list of disks.
    BundleToDisk(usize),
    BundleToUrl,
    Cancel,
    Reboot,
    Poweroff,
}

/// All their pages: only one is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Deeds {
    pub(crate) row: usize,
    /// Where to fetch from, while it is typed.
    pub(crate) url: Option<Line>,
    pub(crate) asked: Option<Deed>,
    pub(crate) message: Option<String>,
    pub(crate) bundles: BundleList,
    typed: Line,
    waits: bool,
}

impl Deeds {
    pub(super) fn open(&mut self) {
        (self.row, self.url, self.asked, self.message) = (0, None, None, None);
    }

    /// What can be done now.
    pub(crate) fn offer(&self, place: Place, state: &State) -> Vec<Deed> {
        let works = state.operation.as_ref().is_some_and(OperationInfo::is_running);
        match place {
            _ if works => vec![Deed::Cancel],
            Place::Upgrade if state.slots.slots.is_empty() => Vec::new(),
            Place::Upgrade if spare(state).is_some() => vec![Deed::Upgrade, Deed::Rollback],
            Place::Upgrade => vec![Deed::Upgrade],
            Place::Support => {
                let disks = (0..self.bundles.disks.len()).map(Deed::BundleToDisk);
                disks.chain([Deed::BundleToNode, Deed::BundleToUrl]).collect()
            }
            _ => vec![Deed::Reboot, Deed::Poweroff],
        }
    }

    pub(super) fn key(&mut self, key: Key, place: Place, state: &State) -> Turn {
        self.message = None;
        if self.url.is_some() {
            return self.typing(key, place);
        }
        if let Some(deed) = self.asked.take() {
            return self.answer(deed, key);
        }
        let deeds = self.offer(place, state);
        match key {
            Key::Up => self.row = self.row.saturating_sub(1),
            Key::Down => self.row = (self.row + 1).min(deeds.len().saturating_sub(1)),
            Key::Esc | Key::Left => return Turn::Leave,
            Key::Enter if self.waits => self.message = Some("The node has not answered yet".to_owned()),
            Key::Enter => match deeds.get(self.row.min(deeds.len().saturating_sub(1))) {
                Some(Deed::Upgrade | Deed::BundleToUrl) => self.url = Some(self.typed.clone()),
                Some(deed) => self.asked = Some(*deed),
                None => self.message = Some("Nothing can be done here now".to_owned()),
            },
            Key::Char('r') if place == Place::Support => return Turn::Call(Call::Bundles),
            _ => return Turn::Unknown,
        }
        Turn::Nothing
    }

    fn typing(&mut self, key: Key, place: Place) -> Turn {
        let Some(line) = &mut self.url else {
            return Turn::Nothing;
        };
        match key {
            Key::Esc => self.url = None,
            Key::Enter => {
                let text = line.text().trim();
                if text.starts_with("http://") || text.starts_with("https://") {
                    self.typed = Line::of(text);
                    let deed = match place {
                        Place::Support => Deed::BundleToUrl,
                        _ => Deed::Upgrade,
                    };
                    (self.url, self.asked) = (None, Some(deed));
                } else {
                    self.message = Some("Give a URL that begins with https:// or http://".to_owned());
                }
            }
            key => {
                line.key(key);
            }
        }
        Turn::Nothing
    }

    fn answer(&mut self, deed: Deed, key: Key) -> Turn {
        let reboot = match (key, deed) {
            (Key::Char('y'), _) => true,
            (Key::Char('w'), Deed::Upgrade | Deed::Rollback) => false,
            _ => {
                self.message = Some("Nothing was done".to_owned());
                return Turn::Nothing;
            }
        };
        self.waits = true;
        Turn::Call(match deed {
            Deed::Upgrade => Call::Upgrade(Box::new(UpgradeRequest {
                url: Some(self.typed.text().to_owned()),
                reboot,
                ..UpgradeRequest::default()
            })),
            Deed::Rollback => Call::Rollback { reboot },
            Deed::BundleToNode => Call::Bundle(Box::default()),
            Deed::BundleToDisk(at) => Call::Bundle(Box::new(BundleRequest {
                disk: self.bundles.disks.get(at).map(|disk| disk.device.clone()),
                url: None,
            })),
            Deed::BundleToUrl => Call::Bundle(Box::new(BundleRequest {
                disk: None,
                url: Some(self.typed.text().to_owned()),
            })),
            Deed::Cancel => Call::Cancel,
            Deed::Reboot => Call::Reboot,
            Deed::Poweroff => Call::Poweroff,
        })
    }

    /// What lies on the node, and which disks there are. What was asked about another list is asked no more.
    pub(super) fn on_bundles(&mut self, answer: Result<BundleList, Failure>) {
        self.asked = self.asked.filter(|deed| !matches!(deed, Deed::BundleToDisk(_)));
        match answer {
            Ok(bundles) => self.bundles = bundles,
            Err(failure) => self.message = Some(failure.message),
        }
    }

    pub(super) fn on(&mut self, answer: Result<OperationInfo, Failure>) {
        self.waits = false;
        self.message = Some(match answer {
            Ok(operation) => format!("{} has begun", operation.title),
            Err(failure) => failure.message,
        });
    }
}

/// The slot that a rollback would go to.
pub(crate) fn spare(state: &State) -> Option<&Slot> {
    let others = state.slots.slots.iter().filter(|slot| !slot.running);
    others
        .into_iter()
        .find(|slot| matches!(slot.state, SlotState::Spare | SlotState::Good))
}
