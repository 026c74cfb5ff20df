//! The dumb half: iscsiadm(8), mount(8) and virsh(1).

use corbel_model::secret::Secret;
use corbel_model::server::Server;
use corbel_model::storage_access::{ChapUser, NfsMount};
use corbel_plan::storage_access::{AccessStep, Login, SessionKey};
use corbel_sys::ProgramError;

use super::{AccessError, AccessFacilities, LOOK, NFS_FOLDER, folder};
use crate::facilities::FacilityError;

const NAME_FILE: &str = "/etc/iscsi/initiatorname.iscsi";
/// A record of iscsiadm is made from what stands here, so that no password is on a command line.
const OPTIONS_FILE: &str = "/etc/iscsi/iscsid.conf";

/// One that was reached answers soon or not at all. A disk that is mounted is not taken away. A disk waits two minutes for its target
/// before it fails; with several paths multipath takes the next one at once.
const OPTIONS: &str = "\
iscsid.startup = /usr/bin/systemctl start iscsid.socket
iscsid.safe_logout = Yes
node.startup = manual
node.leading_login = No
node.conn[0].timeo.login_timeout = 8
node.session.initial_login_retry_max = 2
node.session.timeo.replacement_timeout = 120
node.session.auth.chap_algs = SHA3-256,SHA256,SHA1,MD5
";

/// Where iscsiadm keeps its records: a folder a target, a file a portal.
const RECORDS: &str = "/var/lib/iscsi/nodes";
/// One of [`OPTIONS`] that iscsiadm has otherwise.
const OPTION_OF_OURS: &str = "node.conn[0].timeo.login_timeout = 8";
const RECORD_TRIES: u32 = 20;

/// Options of iscsid, with a login for the record that is made next.
pub(super) fn write_options(node: &dyn AccessFacilities, chap: Option<&(ChapUser, Secret)>) -> Result<(), AccessError> {
    let login = chap.map(|(user, password)| {
        format!(
            "node.session.auth.authmethod = CHAP\nnode.session.auth.username = {user}\nnode.session.auth.password = {}\n",
            password.expose()
        )
    });
    let text = format!("{OPTIONS}{}", login.unwrap_or_default());
    Ok(node.write(OPTIONS_FILE, text.as_bytes(), 0o600)?)
}

pub(super) fn one(node: &dyn AccessFacilities, step: &AccessStep) -> Result<(), AccessError> {
    match step {
        // Looked at before the first step.
        AccessStep::Reach(_) => Ok(()),
        AccessStep::Name(name) => {
            let text = format!("InitiatorName={name}\n");
            Ok(node.write(NAME_FILE, text.as_bytes(), 0o600)?)
        }
        // Its socket starts it again for whoever needs it.
        AccessStep::StopDaemon => Ok(node.run(&["systemctl", "stop", "iscsid.service"])?),
        AccessStep::LogIn(login) => log_in(node, login),
        AccessStep::LogOut(session) => log_out(node, session),
        AccessStep::Mount(mount) => self::mount(node, mount),
        AccessStep::Unmount(mount) => unmount(node, mount),
    }
}

fn iscsiadm(node: &dyn AccessFacilities, session: &SessionKey, what: &[&str]) -> Result<(), FacilityError> {
    let portal = session.portal.to_string();
    let record = [
        "iscsiadm",
        "--mode",
        "node",
        "--targetname",
        session.target.as_str(),
        "--portal",
        &portal,
    ];
    node.run(&[&record, what].concat())
}

fn log_in(node: &dyn AccessFacilities, login: &Login) -> Result<(), AccessError> {
    let session = &login.session;
    write_options(node, login.chap.as_ref())?;
    let made = make_record(node, session).and_then(|()| iscsiadm(node, session, &["--login"]));
    made.map_err(|source| AccessError::LogIn {
        session: Box::new(session.clone()),
        why: reason(&source),
        source,
    })
}

/// iscsiadm asks iscsid where its options stand, waits a second for that, and else makes a record of its own: without the login, so that the
/// target refuses it. On a busy node iscsid takes longer than that to start.
fn make_record(node: &dyn AccessFacilities, session: &SessionKey) -> Result<(), FacilityError> {
    for _ in 0..RECORD_TRIES {
        // One of an attempt that failed; there may be none.
        let _ = iscsiadm(node, session, &["--op", "delete"]);
        iscsiadm(node, session, &["--op", "new"])?;
        if !lacks_options(node, session)? {
            return Ok(());
        }
        node.pause(LOOK);
    }
    Err("iscsid does not tell iscsiadm where its options are".into())
}

/// Whether the record is there and was made without our options.
fn lacks_options(node: &dyn AccessFacilities, session: &SessionKey) -> Result<bool, FacilityError> {
    let SessionKey { target, portal } = session;
    let records = node.paths_from(&format!("{RECORDS}/{target}/{},{}", portal.ip(), portal.port()))?;
    let texts = records.iter().filter_map(|path| node.read(path).ok().flatten());
    let mut lines = texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(lines.any(|text| !text.lines().any(|line| line == OPTION_OF_OURS)))
}

fn log_out(node: &dyn AccessFacilities, session: &SessionKey) -> Result<(), AccessError> {
    iscsiadm(node, session, &["--logout"]).map_err(|source| AccessError::LogOut {
        session: Box::new(session.clone()),
        why: reason(&source),
        source,
    })?;
    // It holds the password. One that is not there is as good.
    let _ = iscsiadm(node, session, &["--op", "delete"]);
    Ok(())
}

/// What the exit status of iscsiadm means; `open-iscsi`'s iscsi_err.h has them all.
fn reason(error: &FacilityError) -> &'static str {
    let code = match error.downcast_ref() {
        Some(ProgramError::Failed { status, .. }) => status.code(),
        Some(ProgramError::Deadline { .. }) => Some(8),
        _ => None,
    };
    match code {
        Some(8 | 11) => "it does not answer in time",
        Some(19) => "there is no such target, or the node may not see it",
        Some(24) => "chap_user or chap_password is not right",
        Some(28) => "a disk of it is mounted",
        Some(18 | 20) => "iscsid does not answer",
        _ => "iscsiadm failed",
    }
}

fn mount(node: &dyn AccessFacilities, mount: &NfsMount) -> Result<(), AccessError> {
    let path = folder(mount);
    let failed = |source| AccessError::Mount {
        pool: mount.name.to_string(),
        source,
    };
    if !node.is_mounted(&path)? {
        let server = match &mount.server {
            Server::Address(address) if address.is_ipv6() => format!("[{address}]"),
            server => server.to_string(),
        };
        let export = format!("{server}:{}", mount.path);
        let own = mount.options.iter().map(|option| option.as_str());
        let version = format!("vers={}", mount.version.as_str());
        let options: Vec<&str> = [version.as_str(), "retry=0", "nodev", "nosuid"]
            .into_iter()
            .chain(own)
            .collect();
        node.run(&["mkdir", "-p", NFS_FOLDER, &path]).map_err(failed)?;
        node.run(&["mount", "-t", "nfs4", "-o", &options.join(","), &export, &path])
            .map_err(failed)?;
    }
    let name = mount.name.as_str();
    if virsh(node, &["pool-uuid", name]).is_err() {
        virsh(node, &["pool-define-as", name, "dir", "--target", &path]).map_err(failed)?;
    }
    if virsh(node, &["pool-refresh", name]).is_err() {
        virsh(node, &["pool-start", name]).map_err(failed)?;
    }
    Ok(())
}

fn unmount(node: &dyn AccessFacilities, mount: &NfsMount) -> Result<(), AccessError> {
    let path = folder(mount);
    if node.is_mounted(&path)? {
        node.run(&["umount", &path]).map_err(|source| AccessError::Unmount {
            pool: mount.name.to_string(),
            source,
        })?;
    }
    // What libvirt still shows of it, it cannot read any more.
    for verb in ["pool-destroy", "pool-undefine"] {
        let _ = virsh(node, &[verb, mount.name.as_str()]);
    }
    Ok(())
}

fn virsh(node: &dyn AccessFacilities, what: &[&str]) -> Result<(), FacilityError> {
    node.run(&[&["virsh", "--quiet", "--connect", "qemu:///system"], what].concat())
}
