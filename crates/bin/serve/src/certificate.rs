//! The node's own certificate: made once, kept in the state directory, known to clients by its fingerprint.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("{path} cannot be kept")]
    Keep {
        path: PathBuf,
        source: corbel_sys::FileError,
    },
    #[error("the folder {path} cannot be made")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("a certificate for {host:?} cannot be made")]
    Make { host: String, source: rcgen::Error },
}

/// Certificate chain and key.
#[derive(Debug)]
pub struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// 2026-01-01T00:00:00Z, before which no node of ours has run: an earlier clock is wrong.
const EPOCH_2026: u64 = 1_767_225_600;
const DAY: u64 = 86_400;
/// Clients trust the fingerprint; the end is only there because X.509 wants one.
const LIFE: u64 = 3653 * DAY;

impl Identity {
    /// Reads `cert.pem` and `key.pem`, or makes both. Files that do not hold a matching pair are replaced, as a node
    /// that cannot be reached helps nobody; this is logged, since clients will see another fingerprint.
    pub fn load_or_make(folder: &Path, host: &str) -> Result<Self, CertificateError> {
        let (cert_path, key_path) = (folder.join("cert.pem"), folder.join("key.pem"));
        if cert_path.exists() || key_path.exists() {
            match Self::load(&cert_path, &key_path) {
                Ok(identity) => return Ok(identity),
                Err(problem) => {
                    tracing::warn!(%problem, folder = %folder.display(), "the certificate is unusable and made anew");
                }
            }
        }
        let addresses: Vec<IpAddr> = corbel_net::addresses()
            .unwrap_or_default()
            .into_iter()
            .map(|(_, address)| address)
            .collect();
        let (cert, key) = make(host, &addresses, SystemTime::now()).map_err(|source| CertificateError::Make {
            host: host.to_owned(),
            source,
        })?;
        std::fs::create_dir_all(folder).map_err(|source| CertificateError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        let keep = |path: &Path, pem: &str, mode| {
            corbel_sys::write_atomic(path, pem.as_bytes(), mode).map_err(|source| CertificateError::Keep {
                path: path.to_owned(),
                source,
            })
        };
        // The key first: a certificate without its key would be replaced again, a key without a certificate too.
        keep(&key_path, &key.serialize_pem(), 0o600)?;
        keep(&cert_path, &cert.pem(), 0o644)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Ok(Self {
            chain: vec![cert.der().clone()],
            key,
        })
    }

    fn load(cert_path: &Path, key_path: &Path) -> Result<Self, String> {
        let chain = CertificateDer::pem_file_iter(cert_path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| format!("{}: {error}", cert_path.display()))?;
        if chain.is_empty() {
            return Err(format!("{} holds no certificate", cert_path.display()));
        }
        let key = PrivateKeyDer::from_pem_file(key_path).map_err(|error| format!("{}: {error}", key_path.display()))?;
        let identity = Self { chain, key };
        identity.certified().map_err(|error| error.to_string())?;
        Ok(identity)
    }

    /// As rustls shows it, which checks that the key belongs to the certificate.
    pub(crate) fn certified(&self) -> Result<CertifiedKey, rustls::Error> {
        CertifiedKey::from_der(
            self.chain.clone(),
            self.key.clone_key(),
            &rustls::crypto::aws_lc_rs::default_provider(),
        )
    }

    /// `sha256:` and 64 hex digits of the DER certificate.
    pub fn fingerprint(&self) -> String {
        self.chain.first().map(|der| fingerprint(der)).unwrap_or_default()
    }
}

/// `sha256:` and 64 hex digits.
pub(crate) fn fingerprint(der: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(der)
        .iter()
        .fold(String::from("sha256:"), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// P-256, since browsers take no Ed25519.
fn make(host: &str, addresses: &[IpAddr], now: SystemTime) -> Result<(rcgen::Certificate, KeyPair), rcgen::Error> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, host);
    for name in [host, "localhost"] {
        // A host name that is no DNS name is left out; the fingerprint is what counts.
        if let Ok(name) = name.to_owned().try_into() {
            params.subject_alt_names.push(SanType::DnsName(name));
        }
    }
    let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
    params.subject_alt_names.extend(
        loopback
            .iter()
            .chain(addresses)
            .map(|address| SanType::IpAddress(*address)),
    );
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = rcgen::date_time_ymd(2026, 1, 1) + Duration::from_secs(age(now));
    params.not_after = params.not_before + Duration::from_secs(LIFE);
    let cert = params.self_signed(&key)?;
    Ok((cert, key))
}

/// Seconds from 2026 to the day before `now`: peers' clocks may be behind ours. 0 when the clock is plainly wrong.
fn age(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
        .saturating_sub(EPOCH_2026 + DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_replaced_only_when_broken() {
        let folder = tempfile::tempdir().unwrap();
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let first = Identity::load_or_make(&folder.path().join("tls"), "node-1")
            .unwrap()
            .fingerprint();
        let again = Identity::load_or_make(&folder.path().join("tls"), "node-1")
            .unwrap()
            .fingerprint();
        assert_eq!(first, again);
        assert_eq!(first.len(), 7 + 64);
        corbel_sys::write_atomic(&folder.path().join("tls/key.pem"), b"broken", 0o600).unwrap();
        let third = Identity::load_or_make(&folder.path().join("tls"), "node-1")
            .unwrap()
            .fingerprint();
        assert_ne!(first, third);
    }

    #[test]
    fn the_certificate_names_the_host_and_is_valid_on_a_wrong_clock() {
        for now in [UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(EPOCH_2026 + 90 * DAY)] {
            let (cert, _) = make("node-1.example.org", &["192.0.2.7".parse().unwrap()], now).unwrap();
            let (_, parsed) = x509_parser::parse_x509_certificate(cert.der()).unwrap();
            let from = parsed.validity().not_before.timestamp() as u64;
            assert_eq!(from, EPOCH_2026 + age(now));
            assert_eq!(parsed.validity().not_after.timestamp() as u64, from + LIFE);
            let names = parsed.subject_alternative_name().unwrap().unwrap();
            assert_eq!(names.value.general_names.len(), 5);
        }
    }

    #[test]
    fn a_host_name_that_is_no_dns_name_does_no_harm() {
        assert!(make("ä ö", &[], SystemTime::now()).is_ok());
    }
}
