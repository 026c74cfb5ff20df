//! Parsers of the few texts that [`crate::Host`] reads. Pure; what they do not understand they leave out.

use corbel_model::ByteSize;
use serde::Deserialize;

use crate::{Boot, BootSource, Firmware, Memory, Pool, Ssh};

/// `/proc/meminfo` (proc_meminfo(5)); amounts are KiB there.
pub(crate) fn parse_meminfo(text: &str) -> Memory {
    Memory {
        total: amount(text, "MemTotal"),
        available: amount(text, "MemAvailable"),
    }
}

/// Of the same: what is not set aside as huge pages.
pub(crate) fn parse_unreserved(text: &str) -> ByteSize {
    let huge = amount(text, "Hugetlb").bytes();
    ByteSize(amount(text, "MemTotal").bytes().saturating_sub(huge))
}

fn amount(text: &str, name: &str) -> ByteSize {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(ByteSize(0), |kib| ByteSize(kib.saturating_mul(1024)))
}

/// `/proc/loadavg` (proc_loadavg(5)).
pub(crate) fn parse_load(text: &str) -> [f64; 3] {
    let mut load = [0.0; 3];
    for (slot, word) in load.iter_mut().zip(text.split_whitespace()) {
        // JSON has no infinity, so a word such as `inf` is nothing.
        *slot = word.parse().ok().filter(|value: &f64| value.is_finite()).unwrap_or(0.0);
    }
    load
}

/// `/proc/uptime` (proc_uptime(5)); whole seconds.
pub(crate) fn parse_uptime(text: &str) -> u64 {
    text.split(['.', ' ', '\n'])
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0)
}

/// The flags of the first processor in `/proc/cpuinfo`.
pub(crate) fn parse_flags(cpuinfo: &str) -> Vec<&str> {
    cpuinfo
        .lines()
        .find(|line| line.starts_with("flags"))
        .and_then(|line| line.split_once(':'))
        .map(|(_, flags)| flags.split_whitespace().collect())
        .unwrap_or_default()
}

#[derive(Deserialize)]
struct BootFile {
    source: Option<String>,
    medium: Option<String>,
    root_hash: Option<String>,
    slot: Option<String>,
}

/// `/run/corbel/boot.json`, written by the initrd.
pub(crate) fn parse_boot(json: &[u8], firmware: Firmware) -> Boot {
    let Ok(file) = serde_json::from_slice::<BootFile>(json) else {
        return Boot {
            firmware,
            ..Boot::default()
        };
    };
    let source = match file.source.as_deref() {
        Some("cd") => BootSource::Cd,
        Some("disk") => BootSource::Disk,
        Some("network") => BootSource::Network,
        Some("installed") => BootSource::Installed,
        _ => BootSource::Unknown,
    };
    Boot {
        source,
        medium: file.medium,
        root_hash: file.root_hash,
        firmware,
        slot: file.slot.and_then(|slot| slot.parse().ok()),
    }
}

/// The `warnings` of `/run/corbel/settle.json`: strings, or objects with a `message`.
pub(crate) fn parse_warnings(json: &[u8]) -> Vec<String> {
    let Ok(file) = serde_json::from_slice::<serde_json::Value>(json) else {
        return vec![];
    };
    let list = file.get("warnings").and_then(|list| list.as_array());
    let text = |entry: &serde_json::Value| {
        entry
            .as_str()
            .or_else(|| entry.get("message")?.as_str())
            .map(str::to_owned)
    };
    list.map(|list| list.iter().filter_map(text).collect())
        .unwrap_or_default()
}

/// The pools on the further data disks of `/run/corbel/state.json`; `/data` has the default pool.
pub(crate) fn parse_pools(json: &[u8]) -> Vec<Pool> {
    #[derive(Deserialize)]
    struct StateReport {
        data: Vec<String>,
    }
    let Ok(report) = serde_json::from_slice::<StateReport>(json) else {
        return vec![];
    };
    let pool = |mount: &String| {
        let name = mount.strip_prefix('/').filter(|name| *name != "data")?;
        Some(Pool {
            name: name.to_owned(),
            path: format!("{mount}/images"),
        })
    };
    report.data.iter().filter_map(pool).collect()
}

#[derive(Deserialize)]
struct SshReport {
    ssh: bool,
    ssh_message: String,
}

/// What `/run/corbel/settle.json` says on remote login.
pub(crate) fn parse_ssh(json: &[u8]) -> Option<Ssh> {
    let report: SshReport = serde_json::from_slice(json).ok()?;
    Some(Ssh {
        on: report.ssh,
        message: report.ssh_message,
    })
}

/// Whether this user's password in `/etc/shadow` (shadow(5)) lets anybody in: `!` and `*` stand for none. `None` without a line.
pub(crate) fn parse_password_set(shadow: &str, user: &str) -> Option<bool> {
    let password = shadow
        .lines()
        .find_map(|line| line.strip_prefix(user)?.strip_prefix(':'))?
        .split(':')
        .next()?;
    Some(!password.starts_with(['!', '*']))
}

/// `KEYMAP=` of `/etc/corbel/keyboard`, which has the words of vconsole.conf(5), as settle writes it: without quotes.
pub(crate) fn parse_keymap(file: &str) -> Option<String> {
    let keymap = file.lines().find_map(|line| line.strip_prefix("KEYMAP="))?.trim();
    (!keymap.is_empty()).then(|| keymap.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_keymap_of_the_console_is_read() {
        assert_eq!(
            parse_keymap("# by settle\nKEYMAP=fr_CH-latin1\n").as_deref(),
            Some("fr_CH-latin1")
        );
        assert_eq!((parse_keymap(""), parse_keymap("KEYMAP=\n")), (None, None));
    }

    #[test]
    fn the_kernels_texts_are_read() {
        let memory = parse_meminfo("MemTotal:        1000 kB\nMemFree: 1 kB\nMemAvailable:     400 kB\n");
        assert_eq!(
            memory,
            Memory {
                total: ByteSize(1_024_000),
                available: ByteSize(409_600)
            }
        );
        assert_eq!(parse_load("0.50 1.25 2.00 1/200 4242\n"), [0.5, 1.25, 2.0]);
        assert_eq!(parse_load("inf NaN"), [0.0; 3]);
        assert_eq!(parse_uptime("12345.67 2.0\n"), 12345);
        assert_eq!(
            parse_flags("processor : 0\nflags\t\t: fpu svm\n\nprocessor : 1\nflags : x\n"),
            ["fpu", "svm"]
        );
    }

    #[test]
    fn the_initrds_and_settles_notes_are_read() {
        let boot = parse_boot(
            br#"{"source":"cd","medium":"/dev/sr0","root_hash":"ab","later":1}"#,
            Firmware::Uefi,
        );
        assert_eq!(
            (boot.source, boot.medium.as_deref()),
            (BootSource::Cd, Some("/dev/sr0"))
        );
        assert_eq!(parse_boot(b"", Firmware::Bios), Boot::default());
        assert_eq!(parse_warnings(br#"{"warnings":["a",{"message":"b"},3]}"#), ["a", "b"]);
        assert!(parse_warnings(b"[]").is_empty());
        let ssh = parse_ssh(br#"{"ssh":true,"ssh_message":"SSH is on for admin","later":1}"#).expect("a report");
        assert_eq!((ssh.on, ssh.message.as_str()), (true, "SSH is on for admin"));
        assert_eq!(parse_ssh(br#"{"ssh":true}"#), None);
        let pools = parse_pools(br#"{"config":true,"data":["/data","/data2"]}"#);
        let expected = Pool {
            name: "data2".to_owned(),
            path: "/data2/images".to_owned(),
        };
        assert_eq!(pools, [expected]);
        assert!(parse_pools(b"").is_empty());
    }

    #[test]
    fn a_locked_password_is_none() {
        let shadow = "root:*:1::::::\nadministrator:!:1::::::\nadmin:$6$x$y:1::::::\n";
        assert_eq!(parse_password_set(shadow, "admin"), Some(true));
        assert_eq!(parse_password_set(shadow, "administrator"), Some(false));
        assert_eq!(parse_password_set(shadow, "root"), Some(false));
        assert_eq!(parse_password_set("", "admin"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            parse_meminfo(&text);
            parse_load(&text);
            parse_uptime(&text);
            parse_flags(&text);
            parse_boot(text.as_bytes(), Firmware::Bios);
            parse_warnings(text.as_bytes());
            parse_ssh(text.as_bytes());
            parse_password_set(&text, "admin");
        }
    }
}
