//! Where Debian's packages come from: what the host's apt is configured with, unless the user says otherwise.

use corbel_release::lock::Archive;
use corbel_sys::{Cancel, Program, ProgramError};

use crate::{BuildError, BuildRequest};

/// Roots of the archives, each ending in `/`.
#[derive(Debug, Clone)]
pub(crate) struct Mirrors {
    pub(crate) main: String,
    pub(crate) security: Option<String>,
}

impl Mirrors {
    pub(crate) fn root(&self, archive: Archive) -> &str {
        match archive {
            Archive::Main => &self.main,
            Archive::Security => self.security.as_deref().unwrap_or(&self.main),
        }
    }

    /// What a person should know before an image is made from these.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        self.security.is_none().then_some(
            "no security archive of Debian is known, so the image comes without security updates: name one with --security-mirror URL",
        )
    }

    /// Which archive a URI belongs to, and its path there.
    pub(crate) fn split<'u>(&self, uri: &'u str) -> Option<(Archive, &'u str)> {
        if let Some(path) = self.security.as_deref().and_then(|root| uri.strip_prefix(root)) {
            return Some((Archive::Security, path));
        }
        Some((Archive::Main, uri.strip_prefix(self.main.as_str())?))
    }
}

/// From the request; what it leaves open, from apt.
pub(crate) fn find(request: &BuildRequest, cancel: &Cancel) -> Result<Mirrors, BuildError> {
    let (main, security) = (request.mirror.as_deref(), request.security_mirror.as_deref());
    let targets = match (main, security) {
        (Some(_), Some(_)) => String::new(),
        // Where apt cannot be asked, this is as if it had no security archive.
        (Some(_), None) => match targets(cancel) {
            Err(ProgramError::Cancelled { .. }) => return Err(BuildError::Cancelled),
            answer => answer.unwrap_or_default(),
        },
        (None, _) => targets(cancel).map_err(BuildError::program("ask apt for its configured archives"))?,
    };
    choose(main, security, &targets).ok_or(BuildError::NoMirror)
}

/// What the host's apt is configured with, as `choose` reads it.
fn targets(cancel: &Cancel) -> Result<String, ProgramError> {
    let output = Program::new("apt-get")
        .args(["indextargets", "--format", "$(REPO_URI) $(RELEASE)"])
        .run(cancel)?;
    Ok(output.text())
}

/// The archives that were given, and those of apt in the place of what was not. Apt's are `REPO_URI RELEASE` lines: Debian's own releases
/// are told by name, its security archive by the `-security` behind it.
fn choose(main: Option<&str>, security: Option<&str>, targets: &str) -> Option<Mirrors> {
    const SUITES: [&str; 6] = ["bookworm", "trixie", "forky", "stable", "testing", "sid"];
    let mut main = main.map(folder);
    let mut security = security.map(folder);
    for line in targets.lines() {
        let Some((uri, release)) = line.split_once(' ') else {
            continue;
        };
        let base = release.split(['-', '/']).next().unwrap_or(release);
        if !SUITES.contains(&base) || !uri.trim_end_matches('/').contains("debian") {
            continue;
        }
        if release.ends_with("-security") {
            security.get_or_insert_with(|| folder(uri));
        } else if !release.ends_with("-backports") {
            main.get_or_insert_with(|| folder(uri));
        }
    }
    Some(Mirrors { main: main?, security })
}

fn folder(uri: &str) -> String {
    format!("{}/", uri.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str = "https://a.example/node_20.x/ nodistro\n\
        http://m.example/debian/ bookworm-updates\n\
        http://m.example/debian/ bookworm\n\
        http://s.example/debian-security bookworm-security\n";

    #[test]
    fn the_configured_archives_are_found_among_others() {
        let mirrors = choose(None, None, TARGETS).expect("found");
        assert_eq!(mirrors.main, "http://m.example/debian/");
        assert_eq!(mirrors.security.as_deref(), Some("http://s.example/debian-security/"));
        assert_eq!(
            mirrors.split("http://s.example/debian-security/pool/x.deb"),
            Some((Archive::Security, "pool/x.deb"))
        );
        assert_eq!(
            mirrors.split("http://m.example/debian/pool/x.deb"),
            Some((Archive::Main, "pool/x.deb"))
        );
        assert!(choose(None, None, "http://u.example/ubuntu noble\n").is_none());
    }

    #[test]
    fn an_archive_that_was_given_replaces_that_one_alone() {
        let main = choose(Some("http://x.example/d"), None, TARGETS).expect("found");
        assert_eq!(main.main, "http://x.example/d/");
        assert_eq!(main.security.as_deref(), Some("http://s.example/debian-security/"));
        let security = choose(None, Some("http://x.example/s/"), TARGETS).expect("found");
        assert_eq!(security.main, "http://m.example/debian/");
        assert_eq!(security.security.as_deref(), Some("http://x.example/s/"));
        let given = choose(Some("http://x.example/d"), Some("http://x.example/s"), "").expect("both were given");
        assert_eq!(given.security.as_deref(), Some("http://x.example/s/"));
    }

    #[test]
    fn an_image_without_security_updates_is_warned_of() {
        let alone = choose(Some("http://x.example/d"), None, "").expect("given");
        assert_eq!(alone.security, None);
        assert!(alone.warning().expect("a warning").contains("--security-mirror"));
        assert_eq!(choose(None, None, TARGETS).expect("found").warning(), None);
    }
}
