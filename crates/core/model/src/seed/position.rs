//! Where in a document an error is, in the words of the person who wrote it: line, column and key.

use super::SeedError;

/// From TOML's own error, whose message may repeat a value: not where the value is a secret.
pub(super) fn of(text: &str, error: &toml::de::Error) -> SeedError {
    let offset = error.span().map_or(0, |span| span.start).min(text.len());
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).map_or(1, |part| part.chars().count() + 1);
    let key = key(text, line_start);
    let shown = text
        .get(line_start..)
        .and_then(|rest| rest.lines().next())
        .unwrap_or_default();
    // Serde's own sentences repeat the value, also of a secret that stands inside of a table on one line.
    let repeats = ["invalid type", "invalid value"]
        .iter()
        .any(|start| error.message().starts_with(start));
    let is_key = |name: &str| key.as_deref().is_some_and(|key| key.ends_with(name));
    let about = |name: &str| is_key(name) || (repeats && shown.contains(name));
    let problem = if about("password_hash") && key.as_deref().is_some_and(|key| key.starts_with("users")) {
        crate::users::UserError::Hash.to_string()
    } else if about("password_hash") {
        crate::access::CredentialError::PasswordHash.to_string()
    } else if repeats && about("private_key") {
        crate::tls::KeyError::None.to_string()
    } else if repeats && about("password") && !about("password_login") {
        crate::secret::SecretError.to_string()
    } else {
        let message = error.message().replace('\n', "; ");
        match meant(&message) {
            Some(right) => format!("{message}; did you mean `{right}`?"),
            None => message,
        }
    };
    SeedError {
        line,
        column,
        key,
        problem,
    }
}

/// Of a message about an unknown key, the known one that is nearest, where it is near enough for a slip of the hand.
fn meant(message: &str) -> Option<&str> {
    let (unknown, known) = message.strip_prefix("unknown field `")?.split_once('`')?;
    let names = known.split('`').skip(1).step_by(2);
    let near = names
        .map(|name| (distance(unknown, name), name))
        .min_by_key(|(far, _)| *far);
    near.filter(|(far, name)| *far <= name.len().div_ceil(3))
        .map(|(_, name)| name)
}

/// Levenshtein's distance: characters that are added, left out or replaced. A key that is too long to be a slip is far from all.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut before = i;
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(usize::MAX - 1);
            let left = next.last().copied().unwrap_or(usize::MAX - 1);
            next.push((before + usize::from(x != y)).min(above + 1).min(left + 1));
            before = above;
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// The key of the line that begins at `start`, or of the nearest line above it that has one (arrays run over several lines).
fn key(text: &str, start: usize) -> Option<String> {
    let end = text.get(start..)?.find('\n').map_or(text.len(), |at| start + at);
    let lines: Vec<&str> = text.get(..end)?.lines().collect();
    let header = |line: &str| {
        let inner = line.trim().strip_prefix('[')?.trim_start_matches('[');
        inner.split_once(']').map(|(name, _)| name.trim().to_owned())
    };
    let name = |line: &str| {
        let (name, _) = line.split_once('=')?;
        let name = name.trim();
        let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        bare.then(|| name.to_owned())
    };
    let is_header =
        |line: &str| line.trim_start().starts_with('[') && line.trim_end().ends_with(']') && header(line).is_some();
    let table = lines
        .iter()
        .rev()
        .find(|line| is_header(line))
        .and_then(|line| header(line));
    let own = lines
        .iter()
        .rev()
        .take_while(|line| !is_header(line))
        .find_map(|line| name(line));
    match (table, own) {
        (Some(table), Some(own)) => Some(format!("{table}.{own}")),
        (table, own) => own.or(table),
    }
}
