//! The keyboard page: a list of layouts that narrows while somebody types.

use corbel_model::keyboard::{DEFAULT, LAYOUTS};

use super::{Ask, Exit, Page, Wizard};

/// What may be typed to search; no label is longer.
const LONGEST: usize = 24;

/// A row of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// The keymap's name.
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
}

impl Wizard {
    /// The layout that keys have at this screen now.
    pub(crate) fn keyboard_here(&self) -> &str {
        self.boot_keyboard.as_deref().unwrap_or(DEFAULT)
    }

    /// The layout that the installed system gets: what was chosen, else that of this boot.
    pub(crate) fn keyboard(&self) -> &str {
        self.keyboard.as_deref().unwrap_or(self.keyboard_here())
    }

    /// What people call a layout; its name where the list does not have it.
    pub(crate) fn keyboard_label<'a>(&self, name: &'a str) -> &'a str {
        let listed = LAYOUTS.iter().find(|layout| layout.name == name);
        listed.map_or(name, |layout| layout.label)
    }

    /// The layouts that have what is searched for in their name or label. One that this boot was given and that the list does not have
    /// comes first.
    pub(crate) fn layouts(&self) -> Vec<Row<'_>> {
        let here = self.keyboard_here();
        let own = LAYOUTS.iter().all(|layout| layout.name != here).then_some(Row {
            name: here,
            label: "As this boot has it",
        });
        let listed = LAYOUTS.iter().map(|layout| Row {
            name: layout.name,
            label: layout.label,
        });
        let wanted = self.search.trim().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        own.into_iter()
            .chain(listed)
            .filter(|row| has(row.name) || has(row.label))
            .collect()
    }

    /// Another search. The cursor goes to the keymap of just that name, else it stays on its layout where that is still listed.
    pub(super) fn search_for(&mut self, change: impl FnOnce(&mut String)) {
        let under = self.layouts().get(self.row).map(|row| row.name.to_owned());
        change(&mut self.search);
        self.error = None;
        let rows = self.layouts();
        let row_of = |name: &str| rows.iter().position(|row| row.name.eq_ignore_ascii_case(name));
        let exact = row_of(self.search.trim());
        self.row = exact.or_else(|| row_of(&under?)).unwrap_or(0);
    }

    pub(super) fn search_push(&mut self, c: char) {
        self.search_for(|text| {
            if !c.is_control() && text.len() + c.len_utf8() <= LONGEST {
                text.push(c);
            }
        });
    }

    pub(super) fn search_pop(&mut self) {
        self.search_for(|text| {
            text.pop();
        });
    }

    /// The row of the layout that would be taken as things are.
    pub(super) fn layout_row(&self) -> usize {
        let rows = self.layouts();
        rows.iter().position(|row| row.name == self.keyboard()).unwrap_or(0)
    }

    /// Takes the layout under the cursor and goes on, unless the search found none. It counts at once: the password is typed with it.
    pub(super) fn take_layout(&mut self) -> Option<Exit> {
        let Some(name) = self.layouts().get(self.row).map(|row| row.name.to_owned()) else {
            self.error = Some("No layout has that in its name: Ctrl-U shows all of them".to_owned());
            return None;
        };
        self.keyboard = Some(name.clone());
        self.go(Page::Boot);
        (name != self.keyboard_here()).then_some(Exit::Ask(Ask::Keyboard(name)))
    }

    /// Rows of the present page's table or list.
    pub(super) fn row_count(&self) -> usize {
        match self.page {
            Page::Keyboard => self.layouts().len(),
            _ => self.rows().len(),
        }
    }
}
