use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::mpsc;

use super::{End, Line, Pump};

/// A guest that says what it was told to say, and takes `takes` bytes before it is busy.
#[derive(Default)]
struct Guest {
    says: VecDeque<Result<Option<usize>, String>>,
    heard: Vec<u8>,
    takes: usize,
    watched: (bool, bool),
}

impl Line for Guest {
    fn receive(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, String> {
        let said = self.says.pop_front().unwrap_or(Ok(None))?;
        if let Some(len) = said {
            buffer[..len].fill(b'g');
        }
        Ok(said)
    }
    fn send(&mut self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let len = bytes.len().min(self.takes);
        self.takes -= len;
        self.heard.extend(&bytes[..len]);
        Ok(if len == 0 { None } else { Some(len) })
    }
    fn watch(&mut self, readable: bool, writable: bool) {
        self.watched = (readable, writable);
    }
}

#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_client_that_does_not_read_stops_the_guest_and_not_the_typing() {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let context = &mut Context::from_waker(&waker);
    let (input, typed) = mpsc::channel(4);
    let (shown, mut output) = mpsc::channel(2);
    let mut pump = Pump::new(typed, shown);
    let mut guest = Guest {
        says: (0..4).map(|_| Ok(Some(3))).collect(),
        takes: 2,
        ..Guest::default()
    };
    input.try_send(b"abc".to_vec()).unwrap();

    assert_eq!(pump.step(&mut guest, context), Poll::Pending);
    assert_eq!(
        (guest.says.len(), guest.heard.as_slice(), guest.watched),
        (2, &b"ab"[..], (false, true))
    );

    guest.takes = 10;
    let before = woken.0.load(Ordering::SeqCst);
    assert_eq!(output.try_recv().unwrap(), b"ggg");
    assert!(woken.0.load(Ordering::SeqCst) > before, "room wakes the pump");
    assert_eq!(pump.step(&mut guest, context), Poll::Pending);
    assert_eq!(
        (guest.says.len(), guest.heard.as_slice(), guest.watched),
        (1, &b"abc"[..], (false, false))
    );

    let before = woken.0.load(Ordering::SeqCst);
    input.try_send(b"d".to_vec()).unwrap();
    assert!(woken.0.load(Ordering::SeqCst) > before, "typing wakes the pump");
    drop((input, output));
    assert_eq!(pump.step(&mut guest, context), Poll::Ready(End::Client));
}

#[test]
fn what_the_guest_said_last_arrives_before_the_end() {
    let context = &mut Context::from_waker(Waker::noop());
    for end in [Ok(Some(0)), Err("broken".to_owned())] {
        let (_input, typed) = mpsc::channel(4);
        let (shown, mut output) = mpsc::channel(2);
        let mut pump = Pump::new(typed, shown);
        let mut guest = Guest {
            says: [Ok(Some(3)), end].into(),
            ..Guest::default()
        };
        assert_eq!(pump.step(&mut guest, context), Poll::Ready(End::Guest));
        drop(pump);
        assert_eq!(output.try_recv().unwrap(), b"ggg");
        assert!(output.try_recv().is_err());
    }
}

#[test]
fn a_client_that_hangs_up_ends_it() {
    let context = &mut Context::from_waker(Waker::noop());
    let (input, typed) = mpsc::channel::<Vec<u8>>(4);
    let (shown, _output) = mpsc::channel(2);
    let mut pump = Pump::new(typed, shown);
    let mut guest = Guest::default();
    assert_eq!(pump.step(&mut guest, context), Poll::Pending);
    assert_eq!(guest.watched, (true, false));
    drop(input);
    assert_eq!(pump.step(&mut guest, context), Poll::Ready(End::Client));
}
