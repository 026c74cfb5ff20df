//! Who asks, and whether they may: certificate, then token or password, against the role of the route.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use corbel_node_api::{Access, ErrorKind, Role};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use std::sync::Arc;

use crate::Shared;
use crate::accept::{Client, Peer};
use crate::password::Outcome;
use crate::reply::Refusal;

/// Somebody whom the node knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// For the log.
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// Lets the request through when its caller may use the route.
pub(crate) async fn authorize(
    State((shared, access)): State<(Arc<Shared>, Access)>,
    request: Request,
    next: Next,
) -> Response {
    // The body cannot be shared between threads, so it waits beside.
    let (mut parts, body) = request.into_parts();
    match admit(&shared, access, &parts).await {
        Ok(caller) => {
            if let Some(caller) = caller {
                tracing::Span::current().record("caller", caller.name.as_str());
                parts.extensions.insert(caller);
            }
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn admit(shared: &Shared, access: Access, request: &Parts) -> Result<Option<Caller>, Refusal> {
    check_origin(&request.headers)?;
    let Access::AtLeast(needed) = access else {
        return Ok(None);
    };
    let client = request.extensions.get::<Client>();
    let Some(client) = client else {
        return Err(Refusal::new(ErrorKind::Unauthorized, "the connection has no peer"));
    };
    let caller = identify(shared, &client.peer, &request.headers).await?;
    if caller.role < needed {
        let message = format!(
            "{:?} has the role {}: this needs the role {needed}",
            caller.name, caller.role
        );
        return Err(Refusal::new(ErrorKind::Forbidden, message));
    }
    Ok(Some(caller))
}

/// A browser sends certificate and password along with whatever any page asks for; only our own pages may ask.
fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    if !host.is_empty() && origin.split_once("://").is_some_and(|(_, rest)| rest == host) {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorKind::Forbidden,
        format!("a page of {origin:?} may not use this node's API"),
    ))
}

async fn identify(shared: &Shared, peer: &Peer, headers: &HeaderMap) -> Result<Caller, Refusal> {
    let (address, fingerprint) = match peer {
        Peer::Socket => {
            return Ok(Caller {
                name: "socket".to_owned(),
                role: Role::Admin,
            });
        }
        Peer::Tls {
            address, fingerprint, ..
        } => (*address, fingerprint.as_deref()),
    };
    let list = shared.access.get();
    if let Some((name, role)) = fingerprint.and_then(|fingerprint| list.client(fingerprint)) {
        return Ok(Caller {
            name: name.to_owned(),
            role,
        });
    }
    let unauthorized = |message: &str| Refusal::new(ErrorKind::Unauthorized, message);
    let Some(credentials) = headers.get(header::AUTHORIZATION) else {
        return Err(match fingerprint {
            Some(fingerprint) => unauthorized(&format!(
                "the client certificate {fingerprint} is not known to this node"
            )),
            None => unauthorized("show a client certificate, a token or a password"),
        });
    };
    match parse_credentials(credentials.as_bytes()) {
        Some(Credentials::Token(token)) => match list.token(&token) {
            Some((name, role)) => Ok(Caller {
                name: name.to_owned(),
                role,
            }),
            None => Err(unauthorized("the token is not known to this node")),
        },
        Some(Credentials::Password { user, password }) => {
            let role = match user == crate::password::USER {
                true => Role::Admin,
                // What nobody has is refused below, whatever the role.
                false => list.user(&user).map_or(Role::Viewer, |listed| listed.role),
            };
            match shared.passwords.check(address, user.clone(), password, &list).await {
                Outcome::Right => Ok(Caller { name: user, role }),
                Outcome::Wrong => Err(unauthorized("user or password is wrong")),
                Outcome::Locked => {
                    let message = "too many wrong passwords came from this address: wait 30 seconds";
                    Err(unauthorized(message).with(StatusCode::TOO_MANY_REQUESTS))
                }
                Outcome::Unknown(reason) => Err(Refusal::new(ErrorKind::Unavailable, reason)),
            }
        }
        None => Err(unauthorized(
            "the Authorization header is neither Bearer with a token nor Basic with user and password",
        )),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Credentials {
    Token(String),
    Password { user: String, password: String },
}

/// RFC 6750 and RFC 7617; schemes are written in any case (RFC 9110).
fn parse_credentials(header: &[u8]) -> Option<Credentials> {
    let (scheme, rest) = std::str::from_utf8(header).ok()?.trim().split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return (!rest.is_empty()).then(|| Credentials::Token(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(rest).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    // PAM takes C strings.
    if pair.contains('\0') {
        return None;
    }
    Some(Credentials::Password {
        user: user.to_owned(),
        password: password.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn credentials_are_read_in_both_schemes() {
        assert_eq!(
            parse_credentials(b"bearer  abc "),
            Some(Credentials::Token("abc".to_owned()))
        );
        let (user, password) = ("admin".to_owned(), "a:b".to_owned());
        assert_eq!(
            parse_credentials(b"Basic YWRtaW46YTpi"),
            Some(Credentials::Password { user, password })
        );
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Basic !",
            "Basic YQ==",
            "Digest x",
            "Basic YTpiAA==",
        ] {
            assert_eq!(parse_credentials(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn only_our_own_pages_may_ask() {
        let headers = |origin: &'static str| {
            let pairs = [(header::ORIGIN, origin), (header::HOST, "node:8443")];
            HeaderMap::from_iter(pairs.map(|(name, value)| (name, value.parse().unwrap())))
        };
        assert!(check_origin(&headers("https://node:8443")).is_ok());
        assert!(check_origin(&headers("https://evil.example")).is_err());
        assert!(check_origin(&headers("null")).is_err());
        assert!(check_origin(&HeaderMap::new()).is_ok());
    }

    proptest! {
        #[test]
        fn no_header_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            parse_credentials(&bytes);
            parse_credentials(&[b"Basic ", bytes.as_slice()].concat());
        }
    }
}
