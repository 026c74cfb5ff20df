//! Passwords: who checks them (a trait, PAM on the node), and how often somebody may guess.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

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

/// The only user of the API's passwords.
pub(crate) const USER: &str = "admin";
const FAILURES: u32 = 5;
const LOCKED: Duration = Duration::from_secs(30);
/// Addresses that are remembered; beyond that the oldest are forgotten.
const ADDRESSES: usize = 1024;
/// Checks at a time: hashing a password is meant to be expensive.
const CHECKS: usize = 2;
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

    pub(crate) async fn check(&self, address: IpAddr, user: String, password: String) -> Outcome {
        let source = source(address);
        // Counted before it is checked, so that guesses made at once count as well as those made in turn.
        if !self.with(|failures| failures.begin(source, Instant::now())) {
            return Outcome::Locked;
        }
        if user != USER {
            return Outcome::Wrong;
        }
        let check = Arc::clone(&self.check);
        let slots = Arc::clone(&self.slots);
        let whole = async move {
            let slot = slots.acquire_owned().await.ok()?;
            let task = tokio::task::spawn_blocking(move || {
                let outcome = check.check(&user, &password);
                drop(slot);
                outcome
            });
            task.await.ok()
        };
        match tokio::time::timeout(DEADLINE, whole).await {
            Ok(Some(Ok(true))) => {
                self.with(|failures| failures.forget(source));
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
