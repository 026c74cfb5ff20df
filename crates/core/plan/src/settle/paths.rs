//! Where settle writes what, and who reads it.

/// systemd-networkd's files of this boot have names that begin so; older ones are removed.
pub const NETWORK_PREFIX: &str = "/etc/systemd/network/10-corbel-";
/// While it exists, sshd may start.
pub const SSH_FLAG: &str = "/run/corbel/ssh-enabled";
/// While it exists, systemd-timesyncd stays off (`ntp=off`).
pub const TIME_SYNC_OFF_FLAG: &str = "/run/corbel/time-sync-off";
/// While it exists, the unattended installation starts (`corbel-autoinstall.service`).
pub const AUTO_INSTALL_FLAG: &str = "/run/corbel/auto-install";
/// The configuration of this boot as a document, wherever it was said, for an installation, which makes it the node's own. A
/// `corbel.toml` that cannot be read stands here as it was found. Absent on an installed node.
pub const SEED_FILE: &str = "/run/corbel/seed.toml";
/// The words of this boot, one a line: those of the seed, then those of the kernel. Absent on an installed node.
pub const WORDS_FILE: &str = "/run/corbel/words";
/// Where the document of this boot is fetched from; while it exists, `corbel-config.service` does it.
pub const CONFIG_URL_FILE: &str = "/run/corbel/config-url";
/// Public keys that let `admin` in.
pub const KEYS_FILE: &str = "/etc/ssh/keys/admin";
/// The layout of the keyboard, for `corbel-keyboard.service`. Not vconsole.conf(5): Debian's tmpfiles.d makes a link of that at each boot.
pub const KEYBOARD_FILE: &str = "/etc/corbel/keyboard";

pub const HOSTNAME_FILE: &str = "/etc/hostname";
pub const HOSTS_FILE: &str = "/etc/hosts";
/// Clients and tokens of the API, which the daemon reads.
pub const ACCESS_FILE: &str = "/etc/corbel/access.toml";
/// Options of sshd of this boot.
pub const SSHD_FILE: &str = "/etc/ssh/sshd_config.d/10-corbel.conf";
/// The port of sshd for the firewall, where it is not 22.
pub const SSH_FIREWALL_FILE: &str = "/etc/corbel/nftables/ssh.nft";
/// The time servers of this boot.
pub const TIMESYNC_FILE: &str = "/etc/systemd/timesyncd.conf.d/10-corbel.conf";
/// Options of the journal of this boot.
pub const JOURNAL_FILE: &str = "/etc/systemd/journald.conf.d/10-corbel.conf";
/// Where rsyslog sends messages; while it exists, rsyslog may start.
pub const SYSLOG_FILE: &str = "/etc/rsyslog.d/10-corbel.conf";
/// The authorities of the servers that get messages over TLS, one file a server.
pub const SYSLOG_CA_PREFIX: &str = "/etc/corbel/syslog/10-corbel-ca-";
/// Where the kernel sends its messages, for `corbel-netconsole.service`.
pub const NETCONSOLE_FILE: &str = "/etc/corbel/netconsole";
/// How often collectd looks and who gets its figures.
pub const COLLECTD_FILE: &str = "/etc/collectd/collectd.conf.d/10-corbel.conf";
/// While it exists, collectd stays off.
pub const MONITORING_OFF_FLAG: &str = "/run/corbel/monitoring-off";
/// The sessions of iSCSI and the mounts of NFS, as a document of that section alone, for `corbel-storage-access.service`.
pub const STORAGE_ACCESS_FILE: &str = "/etc/corbel/storage-access.toml";
/// While it exists, multipathd may start.
pub const MULTIPATH_FILE: &str = "/etc/multipath.conf";
/// The domain of users' names with NFSv4.
pub const IDMAP_FILE: &str = "/etc/idmapd.conf";
/// From where services can be reached, for the firewall, where not from everywhere.
pub const SOURCES_FILE: &str = "/etc/corbel/nftables/sources.nft";
/// What the kernel is told of processors, memory and disks, and how much memory machines may be promised.
pub const PERFORMANCE_FILE: &str = "/etc/corbel/performance";
/// Where the memory of a kernel that crashed is saved to; while it exists, a kernel for that is loaded.
pub const KERNEL_DUMP_FILE: &str = "/etc/corbel/kernel-dump";
/// The private key and the known host of a server that gets it by SSH.
pub const DUMP_KEY_FILE: &str = "/etc/corbel/dump/key";
pub const DUMP_HOSTS_FILE: &str = "/etc/corbel/dump/known_hosts";
/// Certificate and key that the node shows, where its owner brought them; the daemon reads it again whenever it changes. One file, so that
/// nobody ever sees a certificate with the key of another.
pub const TLS_FILE: &str = "/etc/corbel/tls.pem";

/// Single files that settle may write. A flag is the last: who sees it sees what it promises.
pub const FILES: [&str; 24] = [
    HOSTNAME_FILE,
    HOSTS_FILE,
    ACCESS_FILE,
    TLS_FILE,
    KEYS_FILE,
    SSHD_FILE,
    SSH_FIREWALL_FILE,
    SOURCES_FILE,
    TIMESYNC_FILE,
    KEYBOARD_FILE,
    JOURNAL_FILE,
    SYSLOG_FILE,
    NETCONSOLE_FILE,
    COLLECTD_FILE,
    STORAGE_ACCESS_FILE,
    MULTIPATH_FILE,
    IDMAP_FILE,
    PERFORMANCE_FILE,
    DUMP_KEY_FILE,
    DUMP_HOSTS_FILE,
    KERNEL_DUMP_FILE,
    TIME_SYNC_OFF_FLAG,
    MONITORING_OFF_FLAG,
    SSH_FLAG,
];

/// Beginnings of the names of those of which there may be any number.
pub const PREFIXES: [&str; 2] = [NETWORK_PREFIX, SYSLOG_CA_PREFIX];

/// The mode of one of them: what may hold something secret is for root alone.
pub fn mode_of(path: &str) -> u32 {
    match path {
        ACCESS_FILE | COLLECTD_FILE | CONFIG_URL_FILE | STORAGE_ACCESS_FILE | DUMP_KEY_FILE | TLS_FILE => 0o600,
        _ => 0o644,
    }
}
