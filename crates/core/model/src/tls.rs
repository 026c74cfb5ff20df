//! The certificate that the node shows to its clients, where its owner brings one. Whether key and certificate fit each other is looked
//! at by `corbel-settle`, which has cryptography.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::logging::Certificates;
use crate::pem::lines;

/// Text that is no private key. Never repeats what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("is not a private key: give a PEM block that begins with -----BEGIN PRIVATE KEY-----")]
    None,
    #[error("is protected by a password, which nobody could type at a boot: take it off with `openssl pkey`")]
    Encrypted,
}

/// The names of the blocks that hold one (RFC 7468, RFC 5915, RFC 8017).
const BLOCKS: [&str; 3] = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"];
/// A key of RSA with 8192 bits is less than half of it.
const MOST_BYTES: usize = 16 << 10;

/// A private key as a PEM block. Neither `Debug` nor any message shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(String);

impl PrivateKey {
    /// The block itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(hidden)")
    }
}

impl FromStr for PrivateKey {
    type Err = KeyError;
    /// Whatever stands around the block is left out, as the parameters that openssl writes before a key of ECDSA.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.len() > MOST_BYTES {
            return Err(KeyError::None);
        }
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        for name in BLOCKS {
            let (begin, end) = (format!("-----BEGIN {name}-----"), format!("-----END {name}-----"));
            let Some((_, rest)) = text.split_once(&begin) else {
                continue;
            };
            let (body, _) = rest.split_once(&end).ok_or(KeyError::None)?;
            let body: String = body.split_ascii_whitespace().collect();
            let der = STANDARD.decode(body).map_err(|_| KeyError::None)?;
            // X.690: each of the three is a SEQUENCE.
            if der.first() != Some(&0x30) || der.len() < 16 {
                return Err(KeyError::None);
            }
            return Ok(Self(format!("{begin}\n{}{end}\n", lines(&STANDARD.encode(&der), 64))));
        }
        Err(KeyError::None)
    }
}

/// `[tls]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// The node's own first, then those that signed it. `None` for one that the node makes.
    pub certificate: Option<Certificates>,
    /// `None` where it is kept apart, or was forgotten.
    pub key: Option<PrivateKey>,
}

impl Tls {
    /// Certificate and key, where both are there.
    pub fn pair(&self) -> Option<(&Certificates, &PrivateKey)> {
        self.certificate.as_ref().zip(self.key.as_ref())
    }

    /// Whether the certificate cannot be shown, as nobody said its key.
    pub fn lacks_key(&self) -> bool {
        self.certificate.is_some() && self.key.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_taken_out_of_what_stands_around_it_and_never_shown() {
        let body = STANDARD.encode([0x30; 80]);
        let text = format!(
            "-----BEGIN EC PARAMETERS-----\nAA==\n-----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\n{body}\n-----END EC PRIVATE KEY-----\n"
        );
        let key: PrivateKey = text.parse().expect("a key");
        assert_eq!(format!("{key:?}"), "PrivateKey(hidden)");
        assert!(key.expose().starts_with("-----BEGIN EC PRIVATE KEY-----\nMDAw"));
        assert_eq!(key.expose().parse(), Ok(key.clone()));
        for bad in [
            "",
            "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMDAw",
        ] {
            assert_eq!(bad.parse::<PrivateKey>(), Err(KeyError::None), "{bad}");
        }
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMDAw\n-----END ENCRYPTED PRIVATE KEY-----";
        assert_eq!(locked.parse::<PrivateKey>(), Err(KeyError::Encrypted));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "(-----(BEGIN|END) (EC |RSA )?PRIVATE KEY-----|[A-Za-z0-9+/=\n]{0,20}){0,6}") {
            let _ = text.parse::<PrivateKey>();
        }
    }
}
