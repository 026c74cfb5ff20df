use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Keeper, Lost};

const LIMIT: Duration = Duration::from_secs(10);

/// A connection that knows its number and counts itself while it is open.
struct Link {
    number: u32,
    lost: Lost<Link>,
    open: Arc<AtomicU32>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A keeper whose first `failures` dials fail, what it tells, and how many connections are open.
fn keeper(failures: u32) -> (Keeper<Link>, Receiver<Option<String>>, Arc<AtomicU32>) {
    let (told, tellings) = channel();
    let (dials, open) = (AtomicU32::new(0), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&open);
    let dial = move |lost| {
        let number = dials.fetch_add(1, Ordering::SeqCst);
        if number < failures {
            return Err("nobody listens".to_owned());
        }
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(Link {
            number,
            lost,
            open: Arc::clone(&counted),
        })
    };
    let told = Mutex::new(told);
    let tell = move |reason: Option<&str>| {
        let _ = told.lock().unwrap().send(reason.map(str::to_owned));
    };
    (Keeper::start(dial, tell).unwrap(), tellings, open)
}

#[test]
fn a_dial_that_fails_is_tried_again_and_told_once() {
    let (keeper, told, _) = keeper(3);
    assert_eq!(told.recv_timeout(LIMIT), Ok(Some("nobody listens".into())));
    assert!(
        keeper
            .get()
            .is_err_and(|error| error.to_string().contains("nobody listens"))
    );
    keeper.ask();
    assert!(keeper.wait_ready(LIMIT));
    assert_eq!(told.recv_timeout(LIMIT), Ok(None));
    assert_eq!(keeper.get().ok().unwrap().number, 3);
}

#[test]
fn a_loss_is_told_at_once_and_healed() {
    let (keeper, told, open) = keeper(0);
    assert!(keeper.wait_ready(LIMIT));
    assert_eq!(told.recv_timeout(LIMIT), Ok(None));
    let first = keeper.get().ok().unwrap();
    first.lost.report("end of file");
    first.lost.report("end of file");
    assert_eq!(told.recv_timeout(LIMIT), Ok(Some("end of file".into())));
    assert_eq!(told.recv_timeout(LIMIT), Ok(None));
    let second = keeper.get().ok().unwrap();
    assert_eq!((first.number, second.number), (0, 1));

    // A late word about the first one changes nothing.
    first.lost.report("stale");
    keeper.lost(&first, "stale");
    assert_eq!(keeper.get().ok().unwrap().number, 1);
    drop(first);
    assert_eq!(open.load(Ordering::SeqCst), 1);

    keeper.lost(&second, "a call failed");
    assert_eq!(told.recv_timeout(LIMIT), Ok(Some("a call failed".into())));
    assert_eq!(told.recv_timeout(LIMIT), Ok(None));
    drop(second);
    drop(keeper);
    // The keeper's thread ends, and with it the sender and the last connection.
    assert!(told.recv_timeout(LIMIT).is_err());
    assert_eq!(open.load(Ordering::SeqCst), 0);
}

#[test]
fn what_is_told_last_is_how_it_stands() {
    let (keeper, told, _) = keeper(0);
    assert_eq!(told.recv_timeout(LIMIT), Ok(None));
    for round in 0..2000 {
        let reason = format!("loss {round}");
        assert!(keeper.wait_ready(LIMIT));
        keeper.get().ok().unwrap().lost.report(&reason);
        assert_eq!(told.recv_timeout(LIMIT), Ok(Some(reason)));
        assert_eq!(told.recv_timeout(LIMIT), Ok(None));
    }
}
