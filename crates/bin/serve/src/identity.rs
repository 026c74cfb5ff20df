//! The certificate that clients are shown: the owner's, where there is one, else the node's own. The owner's file is looked at for each
//! handshake, so that a new one counts without a restart. Connections that were shown another one end with the request that is under way:
//! whoever comes again sees the one that is shown now.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use corbel_agent::security::Certificate;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use crate::certificate::{Identity, fingerprint};

/// A chain of four certificates with keys of RSA is a tenth of it.
const LIMIT: u64 = 256 << 10;
/// Seconds.
const DAY: i64 = 86_400;

/// Identifies one version of a file.
type Stamp = (u64, i64, i64, u64);

/// What is shown.
#[derive(Debug)]
pub(crate) struct Shown {
    made: Arc<CertifiedKey>,
    path: PathBuf,
    read: Mutex<(Option<Stamp>, Arc<CertifiedKey>)>,
    /// Tells open connections that there is another one.
    changes: watch::Sender<()>,
}

impl Shown {
    /// `made` is shown as long as there is nothing usable at `path`.
    pub(crate) fn new(made: Identity, path: &Path) -> Result<Self, rustls::Error> {
        let made = Arc::new(made.certified()?);
        Ok(Self {
            read: Mutex::new((None, Arc::clone(&made))),
            made,
            path: path.to_owned(),
            changes: watch::Sender::new(()),
        })
    }

    /// Changes from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// What is shown now. Of a file that cannot be used, what was shown before it stays: a node that cannot be reached helps nobody.
    fn get(&self) -> Arc<CertifiedKey> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = std::fs::metadata(&self.path)
            .map(|meta| (meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len()))
            .ok();
        if stamp != read.0 {
            let before = of(&read.1);
            match stamp.map(|_| load(&self.path)) {
                None => read.1 = Arc::clone(&self.made),
                Some(Ok(certified)) => read.1 = Arc::new(certified),
                Some(Err(problem)) => {
                    tracing::error!(path = %self.path.display(), %problem, "the certificate is not shown; the last one is");
                }
            }
            read.0 = stamp;
            let now = of(&read.1);
            if now != before {
                self.changes.send_replace(());
            }
            tracing::info!(fingerprint = now, "this certificate is shown");
        }
        Arc::clone(&read.1)
    }

    /// Whose it is, and its end: that of the chain's certificate which ends first. `None` for one that cannot be read.
    pub(crate) fn told(&self) -> Option<Certificate> {
        let shown = self.get();
        let end = |der: &CertificateDer<'_>| {
            let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
            Some(certificate.validity().not_after.timestamp())
        };
        let end = shown
            .cert
            .iter()
            .map(end)
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .min()?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs());
        let ends = jiff::Timestamp::from_second(end).ok()?;
        Some(Certificate {
            own: !Arc::ptr_eq(&shown, &self.made),
            days_left: (end - i64::try_from(now).unwrap_or(i64::MAX)).div_euclid(DAY),
            ends: ends.strftime("%Y-%m-%d").to_string(),
        })
    }

    /// `sha256:` and 64 hex digits of the DER certificate.
    pub(crate) fn fingerprint(&self) -> String {
        of(&self.get())
    }
}

fn of(certified: &CertifiedKey) -> String {
    certified.cert.first().map(|der| fingerprint(der)).unwrap_or_default()
}

/// Chain and key are in one file.
fn load(path: &Path) -> anyhow::Result<CertifiedKey> {
    let bytes = corbel_sys::read_limited(path, LIMIT)?;
    let chain = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&bytes)?;
    Ok(Identity { chain, key }.certified()?)
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["node1.example.org".to_owned()]).expect("a certificate");
        let text = format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem());
        (text, fingerprint(made.cert.der()))
    }

    #[test]
    fn the_owners_certificate_counts_while_it_is_there_and_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tls.pem");
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let made = Identity::load_or_make(&folder.path().join("tls"), "node-1").expect("made");
        let own = made.fingerprint();
        let shown = Shown::new(made, &path).expect("shown");
        assert_eq!(shown.fingerprint(), own);
        let write = |text: &str| corbel_sys::write_atomic(&path, text.as_bytes(), 0o600).expect("written");
        let (first, print) = pem();
        write(&first);
        assert_eq!(shown.fingerprint(), print);
        let (second, other) = pem();
        // The certificate of one with the key of the other.
        let mixed = [
            first.split_inclusive("END CERTIFICATE-----\n").next(),
            second.split("END CERTIFICATE-----\n").nth(1),
        ];
        write(&mixed.into_iter().flatten().collect::<String>());
        assert_eq!(shown.fingerprint(), print);
        write("nothing");
        assert_eq!(shown.fingerprint(), print);
        write(&second);
        assert_eq!(shown.fingerprint(), other);
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(shown.fingerprint(), own);
    }
}
