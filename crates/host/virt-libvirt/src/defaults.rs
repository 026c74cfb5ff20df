//! Networks, and the pool and network that every node has.

use std::collections::BTreeSet;
use std::path::Path;

use corbel_model::NetworkName;
use corbel_virt::xml::{parse_network, render_nat_network, render_pool};
use corbel_virt::{Network, POOL, VirtError};
use virt::connect::Connect;
use virt::network::Network as LibvirtNetwork;
use virt::storage_pool::StoragePool;

use crate::errors::{network, pool};
use crate::volumes;

pub(crate) fn network_names(connection: &Connect) -> Result<BTreeSet<String>, VirtError> {
    let failed = |error| network("(all)", "list").error(error);
    let networks = connection.list_all_networks(0).map_err(failed)?;
    networks.iter().map(|found| found.get_name().map_err(failed)).collect()
}

pub(crate) fn list(connection: &Connect) -> Result<Vec<Network>, VirtError> {
    let networks = connection
        .list_all_networks(0)
        .map_err(|error| network("(all)", "list").error(error))?;
    // One that goes while the list is read is left out.
    let mut list: Vec<_> = networks.iter().filter_map(|found| read(found).ok()).collect();
    for bridge in host_bridges(Path::new("/sys/class/net")) {
        let taken = |network: &Network| network.name == bridge.name || network.bridge == bridge.bridge;
        if !list.iter().any(taken) {
            list.push(bridge);
        }
    }
    list.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(list)
}

fn read(found: &LibvirtNetwork) -> Result<Network, VirtError> {
    let failed = |error| network("(listed)", "look-up").error(error);
    let parsed = parse_network(&found.get_xml_desc(0).map_err(failed)?)?;
    Ok(Network {
        name: parsed.name,
        active: found.is_active().map_err(failed)?,
        autostart: found.get_autostart().unwrap_or(false),
        mode: parsed.mode,
        bridge: parsed.bridge,
    })
}

/// Bridges that are not libvirt's: a machine can be put on them as `bridge`. The kernel gives each a directory `bridge`.
pub(crate) fn host_bridges(interfaces: &Path) -> Vec<Network> {
    let entries = std::fs::read_dir(interfaces).into_iter().flatten().flatten();
    let bridges = entries
        .filter(|entry| entry.path().join("bridge").is_dir())
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let up = std::fs::read_to_string(entry.path().join("operstate")).is_ok_and(|state| state.trim() != "down");
            Some(Network {
                bridge: Some(name.clone()),
                name,
                active: up,
                autostart: true,
                mode: "bridge".into(),
            })
        });
    bridges.collect()
}

/// Idempotent, and the pool comes first: without the network, machines on a host bridge still work.
pub(crate) fn ensure(connection: &Connect, pool_path: &str, nat: &NetworkName) -> Result<(), VirtError> {
    ensure_pool(connection, POOL, pool_path)?;
    ensure_network(connection, nat)
}

/// A pool that is there keeps the directory that it has.
pub(crate) fn ensure_pool(connection: &Connect, name: &str, path: &str) -> Result<StoragePool, VirtError> {
    let about = pool(name, "set-up");
    let failed = |error| about.error(error);
    about.no_nul(name)?;
    let found = match StoragePool::lookup_by_name(connection, name).map_err(failed) {
        Err(VirtError::NotFound { .. }) => {
            about.no_nul(path)?;
            StoragePool::define_xml(connection, &render_pool(name, path), 0).map_err(failed)?
        }
        found => found?,
    };
    if !found.is_active().map_err(failed)? {
        // Makes the directory when it is not there.
        found.build(0).map_err(failed)?;
        found.create(0).map_err(failed)?;
    }
    if !found.get_autostart().map_err(failed)? {
        found.set_autostart(true).map_err(failed)?;
    }
    volumes::remove_partial(&found)?;
    Ok(found)
}

fn ensure_network(connection: &Connect, nat: &NetworkName) -> Result<(), VirtError> {
    let about = network(nat.as_str(), "set-up");
    let failed = |error| about.error(error);
    let found = match LibvirtNetwork::lookup_by_name(connection, nat.as_str()).map_err(failed) {
        Err(VirtError::NotFound { .. }) => {
            LibvirtNetwork::define_xml(connection, &render_nat_network(nat)).map_err(failed)?
        }
        found => found?,
    };
    if !found.is_active().map_err(failed)? {
        found.create().map_err(failed)?;
    }
    if !found.get_autostart().map_err(failed)? {
        found.set_autostart(true).map_err(failed)?;
    }
    Ok(())
}
