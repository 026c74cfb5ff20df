//! Fetching over a machine whose time passes only while it waits.

use std::cell::RefCell;
use std::collections::BTreeMap;

use corbel_model::network::Interface;
use corbel_model::{HostName, TimeZone};
use corbel_plan::settle::Need;

use super::*;
use crate::Host;
use crate::state::StateReport;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ada";
const WORDS: &str = "quiet corbel.config=http://config.example.org/node.toml?token=secret";

/// A root in a folder, a server that answers after some tries, and what was run.
struct Fake {
    folder: tempfile::TempDir,
    host: Host,
    answer: Vec<u8>,
    refusals: RefCell<usize>,
    now: RefCell<Duration>,
    ran: RefCell<Vec<String>>,
}

impl Fake {
    fn new(words: &str, answer: &str, refusals: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |path: &str, text: &str| {
            corbel_sys::write_atomic(&folder.path().join(path), text.as_bytes(), 0o644).expect("a fixture");
        };
        put("etc/shadow", "admin:!:20000:0:99999:7:::\n");
        std::fs::create_dir_all(folder.path().join("sys/class/net")).expect("a folder");
        for kind in ["ed25519", "ecdsa"] {
            put(&format!("etc/ssh/ssh_host_{kind}_key"), "a key\n");
        }
        let fake = Self {
            host: Host::below(folder.path()).with_command_line(words),
            folder,
            answer: answer.as_bytes().to_vec(),
            refusals: RefCell::new(refusals),
            now: RefCell::default(),
            ran: RefCell::default(),
        };
        settle(&fake.host);
        fake
    }
    fn file(&self, path: &str) -> Option<String> {
        text(self.host.read(path))
    }
    fn ran(&self) -> Vec<String> {
        self.ran.borrow().clone()
    }
}

impl Facilities for Fake {
    fn command_line(&self) -> Result<String, FacilityError> {
        self.host.command_line()
    }
    fn seed(&self) -> Result<BTreeMap<String, Vec<u8>>, FacilityError> {
        self.host.seed()
    }
    fn interfaces(&self, need: Need) -> Result<Vec<Interface>, FacilityError> {
        self.host.interfaces(need)
    }
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FacilityError> {
        self.host.read(path)
    }
    fn write(&self, path: &str, content: &[u8], mode: u32) -> Result<(), FacilityError> {
        self.host.write(path, content, mode)
    }
    fn tell(&self, path: &str, value: &str) -> Result<(), FacilityError> {
        self.host.tell(path, value)
    }
    fn remove(&self, path: &str) -> Result<(), FacilityError> {
        self.host.remove(path)
    }
    fn paths_from(&self, prefix: &str) -> Result<Vec<String>, FacilityError> {
        self.host.paths_from(prefix)
    }
    fn set_hostname(&self, hostname: &HostName) -> Result<(), FacilityError> {
        self.host.set_hostname(hostname)
    }
    fn set_timezone(&self, zone: Option<&TimeZone>) -> Result<(), FacilityError> {
        self.host.set_timezone(zone)
    }
    fn installed(&self) -> bool {
        self.host.installed()
    }
    fn state_report(&self) -> Result<Option<StateReport>, FacilityError> {
        self.host.state_report()
    }
    fn document(&self) -> Result<Option<crate::store::Current>, FacilityError> {
        self.host.document()
    }
    fn make_host_keys(&self, kept: bool) -> Result<(), FacilityError> {
        self.host.make_host_keys(kept)
    }
}

impl ConfigFacilities for Fake {
    fn fetch(&self, url: &str, limit: Duration) -> Result<Vec<u8>, FacilityError> {
        assert_eq!(url, "http://config.example.org/node.toml?token=secret");
        assert!(limit <= DEADLINE);
        let mut left = self.refusals.borrow_mut();
        if *left > 0 {
            *left -= 1;
            return Err("config.example.org cannot be reached".into());
        }
        Ok(self.answer.clone())
    }
    fn now(&self) -> Duration {
        *self.now.borrow()
    }
    fn pause(&self, time: Duration) {
        *self.now.borrow_mut() += time;
    }
    fn run(&self, command: &[&str]) -> Result<(), FacilityError> {
        self.ran.borrow_mut().push(command.join(" "));
        if command[0] == "networkctl" {
            return Err("networkctl reload ended with exit status: 1".into());
        }
        Ok(())
    }
    fn settled(&self) -> &dyn Facilities {
        self
    }
}

#[test]
fn a_fetched_document_counts_for_this_boot() {
    let document = format!(
        "version = 1\nhostname = \"by-url\"\nkeyboard = \"de-latin1\"\nntp = [\"192.0.2.3\"]\n[admin]\nssh_keys = [\"{KEY}\"]\n\
         [[network.interface]]\nmatch = \"eno1\"\naddresses = [\"192.0.2.7/24\"]\n[install]\nboot = \"/dev/sda\"\n"
    );
    let node = Fake::new(WORDS, &document, 3);
    assert_eq!(node.file(AUTO_INSTALL_FLAG), None);
    let report = configure(&node).expect("a URL");
    assert_eq!((report.hostname.as_str(), report.ssh), ("by-url", true));
    assert_eq!(*node.now.borrow(), Duration::from_secs(1 + 2 + 4));
    let expected = [
        "networkctl reload",
        "systemctl --no-block reload-or-restart ssh.service",
        "systemctl --no-block restart systemd-timesyncd.service",
        "systemctl --no-block restart collectd.service",
        "systemctl --no-block restart corbel-keyboard.service",
        "systemctl --no-block start corbel-autoinstall.service",
    ];
    assert_eq!(node.ran(), expected);
    let warning = "corbel.config: networkctl reload ended with exit status: 1";
    assert_eq!(report.warnings, [warning]);
    let written = node.file(REPORT_FILE).expect("a report");
    assert!(written.contains(warning), "{written}");
    assert!(!written.contains("secret") && !written.contains("AAAA"), "{written}");
    assert!(node.file(crate::SEED_FILE).expect("orders").contains("by-url"));
    use std::os::unix::fs::PermissionsExt as _;
    for path in [DOCUMENT, CONFIG_URL_FILE] {
        let meta = std::fs::metadata(node.folder.path().join(path.trim_start_matches('/'))).expect("a file");
        assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{path}");
    }
    // Once more, as after a restart of the service: nothing changes and nobody is disturbed.
    node.ran.borrow_mut().clear();
    configure(&node).expect("a URL");
    assert!(node.ran().is_empty(), "{:?}", node.ran());
}

#[test]
fn without_an_answer_the_node_goes_on_and_says_so() {
    let node = Fake::new(&format!("{WORDS} install storage_init=/dev/sda"), "", usize::MAX);
    let report = configure(&node).expect("a URL");
    assert!(*node.now.borrow() <= DEADLINE && *node.now.borrow() > DEADLINE / 2);
    let warning = "corbel.config: config.example.org cannot be reached; the node goes on without this document";
    assert_eq!(report.warnings, [warning]);
    assert!(node.ran().is_empty());
    assert_eq!(node.file(AUTO_INSTALL_FLAG), None, "nothing is installed on a guess");
}

#[test]
fn a_document_that_says_nothing_new_disturbs_nobody() {
    let node = Fake::new(WORDS, "version = 1\n", 0);
    let report = configure(&node).expect("a URL");
    assert!(report.warnings.is_empty() && node.ran().is_empty(), "{report:?}");
    assert!(configure(&Fake::new("quiet", "", 0)).is_none());
}
