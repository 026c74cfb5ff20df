//! TLS towards a node: who the server must be ([`ServerTrust`]) and who we are (a client certificate).
//!
//! A pinned server is known by the SHA-256 of its leaf certificate alone, so names and dates in it do not matter; that
//! the peer owns the certificate's key is still proven by the handshake's signature.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::stream::ReadsToTheEnd;
use crate::{ClientError, Endpoint, Fingerprint, RemoteHost};

/// How the server proves who it is.
#[derive(Clone)]
pub enum ServerTrust {
    /// Its certificate has this fingerprint.
    Pinned(Fingerprint),
    /// Its certificate names the host and was issued by one of these authorities (PEM).
    Authority(Vec<u8>),
}

impl fmt::Debug for ServerTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned(fingerprint) => write!(f, "Pinned({fingerprint})"),
            Self::Authority(pem) => write!(f, "Authority({} bytes)", pem.len()),
        }
    }
}

/// A client certificate with its chain and its private key, both PEM.
pub(crate) struct Identity {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

/// Everything that a handshake needs, made once for all connections of a client.
pub(crate) fn client_config(
    trust: &ServerTrust,
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>, ClientError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = config_builder(&provider);
    let builder = match trust {
        ServerTrust::Pinned(expected) => {
            let verifier = LeafVerifier {
                expected: Some(*expected),
                provider,
            };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
        ServerTrust::Authority(pem) => {
            let unusable = |problem: String| ClientError::Credential {
                what: "file of certificate authorities",
                problem,
            };
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|e| unusable(e.to_string()))?;
                roots.add(certificate).map_err(|e| unusable(e.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unusable("it holds no CERTIFICATE block".into()));
            }
            builder.with_root_certificates(roots)
        }
    };
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let certificate_bad = |problem: String| ClientError::Credential {
                what: "client certificate",
                problem,
            };
            let key_bad = |problem: String| ClientError::Credential {
                what: "client key",
                problem,
            };
            let chain = CertificateDer::pem_slice_iter(&identity.certificate)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| certificate_bad(e.to_string()))?;
            if chain.is_empty() {
                return Err(certificate_bad("it holds no CERTIFICATE block".into()));
            }
            let key = PrivateKeyDer::from_pem_slice(&identity.key).map_err(|e| key_bad(e.to_string()))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| key_bad(e.to_string()))?
        }
    };
    Ok(Arc::new(config))
}

/// Connects and looks at the certificate, trusting nothing: what `node trust` shows to a person. The handshake is
/// completed, so the server has shown that it owns the certificate's key.
pub async fn fetch_fingerprint(remote: &RemoteHost, limit: Duration) -> Result<Fingerprint, ClientError> {
    let endpoint = Endpoint::Remote(remote.clone());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = LeafVerifier {
        expected: None,
        provider: provider.clone(),
    };
    let config = config_builder(&provider)
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let connect = async {
        let tcp = crate::connection::connect_tcp(remote).await?;
        let stream = handshake(remote, Arc::new(config), tcp).await?;
        stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|leaf| Fingerprint::of_der(leaf))
            .ok_or_else(|| ClientError::Protocol {
                endpoint: endpoint.clone(),
                problem: "it shows no certificate".into(),
            })
    };
    tokio::time::timeout(limit, connect)
        .await
        .map_err(|_| ClientError::ConnectDeadline {
            endpoint: endpoint.clone(),
            limit,
        })?
}

/// The TLS handshake on a connected stream; a refused fingerprint becomes its own error.
pub(crate) async fn handshake(
    remote: &RemoteHost,
    config: Arc<ClientConfig>,
    tcp: TcpStream,
) -> Result<TlsStream<ReadsToTheEnd<TcpStream>>, ClientError> {
    let endpoint = Endpoint::Remote(remote.clone());
    let name = ServerName::try_from(remote.host.clone()).map_err(|e| ClientError::Unreachable {
        endpoint: endpoint.clone(),
        source: io::Error::new(io::ErrorKind::InvalidInput, e),
    })?;
    TlsConnector::from(config)
        .connect(name, ReadsToTheEnd(tcp))
        .await
        .map_err(|source| match mismatch(&source) {
            Some(found) => ClientError::FingerprintMismatch {
                endpoint,
                expected: found.expected,
                actual: found.actual,
            },
            None => ClientError::Handshake { endpoint, source },
        })
}

fn config_builder(provider: &Arc<CryptoProvider>) -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the provider of aws-lc-rs has suites for TLS 1.2 and 1.3")
}

/// Carried through rustls, which knows no error of this kind.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the certificate is {actual}, not {expected}")]
struct Mismatch {
    expected: Fingerprint,
    actual: Fingerprint,
}

fn mismatch(error: &io::Error) -> Option<Mismatch> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            inner.downcast_ref::<Mismatch>().copied()
        }
        _ => None,
    }
}

/// Accepts the leaf with the expected fingerprint, or any leaf when there is none; always checks the signature.
#[derive(Debug)]
struct LeafVerifier {
    expected: Option<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for LeafVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let actual = Fingerprint::of_der(leaf);
        match self.expected {
            Some(expected) if expected != actual => {
                let mismatch = OtherError(Arc::new(Mismatch { expected, actual }));
                Err(rustls::Error::InvalidCertificate(CertificateError::Other(mismatch)))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
