//! How well a node is protected, as it can be read from the node itself: what holds, what it means, and what would raise it.

/// What was read. `None` is what could not be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    pub uefi: bool,
    /// The variables `SecureBoot` and `SetupMode` (UEFI specification 2.10, section 3.3).
    pub secure_boot: Option<bool>,
    pub setup_mode: Option<bool>,
    /// Major version of the TPM's specification, as `/sys/class/tpm/tpm0/tpm_version_major` says it.
    pub tpm: Option<u8>,
    /// Root hash of dm-verity, of this boot.
    pub root_hash: Option<String>,
    /// Who signed the medium of this boot; `None` without a medium.
    pub signer: Option<Signer>,
    pub lockdown: Option<Lockdown>,
    pub admin_password: Option<bool>,
    /// Whether SSH lets passwords in; `None` when SSH is not known of.
    pub ssh: Option<Ssh>,
    /// `None` where there is no TLS listener.
    pub certificate: Option<Certificate>,
}

/// Who signed a medium, as far as the image that runs knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// A key that the image carries, by the name of its file.
    Key(String),
    Nobody,
}

/// Remote login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ssh {
    Off,
    Keys,
    Passwords,
}

/// What the API shows to who connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The owner brought it.
    pub own: bool,
    /// Days until it ends; negative when it has ended.
    pub days_left: i64,
    /// The end as RFC 3339 has dates.
    pub ends: String,
}

/// Kernel lockdown (kernel_lockdown.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lockdown {
    None,
    Integrity,
    Confidentiality,
}

/// What one look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    Good,
    /// It could be better, and there is a way to it.
    Weak,
    Unknown,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable word for programs.
    pub id: &'static str,
    /// For a person.
    pub title: &'static str,
    /// How it is, in a few words.
    pub state: String,
    pub grade: Grade,
    /// One sentence on what that means.
    pub meaning: &'static str,
    /// One sentence on what would raise it, where something would.
    pub raise: Option<&'static str>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// One line.
    pub summary: String,
    pub findings: Vec<Finding>,
}

/// A certificate that ends within so many days wants to be replaced.
const SOON: i64 = 30;

/// The value of a variable of UEFI that is one byte, behind the four bytes of its attributes (Linux, `Documentation/filesystems/efivarfs.rst`).
pub fn parse_efi_flag(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [_, _, _, _, 0] => Some(false),
        [_, _, _, _, 1] => Some(true),
        _ => None,
    }
}

/// The word in brackets of `/sys/kernel/security/lockdown`.
pub fn parse_lockdown(text: &str) -> Option<Lockdown> {
    let (_, rest) = text.split_once('[')?;
    match rest.split_once(']')?.0 {
        "none" => Some(Lockdown::None),
        "integrity" => Some(Lockdown::Integrity),
        "confidentiality" => Some(Lockdown::Confidentiality),
        _ => None,
    }
}

/// Judges what was read.
pub fn judge(facts: &Facts) -> Level {
    let findings = vec![
        secure_boot(facts),
        tpm(facts),
        root(facts),
        lockdown(facts),
        password(facts),
        ssh(facts),
        certificate(facts),
    ];
    let titles = |grade| {
        let of = findings.iter().filter(|finding| finding.grade == grade);
        of.map(|finding| finding.title).collect::<Vec<_>>()
    };
    let (weak, unknown) = (titles(Grade::Weak), titles(Grade::Unknown));
    let good = findings.len() - weak.len() - unknown.len();
    let mut summary = format!("{good} of {} are as good as they can be", findings.len());
    if !weak.is_empty() {
        summary += &format!("; could be better: {}", weak.join(", "));
    }
    if !unknown.is_empty() {
        summary += &format!("; not known: {}", unknown.join(", "));
    }
    Level { summary, findings }
}

fn finding(
    (id, title): (&'static str, &'static str),
    state: impl Into<String>,
    grade: Grade,
    meaning: &'static str,
    raise: Option<&'static str>,
) -> Finding {
    Finding {
        id,
        title,
        state: state.into(),
        grade,
        meaning,
        raise,
    }
}

fn secure_boot(facts: &Facts) -> Finding {
    let what = ("secure-boot", "Secure Boot");
    match (facts.uefi, facts.secure_boot, facts.setup_mode) {
        (false, ..) => finding(
            what,
            "not UEFI",
            Grade::Weak,
            "This machine was started by a BIOS, which starts whatever lies on the disk.",
            Some("Switch the firmware to UEFI, if it can, and install again."),
        ),
        (true, Some(true), _) => finding(
            what,
            "on",
            Grade::Good,
            "The firmware starts only loaders that are signed by a key it was given.",
            None,
        ),
        (true, Some(false), Some(true)) => finding(
            what,
            "setup mode",
            Grade::Weak,
            "The firmware has no keys of an owner: it starts anything, and anything that it starts can give it keys.",
            Some("Enrol the keys that your image is signed with in the firmware."),
        ),
        (true, Some(false), _) => finding(
            what,
            "off",
            Grade::Weak,
            "The firmware starts any loader, whoever made it.",
            Some("Sign your image, enrol its key and switch Secure Boot on in the firmware."),
        ),
        (true, None, _) => finding(
            what,
            "not known",
            Grade::Unknown,
            "The firmware does not say whether it checks what it starts.",
            None,
        ),
    }
}

fn tpm(facts: &Facts) -> Finding {
    let what = ("tpm", "TPM");
    match facts.tpm {
        Some(version @ 2..) => finding(
            what,
            format!("version {version}"),
            Grade::Good,
            "There is a chip that can keep keys and note what was started; Corbel does not use it yet.",
            None,
        ),
        Some(version) => finding(
            what,
            format!("version {version}"),
            Grade::Weak,
            "The chip is of an old kind that reckons with SHA-1.",
            Some("Switch the TPM to version 2.0 in the firmware, if it can."),
        ),
        None => finding(
            what,
            "none",
            Grade::Weak,
            "No chip can keep keys or note what was started.",
            Some("Switch the TPM on in the firmware, if the machine has one."),
        ),
    }
}

fn root(facts: &Facts) -> Finding {
    let what = ("verified-root", "Verified root");
    let Some(hash) = &facts.root_hash else {
        return finding(
            what,
            "no",
            Grade::Weak,
            "This system was not started from an image of Corbel, so nothing checks what it reads.",
            Some("Start the node from an image of Corbel."),
        );
    };
    let state = format!("root hash {hash}");
    match &facts.signer {
        Some(Signer::Nobody) => finding(
            what,
            format!("{state}, the medium is not signed by a key of the image"),
            Grade::Weak,
            "Each block is checked against the root hash of this boot, but nobody has signed for that hash.",
            Some("Build the image with a key (corbel image key) and start from that one."),
        ),
        Some(Signer::Key(key)) => finding(
            what,
            format!("{state}, the medium is signed by {key}"),
            Grade::Good,
            "Each block is checked against the root hash of this boot, and a key of the image has signed for the medium.",
            None,
        ),
        None => finding(
            what,
            state,
            Grade::Good,
            "Each block is checked against the root hash of this boot, and upgrades are checked by their signature before they are written.",
            None,
        ),
    }
}

fn lockdown(facts: &Facts) -> Finding {
    let what = ("lockdown", "Kernel lockdown");
    match facts.lockdown {
        Some(Lockdown::Confidentiality) => finding(
            what,
            "confidentiality",
            Grade::Good,
            "Not even root can change the running kernel or read its memory.",
            None,
        ),
        Some(Lockdown::Integrity) => finding(
            what,
            "integrity",
            Grade::Good,
            "Not even root can change the running kernel.",
            None,
        ),
        Some(Lockdown::None) => finding(
            what,
            "none",
            Grade::Weak,
            "Who is root can change the running kernel.",
            Some("Switch Secure Boot on, or add the kernel word lockdown=integrity."),
        ),
        None => finding(
            what,
            "not known",
            Grade::Unknown,
            "The kernel does not say whether root can change it.",
            None,
        ),
    }
}

fn password(facts: &Facts) -> Finding {
    let what = ("admin-password", "Password of admin");
    match facts.admin_password {
        Some(true) => finding(
            what,
            "set",
            Grade::Good,
            "The menu of the console opens for who knows the password.",
            None,
        ),
        Some(false) => finding(
            what,
            "not set",
            Grade::Weak,
            "The menu of the console opens for who stands before it.",
            Some("Set one at the console, or with corbel config set admin.password_hash."),
        ),
        None => finding(
            what,
            "not known",
            Grade::Unknown,
            "Whether admin has a password cannot be read.",
            None,
        ),
    }
}

fn ssh(facts: &Facts) -> Finding {
    let what = ("ssh", "SSH");
    match facts.ssh {
        Some(Ssh::Off) => finding(what, "off", Grade::Good, "Nobody can log in over the network.", None),
        Some(Ssh::Keys) => finding(
            what,
            "with keys only",
            Grade::Good,
            "Only who holds a listed key can log in over the network.",
            None,
        ),
        Some(Ssh::Passwords) => finding(
            what,
            "with password",
            Grade::Weak,
            "Who guesses the password of admin can log in over the network.",
            Some("Give admin a key and set admin.password_login = false."),
        ),
        None => finding(
            what,
            "not known",
            Grade::Unknown,
            "Whether SSH lets anybody in cannot be read.",
            None,
        ),
    }
}

fn certificate(facts: &Facts) -> Finding {
    let what = ("certificate", "Certificate");
    let Some(certificate) = &facts.certificate else {
        return finding(
            what,
            "none is shown",
            Grade::Good,
            "The API does not listen on the network.",
            None,
        );
    };
    let whose = if certificate.own {
        "your own"
    } else {
        "made by the node"
    };
    let state = match certificate.days_left {
        ..0 => format!("{whose}, ended at {}", certificate.ends),
        _ => format!("{whose}, until {}", certificate.ends),
    };
    match (certificate.own, certificate.days_left) {
        (_, ..0) => finding(
            what,
            state,
            Grade::Weak,
            "Clients that look at the dates refuse this node.",
            Some("Give the node another one with corbel config certificate."),
        ),
        (_, ..SOON) => finding(
            what,
            state,
            Grade::Weak,
            "Clients that look at the dates will soon refuse this node.",
            Some("Give the node another one with corbel config certificate."),
        ),
        (true, _) => finding(
            what,
            state,
            Grade::Good,
            "Clients that trust its authority know this node without comparing fingerprints.",
            None,
        ),
        (false, _) => finding(
            what,
            state,
            Grade::Weak,
            "Clients know this node by its fingerprint only, which a person has to compare once.",
            Some("Give the node one of your authority with corbel config certificate."),
        ),
    }
}

#[cfg(test)]
mod tests;
