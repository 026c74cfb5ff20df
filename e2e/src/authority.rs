//! An authority of the test's own, for servers that are known by a name.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// A certificate that an authority has signed, made anew each time.
#[derive(Debug)]
pub struct Signed {
    /// The authority's own, PEM.
    pub authority: String,
    pub certificate: rcgen::Certificate,
    pub key: KeyPair,
}

impl Signed {
    /// For a server of this name or address.
    ///
    /// # Errors
    /// When a key cannot be made, or it is neither.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "e2e authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority_key = KeyPair::generate()?;
        let pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate()?;
        let mut own = CertificateParams::new([name.to_owned()])?;
        own.distinguished_name.push(DnType::CommonName, name);
        let certificate = own.signed_by(&key, &issuer)?;
        Ok(Self {
            authority: pem,
            certificate,
            key,
        })
    }
}
