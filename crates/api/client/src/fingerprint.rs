//! The fingerprint of a certificate: SHA-256 over its DER form, written `sha256:` and 64 hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// SHA-256 of a certificate's DER bytes; what a person compares with the node's console.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// Text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a fingerprint: write sha256: and 64 hexadecimal digits, as the node's console shows it")]
pub struct FingerprintError {
    text: String,
}

impl Fingerprint {
    /// The fingerprint of the certificate with these DER bytes.
    pub fn of_der(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Takes upper and lower case, and colons between octets as openssl(1) prints them.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        // What is shown again is cut: a pasted certificate must not fill the screen.
        let refuse = || FingerprintError {
            text: text.chars().take(90).collect(),
        };
        let rest = text.trim().strip_prefix("sha256:").ok_or_else(refuse)?;
        let digits: Vec<u8> = rest.bytes().filter(|b| *b != b':').collect();
        if digits.len() != 64 {
            return Err(refuse());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let nibble = |digit: u8| (digit as char).to_digit(16).ok_or_else(refuse);
            *byte = (nibble(pair[0])? * 16 + nibble(pair[1])?) as u8;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_text_form_is_constant() {
        let empty = Fingerprint::of_der(b"");
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(empty.to_string(), text);
        assert_eq!(text.to_uppercase().replace("SHA256", "sha256").parse(), Ok(empty));
        for bad in [
            "",
            "sha256:",
            "e3b0",
            "sha1:00",
            &text[..70],
            &format!("{text}0"),
            &text.replace('e', "g"),
        ] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "(sha256:)?.{0,80}") {
            let _ = text.parse::<Fingerprint>();
        }

        #[test]
        fn every_fingerprint_survives_the_round_trip(der: Vec<u8>) {
            let fingerprint = Fingerprint::of_der(&der);
            prop_assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        }
    }
}
