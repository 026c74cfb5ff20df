//! A TOML document that is being edited: one change at a time, everything else as its owner wrote it. The changes are kept in their order, so
//! that they can be made again on a newer document.

use std::str::FromStr as _;

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

/// A part of the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    /// One of several tables.
    At(usize),
}

/// The way from the top.
pub(crate) type Path = Vec<Step>;

/// What a person did.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Set(Path, Value),
    Unset(Path),
    /// Another table at the end of those at the path.
    Add(Path),
    /// The table at the path is gone.
    Remove(Path),
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Self::Set(path, _) | Self::Unset(path) | Self::Add(path) | Self::Remove(path) => path,
        }
    }

    fn along(&self, path: Path) -> Self {
        match self {
            Self::Set(_, value) => Self::Set(path, value.clone()),
            Self::Unset(_) => Self::Unset(path),
            Self::Add(_) => Self::Add(path),
            Self::Remove(_) => Self::Remove(path),
        }
    }
}

/// A change, and the names of the tables on its way: their numbers may be others in a newer document.
#[derive(Debug, Clone)]
struct Made {
    change: Change,
    names: Vec<Option<String>>,
}

/// The document and what was changed in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    base: String,
    tree: DocumentMut,
    made: Vec<Made>,
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.base == other.base && self.text() == other.text() && self.made.len() == other.made.len()
    }
}

impl Document {
    /// `None` for a text that is no TOML.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(Self {
            base: text.to_owned(),
            tree: DocumentMut::from_str(text).ok()?,
            made: Vec::new(),
        })
    }

    pub(crate) fn text(&self) -> String {
        self.tree.to_string()
    }

    pub(crate) fn is_changed(&self) -> bool {
        !self.made.is_empty() && self.text() != self.base
    }

    /// The value at a path.
    pub(crate) fn get(&self, path: &[Step]) -> Option<&Item> {
        path.iter().try_fold(self.tree.as_item(), |item, step| match step {
            Step::Key(key) => item.get(key.as_str()),
            Step::At(at) => item.get(*at),
        })
    }

    /// How many tables there are at a path.
    pub(crate) fn count(&self, path: &[Step]) -> usize {
        match self.get(path) {
            Some(Item::ArrayOfTables(tables)) => tables.len(),
            Some(Item::Value(Value::Array(values))) => values.len(),
            _ => 0,
        }
    }

    /// What a table is called by the value that tells it from others.
    pub(crate) fn name(&self, path: &[Step]) -> Option<String> {
        let table = self.get(path)?.as_table_like()?;
        let known = ["match", "name", "id", "to"].into_iter().find_map(|key| table.get(key));
        let text = known.or_else(|| table.iter().find_map(|(_, item)| item.is_str().then_some(item)));
        text.map(shown).filter(|text| !text.is_empty())
    }

    /// Makes a change; `false` when its place is not there.
    pub(crate) fn apply(&mut self, change: Change) -> bool {
        let path = change.path();
        let names = (0..path.len()).map(|at| match path[at] {
            Step::At(_) => self.name(&path[..=at]),
            Step::Key(_) => None,
        });
        let names = names.collect();
        let done = self.make(&change).is_some();
        if done {
            self.made.push(Made { change, names });
        }
        done
    }

    /// The same changes on a newer text; those whose place is gone are left out and counted.
    pub(crate) fn moved_to(&self, text: &str) -> Option<(Self, usize)> {
        let mut moved = Self::parse(text)?;
        let mut lost = 0;
        for made in &self.made {
            let mut path = Path::new();
            for (step, name) in made.change.path().iter().zip(&made.names) {
                let step = match (step, name) {
                    (Step::At(_), Some(name)) => {
                        let find =
                            |at: &usize| moved.name(&[&path[..], &[Step::At(*at)]].concat()).as_ref() == Some(name);
                        match (0..moved.count(&path)).find(find) {
                            Some(at) => Step::At(at),
                            // Nobody's table: no change goes there.
                            None => Step::At(usize::MAX),
                        }
                    }
                    // A table without a name yet is one that was just added: the last.
                    (Step::At(_), None) => Step::At(moved.count(&path).saturating_sub(1)),
                    (step, _) => step.clone(),
                };
                path.push(step);
            }
            if !moved.apply(made.change.along(path)) {
                lost += 1;
            }
        }
        Some((moved, lost))
    }

    fn make(&mut self, change: &Change) -> Option<()> {
        let (last, way) = change.path().split_last()?;
        // Ways lead through tables that are made when they are not there, but for what is taken away.
        let makes = matches!(change, Change::Set(..) | Change::Add(_));
        let mut item = self.tree.as_item_mut();
        for step in way {
            item = match step {
                Step::Key(key) => below(item, key, makes)?,
                Step::At(at) => item.get_mut(*at)?,
            };
        }
        match (change, last) {
            (Change::Set(_, value), Step::Key(key)) => {
                let table = item.as_table_like_mut()?;
                match table.get_mut(key) {
                    Some(Item::Value(old)) => {
                        let decor = old.decor().clone();
                        *old = value.clone();
                        *old.decor_mut() = decor;
                    }
                    _ => {
                        table.insert(key, Item::Value(value.clone()));
                    }
                }
            }
            (Change::Unset(_), Step::Key(key)) => {
                item.as_table_like_mut()?.remove(key)?;
                self.prune(way);
            }
            (Change::Add(_), Step::Key(key)) => add(item, key)?,
            (Change::Remove(_), Step::At(at)) => {
                match item {
                    Item::ArrayOfTables(tables) if *at < tables.len() => {
                        tables.remove(*at);
                    }
                    Item::Value(Value::Array(values)) if *at < values.len() => {
                        values.remove(*at);
                    }
                    _ => return None,
                }
                if self.count(way) == 0 {
                    self.drop_key(way);
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Tables that became empty go with their last value; entries of lists stay.
    fn prune(&mut self, way: &[Step]) {
        if matches!(way.last(), Some(Step::Key(_)))
            && self
                .get(way)
                .and_then(Item::as_table_like)
                .is_some_and(toml_edit::TableLike::is_empty)
        {
            self.drop_key(way);
        }
    }

    fn drop_key(&mut self, way: &[Step]) {
        let Some((Step::Key(key), parents)) = way.split_last() else {
            return;
        };
        let mut item = self.tree.as_item_mut();
        for step in parents {
            let next = match step {
                Step::Key(key) => item.get_mut(key.as_str()),
                Step::At(at) => item.get_mut(*at),
            };
            let Some(next) = next else { return };
            item = next;
        }
        if let Some(table) = item.as_table_like_mut() {
            table.remove(key);
        }
    }
}

/// The table of a key, made when it may be.
fn below<'a>(item: &'a mut Item, key: &str, makes: bool) -> Option<&'a mut Item> {
    let inline = item.is_value();
    let table = item.as_table_like_mut()?;
    if makes && !table.contains_key(key) {
        let made = if inline {
            Item::Value(InlineTable::new().into())
        } else {
            let mut made = Table::new();
            // `[network]` itself is not written where only `[[network.interface]]` stands below it.
            made.set_implicit(true);
            Item::Table(made)
        };
        table.insert(key, made);
    }
    table.get_mut(key)
}

fn add(item: &mut Item, key: &str) -> Option<()> {
    let inline = item.is_value();
    let table = item.as_table_like_mut()?;
    if !table.contains_key(key) {
        let made = if inline {
            Item::Value(Array::new().into())
        } else {
            Item::ArrayOfTables(ArrayOfTables::new())
        };
        table.insert(key, made);
    }
    match table.get_mut(key)? {
        Item::ArrayOfTables(tables) => tables.push(Table::new()),
        Item::Value(Value::Array(values)) => values.push(InlineTable::new()),
        _ => return None,
    }
    Some(())
}

/// A value as a person types it.
pub(crate) fn shown(item: &Item) -> String {
    item.as_value().map_or(String::new(), value_text)
}

fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.value().clone(),
        Value::Integer(number) => number.value().to_string(),
        Value::Boolean(yes) => if *yes.value() { "yes" } else { "no" }.to_owned(),
        Value::Array(all) if all.iter().any(Value::is_inline_table) => format!("{} entries", all.len()),
        Value::Array(all) => all.iter().map(value_text).collect::<Vec<_>>().join(", "),
        other => other.clone().decorated("", "").to_string(),
    }
}

/// Texts between commas; a comma in quotes is part of its text, as in the options of a key for SSH.
pub(crate) fn texts(typed: &str) -> Value {
    let mut quoted = false;
    let parts = typed.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    Value::Array(parts.collect())
}

/// Keys as a path.
pub(crate) fn keys(keys: &[String]) -> Path {
    keys.iter().cloned().map(Step::Key).collect()
}

#[cfg(test)]
mod tests;
