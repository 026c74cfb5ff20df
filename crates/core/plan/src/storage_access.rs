//! What must be done so that a node is logged in where it shall be and has the exports mounted that it shall have.
//!
//! ```text
//!  reach every new portal ─▶ log out where name or password changed ─▶ log in ─▶ log out of what is not wanted ─▶ unmount, mount
//! ```
//! Nothing is changed before every new portal has answered. A session that nobody of us made is left alone: `done` says which are ours.

use std::fmt;
use std::net::SocketAddr;

use corbel_model::secret::Secret;
use corbel_model::storage_access::{ChapUser, IscsiName, NfsMount};

/// A session by what tells it from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionKey {
    pub target: IscsiName,
    pub portal: SocketAddr,
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.target, self.portal)
    }
}

/// A session with the login that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub session: SessionKey,
    pub chap: Option<(ChapUser, Secret)>,
}

/// What shall be, or what was done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// `None` where there was none yet.
    pub initiator: Option<IscsiName>,
    pub logins: Vec<Login>,
    pub mounts: Vec<NfsMount>,
}

impl Access {
    /// Both: what may be ours while one becomes the other.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut all = other.clone();
        all.initiator = all.initiator.or(self.initiator.clone());
        let logins = self.logins.iter().filter(|login| other.login(&login.session).is_none());
        all.logins.extend(logins.cloned());
        let named = |mount: &&NfsMount| other.mounts.iter().all(|other| other.name != mount.name);
        all.mounts.extend(self.mounts.iter().filter(named).cloned());
        all
    }

    fn login(&self, session: &SessionKey) -> Option<&Login> {
        self.logins.iter().find(|login| login.session == *session)
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessStep {
    /// See whether somebody listens there.
    Reach(SessionKey),
    LogOut(SessionKey),
    /// The daemon reads its name when it starts.
    StopDaemon,
    Name(IscsiName),
    LogIn(Login),
    Unmount(NfsMount),
    Mount(NfsMount),
}

impl AccessStep {
    /// Whether it leaves everything as it is.
    pub fn only_looks(&self) -> bool {
        matches!(self, Self::Reach(_))
    }
}

/// Plans the way. `seen` are sessions that are logged in, `mounted` the names of pools whose export is mounted.
pub fn plan_access(wanted: &Access, done: &Access, seen: &[SessionKey], mounted: &[String]) -> Vec<AccessStep> {
    let mut steps = Vec::new();
    let ours = |session: &&SessionKey| done.login(session).is_some();
    let renamed = done.initiator.is_some() && done.initiator != wanted.initiator;
    // Whether a session can stay as it is. What we know nothing of is taken over as it is.
    let fits = |login: &Login| {
        let before = done.login(&login.session);
        seen.contains(&login.session) && before.is_none_or(|before| !renamed && before.chap == login.chap)
    };
    let new: Vec<&Login> = wanted.logins.iter().filter(|login| !fits(login)).collect();
    steps.extend(new.iter().map(|login| AccessStep::Reach(login.session.clone())));
    let (stay, gone): (Vec<&SessionKey>, Vec<&SessionKey>) = seen
        .iter()
        .filter(ours)
        .partition(|session| wanted.login(session).is_some());
    let again = stay
        .into_iter()
        .filter(|session| new.iter().any(|login| login.session == **session));
    steps.extend(again.map(|session| AccessStep::LogOut(session.clone())));
    let out = gone.into_iter().map(|session| AccessStep::LogOut(session.clone()));
    if renamed {
        steps.extend(out);
        steps.push(AccessStep::StopDaemon);
    } else {
        // At the end, so that what fails before it has cost nothing.
        let logs_in = !new.is_empty();
        if logs_in {
            steps.extend(names(wanted));
            steps.extend(new.iter().map(|login| AccessStep::LogIn((*login).clone())));
        }
        steps.extend(out);
        if wanted.logins.is_empty() && !done.logins.is_empty() {
            steps.push(AccessStep::StopDaemon);
        }
        if !logs_in && done.initiator != wanted.initiator {
            steps.extend(names(wanted));
        }
    }
    if renamed {
        steps.extend(names(wanted));
        steps.extend(new.iter().map(|login| AccessStep::LogIn((*login).clone())));
    }
    let is_mounted = |mount: &NfsMount| mounted.iter().any(|name| name == mount.name.as_str());
    for mount in done.mounts.iter().filter(|mount| !wanted.mounts.contains(mount)) {
        steps.push(AccessStep::Unmount(mount.clone()));
    }
    for mount in wanted
        .mounts
        .iter()
        .filter(|mount| !is_mounted(mount) || !done.mounts.contains(mount))
    {
        steps.push(AccessStep::Mount(mount.clone()));
    }
    steps
}

fn names(wanted: &Access) -> Option<AccessStep> {
    wanted.initiator.clone().map(AccessStep::Name)
}

impl fmt::Display for AccessStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reach(session) => write!(f, "reach {session}"),
            Self::LogOut(session) => write!(f, "log out of {session}"),
            Self::StopDaemon => f.write_str("stop iscsid"),
            Self::Name(name) => write!(f, "be {name}"),
            Self::LogIn(login) => write!(f, "log in at {}", login.session),
            Self::Unmount(mount) => write!(f, "unmount {}", mount.name),
            Self::Mount(mount) => write!(f, "mount {}", mount.name),
        }
    }
}

#[cfg(test)]
mod tests;
