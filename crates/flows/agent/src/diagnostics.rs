//! What systemd and its journal say, read from the JSON of systemctl(1) and journalctl(1).

use std::time::Duration;

use corbel_disk::{IscsiSession, MultipathDevice};
use serde_json::Value;

/// What multipathd knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Multipath {
    /// Whether it runs.
    pub enabled: bool,
    pub devices: Vec<MultipathDevice>,
}

/// The node as an iSCSI initiator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sessions {
    /// Its name; `None` where it never needed one.
    pub initiator: Option<String>,
    pub sessions: Vec<IscsiSession>,
}

/// What became of one echo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Echo {
    /// Where it was sent to.
    pub address: String,
    /// How long the answer took, or why there was none, as a sentence.
    pub answer: Result<Duration, String>,
}

/// A service of systemd, in systemd's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    pub description: String,
    pub active: String,
    pub state: String,
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Since 1970.
    pub seconds: u64,
    /// Of syslog, 0 to 7.
    pub priority: u8,
    pub source: String,
    pub message: String,
}

/// The entries that were asked for, the newest first, and how many were looked through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPage {
    pub entries: Vec<LogEntry>,
    pub searched: u64,
}

/// Which entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogQuery {
    /// In program or message, in upper or lower case; everything when empty.
    pub search: String,
}

impl LogQuery {
    /// Entries that are looked through.
    pub const SEARCHED: usize = 5000;
    /// Entries that are given.
    const GIVEN: usize = 500;
    /// Characters of a message; a program that writes more is not helped by all of it on a screen.
    const LONGEST: usize = 2000;

    /// Those that were asked for, of entries with the newest first.
    pub fn choose(&self, entries: Vec<LogEntry>) -> LogPage {
        let wanted = self.search.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let searched = entries.len() as u64;
        let found = entries
            .into_iter()
            .filter(|entry| has(&entry.source) || has(&entry.message));
        let shorter = found.map(|entry| LogEntry {
            message: entry.message.chars().take(Self::LONGEST).collect(),
            ..entry
        });
        LogPage {
            entries: shorter.take(Self::GIVEN).collect(),
            searched,
        }
    }
}

/// The answer of `systemctl list-units --all --output=json`; those that failed first. What is no service is left out, and what some unit
/// names that is not on this system (systemctl(1), LOAD).
pub fn parse_services(json: &[u8]) -> Vec<Service> {
    let all: Vec<Value> = serde_json::from_slice(json).unwrap_or_default();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let here = all
        .iter()
        .filter(|one| !matches!(text(one, "load").as_str(), "not-found" | "masked"));
    let services = here.map(|one| Service {
        name: text(one, "unit"),
        description: text(one, "description"),
        active: text(one, "active"),
        state: text(one, "sub"),
    });
    let mut services: Vec<_> = services.filter(|service| service.name.ends_with(".service")).collect();
    services.sort_by(|a, b| (a.active != "failed", &a.name).cmp(&(b.active != "failed", &b.name)));
    services
}

/// The lines of `journalctl --output=json`, in their order. A line that is none is left out.
pub fn parse_journal(lines: &[u8]) -> Vec<LogEntry> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(parse_entry).collect()
}

fn parse_entry(line: &[u8]) -> Option<LogEntry> {
    let entry: Value = serde_json::from_slice(line).ok()?;
    let text = |key: &str| match entry.get(key)? {
        Value::String(text) => Some(text.clone()),
        // What is no UTF-8, or has control characters, comes as bytes.
        Value::Array(bytes) => {
            let bytes: Vec<u8> = bytes
                .iter()
                .filter_map(|byte| u8::try_from(byte.as_u64()?).ok())
                .collect();
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => None,
    };
    let micros: u64 = text("__REALTIME_TIMESTAMP")?.parse().ok()?;
    Some(LogEntry {
        seconds: micros / 1_000_000,
        priority: text("PRIORITY")
            .and_then(|text| text.parse().ok())
            .filter(|p| *p < 8)
            .unwrap_or(6),
        source: text("SYSLOG_IDENTIFIER")
            .or_else(|| text("_SYSTEMD_UNIT"))
            .unwrap_or_default(),
        message: text("MESSAGE").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_that_failed_come_first() {
        let json = br#"[{"unit":"a.service","load":"loaded","active":"active","sub":"running","description":"A"},
            {"unit":"z.service","active":"failed","sub":"failed","description":"Z"},{"unit":"x.mount"},
            {"unit":"auditd.service","load":"not-found","active":"inactive","sub":"dead","description":"auditd.service"}]"#;
        let names: Vec<_> = parse_services(json).into_iter().map(|service| service.name).collect();
        assert_eq!(names, ["z.service", "a.service"]);
        assert!(parse_services(b"nonsense").is_empty());
    }

    #[test]
    fn the_journal_is_searched_in_any_case() {
        let lines = b"{\"__REALTIME_TIMESTAMP\":\"1790000000123456\",\"PRIORITY\":\"4\",\"SYSLOG_IDENTIFIER\":\"kernel\",\"MESSAGE\":\"Link is DOWN\"}\n\
            nonsense\n\
            {\"__REALTIME_TIMESTAMP\":\"1790000001000000\",\"_SYSTEMD_UNIT\":\"a.service\",\"MESSAGE\":[104,105,27]}\n";
        let entries = parse_journal(lines);
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[0].seconds, entries[0].priority), (1_790_000_000, 4));
        assert_eq!(
            (entries[1].source.as_str(), entries[1].message.as_str()),
            ("a.service", "hi\u{1b}")
        );
        let find = |search: &str| {
            let query = LogQuery { search: search.into() };
            query.choose(entries.clone()).entries.len()
        };
        assert_eq!(
            (find("link is down"), find("KERNEL"), find(""), find("up")),
            (1, 1, 2, 0)
        );
    }
}
