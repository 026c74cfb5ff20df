//! Bulk statistics. The binding's own call leaks its result and hands out raw pointers.

use std::ffi::{CStr, c_uint};

use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt::sys;

/// Which groups to ask for: `virDomainStatsTypes`, or-ed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Groups(pub(crate) u32);

impl Groups {
    /// What libvirt answers by itself, also of a machine that runs.
    pub(crate) const STATE: Self = Self(sys::VIR_DOMAIN_STATS_STATE);
    /// What the list shows. Of a machine that runs libvirt asks its QEMU for it, which costs both more than all else in the list.
    pub(crate) const LIST: Self =
        Self(sys::VIR_DOMAIN_STATS_STATE | sys::VIR_DOMAIN_STATS_VCPU | sys::VIR_DOMAIN_STATS_BALLOON);
    /// All counters of one machine.
    pub(crate) const COUNTERS: Self = Self(
        sys::VIR_DOMAIN_STATS_STATE
            | sys::VIR_DOMAIN_STATS_CPU_TOTAL
            | sys::VIR_DOMAIN_STATS_BALLOON
            | sys::VIR_DOMAIN_STATS_INTERFACE
            | sys::VIR_DOMAIN_STATS_BLOCK,
    );
}

/// Which machines to ask for: `virConnectGetAllDomainStatsFlags`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Which(u32);

impl Which {
    pub(crate) const ALL: Self = Self(0);
    pub(crate) const INACTIVE: Self = Self(sys::VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE);
}

/// One machine's statistics, valid during the call that gets it.
pub(crate) struct Record<'a> {
    domain: sys::virDomainPtr,
    parameters: &'a [sys::virTypedParameter],
}

#[allow(unsafe_code)]
impl Record<'_> {
    /// Known to the client: costs no round trip.
    pub(crate) fn name(&self) -> String {
        // SAFETY: the record's domain is valid while the record is.
        unsafe { domain_name(self.domain) }
    }

    /// Known to the client as well. The bytes are spelled out here: libvirt's own text of it costs three times as much,
    /// which shows in a list of a thousand.
    pub(crate) fn uuid(&self) -> String {
        let mut bytes = [0_u8; sys::VIR_UUID_BUFLEN as usize];
        // SAFETY: the domain is valid and the buffer has the length that the function wants.
        let result = unsafe { sys::virDomainGetUUID(self.domain, bytes.as_mut_ptr()) };
        if result < 0 {
            String::new()
        } else {
            uuid::Uuid::from_bytes(bytes).to_string()
        }
    }

    /// The parameters that are whole numbers.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&CStr, u64)> {
        self.parameters.iter().filter_map(|parameter| {
            // SAFETY: `field` is a C string inside of its 80 bytes, and `type_` says which member of the union is set.
            unsafe {
                let name = CStr::from_ptr(parameter.field.as_ptr());
                let value = match u32::try_from(parameter.type_).ok()? {
                    sys::VIR_TYPED_PARAM_INT => u64::try_from(parameter.value.i).ok()?,
                    sys::VIR_TYPED_PARAM_UINT => u64::from(parameter.value.ui),
                    sys::VIR_TYPED_PARAM_LLONG => u64::try_from(parameter.value.l).ok()?,
                    sys::VIR_TYPED_PARAM_ULLONG => parameter.value.ul,
                    _ => return None,
                };
                Some((name, value))
            }
        })
    }
}

/// The name of a domain.
///
/// # Safety
/// `domain` is valid.
#[allow(unsafe_code)]
pub(super) unsafe fn domain_name(domain: sys::virDomainPtr) -> String {
    // SAFETY: the caller's promise; the name belongs to the domain and lives as long.
    let name = unsafe { sys::virDomainGetName(domain) };
    if name.is_null() {
        return String::new();
    }
    // SAFETY: it is a C string.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

/// Statistics of machines in one call.
///
/// # Errors
/// libvirt's.
#[allow(unsafe_code)]
pub(crate) fn all_stats(
    connection: &Connect,
    which: Which,
    groups: Groups,
    each: impl FnMut(&Record<'_>),
) -> Result<(), Error> {
    // NOWAIT: of a QEMU that another call waits for, only what libvirt knows by itself is told. The first call that asks a QEMU that
    // hangs waits for it all the same.
    let flags = which.0 | sys::VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;
    let mut records = std::ptr::null_mut();
    // SAFETY: the connection is open, and `records` is a place for the result.
    let count =
        unsafe { sys::virConnectGetAllDomainStats(connection.as_ptr(), groups.0, &mut records, flags as c_uint) };
    // SAFETY: `records` is that call's result.
    unsafe { visit(records, count, each) }
}

/// Statistics of one machine.
///
/// # Errors
/// libvirt's.
#[allow(unsafe_code)]
pub(crate) fn machine_stats(machine: &Domain, groups: Groups, each: impl FnMut(&Record<'_>)) -> Result<(), Error> {
    let mut machines = [machine.as_ptr(), std::ptr::null_mut()];
    let mut records = std::ptr::null_mut();
    // SAFETY: the list ends with a null pointer, and `records` is a place for the result.
    let count = unsafe { sys::virDomainListGetStats(machines.as_mut_ptr(), groups.0, &mut records, 0) };
    // SAFETY: `records` is that call's result.
    unsafe { visit(records, count, each) }
}

#[allow(unsafe_code)]
unsafe fn visit(
    records: *mut sys::virDomainStatsRecordPtr,
    count: i32,
    mut each: impl FnMut(&Record<'_>),
) -> Result<(), Error> {
    /// Frees the records even if a visitor panics.
    struct Free(*mut sys::virDomainStatsRecordPtr);
    impl Drop for Free {
        fn drop(&mut self) {
            // SAFETY: made by the call that filled it, and freed only here.
            unsafe { sys::virDomainStatsRecordListFree(self.0) };
        }
    }
    let count = usize::try_from(count).map_err(|_| Error::last_error())?;
    let free = Free(records);
    for i in 0..count {
        // SAFETY: libvirt returned `count` valid records, each with `nparams` parameters.
        let (domain, first, len) = unsafe {
            let record = &**free.0.add(i);
            (record.dom, record.params, usize::try_from(record.nparams).unwrap_or(0))
        };
        let parameters = match len {
            0 => &[][..],
            // SAFETY: as above; nothing changes them until they are freed.
            len => unsafe { std::slice::from_raw_parts(first, len) },
        };
        each(&Record { domain, parameters });
    }
    Ok(())
}
