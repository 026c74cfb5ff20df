//! The table of a named user of the API.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Text;
use super::api::Pem;
use crate::access::{Fingerprint, Role, TokenHash};
use crate::users::{User, UserName, UserPassword};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserTable {
    /// The name of the user: 1 to 32 of a-z, 0-9, `_` and `-`, and a letter first. `admin` is built in and stands in no table.
    #[schemars(extend("examples" = ["ada"]))]
    name: Text<UserName>,
    /// What the user may do: `admin` all; `operator` start and stop virtual machines and use their consoles; `viewer` look.
    #[schemars(extend("examples" = ["operator"]))]
    role: Text<Role>,
    /// The password as a hash of crypt(5), made by `openssl passwd -6`. An installed node keeps it apart, in a file that only root can read, and never shows it; left out, the one that is set stays as long as the user is there.
    #[schemars(extend("writeOnly" = true, "x-password" = "The password of this user, for the API from afar; this console and SSH are for `admin` alone. The node keeps only its hash. Left out, the one that is set stays."))]
    password_hash: Option<Text<UserPassword>>,
    /// The client certificate of the user as a PEM block; this or `fingerprint`.
    certificate: Option<Text<Pem>>,
    /// `sha256:` and 64 hexadecimal digits of the user's client certificate.
    fingerprint: Option<Text<Fingerprint>>,
    /// The SHA-256 of the user's token, 64 hexadecimal digits, made by `printf %s "$TOKEN" | sha256sum`. The token itself is nowhere on the node.
    token_sha256: Option<Text<TokenHash>>,
}

impl From<UserTable> for User {
    /// The certificate itself wins over a fingerprint beside it.
    fn from(table: UserTable) -> Self {
        let certificate = table.certificate.map(|pem| pem.0.0);
        Self {
            name: table.name.0,
            role: table.role.0,
            password: table.password_hash.map(|hash| hash.0.0),
            fingerprint: certificate.or(table.fingerprint.map(|text| text.0)),
            token: table.token_sha256.map(|hash| hash.0),
        }
    }
}
