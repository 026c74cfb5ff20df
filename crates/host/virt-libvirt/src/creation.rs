//! Making machines: carries out what `corbel_virt::creation` decided, and undoes it when a step fails.

use corbel_model::ByteSize;
use corbel_model::vm::{VmSpec, VmSummary};
use corbel_virt::creation::{Creation, Observed, format_name, plan_creation};
use corbel_virt::xml::{Accelerator, HostTraits, Placement, parse_domain, render_domain};
use corbel_virt::{PoolPaths, VirtError, rules};
use virt::connect::Connect;
use virt::domain::Domain;

use crate::errors::{About, vm};
use crate::{defaults, machines, volumes};

fn must_be_free(connection: &Connect, name: &str) -> Result<(), VirtError> {
    match machines::lookup(connection, name) {
        Ok(_) => Err(VirtError::Exists {
            kind: rules::VM,
            name: name.to_owned(),
        }),
        Err(VirtError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(crate) fn create(connection: &Connect, spec: &VmSpec) -> Result<VmSummary, VirtError> {
    must_be_free(connection, spec.name.as_str())?;
    let networks = defaults::network_names(connection)?;
    let observed = Observed {
        volumes: volumes::formats(connection)?,
        pools: volumes::paths(connection)?,
        networks,
    };
    let creation = plan_creation(spec, &observed)?;
    for volume in &creation.reused {
        volumes::must_be_unused(connection, volume)?;
    }
    let mut made = Vec::new();
    let result = carry_out(connection, &observed.pools, spec, &creation, &mut made);
    if result.is_err() {
        for volume in made {
            if let Err(error) = volumes::remove(connection, &volume) {
                tracing::warn!(volume, %error, "a volume of a machine that was not made is left");
            }
        }
    }
    result
}

/// Puts the name of each volume that it made into `made`.
fn carry_out(
    connection: &Connect,
    pools: &PoolPaths,
    spec: &VmSpec,
    creation: &Creation,
    made: &mut Vec<String>,
) -> Result<VmSummary, VirtError> {
    for volume in &creation.new_volumes {
        volumes::create(connection, &volume.name, volume.size, format_name(volume.format))?;
        made.push(volume.name.to_string());
    }
    if let Some(seed) = &creation.seed {
        let size = ByteSize(seed.image.len() as u64);
        let mut image = seed.image.chunks(64 << 10).map(|chunk| Ok(chunk.to_vec()));
        volumes::upload(connection, &seed.name, size, &mut image)?;
        made.push(seed.name.to_string());
    }
    let seed = creation.seed.as_ref().map(|seed| &seed.name);
    let xml = render_domain(
        spec,
        &Placement {
            host: traits(connection),
            pools,
            seed,
        },
    )?;
    let name = spec.name.as_str();
    let machine = define(connection, name, &xml, "vm")?;
    let finish = || {
        if spec.autostart {
            machine
                .set_autostart(true)
                .map_err(|error| vm(name, "autostart").error(error))?;
        }
        machines::summary(&machine, name)
    };
    finish().inspect_err(|_| {
        if let Err(error) = machine.undefine() {
            tracing::warn!(name, %error, "a machine that was not wholly made is left");
        }
    })
}

fn define(connection: &Connect, name: &str, xml: &str, field: &'static str) -> Result<Domain, VirtError> {
    let about = About {
        field: Some(field),
        ..vm(name, "definition")
    };
    about.no_nul(xml)?;
    Domain::define_xml(connection, xml).map_err(|error| about.error(error))
}

pub(crate) fn define_xml(connection: &Connect, xml: &str) -> Result<VmSummary, VirtError> {
    let domain = parse_domain(xml)?;
    rules::check_domain_name(&domain)?;
    // libvirt would take this as a change of the machine that has the name and UUID.
    must_be_free(connection, &domain.name)?;
    let machine = define(connection, &domain.name, xml, "xml")?;
    machines::summary(&machine, &domain.name)
}

/// Whether the QEMU on this node can use KVM: libvirt's own probe, which has started it. Asked each time, because it is
/// cached there and may change when `/dev/kvm` comes or goes.
fn traits(connection: &Connect) -> HostTraits {
    let accelerator = if connection
        .get_type()
        .is_ok_and(|kind| kind.eq_ignore_ascii_case("test"))
    {
        Accelerator::TestDriver
    } else if connection
        .get_domain_capabilities(None, Some("x86_64"), Some("q35"), Some("kvm"), 0)
        .is_ok()
    {
        Accelerator::Kvm
    } else {
        Accelerator::Emulated
    };
    HostTraits {
        accelerator,
        graphics: false,
    }
}
