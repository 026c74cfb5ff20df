//! Secrets by their form: each function takes out one kind and leaves all else as it is.

use super::TAKEN_OUT;

/// A private key is shorter; what is between a begin without an end and there is taken out.
const LONGEST_KEY: usize = 64 << 10;

/// The largest place of a character at or before `at`.
fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Private keys between `-----BEGIN … PRIVATE KEY-----` and its end (RFC 7468, and what OpenSSH and PGP make of it). Of one that was cut off, what is left.
pub(super) fn pem(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN ";
    const END: &str = "-----END ";
    let label = |rest: &str| {
        let end = rest.find("-----").filter(|end| *end <= 60)?;
        rest[..end].contains("PRIVATE KEY").then_some(end + 5)
    };
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    loop {
        let begin = rest.match_indices(BEGIN).find_map(|(at, _)| {
            let after = at + BEGIN.len();
            label(&rest[after..]).map(|label| (at, after + label))
        });
        let end_in = |text: &str| {
            text.match_indices(END).find_map(|(at, _)| {
                let after = at + END.len();
                label(&text[after..]).map(|label| (at, after + label))
            })
        };
        let first_end = end_in(rest);
        let begin = begin.filter(|(begin, _)| first_end.is_none_or(|(end, _)| *begin < end));
        match (begin, first_end) {
            (Some((at, behind)), _) => {
                out.push_str(&rest[..at]);
                out.push_str(TAKEN_OUT);
                let end = end_in(&rest[behind..]).map(|(_, end)| behind + end);
                let limit = floor(rest, behind + LONGEST_KEY);
                rest = &rest[end.filter(|end| *end <= limit).unwrap_or(limit)..];
            }
            // Its begin was cut off.
            (None, Some((at, behind))) => {
                out.push_str(&rest[..floor(rest, at.saturating_sub(LONGEST_KEY))]);
                out.push_str(TAKEN_OUT);
                rest = &rest[behind..];
            }
            (None, None) => {
                out.push_str(rest);
                return out;
            }
        }
    }
}

/// User data of cloud-init, which may hold anything: from its first line to the end of the element or text that it stands in.
pub(super) fn cloud_config(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("#cloud-config") {
        out.push_str(&rest[..at]);
        out.push_str(TAKEN_OUT);
        rest = &rest[at..];
        rest = &rest[rest.find('<').unwrap_or(rest.len())..];
    }
    out.push_str(rest);
    out
}

/// Hashes of passwords as crypt(5) writes them, `$id$salt$hash`, also with backslashes before the dollars.
pub(super) fn crypt(text: &str) -> String {
    let is_body = |c: char| c.is_ascii_alphanumeric() || "./$,=+-_\\".contains(c);
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('$') {
        let after = &rest[at + 1..];
        let id = after.len()
            - after
                .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-')
                .len();
        let salt = after[id..].trim_start_matches('\\');
        let body = salt.strip_prefix('$').filter(|_| (1..=12).contains(&id));
        let length = body.map_or(0, |body| body.len() - body.trim_start_matches(is_body).len());
        match body {
            Some(body) if length >= 8 => {
                out.push_str(&rest[..at]);
                out.push_str(TAKEN_OUT);
                rest = &body[length..];
            }
            _ => {
                out.push_str(&rest[..=at]);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// User and password of a URL (RFC 3986, section 3.2.1).
pub(super) fn url(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || "\"'<>`".contains(c) || c.is_control();
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let run = &after[..after.find(ends).unwrap_or(after.len())];
        let authority = &run[..run.find(['/', '?', '#']).unwrap_or(run.len())];
        // A password with a slash in it, which should not be, is one all the same.
        let is_port = authority
            .rsplit_once(':')
            .is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let sign = authority.rfind('@').or_else(|| run.rfind('@').filter(|_| !is_port));
        match sign {
            Some(sign) => {
                out.push_str(TAKEN_OUT);
                rest = &after[sign..];
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

/// Credentials of HTTP behind the word of their scheme (RFC 6750, RFC 7617).
pub(super) fn scheme(text: &str) -> String {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=:".contains(c);
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    let lower = text.to_ascii_lowercase();
    let mut places: Vec<(usize, bool)> = lower.match_indices("bearer ").map(|(at, _)| (at + 7, true)).collect();
    places.extend(lower.match_indices("basic ").map(|(at, _)| (at + 6, false)));
    places.sort_unstable();
    for (at, bearer) in places {
        if at < done {
            continue;
        }
        let token = &text[at..at + (text.len() - at - text[at..].trim_start_matches(is_token).len())];
        // An English word behind `basic` is no credential.
        let looks_so = token.bytes().any(|byte| byte.is_ascii_digit() || byte == b'=');
        if token.len() >= 8 && (bearer || looks_so) {
            out.push_str(&text[done..at]);
            out.push_str(TAKEN_OUT);
            done = at + token.len();
        }
    }
    out.push_str(&text[done..]);
    out
}

/// How a key ends whose value is secret, in lower case and with `_` for `-` and `.`.
const KEYS: [&str; 22] = [
    "password",
    "passwd",
    "passphrase",
    "password_in",
    "password_hash",
    "passwd_hash",
    "hashed_passwd",
    "secret",
    "adminpw",
    "rootpw",
    "private_key",
    "ssh_key",
    "token",
    "token_hash",
    "token_sha256",
    "authorization",
    "credential",
    "credentials",
    "api_key",
    "apikey",
    "psk",
    "x_amz_signature",
];

/// Values that say whether there is one, and what it is of no secret.
const WORDS: [&str; 12] = [
    "true", "false", "yes", "no", "on", "off", "none", "null", "set", "unset", "some", "required",
];

fn is_key(word: &str) -> bool {
    let word = word.to_ascii_lowercase().replace(['-', '.'], "_");
    KEYS.iter().any(|key| {
        word == *key
            || word
                .strip_suffix(key)
                .is_some_and(|before| before.ends_with('_') || key.len() >= 6)
    })
}

/// Values behind a key that says what they are: `key = value`, `key: value`, `"key": "value"`, `key='value'`, `<key>value</key>`,
/// `--key value` and `Key "value"`.
pub(super) fn keyed(text: &str) -> String {
    let in_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    // libvirt hands secrets to QEMU as `data` of an object that is called so.
    let has_data = text.contains("secret,") || text.contains("\"qom-type\":\"secret\"");
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(in_key) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (word, after) = rest.split_at(rest.find(|c| !in_key(c)).unwrap_or(rest.len()));
        out.push_str(word);
        rest = after;
        let is_secret = is_key(word) || has_data && word == "data";
        if !is_secret {
            continue;
        }
        if let Some((start, end)) = value(word, after)
            && !is_plain(&after[start..end])
        {
            out.push_str(&after[..start]);
            out.push_str(TAKEN_OUT);
            rest = &after[end..];
        }
    }
    out.push_str(rest);
    out
}

fn is_plain(value: &str) -> bool {
    let value = value.trim_matches(|c: char| c.is_whitespace() || ",;)}]".contains(c));
    value.is_empty()
        || value == TAKEN_OUT
        || value.starts_with('{')
        || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Where the value lies in what follows a key.
fn value(key: &str, after: &str) -> Option<(usize, usize)> {
    let blank = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
    // The quote that closes a key of JSON, maybe escaped as in a text of JSON within one.
    let mut at = after.len() - after.trim_start_matches(['"', '\'', '\\', ']']).len();
    let gap = blank(&after[at..]);
    let sign = after[at + gap..].chars().next()?;
    let to_line_end = match sign {
        '=' => false,
        ':' => true,
        // An element of XML.
        '>' if gap == 0 => {
            let start = at + 1;
            return Some((start, start + after[start..].find('<')?));
        }
        // A line of collectd's file, or an option and its argument.
        '"' | '\'' if gap > 0 => {
            at += gap;
            return quoted(after, at);
        }
        _ if gap > 0 && at == 0 && key.starts_with("--") => {
            let start = gap;
            return Some((start, start + bare(&after[start..], false)));
        }
        _ => return None,
    };
    at += gap + 1;
    at += blank(&after[at..]);
    if let Some(found) = quoted(after, at) {
        return Some(found);
    }
    if after[at..].starts_with("Some(") {
        return quoted(after, at + 5);
    }
    Some((at, at + bare(&after[at..], to_line_end)))
}

/// What stands in quotes at a place, over several lines where the quotes are three or escape them.
fn quoted(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    let quote = ["\"\"\"", "'''", "\\\"", "\"", "'"]
        .into_iter()
        .find(|quote| rest.starts_with(quote))?;
    let start = at + quote.len();
    let mut end = start;
    loop {
        let found = text[end..].find(quote);
        let Some(found) = found else {
            // One that was cut off: all that is left of its line.
            let line = text[start..].find('\n').map_or(text.len(), |line| start + line);
            return Some((start, line));
        };
        end += found;
        let slashes = text[start..end].bytes().rev().take_while(|byte| *byte == b'\\').count();
        if quote != "\"" || slashes % 2 == 0 {
            return Some((start, end));
        }
        end += 1;
    }
}

/// The length of a value without quotes: to the blank, or to the end of the line. A block of YAML goes as far as it is indented.
fn bare(text: &str, to_line_end: bool) -> usize {
    let line = text.find(['\n', '\r']).unwrap_or(text.len());
    if !to_line_end {
        return text
            .find(|c: char| c.is_whitespace() || "\"'<>&;,".contains(c))
            .unwrap_or(text.len());
    }
    if !matches!(text[..line].trim(), "|" | "|-" | "|+" | ">" | ">-" | ">+") {
        return line;
    }
    let mut pieces = text[line..].split_inclusive('\n');
    let mut end = line + pieces.next().map_or(0, str::len);
    for piece in pieces {
        if !piece.starts_with([' ', '\t']) && !piece.trim().is_empty() {
            break;
        }
        end += piece.len();
    }
    text[..end].trim_end_matches('\n').len()
}
