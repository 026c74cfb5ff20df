//! Where Debian's packages come from: what the host's apt is configured with, unless the user says otherwise.

use corbel_release::lock::Archive;
use corbel_sys::{Cancel, Program};

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

    /// Which archive a URI belongs to, and its path there.
    pub(crate) fn split<'u>(&self, uri: &'u str) -> Option<(Archive, &'u str)> {
        if let Some(path) = self.security.as_deref().and_then(|root| uri.strip_prefix(root)) {
            return Some((Archive::Security, path));
        }
        Some((Archive::Main, uri.strip_prefix(self.main.as_str())?))
    }
}

/// From the request, else from apt.
pub(crate) fn find(request: &BuildRequest, cancel: &Cancel) -> Result<Mirrors, BuildError> {
    if let Some(main) = &request.mirror {
        return Ok(Mirrors {
            main: folder(main),
            security: request.security_mirror.as_deref().map(folder),
        });
    }
    let output = Program::new("apt-get")
        .args(["indextargets", "--format", "$(REPO_URI) $(RELEASE)"])
        .run(cancel)
        .map_err(BuildError::program("ask apt for its configured archives"))?;
    let mut mirrors = choose(&output.text()).ok_or(BuildError::NoMirror)?;
    if let Some(security) = &request.security_mirror {
        mirrors.security = Some(folder(security));
    }
    Ok(mirrors)
}

/// Read `REPO_URI RELEASE` lines: Debian's own releases are told by name, its security archive by the `-security` behind it.
fn choose(targets: &str) -> Option<Mirrors> {
    const SUITES: [&str; 6] = ["bookworm", "trixie", "forky", "stable", "testing", "sid"];
    let mut main = None;
    let mut security = None;
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

    #[test]
    fn the_configured_archives_are_found_among_others() {
        let mirrors = choose(
            "https://a.example/node_20.x/ nodistro\nhttp://m.example/debian/ bookworm-updates\nhttp://m.example/debian/ bookworm\nhttp://s.example/debian-security bookworm-security\n",
        )
        .expect("found");
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
        assert!(choose("http://u.example/ubuntu noble\n").is_none());
    }
}
