//! Chains that are made here, whole and wrong.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::*;

/// 2026-06-01.
const NOW: u64 = 1_780_272_000;

struct Made {
    own: String,
    authority: String,
    key: PrivateKey,
}

fn params(name: &str, years: (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    params
}

fn made(years: (i32, i32)) -> Made {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = params("authority", (2026, 2036));
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).expect("signed");
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().expect("a key");
    let own = params("node1.example.org", years)
        .signed_by(&key, &issuer)
        .expect("signed");
    Made {
        own: own.pem(),
        authority: authority_certificate.pem(),
        key: key.serialize_pem().parse().expect("a key"),
    }
}

fn ask(chain: &str, key: &PrivateKey) -> Result<Option<String>, String> {
    let chain = chain.parse().expect("certificates");
    check(&chain, key, NOW).map_err(|problem| problem.to_string())
}

#[test]
fn a_chain_with_its_key_is_taken() {
    let made = made((2026, 2030));
    assert_eq!(ask(&made.own, &made.key), Ok(None));
    assert_eq!(ask(&format!("{}{}", made.own, made.authority), &made.key), Ok(None));
}

#[test]
fn what_does_not_fit_names_its_key() {
    let (one, other) = (made((2026, 2030)), made((2026, 2030)));
    let error = ask(&one.own, &other.key).expect_err("another key");
    assert!(
        error.starts_with("tls.private_key: is not the key of the first"),
        "{error}"
    );
    let error = ask(&format!("{}{}", one.authority, one.own), &one.key).expect_err("turned round");
    assert!(
        error.starts_with("tls.certificate: block 2 did not sign block 1"),
        "{error}"
    );
    let garbage = format!(
        "-----BEGIN CERTIFICATE-----\nMIIB{}\n-----END CERTIFICATE-----\n",
        "A".repeat(92)
    );
    let error = ask(&garbage, &one.key).expect_err("garbage");
    assert_eq!(error, "tls.certificate: block 1 is no certificate of X.509");
    let not_a_key = "-----BEGIN PRIVATE KEY-----\nMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw\n-----END PRIVATE KEY-----";
    let error = ask(&one.own, &not_a_key.parse().expect("looks like one")).expect_err("no key");
    assert!(
        error.starts_with("tls.private_key: is of a kind that TLS does not take"),
        "{error}"
    );
}

#[test]
fn dates_are_looked_at_where_the_clock_can_be_right() {
    let old = made((2026, 2026));
    let past = "tls.certificate: block 1 ended at ";
    assert!(ask(&old.own, &old.key).expect_err("over").starts_with(past));
    let chain = old.own.parse().expect("a certificate");
    assert_eq!(check(&chain, &old.key, 0).ok(), Some(None));
    let young = made((2027, 2030));
    let error = ask(&young.own, &young.key).expect_err("not yet");
    assert!(error.starts_with("tls.certificate: block 1 begins at "), "{error}");
    let ending = made((2026, 2027));
    let chain = ending.own.parse().expect("a certificate");
    // 2026-12-25.
    let told = check(&chain, &ending.key, 1_798_156_800).expect("it still counts");
    assert_eq!(told.as_deref(), Some("the certificate ends in 7 days"));
}
