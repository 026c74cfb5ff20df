//! Words of oVirt Node that this version knows and does not act on, so that an operator who brings a boot menu along is told
//! instead of left to wonder.

/// By canonical name, with the aliases that the ancestor read too.
const LATER: [(&str, &[&str]); 26] = [
    ("runtime_mode", &[]),
    ("ovirt_early", &[]),
    ("node.break", &[]),
    ("node.log_level", &[]),
    ("engine_admin_password", &["rhevm_admin_password"]),
    ("snmp_password", &[]),
    ("cim_passwd", &["cim_enabled", "enable_cim"]),
    ("disable_aes_ni", &[]),
    ("use_strong_rng", &[]),
    ("mem_overcommit", &["ovirt_overcommit"]),
    ("swap_encrypt", &["ovirt_swap_encrypt"]),
    ("tuned", &[]),
    ("iscsi_init", &[]),
    ("iscsi_server", &[]),
    ("iscsi_target_name", &[]),
    ("iscsi_install", &[]),
    ("netconsole", &[]),
    ("logrotate_interval", &["logrotate_max_size"]),
    ("kdump_nfs", &["disable_kdump"]),
    ("kdump_ssh", &["kdump_ssh_key"]),
    ("management_server", &["ovirt_managment_server", "managment_server"]),
    ("management_port", &[]),
    ("management_server_fingerprint", &[]),
    ("ovirt_vdsm_disable", &[]),
    (
        "rhn_type",
        &[
            "rhn_url",
            "rhn_ca_cert",
            "rhn_username",
            "rhn_password",
            "rhn_profile",
            "rhn_activationkey",
            "rhn_org",
        ],
    ),
    ("puppet_server", &["puppet_enabled", "puppet_certname"]),
];

/// The canonical name, when this (with `-` as `_`) is such a word.
pub(super) fn canonical(name: &str) -> Option<&'static str> {
    LATER
        .iter()
        .find(|(canonical, aliases)| *canonical == name || aliases.contains(&name))
        .map(|(canonical, _)| *canonical)
}
