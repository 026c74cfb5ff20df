//! Pages of fields, the plan before a save, and what is wrong where.

use super::super::body::Body;
use super::Tone;
use crate::menu::{Configuration, Document, Field, Form, Kind, Menu, Save, Step, shown};
use crate::text::fit;
use crate::wizard::{Failure, weakness};

pub(super) fn page(menu: &Menu, width: usize) -> (String, Body) {
    let mut body = Body::new(width);
    let (Some(form), Some(draft)) = (&menu.form, &menu.config.draft) else {
        let text = menu
            .config
            .trouble
            .as_ref()
            .map_or("Asking the node ...".to_owned(), |trouble| {
                format!("There is nothing to show: {trouble}.")
            });
        body.text(&text, 1, Tone::Plain);
        return (String::new(), body);
    };
    let state = Shown {
        focused: menu.inside,
        problem: menu.config.problem.as_ref(),
        password: menu.config.password_word(&form.level().path),
    };
    fields(&mut body, form, draft, &state);
    (form.level().title.clone(), body)
}

/// What a form's rows depend on besides form and document.
pub(super) struct Shown<'a> {
    pub(super) focused: bool,
    pub(super) problem: Option<&'a Failure>,
    pub(super) password: &'static str,
}

pub(super) fn fields(body: &mut Body, form: &Form, draft: &Document, state: &Shown<'_>) {
    let level = form.level();
    if level.list {
        return entries(body, form, draft, state);
    }
    let widest = level
        .fields
        .iter()
        .map(|field| field.label.len())
        .max()
        .unwrap_or(0)
        .min(26);
    for (row, field) in level.fields.iter().enumerate() {
        let here = row == level.row;
        let room = body.width.saturating_sub(widest + 6);
        let value = match &form.edit {
            Some(edit) if here => {
                let masked = matches!(field.kind, Kind::Secret | Kind::Password);
                let inside = room.saturating_sub(2);
                format!("[{:<inside$}]", edit.line.shown(inside, masked))
            }
            _ => value(field, form, draft, state.password),
        };
        let label = match &form.edit {
            Some(edit) if here && edit.first.is_some() => "once more",
            _ => &field.label,
        };
        let text = format!("{:<widest$}  {value}", fit(label, widest));
        body.item(&text, Tone::Plain, here && state.focused);
        let wrong = form.error.clone().filter(|_| here);
        let wrong = wrong.or_else(|| problem_at(state.problem, form, field, draft));
        if let Some(wrong) = wrong {
            body.text(&format!("! {wrong}"), 5, Tone::Bad);
        }
        if let Some(edit) = form.edit.as_ref().filter(|_| here && field.kind == Kind::Password)
            && let Some(weak) = weakness(edit.line.text())
        {
            body.text(weak, 5, Tone::Bad);
        }
    }
}

fn value(field: &Field, form: &Form, draft: &Document, password: &str) -> String {
    let path = form.path_of(field);
    let there = draft.get(&path).is_some();
    match &field.kind {
        Kind::Password => password.to_owned(),
        Kind::Secret if there => "given; it is not shown".to_owned(),
        Kind::Secret => "-".to_owned(),
        Kind::Tables(_) => match draft.count(&path) {
            0 => "none; Enter opens the list".to_owned(),
            1 => "1 entry; Enter opens it".to_owned(),
            count => format!("{count} entries; Enter opens them"),
        },
        _ if there => {
            let text = form.text_of(field, draft);
            match text.lines().count() {
                0 | 1 => text,
                lines => format!("{} ... ({lines} lines)", text.lines().next().unwrap_or_default()),
            }
        }
        _ if field.required => "(needed)".to_owned(),
        _ => "-".to_owned(),
    }
}

fn entries(body: &mut Body, form: &Form, draft: &Document, state: &Shown<'_>) {
    let level = form.level();
    let count = draft.count(&level.path);
    for at in 0..count {
        let path = [&level.path[..], &[Step::At(at)]].concat();
        let name = draft.name(&path).unwrap_or_else(|| "(new)".to_owned());
        let table = draft.get(&path).and_then(|item| item.as_table_like());
        let mut rest = Vec::new();
        for (key, item) in table.into_iter().flat_map(|table| table.iter()) {
            let text = shown(item);
            let secret = level
                .fields
                .iter()
                .any(|field| field.key == [key] && matches!(field.kind, Kind::Secret | Kind::Password));
            if !secret && !text.is_empty() && text != name {
                rest.push(format!("{} {}", key.replace('_', " "), fit(&text, 40)));
            }
        }
        let text = format!("{:<16} {}", fit(&name, 40), rest.join(", "));
        body.item(text.trim_end(), Tone::Plain, at == level.row && state.focused);
        if form.asks_removal && at == level.row {
            body.text(&format!("Remove {name}?  y yes   any other key: no"), 5, Tone::Bad);
        }
    }
    body.item("[ add an entry ]", Tone::Plain, level.row == count && state.focused);
    if let Some(error) = &form.error {
        body.text(&format!("! {error}"), 5, Tone::Bad);
    }
}

/// The sentence of a problem that is one of this field.
fn problem_at(problem: Option<&Failure>, form: &Form, field: &Field, draft: &Document) -> Option<String> {
    let problem = problem?;
    let key = problem.field.as_deref()?;
    let (plain, names) = taken_apart(key);
    let level = form.level();
    let own: Vec<_> = level
        .path
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::At(_) => None,
        })
        .chain(field.key.iter().map(String::as_str))
        .collect();
    // The hash is what is kept of a password.
    if plain != own && !(plain == ["admin_password"] && field.kind == Kind::Password) {
        return None;
    }
    let entry = level.path.iter().rposition(|step| matches!(step, Step::At(_)));
    if let Some(at) = entry {
        let here = draft.name(&level.path[..=at]);
        let named = names.last().copied();
        if named.is_some() && named != here.as_deref() {
            return None;
        }
        if named.is_none() && !is_at_line(problem, &level.path[..=at], draft) {
            return None;
        }
    }
    Some(sentence(problem).to_owned())
}

/// `network.interface[eno1].mtu` as its keys and the names in brackets.
fn taken_apart(key: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut plain, mut names) = (Vec::new(), Vec::new());
    let mut rest = key;
    while !rest.is_empty() {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        if end > 0 {
            plain.push(&rest[..end]);
        }
        rest = &rest[end..];
        if let Some((name, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            names.push(name);
            rest = after;
        } else {
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    (plain, names)
}

/// Whether the line that a problem names is one of this entry: so many heads of its kind stand before it.
fn is_at_line(problem: &Failure, path: &[Step], draft: &Document) -> bool {
    let line = problem
        .message
        .split("line ")
        .nth(1)
        .and_then(|rest| rest.split(',').next()?.parse::<usize>().ok());
    let (Some(line), Some(Step::At(at))) = (line, path.last()) else {
        return true;
    };
    let keys: Vec<_> = path
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::At(_) => None,
        })
        .collect();
    let head = format!("[[{}]]", keys.join("."));
    let text = draft.text();
    let before = text.lines().take(line).filter(|line| line.trim() == head).count();
    before == at + 1
}

/// Without the place, which a person sees.
fn sentence(problem: &Failure) -> &str {
    let message = problem.message.as_str();
    let after = message
        .split_once(", column ")
        .and_then(|(_, rest)| rest.split_once(": "));
    after.map_or_else(
        || {
            let key = problem.field.as_deref().unwrap_or_default();
            message
                .strip_prefix(key)
                .and_then(|rest| rest.strip_prefix(": "))
                .unwrap_or(message)
        },
        |(_, rest)| rest,
    )
}

pub(super) fn help(field: &Field) -> String {
    match &field.example {
        Some(example) => format!("{} Example: {example}", field.help),
        None => field.help.clone(),
    }
}

pub(super) fn message(menu: &Menu) -> Option<(String, Tone)> {
    let config = &menu.config;
    if let Some(notice) = &config.notice {
        return Some((notice.clone(), Tone::Good));
    }
    if let Some(problem) = &config.problem {
        return Some((format!("Not right yet: {}", without_line(&problem.message)), Tone::Bad));
    }
    if let Some(warning) = config.warnings.first().filter(|_| config.is_changed()) {
        return Some((format!("Mind: {warning}"), Tone::Bad));
    }
    let kept = config.config.as_ref().is_none_or(|config| config.kept);
    (!kept).then(|| (config.why_read_only().to_owned(), Tone::Plain))
}

/// Nobody sees the lines of the document here.
fn without_line(message: &str) -> String {
    let place = message.split_once(": line ").and_then(|(field, rest)| {
        let (place, said) = rest.split_once(": ")?;
        place.contains(", column ").then(|| format!("{field}: {said}"))
    });
    place.unwrap_or_else(|| message.to_owned())
}

pub(super) fn save_message(config: &Configuration) -> Option<(String, Tone)> {
    match &config.save {
        Some(Save::Asking(_)) => Some(("Asking the node what would be done ...".to_owned(), Tone::Plain)),
        Some(Save::Plan(_)) => Some((
            config.notice.clone().unwrap_or("Nothing was done so far.".to_owned()),
            Tone::Plain,
        )),
        Some(Save::Applying) => Some(("The node is making it so ...".to_owned(), Tone::Plain)),
        Some(Save::Failed(_)) => Some((
            "Nothing was changed: what was typed is still here.".to_owned(),
            Tone::Bad,
        )),
        None => None,
    }
}

/// What a save will do, or why it did not.
pub(super) fn plan(save: &Save, width: usize) -> Body {
    let mut body = Body::new(width);
    let plan = match save {
        Save::Plan(plan) => plan,
        Save::Asking(_) | Save::Applying => return body,
        Save::Failed(reason) => {
            body.text(&format!("{}.", reason.trim_end_matches('.')), 1, Tone::Bad);
            return body;
        }
    };
    if plan.network {
        body.text(
            "This changes the network. It takes itself back after 120 seconds unless you keep it, so nobody can lock themselves out.",
            1,
            Tone::Bad,
        );
        body.blank();
    }
    for warning in &plan.warnings {
        body.text(&format!("Mind: {warning}"), 1, Tone::Bad);
    }
    body.line(" What will be done:", Tone::Label);
    if plan.steps.is_empty() {
        body.text(
            "Nothing on the node: it is so already. The document is saved.",
            3,
            Tone::Plain,
        );
    }
    for step in &plan.steps {
        body.text(&format!("- {}", step.text), 3, Tone::Plain);
    }
    body
}

pub(super) fn keys(menu: &Menu) -> String {
    let Some(form) = &menu.form else {
        return "Esc menu".to_owned();
    };
    if form.edit.is_some() {
        return "type   Enter take it   Esc leave it as it was   Ctrl-U empty".to_owned();
    }
    let save = if menu.tries_dumps() {
        "t test   s save"
    } else {
        "s save   r revert"
    };
    form_keys(form, menu.config.is_read_only(), save)
}

pub(super) fn form_keys(form: &Form, read_only: bool, save: &str) -> String {
    let back = if form.levels.len() == 1 { "Esc menu" } else { "Esc back" };
    match (form.level().list, form.field().map(|field| &field.kind)) {
        _ if form.asks_removal => "y remove it   any other key: no".to_owned(),
        _ if read_only => format!("Up/Down move   Enter look   ? help   {back}"),
        (true, _) => format!("Enter open   a add   d remove   {save}   ? help   {back}"),
        (false, Some(Kind::Tables(_))) => format!("Enter open the list   {save}   ? help   {back}"),
        (false, Some(Kind::Bool)) => format!("Space change   x leave out   {save}   ? help   {back}"),
        (false, Some(Kind::Text(words))) if !words.is_empty() => {
            format!("Space next   Enter type   x leave out   {save}   ? help   {back}")
        }
        (false, _) => format!("Enter type   x leave out   {save}   ? help   {back}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_apart() {
        assert_eq!(
            taken_apart("network.interface[bond0.42].mtu"),
            (vec!["network", "interface", "mtu"], vec!["bond0.42"])
        );
        assert_eq!(taken_apart("hostname"), (vec!["hostname"], vec![]));
        assert_eq!(taken_apart("a[").0, ["a"]);
    }

    #[test]
    fn the_place_is_not_said_twice() {
        let problem = |field: &str, message: &str| Failure {
            field: Some(field.into()),
            message: message.into(),
        };
        assert_eq!(
            sentence(&problem("hostname", "hostname: line 2, column 12: \"a b\" is no name")),
            "\"a b\" is no name"
        );
        assert_eq!(
            sentence(&problem(
                "network.bond[b].members",
                "network.bond[b].members: names nobody"
            )),
            "names nobody"
        );
        assert_eq!(sentence(&problem("x", "somebody saved")), "somebody saved");
    }
}
