//! The table of those who may use the API.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Text;
use crate::access::{ApiClient, ApiToken, CredentialError, Fingerprint, Role, TokenHash};

/// What a client is called wherever it is told of: a line of a log is one line.
struct Called(String);

/// Text that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not the name of a client: give 1 to 64 characters that can be printed")]
struct CalledError;

impl FromStr for Called {
    type Err = CalledError;
    fn from_str(text: &str) -> Result<Self, CalledError> {
        let printed = text.chars().all(|c| !c.is_control()) && !text.trim().is_empty();
        match printed && text.chars().count() <= 64 {
            true => Ok(Self(text.to_owned())),
            false => Err(CalledError),
        }
    }
}

/// A certificate, of which only the fingerprint counts.
pub(super) struct Pem(pub(super) Fingerprint);

impl FromStr for Pem {
    type Err = CredentialError;
    fn from_str(text: &str) -> Result<Self, CredentialError> {
        Fingerprint::of_pem(text).map(Self)
    }
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ApiTable {
    /// A client that shows a certificate.
    #[schemars(with = "Vec<ClientTable>")]
    client: Vec<Client>,
    /// A client that shows a token.
    token: Vec<TokenTable>,
}

/// Made by `try_from`, so that a client with neither certificate nor fingerprint is refused at its place.
#[derive(Deserialize)]
#[serde(try_from = "ClientTable")]
struct Client(ApiClient);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClientTable {
    /// What the client is called in logs.
    #[schemars(extend("examples" = ["manager"]))]
    name: Text<Called>,
    /// Its certificate as a PEM block; this or `fingerprint`.
    certificate: Option<Text<Pem>>,
    /// `sha256:` and 64 hexadecimal digits of its certificate.
    fingerprint: Option<Text<Fingerprint>>,
    /// `admin`, `operator` or `viewer`. Left out, `admin`.
    role: Option<Text<Role>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TokenTable {
    /// What the client is called in logs.
    #[schemars(extend("examples" = ["monitoring"]))]
    name: Text<Called>,
    /// The SHA-256 of the token, 64 hexadecimal digits, made by `printf %s "$TOKEN" | sha256sum`. The token itself is nowhere on the node.
    sha256: Text<TokenHash>,
    /// `admin`, `operator` or `viewer`. Left out, `admin`.
    role: Option<Text<Role>>,
}

fn role(given: Option<Text<Role>>) -> Role {
    given.map_or(Role::Admin, |role| role.0)
}

impl TryFrom<ClientTable> for Client {
    type Error = &'static str;
    fn try_from(table: ClientTable) -> Result<Self, &'static str> {
        // The certificate itself wins over a fingerprint beside it.
        let fingerprint = table
            .certificate
            .map(|pem| pem.0.0)
            .or(table.fingerprint.map(|text| text.0));
        let fingerprint = fingerprint.ok_or("a client needs a certificate or fingerprint")?;
        Ok(Self(ApiClient {
            name: table.name.0.0,
            fingerprint,
            role: role(table.role),
        }))
    }
}

impl From<ApiTable> for (Vec<ApiClient>, Vec<ApiToken>) {
    fn from(table: ApiTable) -> Self {
        let clients = table.client.into_iter().map(|client| client.0).collect();
        let token = |token: TokenTable| ApiToken {
            name: token.name.0.0,
            hash: token.sha256.0,
            role: role(token.role),
        };
        (clients, table.token.into_iter().map(token).collect())
    }
}
