//! The events of one long work, bounded in number however long it goes on, and the page that they add up to.

use std::collections::VecDeque;

use corbel_progress::{Event, Outcome, Unit};

/// Events that are kept. Of progress and notes only the last of a step counts, so that real work comes nowhere near.
const LIMIT: usize = 2048;

/// Events in order, each with a number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    events: VecDeque<(u64, Event)>,
    last: u64,
}

impl Journal {
    pub(crate) fn push(&mut self, event: Event) {
        // Who comes later needs only where a step is now.
        let older = self
            .events
            .iter()
            .rev()
            .take_while(|(_, old)| matches!(old, Event::StepProgress { .. } | Event::StepNote { .. }))
            .position(|(_, old)| supersedes(&event, old));
        if let Some(back) = older {
            self.events.remove(self.events.len() - 1 - back);
        }
        if self.events.len() == LIMIT {
            // The beginning stays: it says what all of this is.
            self.events.remove(1);
        }
        self.last += 1;
        self.events.push_back((self.last, event));
    }

    /// The first event behind that number.
    pub(crate) fn after(&self, number: u64) -> Option<(u64, Event)> {
        let at = self.events.partition_point(|(at, _)| *at <= number);
        self.events.get(at).cloned()
    }

    pub(crate) fn page(&self) -> Page {
        let mut page = Page::default();
        for (_, event) in &self.events {
            page.add(event);
        }
        page
    }
}

fn supersedes(new: &Event, old: &Event) -> bool {
    match (new, old) {
        (Event::StepProgress { step: new, .. }, Event::StepProgress { step: old, .. })
        | (Event::StepNote { step: new, .. }, Event::StepNote { step: old, .. }) => new == old,
        _ => false,
    }
}

/// How far the work is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// `None` while that is not known.
    pub steps_total: Option<usize>,
    pub steps: Vec<Step>,
    pub warnings: Vec<String>,
}

/// A step that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub id: String,
    pub title: String,
    /// `None` while it goes on.
    pub outcome: Option<Outcome>,
    /// Done, of how many, and of what.
    pub progress: Option<(u64, Option<u64>, Unit)>,
    pub note: Option<String>,
}

impl Page {
    fn step(&mut self, id: &str) -> Option<&mut Step> {
        self.steps.iter_mut().rev().find(|step| step.id == id)
    }

    fn add(&mut self, event: &Event) {
        match event {
            Event::Begin { steps, .. } => self.steps_total = (*steps > 0).then_some(*steps),
            Event::StepStarted { step, title } => self.steps.push(Step {
                id: step.clone(),
                title: title.clone(),
                outcome: None,
                progress: None,
                note: None,
            }),
            Event::StepProgress {
                step,
                done,
                total,
                unit,
            } => {
                if let Some(step) = self.step(step) {
                    step.progress = Some((*done, *total, *unit));
                }
            }
            Event::StepNote { step, note } => {
                if let Some(step) = self.step(step) {
                    step.note = Some(note.clone());
                }
            }
            Event::StepFinished { step, outcome, .. } => {
                if let Some(step) = self.step(step) {
                    step.outcome = Some(*outcome);
                }
            }
            Event::Warning { message } => self.warnings.push(message.clone()),
            Event::End { .. } | Event::Unknown => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(step: &str, done: u64) -> Event {
        Event::StepProgress {
            step: step.into(),
            done,
            total: Some(1_000_000),
            unit: Unit::Bytes,
        }
    }

    fn note(step: &str, note: String) -> Event {
        Event::StepNote {
            step: step.into(),
            note,
        }
    }

    fn all(journal: &Journal) -> Vec<Event> {
        let (mut at, mut events) = (0, vec![]);
        while let Some((number, event)) = journal.after(at) {
            at = number;
            events.push(event);
        }
        events
    }

    #[test]
    fn a_million_steps_of_progress_take_the_room_of_one() {
        let mut journal = Journal::default();
        journal.push(Event::StepStarted {
            step: "write".into(),
            title: "Write".into(),
        });
        for done in 0..1000 {
            journal.push(progress("write", done));
            journal.push(note("write", done.to_string()));
        }
        let events = all(&journal);
        assert_eq!(events[1..], [progress("write", 999), note("write", "999".into())]);
        // Who has seen the first thousand gets only what is new.
        assert_eq!(
            journal.after(1999).map(|(_, event)| event),
            Some(progress("write", 999))
        );
        assert_eq!(
            journal.page().steps[0].progress,
            Some((999, Some(1_000_000), Unit::Bytes))
        );
    }

    #[test]
    fn a_chatterer_is_cut_but_its_beginning_stays() {
        let mut journal = Journal::default();
        journal.push(Event::Begin {
            title: "Install".into(),
            steps: 3,
        });
        for i in 0..10_000 {
            journal.push(Event::Warning { message: i.to_string() });
        }
        let events = all(&journal);
        assert_eq!(events.len(), LIMIT);
        assert!(matches!(events[0], Event::Begin { .. }));
        assert_eq!(journal.page().steps_total, Some(3));
        assert_eq!(journal.page().warnings.last().map(String::as_str), Some("9999"));
    }
}
