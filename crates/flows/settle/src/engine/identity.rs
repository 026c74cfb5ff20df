//! Whether a certificate that somebody brings can be shown: its chain, its dates, and whether the key is its own. Pure, but for what
//! cryptography it takes; nothing is read or written here.

use corbel_model::logging::Certificates;
use corbel_model::tls::PrivateKey;
use corbel_plan::config::Problem;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;

/// 2026-01-01T00:00:00Z: a clock that is earlier is wrong, and no judge of dates.
const EPOCH_2026: u64 = 1_767_225_600;
const DAY: i64 = 86_400;
/// How long before its end a certificate is worth a word.
const SOON: i64 = 30 * DAY;

fn problem(what: impl Into<String>) -> Problem {
    Problem::new("tls.certificate", what)
}

fn key_problem(what: &str) -> Problem {
    Problem::new("tls.private_key", what)
}

/// Gives what should be known about it, though it can be shown. `now` is in seconds since 1970.
pub(super) fn check(chain: &Certificates, key: &PrivateKey, now: u64) -> Result<Option<String>, Problem> {
    let ders: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain.as_str().as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| problem("holds a block that is no certificate"))?;
    let mut parsed = Vec::new();
    for (at, der) in ders.iter().enumerate() {
        let (_, certificate) = x509_parser::parse_x509_certificate(der)
            .map_err(|_| problem(format!("block {} is no certificate of X.509", at + 1)))?;
        parsed.push(certificate);
    }
    order(&parsed)?;
    let told = dates(&parsed, now)?;
    let der = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
        .map_err(|_| key_problem("is not a private key that can be read"))?;
    let signing = any_supported_type(&der).map_err(|_| {
        key_problem(
            "is of a kind that TLS does not take: give one of RSA with 2048 bits or more, or of ECDSA over P-256, P-384 or P-521",
        )
    })?;
    match CertifiedKey::new(ders, signing).keys_match() {
        Ok(()) => Ok(told),
        Err(rustls::Error::InconsistentKeys(_)) => Err(key_problem(
            "is not the key of the first certificate in tls.certificate: give the key that it was made for",
        )),
        Err(_) => Err(problem("holds a first certificate that TLS cannot use")),
    }
}

/// RFC 8446, 4.4.2: the sender's own certificate is the first, and each that follows certifies the one before it.
fn order(chain: &[X509Certificate<'_>]) -> Result<(), Problem> {
    for (at, pair) in chain.windows(2).enumerate() {
        if let [below, above] = pair
            && below.issuer().as_raw() != above.subject().as_raw()
        {
            return Err(problem(format!(
                "block {} did not sign block {}: put the node's own certificate first, and behind it those that signed it, in order",
                at + 2,
                at + 1
            )));
        }
    }
    Ok(())
}

fn dates(chain: &[X509Certificate<'_>], now: u64) -> Result<Option<String>, Problem> {
    if now < EPOCH_2026 {
        return Ok(None);
    }
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    for (at, certificate) in chain.iter().enumerate() {
        let validity = certificate.validity();
        let block = at + 1;
        if validity.not_after.timestamp() <= now {
            return Err(problem(format!("block {block} ended at {}", validity.not_after)));
        }
        // Clocks differ, and who made it a minute ago wants it now.
        if validity.not_before.timestamp() > now + DAY {
            return Err(problem(format!("block {block} begins at {} only", validity.not_before)));
        }
    }
    let ends = chain.iter().map(|one| one.validity().not_after.timestamp()).min();
    let soon = ends.filter(|ends| *ends < now + SOON);
    Ok(soon.map(|ends| format!("the certificate ends in {} days", (ends - now) / DAY)))
}

#[cfg(test)]
mod tests;
