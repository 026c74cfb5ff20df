//! The table of the certificate that the node shows.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Text;
use crate::logging::Certificates;
use crate::tls::{PrivateKey, Tls};

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TlsTable {
    /// The certificate of the node and those that signed it, as PEM blocks in this order. Left out, one that the node makes itself.
    certificate: Option<Text<Certificates>>,
    /// The private key of `certificate`, as a PEM block without a password. An installed node keeps it apart, in a file that only root can read, and never shows it; left out, the one that is set stays.
    #[schemars(extend("writeOnly" = true))]
    private_key: Option<Text<PrivateKey>>,
}

impl From<TlsTable> for Tls {
    fn from(table: TlsTable) -> Self {
        Self {
            certificate: table.certificate.map(|text| text.0),
            key: table.private_key.map(|text| text.0),
        }
    }
}
