//! Signing keys and signatures in minisign's format (<https://jedisct1.github.io/minisign/>), without passwords: a builder that runs
//! unattended has nobody to ask.
//!
//! Ed25519 is that of the TLS library, which is here anyway, and deterministic: the same release and key give the same signature,
//! so that a signed image is as reproducible as an unsigned one. (The crate `minisign` adds noise, and a second Ed25519.)

use std::path::{Path, PathBuf};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use blake2::digest::consts::U32;
use blake2::{Blake2b, Blake2b512, Digest};
use corbel_sys::{FileError, read_limited, write_atomic};

/// A key file is two short lines.
const KEY_LIMIT: u64 = 4096;
const COMMENT: &str = "untrusted comment: ";
/// Bytes of a secret key: algorithms, salt and limits of the key derivation, number, seed with public key, checksum.
const SECRET_LENGTH: usize = 2 + 2 + 2 + 32 + 8 + 8 + 8 + 64 + 32;
const NUMBER_AT: usize = 54;

/// A key that cannot be used or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path} is not a secret key of minisign: {problem}")]
    Format { path: PathBuf, problem: &'static str },
    #[error("{path} is there already: a key is never overwritten")]
    Exists { path: PathBuf },
    #[error("this machine gave no random bytes")]
    Random,
}

/// A secret key, ready to sign.
pub(crate) struct SigningKey {
    pair: Ed25519KeyPair,
    number: [u8; 8],
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.name())
    }
}

/// Make a key in the new file `secret` (mode 0600) and its public half in `<secret>.pub`; gives the latter's path.
pub fn generate_key(secret: &Path) -> Result<PathBuf, KeyError> {
    let public = public_path(secret);
    for path in [secret, &public] {
        if path.exists() {
            return Err(KeyError::Exists { path: path.to_owned() });
        }
    }
    let random = SystemRandom::new();
    let (mut seed, mut number) = ([0; 32], [0; 8]);
    random.fill(&mut seed).map_err(|_| KeyError::Random)?;
    random.fill(&mut number).map_err(|_| KeyError::Random)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Random)?;
    let key = SigningKey { pair, number };
    write_atomic(&public, key.public_text().as_bytes(), 0o644)?;
    write_atomic(secret, key.secret_text(&seed).as_bytes(), 0o600)?;
    Ok(public)
}

fn public_path(secret: &Path) -> PathBuf {
    let mut name = secret.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

impl SigningKey {
    /// Read a secret key file.
    pub(crate) fn load(path: &Path) -> Result<Self, KeyError> {
        let bytes = read_limited(path, KEY_LIMIT)?;
        Self::parse(&String::from_utf8_lossy(&bytes)).map_err(|problem| KeyError::Format {
            path: path.to_owned(),
            problem,
        })
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let line = text.lines().nth(1).ok_or("it has no second line")?;
        let bytes = BASE64
            .decode(line.trim())
            .map_err(|_| "its second line is not base64")?;
        if bytes.len() != SECRET_LENGTH || !bytes.starts_with(b"Ed") {
            return Err("its second line is something else");
        }
        if bytes[2..4] != [0, 0] {
            return Err("it has a password; make one without (minisign -G -W, or corbel image key)");
        }
        let mut number = [0; 8];
        number.copy_from_slice(&bytes[NUMBER_AT..NUMBER_AT + 8]);
        let (seed, public) = (&bytes[62..94], &bytes[94..126]);
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public)
            .map_err(|_| "its two halves do not belong together")?;
        Ok(Self { pair, number })
    }

    /// How people tell keys apart: the number as minisign prints it.
    pub(crate) fn name(&self) -> String {
        format!("{:016X}", u64::from_le_bytes(self.number))
    }

    /// The public key's file.
    pub(crate) fn public_text(&self) -> String {
        let bytes = [b"Ed".as_slice(), &self.number, self.pair.public_key().as_ref()].concat();
        format!(
            "{COMMENT}minisign public key {}\n{}\n",
            self.name(),
            BASE64.encode(bytes)
        )
    }

    fn secret_text(&self, seed: &[u8]) -> String {
        let secret = [seed, self.pair.public_key().as_ref()].concat();
        let checksum = Blake2b::<U32>::digest([b"Ed".as_slice(), &self.number, &secret].concat());
        let bytes = [
            b"Ed\0\0B2".as_slice(),
            &[0; 48],
            &self.number,
            &secret,
            checksum.as_slice(),
        ]
        .concat();
        format!("{COMMENT}secret key of a Corbel builder\n{}\n", BASE64.encode(bytes))
    }

    /// The signature file over `message`. `comment` is signed, too; one line.
    pub(crate) fn sign(&self, message: &[u8], comment: &str) -> String {
        // `ED`: of the message's BLAKE2b hash, which is what minisign makes today.
        let signature = self.pair.sign(&Blake2b512::digest(message));
        let line = [b"ED".as_slice(), &self.number, signature.as_ref()].concat();
        let global = self.pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        format!(
            "{COMMENT}signature of a Corbel release\n{}\ntrusted comment: {comment}\n{}\n",
            BASE64.encode(line),
            BASE64.encode(global.as_ref())
        )
    }
}

/// Number of the key that a signature file names, as minisign prints it.
pub(crate) fn key_of_signature(text: &str) -> Option<String> {
    let bytes = BASE64.decode(text.lines().nth(1)?.trim()).ok()?;
    let number: [u8; 8] = bytes.get(2..10)?.try_into().ok()?;
    Some(format!("{:016X}", u64::from_le_bytes(number)))
}

#[cfg(test)]
mod tests {
    use minisign_verify::{PublicKey, Signature};

    use super::*;

    fn key() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("release.key");
        generate_key(&path).expect("a key");
        (dir, path)
    }

    #[test]
    fn minisign_accepts_what_is_signed_here_and_nothing_else() {
        let (_dir, path) = key();
        let key = SigningKey::load(&path).expect("the key that was written");
        let public = std::fs::read_to_string(public_path(&path)).expect("its public half");
        assert_eq!(public, key.public_text());
        let public = PublicKey::decode(&public).expect("a public key of minisign");
        let text = key.sign(b"{}", "version:1.2.3");
        assert_eq!(key_of_signature(&text), Some(key.name()));
        assert_eq!(key_of_signature("x"), None);
        assert_eq!(text, key.sign(b"{}", "version:1.2.3"), "the same each time");
        let signature = Signature::decode(&text).expect("a signature of minisign");
        public.verify(b"{}", &signature, false).expect("it is ours");
        assert!(public.verify(b"{ }", &signature, false).is_err());
        let forged = Signature::decode(&text.replace("1.2.3", "1.2.4")).expect("still a signature");
        assert!(public.verify(b"{}", &forged, false).is_err(), "the comment is signed");
    }

    #[test]
    fn a_key_that_cannot_be_used_is_told() {
        let (dir, path) = key();
        let error = generate_key(&path).expect_err("it is there");
        assert!(error.to_string().contains("is there already"), "{error}");
        let check = |text: &str, expected: &str| {
            let path = dir.path().join("other.key");
            write_atomic(&path, text.as_bytes(), 0o600).expect("written");
            let error = SigningKey::load(&path).expect_err("refused").to_string();
            assert!(error.ends_with(expected), "{error}");
        };
        check("x", "it has no second line");
        check("x\n!", "its second line is not base64");
        check("x\nRWQ=\n", "its second line is something else");
        let line = std::fs::read_to_string(&path).expect("text");
        let mut bytes = BASE64.decode(line.lines().nth(1).expect("a line")).expect("base64");
        bytes[70] ^= 1;
        check(
            &format!("x\n{}\n", BASE64.encode(&bytes)),
            "its two halves do not belong together",
        );
        bytes[2..4].copy_from_slice(b"Sc");
        check(
            &format!("x\n{}\n", BASE64.encode(&bytes)),
            "it has a password; make one without (minisign -G -W, or corbel image key)",
        );
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).expect("a file").permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}
