//! `http://` and `https://`, as far as fetching needs them (RFC 3986).

use std::str::FromStr;

/// A text that is no URL to fetch from. Credentials in it are not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{:?} is not a URL to fetch from: give http://HOST/PATH or https://HOST/PATH", tame(.0))]
pub struct UrlError(pub(crate) String);

fn tame(text: &str) -> String {
    let bare = text.rsplit('@').next().unwrap_or_default();
    bare.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) secure: bool,
    /// A name or an address, the latter without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// From the first `/`, with the query.
    pub(crate) path: String,
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let wrong = || UrlError(text.to_owned());
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong());
        }
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(wrong()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(wrong)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
                (host, after.strip_prefix(':').map(Some).unwrap_or_default())
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let default = if secure { 443 } else { 80 };
        let port = port.map_or(Ok(default), str::parse).map_err(|_| wrong())?;
        if host.is_empty() || port == 0 || host.contains('@') {
            return Err(wrong());
        }
        let path = match path {
            path if path.starts_with('/') => path.to_owned(),
            path => format!("/{path}"),
        };
        Ok(Self {
            secure,
            host: host.to_owned(),
            port,
            path,
        })
    }
}

impl Url {
    /// Host and port, as a `Host` header has them.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// Where a redirection leads. From TLS it never leads to plain text.
    pub(crate) fn join(&self, location: &str) -> Result<Self, UrlError> {
        let next: Self = if location.starts_with('/') {
            let scheme = if self.secure { "https" } else { "http" };
            format!("{scheme}://{}{location}", self.authority()).parse()?
        } else {
            location.parse()?
        };
        if self.secure && !next.secure {
            return Err(UrlError(location.to_owned()));
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(bool, String, u16, String)> {
        let url: Url = text.parse().ok()?;
        Some((url.secure, url.host, url.port, url.path))
    }

    #[test]
    fn urls_are_taken_apart() {
        let of = |secure, host: &str, port, path: &str| Some((secure, host.to_owned(), port, path.to_owned()));
        assert_eq!(parsed("https://a.example/x?y#z"), of(true, "a.example", 443, "/x?y"));
        assert_eq!(parsed("http://a:81"), of(false, "a", 81, "/"));
        assert_eq!(parsed("http://[2001:db8::1]:81/x"), of(false, "2001:db8::1", 81, "/x"));
        assert_eq!(parsed("http://[2001:db8::1]/x"), of(false, "2001:db8::1", 80, "/x"));
        for wrong in [
            "",
            "x",
            "ftp://a/",
            "http://",
            "http://:80/",
            "http://a:0/",
            "http://a:x/",
            "http://u:p@a/",
            "http://a b/",
            "http://[::1/",
            "http://[a]/",
        ] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_redirection_does_not_leave_tls() {
        let url: Url = "https://a.example:444/x".parse().unwrap();
        assert_eq!(url.join("/y").unwrap().authority(), "a.example:444");
        assert_eq!(url.join("https://b.example/z").unwrap().host, "b.example");
        assert!(url.join("http://a.example/x").is_err());
    }

    #[test]
    fn an_error_repeats_no_password() {
        let error = "http://user:secret@a/".parse::<Url>().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
