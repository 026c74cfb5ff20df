//! One value of a document's text: look at it, set it, take it out. Everything else stays as its owner wrote it, comments too.
//!
//! A path is `hostname`, `ssh.port`, `network.interface[0].mtu` or `network.interface[eno1].mtu`, where the word in brackets is the
//! `match`, `name`, `id` or `server` of the entry; an entry that is set and not there is made.

use std::str::FromStr;

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TableLike, Value};

use crate::secret::Secrets;
use crate::users::{UserName, UserPassword};

/// Why a value could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("the document is not TOML: {0}")]
    Toml(String),
    #[error("{0:?} is not the path of a key: write it like hostname, ssh.port or network.interface[eno1].mtu")]
    Path(String),
    #[error("{path}: there is no such key in the document")]
    Absent { path: String },
    #[error("{path}: {part} is no table, so nothing can be below it")]
    NoTable { path: String, part: String },
}

/// A part of a path: a key, and which of several entries.
struct Part {
    key: String,
    entry: Option<String>,
}

fn parts(path: &str) -> Result<Vec<Part>, EditError> {
    let bad = || EditError::Path(path.to_owned());
    let mut rest = path;
    let mut found = Vec::new();
    loop {
        // The word in brackets may hold dots: bond0.42.
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let good = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        let (entry, after) = match after.strip_prefix('[') {
            Some(inner) => {
                let (entry, after) = inner.split_once(']').ok_or_else(bad)?;
                (Some(entry.to_owned()).filter(|entry| !entry.is_empty()), after)
            }
            None => (None, after),
        };
        if !good {
            return Err(bad());
        }
        found.push(Part {
            key: key.to_owned(),
            entry,
        });
        rest = match after.strip_prefix('.') {
            Some(rest) => rest,
            None if after.is_empty() => return Ok(found),
            None => return Err(bad()),
        };
    }
}

fn read(text: &str) -> Result<DocumentMut, EditError> {
    DocumentMut::from_str(text).map_err(|error| EditError::Toml(error.message().to_owned()))
}

/// Whether a table is the one that the word in brackets names.
fn is_named(table: &dyn TableLike, name: &str) -> bool {
    ["match", "name", "id", "server"].into_iter().any(|key| {
        let value = table.get(key);
        let text = value.and_then(Item::as_str).map(str::to_owned);
        text.or_else(|| value.and_then(Item::as_integer).map(|n| n.to_string()))
            .as_deref()
            == Some(name)
    })
}

fn index(tables: &ArrayOfTables, entry: &str) -> Option<usize> {
    let named = tables.iter().position(|table| is_named(table, entry));
    named.or_else(|| entry.parse().ok().filter(|at| *at < tables.len()))
}

/// The value at a path as TOML; `None` when it is not there. Nothing secret is ever given.
pub fn value_at(text: &str, path: &str) -> Result<Option<String>, EditError> {
    let (text, _) = without_secrets(text)?;
    let document = read(&text)?;
    let mut item = document.as_item();
    for part in parts(path)? {
        let Some(next) = item.as_table_like().and_then(|table| table.get(&part.key)) else {
            return Ok(None);
        };
        item = next;
        if let Some(entry) = &part.entry {
            let tables = item.as_array_of_tables();
            let found = tables.and_then(|tables| index(tables, entry).and_then(|at| tables.get(at)));
            match found {
                Some(table) => {
                    // The end of the path is shown as the text of this entry alone.
                    if parts(path)?
                        .last()
                        .is_some_and(|last| last.entry.is_some() && last.key == part.key)
                    {
                        return Ok(Some(table.to_string()));
                    }
                    let below = path
                        .split_once(']')
                        .map_or("", |(_, below)| below.trim_start_matches('.'));
                    return value_at(&table.to_string(), below);
                }
                None => return Ok(None),
            }
        }
    }
    let shown = match item {
        Item::Value(value) => value.clone().decorated("", "").to_string(),
        // Its own keys, without the heads of the tables around it.
        Item::Table(table) => table.to_string(),
        Item::ArrayOfTables(tables) => {
            let all = tables.iter().map(ToString::to_string);
            all.collect::<Vec<_>>().join("\n")
        }
        Item::None => return Ok(None),
    };
    Ok(Some(shown.trim().to_owned()))
}

/// The document with the value at the path. A value that is not TOML is taken for a text, so that nobody has to quote twice.
pub fn set(text: &str, path: &str, value: &str) -> Result<String, EditError> {
    let mut document = read(text)?;
    let parts = parts(path)?;
    let names = parts.iter().map(|part| part.key.as_str());
    let secret = SECRETS
        .into_iter()
        .chain([ISCSI_SECRET.as_slice()])
        .any(|secret| secret.iter().copied().eq(names.clone()));
    let toml = value.trim().parse::<Value>().ok();
    // A password may look like a number.
    let toml = toml.filter(|toml| !secret || toml.is_str());
    let value = toml.unwrap_or_else(|| Value::from(value));
    let (last, tables) = parts.split_last().ok_or_else(|| EditError::Path(path.to_owned()))?;
    if last.entry.is_some() {
        return Err(EditError::Path(path.to_owned()));
    }
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for part in tables {
        table = below(table, part, path)?;
    }
    match table.get_mut(&last.key) {
        Some(Item::Value(old)) => {
            let decor = old.decor().clone();
            *old = value;
            *old.decor_mut() = decor;
        }
        _ => {
            table.insert(&last.key, Item::Value(value));
        }
    }
    Ok(document.to_string())
}

/// The table of a part, made when it is not there.
fn below<'a>(table: &'a mut dyn TableLike, part: &Part, path: &str) -> Result<&'a mut dyn TableLike, EditError> {
    let no_table = || EditError::NoTable {
        path: path.to_owned(),
        part: part.key.clone(),
    };
    let Some(entry) = &part.entry else {
        if table.get(&part.key).is_none() {
            let mut made = Table::new();
            // `[network]` itself is not written where only `[[network.interface]]` stands below it.
            made.set_implicit(true);
            table.insert(&part.key, Item::Table(made));
        }
        let item = table.get_mut(&part.key).ok_or_else(no_table)?;
        return item.as_table_like_mut().ok_or_else(no_table);
    };
    if table.get(&part.key).is_none() {
        table.insert(&part.key, Item::ArrayOfTables(ArrayOfTables::new()));
    }
    let item = table.get_mut(&part.key);
    let tables = item.and_then(Item::as_array_of_tables_mut).ok_or_else(no_table)?;
    let at = match index(tables, entry) {
        Some(at) => at,
        None => {
            let mut made = Table::new();
            let (key, value) = match part.key.as_str() {
                "interface" => ("match", Value::from(entry.as_str())),
                "remote" => ("server", Value::from(entry.as_str())),
                "vlan" => ("id", entry.parse().unwrap_or_else(|_| Value::from(entry.as_str()))),
                _ => ("name", Value::from(entry.as_str())),
            };
            made.insert(key, Item::Value(value));
            tables.push(made);
            tables.len() - 1
        }
    };
    let table = tables.get_mut(at).ok_or_else(no_table)?;
    Ok(table)
}

/// The document without the key, table or entry at the path.
///
/// # Errors
/// [`EditError::Absent`] when it is not there.
pub fn unset(text: &str, path: &str) -> Result<String, EditError> {
    let mut document = read(text)?;
    let absent = || EditError::Absent { path: path.to_owned() };
    let parts = parts(path)?;
    let (last, tables) = parts.split_last().ok_or_else(absent)?;
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for part in tables {
        let item = table.get_mut(&part.key).ok_or_else(absent)?;
        table = match &part.entry {
            None => item.as_table_like_mut().ok_or_else(absent)?,
            Some(entry) => {
                let tables = item.as_array_of_tables_mut().ok_or_else(absent)?;
                let at = index(tables, entry).ok_or_else(absent)?;
                tables.get_mut(at).ok_or_else(absent)?
            }
        };
    }
    match &last.entry {
        None => {
            table.remove(&last.key).ok_or_else(absent)?;
        }
        Some(entry) => {
            let item = table.get_mut(&last.key).ok_or_else(absent)?;
            let tables = item.as_array_of_tables_mut().ok_or_else(absent)?;
            let at = index(tables, entry).ok_or_else(absent)?;
            tables.remove(at);
        }
    }
    Ok(document.to_string())
}

/// Of each target.
const ISCSI_SECRET: [&str; 4] = ["storage_access", "iscsi", "target", "chap_password"];

/// Where a document may have something secret.
const SECRETS: [&[&str]; 4] = [
    &["admin", "password_hash"],
    &["monitoring", "collectd", "password"],
    &["kernel_dump", "ssh_key"],
    &["tls", "private_key"],
];

/// The document without anything secret, for whoever looks at it, and the keys that it had.
pub fn without_secrets(text: &str) -> Result<(String, Vec<String>), EditError> {
    let mut document = read(text)?;
    let found = SECRETS
        .into_iter()
        .filter(|path| remove(document.as_table_mut(), path).is_some());
    let mut found: Vec<String> = found.map(|path| path.join(".")).collect();
    each_target(&mut document, |name, target| {
        if target.remove("chap_password").is_some() {
            found.push(format!("storage_access.iscsi.target[{name}].chap_password"));
        }
    });
    let users = take_user_passwords(&mut document, |_, _| true);
    found.extend(
        users
            .into_iter()
            .map(|(name, _)| format!("users[{name}].password_hash")),
    );
    match found.is_empty() {
        true => Ok((text.to_owned(), found)),
        false => Ok((document.to_string(), found)),
    }
}

/// Takes what is secret out of a document, to be kept apart. What is no secret of its kind stays in the text, where reading it says so.
pub fn take_secrets(text: &str) -> Result<(String, Secrets), EditError> {
    let mut secrets = Secrets::default();
    let mut document = read(text)?;
    let mut taken = false;
    for path in SECRETS {
        let value = at(document.as_table(), path).and_then(Item::as_str).unwrap_or_default();
        let is_one = match path {
            ["admin", ..] => {
                secrets.admin_password = value.parse().ok();
                secrets.admin_password.is_some()
            }
            ["kernel_dump", ..] => {
                secrets.dump_key = value.parse().ok();
                secrets.dump_key.is_some()
            }
            ["tls", ..] => {
                secrets.tls_key = value.parse().ok();
                secrets.tls_key.is_some()
            }
            _ => {
                secrets.collectd_password = value.parse().ok();
                secrets.collectd_password.is_some()
            }
        };
        taken |= is_one && remove(document.as_table_mut(), path).is_some();
    }
    each_target(&mut document, |name, target| {
        let value = target.get("chap_password").and_then(Item::as_str).unwrap_or_default();
        if let Ok(password) = value.parse() {
            secrets.iscsi_passwords.insert(name.to_owned(), password);
            taken |= target.remove("chap_password").is_some();
        }
    });
    let is_one = |name: &str, hash: &str| name.parse::<UserName>().is_ok() && hash.parse::<UserPassword>().is_ok();
    for (name, hash) in take_user_passwords(&mut document, is_one) {
        taken = true;
        secrets
            .user_passwords
            .extend(hash.parse().ok().map(|hash| (name, hash)));
    }
    match taken {
        true => Ok((document.to_string(), secrets)),
        false => Ok((text.to_owned(), secrets)),
    }
}

/// The targets of iSCSI with their names, however they are written.
fn each_target(document: &mut DocumentMut, mut one: impl FnMut(&str, &mut dyn TableLike)) {
    let [section, iscsi, target, _] = ISCSI_SECRET;
    let Some(item) = document
        .get_mut(section)
        .and_then(|item| item.as_table_like_mut()?.get_mut(iscsi))
        .and_then(|item| item.as_table_like_mut()?.get_mut(target))
    else {
        return;
    };
    let mut named = |table: &mut dyn TableLike| {
        let name = table.get("name").and_then(Item::as_str).unwrap_or_default().to_owned();
        one(&name, table);
    };
    match item {
        Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|table| named(table)),
        Item::Value(Value::Array(values)) => {
            for value in values.iter_mut() {
                if let Value::InlineTable(table) = value {
                    named(table);
                }
            }
        }
        _ => {}
    }
}

/// Takes the hashes of users out that are wanted, and gives them with the names. `users` may be written as tables or as a list.
fn take_user_passwords(document: &mut DocumentMut, wanted: impl Fn(&str, &str) -> bool) -> Vec<(String, String)> {
    let mut taken = Vec::new();
    let mut take = |user: &mut dyn TableLike| {
        let text = |key| user.get(key).and_then(Item::as_str).unwrap_or_default().to_owned();
        let (name, hash) = (text("name"), text("password_hash"));
        if user.get("password_hash").is_some() && wanted(&name, &hash) {
            user.remove("password_hash");
            taken.push((name, hash));
        }
    };
    match document.get_mut("users") {
        Some(Item::ArrayOfTables(tables)) => tables.iter_mut().for_each(|table| take(table)),
        Some(Item::Value(Value::Array(list))) => {
            let tables = list.iter_mut().filter_map(Value::as_inline_table_mut);
            tables.for_each(|table| take(table));
        }
        _ => {}
    }
    taken
}

fn at<'a>(table: &'a dyn TableLike, path: &[&str]) -> Option<&'a Item> {
    let (key, below) = path.split_first()?;
    let item = table.get(key)?;
    match below {
        [] => Some(item),
        below => at(item.as_table_like()?, below),
    }
}

/// Takes a value out, and the tables above it that are empty without it.
fn remove(table: &mut dyn TableLike, path: &[&str]) -> Option<Item> {
    let (key, below) = path.split_first()?;
    if below.is_empty() {
        return table.remove(key);
    }
    let inner = table.get_mut(key)?.as_table_like_mut()?;
    let removed = remove(inner, below)?;
    if inner.is_empty() {
        table.remove(key);
    }
    Some(removed)
}

#[cfg(test)]
mod tests;
