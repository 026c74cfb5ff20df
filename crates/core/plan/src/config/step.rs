//! The single things that a change of the configuration consists of.

use std::fmt;

use serde::Serialize;

/// One thing to do. Nothing secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Step {
    Write {
        path: String,
    },
    Remove {
        path: String,
    },
    HostName {
        name: String,
    },
    /// UTC without a name.
    TimeZone {
        zone: Option<String>,
    },
    /// Of `admin`.
    Password,
    /// To clients of the API, by its fingerprint; without one, that which the node makes itself.
    ShowCertificate {
        fingerprint: Option<String>,
    },
    /// A device that software made and that is not wanted as it is.
    DeleteDevice {
        device: String,
    },
    ReloadNetwork,
    ReloadFirewall,
    RestartTimeSync,
    /// journald reads its options anew; no message is lost.
    RestartJournal,
    /// rsyslog sends as it is told now.
    RestartSyslog,
    StopSyslog,
    /// The kernel sends its messages as it is told now.
    RestartNetconsole,
    StopNetconsole,
    /// collectd takes and sends figures as it is told now.
    RestartMonitoring,
    StopMonitoring,
    /// sshd reads its options anew, or is started.
    ReloadSsh,
    StopSsh,
    /// multipathd takes disks as it is told now.
    RestartMultipath,
    StopMultipath,
    /// Names that were looked up in another domain.
    ForgetNfsNames,
    /// Logs in at targets and out of them, and mounts exports.
    AccessStorage,
    /// The layout of the console's keyboard counts at once.
    LoadKeyboard,
    /// That of the kernel again.
    LoadDefaultKeyboard,
    /// The kernel is told what the hardware is tuned for now, and what it was told before is taken back.
    Tune,
    /// A small file is written where dumps of the kernel would go, and removed.
    TestDump,
    /// The kernel that saves the memory of one that crashes is loaded.
    LoadDump,
    UnloadDump,
}

impl Step {
    /// The word that its JSON has.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Write { .. } => "write",
            Self::Remove { .. } => "remove",
            Self::HostName { .. } => "host-name",
            Self::TimeZone { .. } => "time-zone",
            Self::Password => "password",
            Self::ShowCertificate { .. } => "show-certificate",
            Self::DeleteDevice { .. } => "delete-device",
            Self::ReloadNetwork => "reload-network",
            Self::ReloadFirewall => "reload-firewall",
            Self::RestartTimeSync => "restart-time-sync",
            Self::RestartJournal => "restart-journal",
            Self::RestartSyslog => "restart-syslog",
            Self::StopSyslog => "stop-syslog",
            Self::RestartNetconsole => "restart-netconsole",
            Self::StopNetconsole => "stop-netconsole",
            Self::RestartMonitoring => "restart-monitoring",
            Self::StopMonitoring => "stop-monitoring",
            Self::ReloadSsh => "reload-ssh",
            Self::StopSsh => "stop-ssh",
            Self::RestartMultipath => "restart-multipath",
            Self::StopMultipath => "stop-multipath",
            Self::ForgetNfsNames => "forget-nfs-names",
            Self::AccessStorage => "access-storage",
            Self::LoadKeyboard => "load-keyboard",
            Self::LoadDefaultKeyboard => "load-default-keyboard",
            Self::Tune => "tune",
            Self::TestDump => "test-dump",
            Self::LoadDump => "load-dump",
            Self::UnloadDump => "unload-dump",
        }
    }

    /// The program that does it; `None` where no program is needed.
    pub fn command(&self) -> Option<Vec<&str>> {
        let unit = |verb: &'static str, unit: &'static str| Some(vec!["systemctl", verb, unit]);
        match self {
            Self::Write { .. }
            | Self::Remove { .. }
            | Self::HostName { .. }
            | Self::TimeZone { .. }
            | Self::ShowCertificate { .. }
            | Self::Password => None,
            Self::DeleteDevice { device } => Some(vec!["networkctl", "delete", device]),
            Self::ReloadNetwork => Some(vec!["networkctl", "reload"]),
            Self::ReloadFirewall => unit("reload", "nftables.service"),
            Self::RestartTimeSync => unit("restart", "systemd-timesyncd.service"),
            Self::RestartJournal => unit("restart", "systemd-journald.service"),
            Self::RestartSyslog => unit("restart", "rsyslog.service"),
            Self::StopSyslog => unit("stop", "rsyslog.service"),
            Self::RestartNetconsole => unit("restart", "corbel-netconsole.service"),
            Self::StopNetconsole => unit("stop", "corbel-netconsole.service"),
            Self::RestartMonitoring => unit("restart", "collectd.service"),
            Self::StopMonitoring => unit("stop", "collectd.service"),
            Self::ReloadSsh => unit("reload-or-restart", "ssh.service"),
            Self::StopSsh => unit("stop", "ssh.service"),
            Self::RestartMultipath => unit("restart", "multipathd.service"),
            Self::StopMultipath => unit("stop", "multipathd.service"),
            Self::ForgetNfsNames => Some(vec!["nfsidmap", "-c"]),
            // As a unit of its own: what is mounted must be there for all, and not for the daemon alone.
            Self::AccessStorage => Some(vec![
                "systemd-run",
                "--quiet",
                "--wait",
                "--pipe",
                "--collect",
                "--property=RuntimeMaxSec=140",
                "/usr/bin/corbel",
                "storage-access",
            ]),
            Self::LoadKeyboard => unit("restart", "corbel-keyboard.service"),
            Self::LoadDefaultKeyboard => Some(vec!["loadkeys", "--quiet", "--unicode", "--console=/dev/tty1", "us"]),
            Self::Tune => unit("restart", "corbel-performance.service"),
            Self::TestDump => Some(vec!["corbel", "dump", "test"]),
            Self::LoadDump => Some(vec!["corbel", "dump", "load"]),
            Self::UnloadDump => Some(vec!["corbel", "dump", "unload"]),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { path } => write!(f, "write {path}"),
            Self::Remove { path } => write!(f, "remove {path}"),
            Self::HostName { name } => write!(f, "call the node {name}"),
            Self::TimeZone { zone: Some(zone) } => write!(f, "set the time zone {zone}"),
            Self::TimeZone { zone: None } => f.write_str("set the time zone UTC"),
            Self::Password => f.write_str("set the password of admin"),
            Self::ShowCertificate {
                fingerprint: Some(fingerprint),
            } => write!(f, "show the certificate {fingerprint}"),
            Self::ShowCertificate { fingerprint: None } => {
                f.write_str("show the certificate that the node makes itself")
            }
            Self::DeleteDevice { device } => write!(f, "take the device {device} away"),
            Self::ReloadNetwork => f.write_str("have the network read its files"),
            Self::ReloadFirewall => f.write_str("have the firewall read its files"),
            Self::RestartTimeSync => f.write_str("restart time synchronisation"),
            Self::RestartJournal => f.write_str("have the journal read its options"),
            Self::RestartSyslog => f.write_str("have syslog send messages as configured"),
            Self::StopSyslog => f.write_str("stop sending messages by syslog"),
            Self::RestartNetconsole => f.write_str("have the kernel send its messages as configured"),
            Self::StopNetconsole => f.write_str("stop sending the kernel's messages"),
            Self::RestartMonitoring => f.write_str("have collectd take figures as configured"),
            Self::StopMonitoring => f.write_str("stop collectd"),
            Self::ReloadSsh => f.write_str("have SSH read its files"),
            Self::StopSsh => f.write_str("stop SSH"),
            Self::RestartMultipath => f.write_str("have multipath take disks as configured"),
            Self::StopMultipath => f.write_str("stop multipath"),
            Self::ForgetNfsNames => f.write_str("forget the names of NFS users"),
            Self::AccessStorage => f.write_str("log in at iSCSI targets and mount NFS exports as configured"),
            Self::LoadKeyboard => f.write_str("load the keyboard layout"),
            Self::LoadDefaultKeyboard => f.write_str("load the default keyboard layout"),
            Self::Tune => f.write_str("tune processors, memory and disks as configured"),
            Self::TestDump => f.write_str("try the place where dumps of the kernel go"),
            Self::LoadDump => f.write_str("load the kernel that saves a dump"),
            Self::UnloadDump => f.write_str("save no dump of the kernel any more"),
        }
    }
}
