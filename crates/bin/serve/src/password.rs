//! Passwords: who checks them (a trait, PAM on the node, for `admin`; crypt(5)'s SHA-512 for named users), and how often somebody may guess.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::access::Access;

/// Checks a password; may block for seconds.
pub trait PasswordCheck: Send + Sync + std::fmt::Debug {
    /// Whether it is right; an error says in one sentence why it cannot be told.
    fn check(&self, user: &str, password: &str) -> Result<bool, PasswordError>;
}

/// A check that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("passwords cannot be checked: {0}")]
pub struct PasswordError(pub String);

/// Refuses every password.
#[derive(Debug, Clone, Copy)]
pub struct NoPasswords;

impl PasswordCheck for NoPasswords {
    fn check(&self, _: &str, _: &str) -> Result<bool, PasswordError> {
        Ok(false)
    }
}

/// The user that is built in.
pub(crate) const USER: &str = "admin";
const FAILURES: u32 = 5;
const LOCKED: Duration = Duration::from_secs(30);
/// Addresses that are remembered; beyond that the oldest are forgotten.
const ADDRESSES: usize = 1024;
/// Checks at a time: hashing a password is meant to be expensive.
const CHECKS: usize = 2;
/// Of a password, in bytes: `CRYPT_MAX_PASSPHRASE_SIZE` of crypt(3) without the end that C writes. Hashing takes the square of it.
pub(crate) const LONGEST: usize = 511;
/// What is hashed for a name that nobody has, where no user has a password: no password makes this hash.
const NOBODY: &str = "$6$rounds=5000$nobody$x";
const DEADLINE: Duration = Duration::from_secs(20);

/// What came of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Right,
    Wrong,
    /// Too many wrong ones came from there.
    Locked,
    Unknown(String),
}

#[derive(Debug)]
pub(crate) struct Guard {
    check: Arc<dyn PasswordCheck>,
    failures: Mutex<Failures>,
    slots: Arc<Semaphore>,
}

impl Guard {
    pub(crate) fn new(check: Arc<dyn PasswordCheck>) -> Self {
        Self {
            check,
            failures: Mutex::default(),
            slots: Arc::new(Semaphore::new(CHECKS)),
        }
    }

    /// `users` are the named ones. A name that nobody has takes as long as one with a wrong password.
    pub(crate) async fn check(&self, address: IpAddr, user: String, password: String, users: &Access) -> Outcome {
        let source = source(address);
        // Counted before it is checked, so that guesses made at once count as well as those made in turn.
        if !self.with(|failures| failures.begin(source, Instant::now())) {
            return Outcome::Locked;
        }
        let built_in = user == USER;
        let hash = (!built_in).then(|| hash_of(users, &user));
        let check = Arc::clone(&self.check);
        let slots = Arc::clone(&self.slots);
        let whole = async move {
            let slot = slots.acquire_owned().await.ok()?;
            let task = tokio::task::spawn_blocking(move || {
                let outcome = match hash {
                    None => check.check(&user, &password),
                    Some((known, hash)) => Ok(is_right(&password, &hash) && known),
                };
                drop(slot);
                outcome
            });
            task.await.ok()
        };
        match tokio::time::timeout(DEADLINE, whole).await {
            Ok(Some(Ok(true))) => {
                // Whoever has a small role must not get more guesses at admin's password by its own.
                self.with(|failures| match built_in {
                    true => failures.forget(source),
                    false => failures.take_back(source),
                });
                Outcome::Right
            }
            Ok(Some(Ok(false))) => Outcome::Wrong,
            Ok(Some(Err(error))) => Outcome::Unknown(error.to_string()),
            Ok(None) | Err(_) => Outcome::Unknown("passwords cannot be checked at this time".to_owned()),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Failures) -> T) -> T {
        work(&mut self.failures.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The hash to check, and whether it is that of the user. Where it is not, it is another's, as that takes the same time.
fn hash_of(users: &Access, name: &str) -> (bool, String) {
    let own = users.user(name).and_then(|user| user.password_hash.as_ref());
    let any = || users.users.iter().find_map(|user| user.password_hash.as_ref());
    let hash = own.or_else(any).map_or(NOBODY, |hash| hash.0.as_str());
    (own.is_some(), hash.to_owned())
}

fn is_right(password: &str, hash: &str) -> bool {
    !password.is_empty()
        && password.len() <= LONGEST
        && corbel_agent::verify_sha512_crypt(password.as_bytes(), hash) == Some(true)
}

/// An IPv6 client has a whole /64 to guess from, so that counts as one.
fn source(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::from((u128::from(v6) & !u128::from(u64::MAX)).to_be_bytes()),
    }
}

/// Failures by source, and when the last was.
#[derive(Debug, Default)]
struct Failures(HashMap<IpAddr, (u32, Instant)>);

impl Failures {
    /// Counts an attempt; false when the source must wait.
    fn begin(&mut self, source: IpAddr, now: Instant) -> bool {
        if self.0.len() >= ADDRESSES && !self.0.contains_key(&source) {
            self.0.retain(|_, (_, last)| now.duration_since(*last) < LOCKED);
            if self.0.len() >= ADDRESSES
                && let Some(oldest) = self
                    .0
                    .iter()
                    .min_by_key(|(_, (_, last))| *last)
                    .map(|(source, _)| *source)
            {
                self.0.remove(&oldest);
            }
        }
        let (count, last) = self.0.entry(source).or_insert((0, now));
        if now.duration_since(*last) >= LOCKED {
            *count = 0;
        }
        if *count >= FAILURES {
            return false;
        }
        *count += 1;
        *last = now;
        true
    }

    /// The last attempt was none: those before it still count.
    fn take_back(&mut self, source: IpAddr) {
        if let Some((count, _)) = self.0.get_mut(&source) {
            *count = count.saturating_sub(1);
        }
    }

    fn forget(&mut self, source: IpAddr) {
        self.0.remove(&source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_guesses_lock_the_source_for_a_while() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..5 {
            assert!(failures.begin(here, start));
        }
        assert!(!failures.begin(here, start + Duration::from_secs(29)));
        assert!(failures.begin(there, start));
        assert!(failures.begin(here, start + LOCKED));
    }

    #[test]
    fn a_users_own_password_gives_no_more_guesses() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let here = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..4 {
            assert!(failures.begin(here, start));
        }
        for _ in 0..3 {
            assert!(failures.begin(here, start));
            failures.take_back(here);
        }
        assert!(failures.begin(here, start));
        assert!(!failures.begin(here, start));
    }

    #[test]
    fn memory_is_bounded_and_a_64_is_one_source() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        for n in 0..5000_u32 {
            failures.begin(IpAddr::from(n.to_be_bytes()), start);
        }
        assert!(failures.0.len() <= ADDRESSES);
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let two: IpAddr = "2001:db8::ffff:2".parse().unwrap();
        assert_eq!(source(one), source(two));
    }
}
