//! The event loop, and a connection with its callbacks.

use std::ffi::{c_int, c_void};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use corbel_virt::{VirtError, VirtEvent, VmChange};
use tokio::sync::broadcast;
use virt::connect::Connect;
use virt::error::Error;
use virt::sys;

use super::console::Session;

/// Starts the one thread that runs libvirt's event loop. It must stand before the first connection, else that has no
/// keepalive and no events. libvirt keeps one loop a process, which is why this is a `static`.
///
/// # Errors
/// libvirt cannot set its loop up, or the thread cannot be started.
pub(crate) fn run_event_loop() -> Result<(), VirtError> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| {
        // Or libvirt writes each error to stderr as well.
        virt::error::clear_error_callback();
        virt::event::event_register_default_impl().map_err(|error| error.to_string())?;
        // The loop sleeps until something happens; a timer bounds that sleep, should a wake-up ever be missed.
        let timer = virt::event::event_add_timeout(2000, |_, _| {}, std::ptr::null_mut());
        timer.map_err(|error| error.to_string())?;
        let run = || {
            loop {
                if virt::event::event_run_default_impl().is_err() {
                    // It cannot poll: a pause keeps a lasting fault from taking the processor.
                    std::thread::park_timeout(std::time::Duration::from_millis(100));
                }
            }
        };
        std::thread::Builder::new()
            .name("libvirt-events".into())
            .spawn(run)
            .map(drop)
            .map_err(|error| error.to_string())
    });
    let failed = |problem: &String| VirtError::Failed {
        operation: "start of libvirt's event loop".into(),
        problem: problem.clone(),
    };
    started.as_ref().copied().map_err(failed)
}

/// A connection and its callbacks. Dropping it takes them off and closes.
pub(crate) struct Link {
    connection: Connect,
    /// Numbers of the event registrations.
    registered: Vec<c_int>,
    close_callback: bool,
    consoles: Mutex<Vec<Weak<Session>>>,
}

type Closed = Box<dyn Fn(&str) + Send + Sync>;

impl Link {
    /// # Errors
    /// libvirt does not answer, or refuses.
    pub(crate) fn open(
        uri: &str,
        events: broadcast::Sender<VirtEvent>,
        closed: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let connection = Connect::open(Some(uri))?;
        // Drivers inside the library have no socket, and neither keepalive nor a close callback. 5 s × 3 is libvirtd's
        // own setting: after 20 s a daemon that hangs counts as gone.
        let _ = connection.set_keep_alive(5, 3);
        let mut link = Self {
            connection,
            registered: Vec::new(),
            close_callback: false,
            consoles: Mutex::default(),
        };
        link.watch_close(Box::new(closed));
        link.watch(
            sys::VIR_DOMAIN_EVENT_ID_LIFECYCLE,
            Some(as_generic(on_lifecycle)),
            events.clone(),
        )?;
        link.watch(sys::VIR_DOMAIN_EVENT_ID_REBOOT, Some(on_reboot), events)?;
        Ok(link)
    }

    pub(crate) fn connection(&self) -> &Connect {
        &self.connection
    }

    /// `session` is hung up when the connection goes. A stream of a connection that broke is not told so by libvirt, and
    /// would keep the dead connection in memory.
    pub(super) fn keep(&self, session: &Arc<Session>) {
        let mut consoles = self.consoles.lock().unwrap_or_else(PoisonError::into_inner);
        consoles.retain(|console| console.strong_count() > 0);
        consoles.push(Arc::downgrade(session));
    }

    #[allow(unsafe_code)]
    fn watch(
        &mut self,
        event: sys::virDomainEventID,
        callback: sys::virConnectDomainEventGenericCallback,
        events: broadcast::Sender<VirtEvent>,
    ) -> Result<(), Error> {
        let opaque = Box::into_raw(Box::new(events)).cast::<c_void>();
        // SAFETY: the connection is open; `callback` has the signature that `event` is called with; `opaque` lives
        // until libvirt gives it to `free_sender`, which happens once, after the last call.
        let number = unsafe {
            sys::virConnectDomainEventRegisterAny(
                self.connection.as_ptr(),
                std::ptr::null_mut(),
                event as c_int,
                callback,
                opaque,
                Some(free_box::<broadcast::Sender<VirtEvent>>),
            )
        };
        if number < 0 {
            let error = Error::last_error();
            // SAFETY: a registration that failed has not taken the box.
            drop(unsafe { Box::from_raw(opaque.cast::<broadcast::Sender<VirtEvent>>()) });
            return Err(error);
        }
        self.registered.push(number);
        Ok(())
    }

    #[allow(unsafe_code)]
    fn watch_close(&mut self, closed: Closed) {
        let opaque = Box::into_raw(Box::new(closed)).cast::<c_void>();
        // SAFETY: as in `watch`; the box holds a `Closed`, which `on_close` reads.
        let result = unsafe {
            let connection = self.connection.as_ptr();
            sys::virConnectRegisterCloseCallback(connection, Some(on_close), opaque, Some(free_box::<Closed>))
        };
        if result < 0 {
            // SAFETY: a registration that failed has not taken the box.
            drop(unsafe { Box::from_raw(opaque.cast::<Closed>()) });
        }
        self.close_callback = result == 0;
    }
}

impl Drop for Link {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        let consoles = self.consoles.get_mut().unwrap_or_else(PoisonError::into_inner);
        for console in consoles.drain(..).filter_map(|console| console.upgrade()) {
            console.hang_up();
        }
        let connection = self.connection.as_ptr();
        // Failures mean that the connection is dead, and the callbacks with it.
        for number in self.registered.drain(..) {
            // SAFETY: the connection is open until the end of this function, and the number is its own.
            unsafe { sys::virConnectDomainEventDeregisterAny(connection, number) };
        }
        if self.close_callback {
            // SAFETY: as above; `on_close` is what was registered.
            unsafe { sys::virConnectUnregisterCloseCallback(connection, Some(on_close)) };
        }
        // It does not do that itself when it is dropped.
        let _ = self.connection.close();
    }
}

type LifecycleCallback =
    unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, c_int, c_int, *mut c_void) -> c_int;
type EventCallback = unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, *mut c_void);

/// libvirt has one type for all event callbacks and calls each by its own.
#[allow(unsafe_code)]
fn as_generic(callback: LifecycleCallback) -> EventCallback {
    // SAFETY: libvirt calls it with the arguments of the event it is registered for; its headers do the same cast, in
    // VIR_DOMAIN_EVENT_CALLBACK.
    unsafe { std::mem::transmute::<LifecycleCallback, EventCallback>(callback) }
}

#[allow(unsafe_code)]
unsafe extern "C" fn free_box<T>(opaque: *mut c_void) {
    // SAFETY: libvirt gives back, once, what `watch` or `watch_close` made from a `Box<T>`.
    drop(unsafe { Box::from_raw(opaque.cast::<T>()) });
}

#[allow(unsafe_code)]
unsafe extern "C" fn on_lifecycle(
    _connection: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    event: c_int,
    detail: c_int,
    opaque: *mut c_void,
) -> c_int {
    if let Some(change) = change(event, detail) {
        // SAFETY: both pointers are valid during the callback.
        unsafe { send(domain, change, opaque) };
    }
    0
}

#[allow(unsafe_code)]
unsafe extern "C" fn on_reboot(_connection: sys::virConnectPtr, domain: sys::virDomainPtr, opaque: *mut c_void) {
    // SAFETY: both pointers are valid during the callback.
    unsafe { send(domain, VmChange::Rebooted, opaque) };
}

/// Only sends: libvirt must not be kept waiting. Nothing here panics, which an `extern "C"` function must not.
#[allow(unsafe_code)]
unsafe fn send(domain: sys::virDomainPtr, change: VmChange, opaque: *mut c_void) {
    // SAFETY: the caller's `domain` is valid, and so is its name while the domain is.
    let name = unsafe { super::stats::domain_name(domain) };
    // SAFETY: `opaque` is the sender that `watch` registered, and is shared, never written.
    let events = unsafe { &*opaque.cast::<broadcast::Sender<VirtEvent>>() };
    let _ = events.send(VirtEvent::Vm { name, change });
}

/// `virDomainEventType` and, for stops, `virDomainEventStoppedDetailType`.
fn change(event: c_int, detail: c_int) -> Option<VmChange> {
    const STOPPED_CRASHED: c_int = sys::VIR_DOMAIN_EVENT_STOPPED_CRASHED as c_int;
    Some(match (u32::try_from(event).ok()?, detail) {
        (sys::VIR_DOMAIN_EVENT_DEFINED, _) => VmChange::Defined,
        (sys::VIR_DOMAIN_EVENT_UNDEFINED, _) => VmChange::Undefined,
        (sys::VIR_DOMAIN_EVENT_STARTED, _) => VmChange::Started,
        (sys::VIR_DOMAIN_EVENT_SUSPENDED, _) => VmChange::Paused,
        (sys::VIR_DOMAIN_EVENT_RESUMED, _) => VmChange::Resumed,
        (sys::VIR_DOMAIN_EVENT_STOPPED, STOPPED_CRASHED) | (sys::VIR_DOMAIN_EVENT_CRASHED, _) => VmChange::Crashed,
        (sys::VIR_DOMAIN_EVENT_STOPPED, _) => VmChange::Stopped,
        (sys::VIR_DOMAIN_EVENT_SHUTDOWN, _) => VmChange::ShuttingDown,
        (sys::VIR_DOMAIN_EVENT_PMSUSPENDED, _) => VmChange::Suspended,
        _ => return None,
    })
}

#[allow(unsafe_code)]
unsafe extern "C" fn on_close(_connection: sys::virConnectPtr, reason: c_int, opaque: *mut c_void) {
    let reason = match u32::try_from(reason) {
        Ok(sys::VIR_CONNECT_CLOSE_REASON_EOF) => "libvirtd closed the connection",
        Ok(sys::VIR_CONNECT_CLOSE_REASON_KEEPALIVE) => "libvirtd did not answer for 20 s",
        Ok(sys::VIR_CONNECT_CLOSE_REASON_CLIENT) => return,
        _ => "the connection to libvirtd broke",
    };
    // SAFETY: `opaque` is the `Closed` that `watch_close` registered.
    let closed = unsafe { &*opaque.cast::<Closed>() };
    closed(reason);
}
