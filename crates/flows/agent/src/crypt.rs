//! The hash of a password in `/etc/shadow`: SHA-512 as crypt(5) has it (`$6$`), after Ulrich Drepper's specification of 2007
//! (<https://www.akkadia.org/drepper/SHA-crypt.txt>). What checks it is PAM; here it is only made.

use sha2::{Digest as _, Sha512};

/// `$6$rounds=N$SALT$HASH`. `salt` is at most 16 characters of crypt's alphabet, `rounds` 1000 to 999999999.
pub(crate) fn sha512_crypt(password: &[u8], salt: &str, rounds: u32) -> String {
    let n = password.len();
    let b = Sha512::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize();
    let mut a = Sha512::new().chain_update(password).chain_update(salt);
    a.update(repeated(&b, n));
    let mut bits = n;
    while bits > 0 {
        if bits & 1 == 1 {
            a.update(b);
        } else {
            a.update(password);
        }
        bits >>= 1;
    }
    let mut c = a.finalize();
    let mut dp = Sha512::new();
    for _ in 0..n {
        dp.update(password);
    }
    let p = repeated(&dp.finalize(), n);
    let mut ds = Sha512::new();
    for _ in 0..16 + usize::from(c[0]) {
        ds.update(salt);
    }
    let s = repeated(&ds.finalize(), salt.len());
    for round in 0..rounds {
        let odd = round % 2 == 1;
        let mut digest = Sha512::new();
        if odd {
            digest.update(&p);
        } else {
            digest.update(c);
        }
        if round % 3 != 0 {
            digest.update(&s);
        }
        if round % 7 != 0 {
            digest.update(&p);
        }
        if odd {
            digest.update(c);
        } else {
            digest.update(&p);
        }
        c = digest.finalize();
    }
    format!("$6$rounds={rounds}${salt}${}", encode(&c))
}

/// Whether this is the password of a hash; `None` when the hash is of another method than SHA-512.
pub fn verify_sha512_crypt(password: &[u8], hash: &str) -> Option<bool> {
    let (settings, digest) = hash.strip_prefix("$6$")?.rsplit_once('$')?;
    let (rounds, salt) = match settings.strip_prefix("rounds=").and_then(|rest| rest.split_once('$')) {
        Some((rounds, salt)) => (rounds.parse().ok()?, salt),
        // crypt(5)'s own number when none is written.
        None => (5000, settings),
    };
    // More would be a way to keep the daemon busy for hours.
    let made = (1000..=1_000_000)
        .contains(&rounds)
        .then(|| sha512_crypt(password, salt, rounds))?;
    let made = made.rsplit('$').next().unwrap_or_default().as_bytes();
    let same = made.len() == digest.len()
        && made
            .iter()
            .zip(digest.as_bytes())
            .fold(0, |diff, (a, b)| diff | (a ^ b))
            == 0;
    Some(same)
}

/// `length` bytes of the digest over and over.
fn repeated(digest: &[u8], length: usize) -> Vec<u8> {
    digest.iter().copied().cycle().take(length).collect()
}

/// Base 64 in crypt's own alphabet and order of bytes.
fn encode(digest: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = String::with_capacity(86);
    let mut push = |mut value: u32, count: usize| {
        for _ in 0..count {
            out.push(char::from(ALPHABET[(value & 63) as usize]));
            value >>= 6;
        }
    };
    // Bytes 0, 21 and 42 come first, then each triple turned by one place.
    for i in 0..21_usize {
        let triple = [i, i + 21, i + 42];
        let first = i % 3;
        let byte = |k: usize| u32::from(digest[triple[(first + k) % 3]]);
        push(byte(0) << 16 | byte(1) << 8 | byte(2), 4);
    }
    push(u32::from(digest[63]), 2);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_specification_says() {
        // From the specification's own list of tests.
        let cases = [
            (
                "Hello world!",
                "saltstringsaltst",
                10_000,
                "OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
            ),
            (
                "This is just a test",
                "toolongsaltstrin",
                5000,
                "lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0",
            ),
            (
                "the minimum number is still observed",
                "roundstoolow",
                1000,
                "kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX.",
            ),
        ];
        for (password, salt, rounds, hash) in cases {
            let made = sha512_crypt(password.as_bytes(), salt, rounds);
            assert_eq!(made, format!("$6$rounds={rounds}${salt}${hash}"));
            assert_eq!(verify_sha512_crypt(password.as_bytes(), &made), Some(true));
            assert_eq!(verify_sha512_crypt(b"another", &made), Some(false));
        }
        // Without a number of rounds; from the specification too.
        let short =
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
        assert_eq!(verify_sha512_crypt(b"Hello world!", short), Some(true));
        for other in ["$y$j9T$x$y", "", "$6$", "$6$rounds=999999999$a$b"] {
            assert_eq!(verify_sha512_crypt(b"x", other), None, "{other}");
        }
    }
}
