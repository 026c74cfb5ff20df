//! A node that exists only in a folder, for tests and for the sim: files are real, programs are noted and do the little that others look
//! for, and time passes only when somebody waits or says so.

mod access;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use corbel_model::network::Interface;
use corbel_model::secret::Secrets;
use corbel_model::{HostName, TimeZone};
use corbel_plan::config::Machine;
use corbel_plan::settle::{NETWORK_PREFIX, Need};
use corbel_sys::write_atomic;

use crate::configure::ConfigFacilities;
use crate::engine::ChangeFacilities;
use crate::facilities::{Facilities, FacilityError};
use crate::state::{INSTALLED_FLAG, STATE_FILE, StateReport};
use crate::store::{ConfigStore, Current, Origin};
use crate::{Host, settle};

/// What a test may turn.
#[derive(Debug, Default)]
struct World {
    ran: Vec<String>,
    /// Commands and paths that fail, by their beginning.
    broken: Vec<String>,
    storage: access::Storage,
    /// Addresses never come.
    deaf: bool,
    time: Duration,
    /// Since when time passes by itself, if it does.
    started: Option<Instant>,
}

/// Of a server with eight processors and 64 GiB, as far as it can be tuned.
const HARDWARE: [(&str, &str); 16] = [
    ("sys/kernel/kexec_crash_size", "0\n"),
    ("sys/devices/system/cpu/online", "0-7\n"),
    ("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "powersave\n"),
    (
        "sys/devices/system/cpu/cpufreq/policy0/scaling_available_governors",
        "performance powersave\n",
    ),
    (
        "sys/devices/system/cpu/cpufreq/policy0/energy_performance_preference",
        "balance_performance\n",
    ),
    ("sys/devices/system/cpu/cpu0/power/pm_qos_resume_latency_us", "0\n"),
    ("sys/block/sda/queue/scheduler", "[none] mq-deadline\n"),
    ("sys/block/sda/queue/rotational", "1\n"),
    ("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n"),
    ("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0\n"),
    ("sys/kernel/mm/ksm/run", "0\n"),
    ("sys/kernel/mm/ksm/pages_to_scan", "100\n"),
    ("sys/kernel/mm/ksm/sleep_millisecs", "20\n"),
    ("proc/sys/vm/swappiness", "60\n"),
    ("proc/sys/vm/dirty_writeback_centisecs", "500\n"),
    (
        "proc/meminfo",
        "MemTotal:       67108864 kB\nMemAvailable:   50331648 kB\n",
    ),
];

/// The node. Clones are the same one.
#[derive(Debug, Clone)]
pub struct FakeNode {
    folder: Arc<tempfile::TempDir>,
    host: Host,
    world: Arc<Mutex<World>>,
}

impl FakeNode {
    /// An installed node with two cards that was settled from this document.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn installed(document: &str) -> io::Result<Self> {
        Self::new(Some(document))
    }

    /// A node that runs from its medium.
    ///
    /// # Errors
    /// As of [`FakeNode::installed`].
    pub fn stateless() -> io::Result<Self> {
        Self::new(None)
    }

    fn new(document: Option<&str>) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let put = |path: &str, text: &str| {
            write_atomic(
                &folder.path().join(path.trim_start_matches('/')),
                text.as_bytes(),
                0o644,
            )
            .map_err(io::Error::other)
        };
        put("etc/shadow", "root:*:20000:0:99999:7:::\nadmin:!:20000:0:99999:7:::\n")?;
        for kind in ["ed25519", "ecdsa"] {
            put(&format!("etc/ssh/ssh_host_{kind}_key"), "a key\n")?;
        }
        for zone in ["UTC", "Europe/Berlin", "America/New_York"] {
            put(&format!("usr/share/zoneinfo/{zone}"), "TZif2")?;
        }
        for (number, name) in [(1, "eno1"), (2, "eno2")] {
            let at = format!("sys/class/net/{name}");
            fs::create_dir_all(folder.path().join(&at).join("device"))?;
            put(&format!("{at}/type"), "1\n")?;
            put(&format!("{at}/address"), &format!("52:54:00:00:00:0{number}\n"))?;
            put(&format!("{at}/carrier"), "1\n")?;
        }
        for (path, text) in HARDWARE {
            put(path, text)?;
        }
        if let Some(document) = document {
            put(INSTALLED_FLAG, "")?;
            let report = StateReport {
                config: true,
                log: true,
                ..StateReport::default()
            };
            put(STATE_FILE, &serde_json::to_string(&report)?)?;
            let store = ConfigStore::new(folder.path().join("config"));
            let origin = Origin {
                by: "the installation".into(),
                ..Origin::default()
            };
            store
                .save(document, &Secrets::default(), &origin)
                .map_err(io::Error::other)?;
        }
        let node = Self {
            host: Host::below(folder.path()).with_command_line("quiet"),
            folder: Arc::new(folder),
            world: Arc::default(),
        };
        settle(&node);
        Ok(node)
    }

    /// Time passes by itself, for a node that people look at.
    #[must_use]
    pub fn in_real_time(self) -> Self {
        self.world().started = Some(Instant::now());
        self
    }

    fn time(&self) -> Duration {
        let world = self.world();
        world.time + world.started.map(|start| start.elapsed()).unwrap_or_default()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commands that were run since the last call.
    pub fn ran(&self) -> Vec<String> {
        std::mem::take(&mut self.world().ran)
    }

    /// Commands and writes that begin so fail from now on.
    pub fn break_what_begins(&self, with: &str) {
        self.world().broken.push(with.to_owned());
    }

    /// Everything works again.
    pub fn mend(&self) {
        let mut world = self.world();
        world.broken.clear();
        world.deaf = false;
    }

    /// Addresses do not come any more.
    pub fn deafen(&self) {
        self.world().deaf = true;
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.world().time += time;
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<String> {
        String::from_utf8(self.host.read(path).ok()??).ok()
    }

    /// All files below `/etc`, for comparing.
    pub fn etc(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.folder.path().join("etc")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let text = fs::read_to_string(&path).unwrap_or_default();
                    found.insert(path.display().to_string(), text);
                }
            }
        }
        found
    }

    /// What a boot does: what is in `/run` is gone, and the node settles.
    pub fn reboot(&self) {
        for path in self.host.paths_from("/run/corbel/config").unwrap_or_default() {
            // What is not there is as good as removed.
            let _ = self.host.remove(&path);
        }
        settle(self);
    }

    fn check(&self, what: &str) -> Result<(), FacilityError> {
        let broken = self.world().broken.iter().any(|start| what.starts_with(start.as_str()));
        if broken {
            Err(format!("{what} is broken").into())
        } else {
            Ok(())
        }
    }

    /// systemd's part: processors of slices.
    fn slices(&self, command: &[&str]) -> Result<(), FacilityError> {
        if let ["systemctl", "set-property", "--runtime", slice, property] = command
            && let Some(cpus) = property.strip_prefix("AllowedCPUs=")
        {
            let path = format!("/sys/fs/cgroup/{slice}/cpuset.cpus");
            return self.host.write(&path, format!("{cpus}\n").as_bytes(), 0o644);
        }
        Ok(())
    }

    /// networkd's part: devices of `.netdev` files come and are taken away.
    fn network(&self, command: &[&str]) -> Result<(), FacilityError> {
        let net = self.folder.path().join("sys/class/net");
        if let ["networkctl", "delete", device] = command {
            let there = |name: &str| net.join(name).is_dir();
            if !there(device) {
                return Err(format!("networkctl delete {device} ended with exit status: 1: No such device").into());
            }
            // VLANs go with what they lie over.
            let over = format!("{device}.");
            for entry in fs::read_dir(&net)?.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name == *device || name.starts_with(&over) {
                    fs::remove_dir_all(entry.path())?;
                }
            }
        }
        if command == ["networkctl", "reload"] {
            for path in self.host.paths_from(NETWORK_PREFIX)? {
                let device = path
                    .strip_prefix(NETWORK_PREFIX)
                    .and_then(|name| name.strip_suffix(".netdev"));
                if let Some(device) = device {
                    fs::create_dir_all(net.join(device))?;
                    write_atomic(&net.join(device).join("type"), b"1\n", 0o644)?;
                    write_atomic(&net.join(device).join("carrier"), b"1\n", 0o644)?;
                }
            }
        }
        Ok(())
    }
}

impl Facilities for FakeNode {
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
        self.check(path)?;
        self.host.write(path, content, mode)
    }
    fn tell(&self, path: &str, value: &str) -> Result<(), FacilityError> {
        self.check(path)?;
        self.host.tell(path, value)
    }
    fn remove(&self, path: &str) -> Result<(), FacilityError> {
        self.host.remove(path)
    }
    fn paths_from(&self, prefix: &str) -> Result<Vec<String>, FacilityError> {
        self.host.paths_from(prefix)
    }
    fn set_hostname(&self, hostname: &HostName) -> Result<(), FacilityError> {
        self.check("hostname")?;
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
    fn document(&self) -> Result<Option<Current>, FacilityError> {
        self.host.document()
    }
    fn make_host_keys(&self, kept: bool) -> Result<(), FacilityError> {
        self.host.make_host_keys(kept)
    }
}

impl ConfigFacilities for FakeNode {
    fn fetch(&self, _: &str, _: Duration) -> Result<Vec<u8>, FacilityError> {
        Err("there is no network here".into())
    }
    fn now(&self) -> Duration {
        self.time()
    }
    fn pause(&self, time: Duration) {
        self.pass(time);
    }
    fn run(&self, command: &[&str]) -> Result<(), FacilityError> {
        let line = command.join(" ");
        self.world().ran.push(line.clone());
        self.check(&line)?;
        self.storage(command)?;
        self.slices(command)?;
        self.network(command)
    }
    fn settled(&self) -> &dyn Facilities {
        self
    }
}

impl ChangeFacilities for FakeNode {
    fn store(&self) -> ConfigStore {
        self.host.store()
    }
    fn timezone(&self) -> Option<TimeZone> {
        self.host.timezone()
    }
    fn machine(&self) -> Machine {
        self.host.machine()
    }
    /// What the files of the network ask for, as networkd would have it.
    fn addresses(&self) -> Result<Vec<(String, IpAddr)>, FacilityError> {
        let mut found = Vec::new();
        if self.world().deaf {
            return Ok(found);
        }
        for path in self.paths_from(NETWORK_PREFIX)? {
            let text = self.text(&path).unwrap_or_default();
            let name = text
                .lines()
                .find_map(|line| line.strip_prefix("Name="))
                .unwrap_or("eno1");
            let addresses = text
                .lines()
                .filter_map(|line| line.strip_prefix("Address=")?.split_once('/')?.0.parse().ok());
            found.extend(addresses.map(|address| (name.to_owned(), address)));
        }
        Ok(found)
    }
    fn uptime(&self) -> Duration {
        self.time()
    }
    fn clock(&self) -> u64 {
        1_764_157_000 + self.time().as_secs()
    }
}
