//! Who the tests are towards a node: a client certificate for the API and a key for ssh, made anew for each run.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};

use crate::run;

/// A certificate with its key, and an ssh key.
#[derive(Debug, Clone)]
pub struct Identity {
    certificate: String,
    key: String,
    ssh_key: PathBuf,
    ssh_public: String,
}

impl Identity {
    /// Makes one with its files in `folder`.
    ///
    /// # Errors
    /// When a key cannot be made; ssh's needs `ssh-keygen`.
    pub fn make(folder: &Path) -> anyhow::Result<Self> {
        let pair = KeyPair::generate().context("cannot make a key")?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "e2e");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = parameters
            .self_signed(&pair)
            .context("cannot make a certificate")?
            .pem();
        let key = pair.serialize_pem();
        for (name, text) in [("client.pem", &certificate), ("client.key", &key)] {
            run::keep(&folder.join(name), text)?;
        }
        let ssh_key = folder.join("ssh-key");
        run::tool("ssh-keygen", |command| {
            command
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "e2e", "-f"])
                .arg(&ssh_key)
        })?;
        let public = ssh_key.with_extension("pub");
        let ssh_public =
            std::fs::read_to_string(&public).with_context(|| format!("cannot read {}", public.display()))?;
        Ok(Self {
            certificate,
            key,
            ssh_key,
            ssh_public: ssh_public.trim().to_owned(),
        })
    }

    /// The certificate, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Its key, PEM.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The file with the private key for ssh.
    pub fn ssh_key(&self) -> &Path {
        &self.ssh_key
    }

    /// The public key as a line of `authorized_keys`.
    pub fn ssh_public(&self) -> &str {
        &self.ssh_public
    }
}
