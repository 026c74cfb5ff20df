//! A console's stream in libvirt's event loop: no thread per console.
//!
//! Two things bring the pump back, both on the loop's thread: the stream's own events, and a timer that the channels' waker
//! sets to fire at once.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use corbel_virt::Console;
use tokio::sync::mpsc;
use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt::sys;

use super::Link;
use crate::console::{End, Line, Pump};

/// libvirt's "would block" (`virStreamRecv`).
const NOT_NOW: c_int = -2;
const NO_TIMER: c_int = -1;

/// One open console, shared by the stream's callback, the timer and the channels' wakers.
pub(super) struct Session {
    work: Mutex<Option<Work>>,
    timer: AtomicI32,
    /// The connection is gone.
    hung_up: AtomicBool,
}

struct Work {
    pump: Pump,
    stream: OpenStream,
}

/// Opens `machine`'s first console. `input` and `output` hold so many chunks before the sender waits.
///
/// # Errors
/// libvirt's: the machine is off, or another client has the console.
pub(crate) fn open_console(link: &Link, machine: &Domain) -> Result<Console, Error> {
    let stream = OpenStream::new(link.connection())?;
    stream.attach(machine)?;
    let (input, typed) = mpsc::channel(16);
    let (shown, output) = mpsc::channel(64);
    let work = Work {
        pump: Pump::new(typed, shown),
        stream,
    };
    let session = Arc::new(Session {
        work: Mutex::new(Some(work)),
        timer: AtomicI32::new(NO_TIMER),
        hung_up: AtomicBool::new(false),
    });
    session.register()?;
    link.keep(&session);
    // The first step, on the loop's thread.
    session.wake_by_ref();
    Ok(Console { input, output })
}

impl Wake for Session {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// From any thread, also from within the loop: libvirt's timers may be changed from everywhere.
    #[allow(unsafe_code)]
    fn wake_by_ref(self: &Arc<Self>) {
        let timer = self.timer.load(Ordering::Acquire);
        if timer != NO_TIMER {
            // SAFETY: a plain number; libvirt ignores one that is no longer a timer, and never uses a number twice.
            unsafe { sys::virEventUpdateTimeout(timer, 0) };
        }
    }
}

impl Session {
    /// Each callback owns one count of the `Arc`, which libvirt gives back through `free_session`.
    #[allow(unsafe_code)]
    fn register(self: &Arc<Self>) -> Result<(), Error> {
        let opaque = || Arc::into_raw(Arc::clone(self)).cast::<c_void>().cast_mut();
        let for_timer = opaque();
        // SAFETY: `on_timer` and `free_session` take what `opaque` makes.
        let timer = unsafe { sys::virEventAddTimeout(-1, Some(on_timer), for_timer, Some(free_session)) };
        if timer < 0 {
            let error = Error::last_error();
            // SAFETY: a registration that failed has not taken the count.
            unsafe { free_session(for_timer) };
            return Err(error);
        }
        self.timer.store(timer, Ordering::Release);

        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Work { stream, .. }) = work.as_mut() else {
            return Ok(());
        };
        let for_stream = opaque();
        // SAFETY: the stream is open, the rest as above.
        let result = unsafe {
            let events = stream_events(true, false);
            sys::virStreamEventAddCallback(stream.pointer, events, Some(on_stream), for_stream, Some(free_session))
        };
        if result < 0 {
            let error = Error::last_error();
            // SAFETY: a registration that failed has not taken the count.
            unsafe { free_session(for_stream) };
            self.remove_timer();
            return Err(error);
        }
        stream.watched = true;
        Ok(())
    }

    #[allow(unsafe_code)]
    fn remove_timer(&self) {
        let timer = self.timer.swap(NO_TIMER, Ordering::AcqRel);
        if timer != NO_TIMER {
            // SAFETY: our own timer, removed once.
            unsafe { sys::virEventRemoveTimeout(timer) };
        }
    }

    /// Ends it, on the loop's thread and soon.
    pub(super) fn hang_up(self: &Arc<Self>) {
        self.hung_up.store(true, Ordering::Release);
        self.wake_by_ref();
    }

    /// Only on the loop's thread, so the lock is never waited for there.
    fn step(self: &Arc<Self>) {
        let waker = Waker::from(Arc::clone(self));
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Work { pump, stream }) = work.as_mut() else {
            return;
        };
        let end = if self.hung_up.load(Ordering::Acquire) {
            End::Guest
        } else {
            let Poll::Ready(end) = pump.step(stream, &mut Context::from_waker(&waker)) else {
                return;
            };
            end
        };
        stream.broken = end == End::Guest;
        let finished = work.take();
        drop(work);
        self.remove_timer();
        drop(finished);
    }
}

#[allow(unsafe_code)]
unsafe extern "C" fn free_session(opaque: *mut c_void) {
    // SAFETY: libvirt gives back, once, a count that `register` handed over.
    drop(unsafe { Arc::from_raw(opaque.cast::<Session>().cast_const()) });
}

/// The session behind a callback's pointer, with a count of its own.
#[allow(unsafe_code)]
unsafe fn session(opaque: *mut c_void) -> Arc<Session> {
    let pointer = opaque.cast::<Session>().cast_const();
    // SAFETY: the registration's own count keeps it alive during the callback.
    unsafe {
        Arc::increment_strong_count(pointer);
        Arc::from_raw(pointer)
    }
}

#[allow(unsafe_code)]
unsafe extern "C" fn on_timer(timer: c_int, opaque: *mut c_void) {
    // SAFETY: our own timer, on the loop's thread. It is switched off before the step, so a wake during it is kept.
    unsafe { sys::virEventUpdateTimeout(timer, -1) };
    // SAFETY: `opaque` is what `register` handed over.
    unsafe { session(opaque) }.step();
}

#[allow(unsafe_code)]
unsafe extern "C" fn on_stream(_stream: sys::virStreamPtr, _events: c_int, opaque: *mut c_void) {
    // An error or a hang-up shows in the next read, after what was still to be read.
    // SAFETY: `opaque` is what `register` handed over.
    unsafe { session(opaque) }.step();
}

fn stream_events(readable: bool, writable: bool) -> c_int {
    let mut events = sys::VIR_STREAM_EVENT_ERROR | sys::VIR_STREAM_EVENT_HANGUP;
    if readable {
        events |= sys::VIR_STREAM_EVENT_READABLE;
    }
    if writable {
        events |= sys::VIR_STREAM_EVENT_WRITABLE;
    }
    events as c_int
}

/// A stream that does not block. The binding's own `Stream` keeps a pointer to itself for its callback and must not be
/// moved; this one may.
struct OpenStream {
    pointer: sys::virStreamPtr,
    attached: std::cell::Cell<bool>,
    watched: bool,
    /// The other end is gone, so there is nothing to hang up.
    broken: bool,
    events: c_int,
}

// SAFETY: a stream is a counted object with a lock of its own; libvirt's objects may be used from any thread.
#[allow(unsafe_code)]
unsafe impl Send for OpenStream {}

#[allow(unsafe_code)]
impl OpenStream {
    fn new(connection: &Connect) -> Result<Self, Error> {
        // SAFETY: the connection is open. The stream holds a count of it.
        let pointer = unsafe { sys::virStreamNew(connection.as_ptr(), sys::VIR_STREAM_NONBLOCK) };
        if pointer.is_null() {
            return Err(Error::last_error());
        }
        let attached = std::cell::Cell::new(false);
        Ok(Self {
            pointer,
            attached,
            watched: false,
            broken: false,
            events: stream_events(true, false),
        })
    }

    /// Politely: `SAFE` refuses where two clients could share the line, and without `FORCE` the second one is refused.
    fn attach(&self, machine: &Domain) -> Result<(), Error> {
        let flags = sys::VIR_DOMAIN_CONSOLE_SAFE;
        // SAFETY: machine and stream are valid; a null name means the first console.
        let result = unsafe { sys::virDomainOpenConsole(machine.as_ptr(), std::ptr::null(), self.pointer, flags) };
        if result < 0 {
            return Err(Error::last_error());
        }
        self.attached.set(true);
        Ok(())
    }

    fn outcome(result: c_int) -> Result<Option<usize>, String> {
        match result {
            NOT_NOW => Ok(None),
            len => usize::try_from(len)
                .map(Some)
                .map_err(|_| Error::last_error().message().to_owned()),
        }
    }
}

#[allow(unsafe_code)]
impl Line for OpenStream {
    fn receive(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, String> {
        // SAFETY: the stream is open and the buffer has this length.
        Self::outcome(unsafe { sys::virStreamRecv(self.pointer, buffer.as_mut_ptr().cast::<c_char>(), buffer.len()) })
    }

    fn send(&mut self, bytes: &[u8]) -> Result<Option<usize>, String> {
        // SAFETY: the stream is open and libvirt only reads these bytes.
        Self::outcome(unsafe { sys::virStreamSend(self.pointer, bytes.as_ptr().cast::<c_char>(), bytes.len()) })
    }

    fn watch(&mut self, readable: bool, writable: bool) {
        let events = stream_events(readable, writable);
        if self.watched && events != self.events {
            // SAFETY: the stream has a callback.
            unsafe { sys::virStreamEventUpdateCallback(self.pointer, events) };
            self.events = events;
        }
    }
}

impl Drop for OpenStream {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the stream is valid until the last line; results do not matter for a stream that is given up.
        unsafe {
            if self.watched {
                sys::virStreamEventRemoveCallback(self.pointer);
            }
            if self.attached.get() {
                if self.broken {
                    sys::virStreamFinish(self.pointer);
                } else {
                    sys::virStreamAbort(self.pointer);
                }
            }
            sys::virStreamFree(self.pointer);
        }
    }
}
