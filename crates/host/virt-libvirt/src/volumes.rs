//! Pools and their volumes.

mod partial;

use std::collections::BTreeMap;

use corbel_model::{ByteSize, PoolName, VolumeName};
use corbel_virt::xml::{parse_pool_path, parse_volume, render_volume};
use corbel_virt::{Pool, PoolPaths, UploadChunk, VirtError, Volume, rules};
pub(crate) use partial::remove_left as remove_partial;
use virt::connect::Connect;
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;
use virt::stream::Stream;
use virt::sys;

use crate::{errors, machines};

pub(crate) fn pool(connection: &Connect, name: &str) -> Result<StoragePool, VirtError> {
    StoragePool::lookup_by_name(connection, name).map_err(|error| errors::pool(name, "look-up").error(error))
}

/// Those whose names a volume's name can begin with.
fn pools(connection: &Connect, flags: u32) -> Result<Vec<(String, StoragePool)>, VirtError> {
    let all = connection
        .list_all_storage_pools(flags)
        .map_err(|error| errors::pool("(all)", "list").error(error))?;
    // One that goes while the list is read is left out.
    let named = all.into_iter().filter_map(|pool| Some((pool.get_name().ok()?, pool)));
    let mut pools: Vec<_> = named.filter(|(name, _)| name.parse::<PoolName>().is_ok()).collect();
    pools.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(pools)
}

/// All pools that volumes can be in now.
fn active(connection: &Connect) -> Result<Vec<(String, StoragePool)>, VirtError> {
    pools(connection, sys::VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE)
}

pub(crate) fn list_pools(connection: &Connect) -> Result<Vec<Pool>, VirtError> {
    let read = |(name, pool): (String, StoragePool)| {
        let info = pool.get_info().ok()?;
        Some(Pool {
            active: pool.is_active().unwrap_or(false),
            path: pool_path(&pool).unwrap_or_default(),
            capacity: ByteSize(info.capacity),
            available: ByteSize(info.available),
            name,
        })
    };
    Ok(pools(connection, 0)?.into_iter().filter_map(read).collect())
}

/// Directories of the active pools that have one.
pub(crate) fn paths(connection: &Connect) -> Result<PoolPaths, VirtError> {
    let read = |(name, pool): (String, StoragePool)| Some((name, pool_path(&pool).ok()?));
    Ok(active(connection)?.into_iter().filter_map(read).collect())
}

pub(crate) fn pool_path(pool: &StoragePool) -> Result<String, VirtError> {
    let xml = pool
        .get_xml_desc(0)
        .map_err(|error| errors::pool("(listed)", "definition").error(error))?;
    Ok(parse_pool_path(&xml)?.trim_end_matches('/').to_owned())
}

/// The volume `name`, pool and all, in its `pool`.
fn lookup(pool: &StoragePool, name: &str) -> Result<StorageVol, VirtError> {
    let about = errors::volume(name, "look-up");
    about.no_nul(name)?;
    StorageVol::lookup_by_name(pool, VolumeName::split(name).1).map_err(|error| about.error(error))
}

fn read(pool: &str, volume: &StorageVol) -> Result<Volume, VirtError> {
    let xml = volume
        .get_xml_desc(0)
        .map_err(|error| errors::volume("(listed)", "definition").error(error))?;
    let mut read = parse_volume(&xml)?;
    read.name = VolumeName::join(pool, &read.name);
    // A disk of a machine that runs grows, and only this looks at the file.
    if let Ok(info) = volume.get_info() {
        (read.capacity, read.allocation) = (ByteSize(info.capacity), ByteSize(info.allocation));
    }
    Ok(read)
}

pub(crate) fn list(connection: &Connect) -> Result<Vec<Volume>, VirtError> {
    let mut list = Vec::new();
    for (name, pool) in active(connection)? {
        let volumes = pool
            .list_all_volumes(0)
            .map_err(|error| errors::pool(&name, "list").error(error))?;
        // One that goes while the list is read is left out.
        list.extend(volumes.iter().filter_map(|volume| read(&name, volume).ok()));
    }
    list.retain(|volume| !partial::is(VolumeName::split(&volume.name).1));
    list.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(list)
}

/// Names and formats, for a decision.
pub(crate) fn formats(connection: &Connect) -> Result<BTreeMap<String, String>, VirtError> {
    Ok(list(connection)?
        .into_iter()
        .map(|volume| (volume.name, volume.format))
        .collect())
}

pub(crate) fn create(
    connection: &Connect,
    name: &VolumeName,
    size: ByteSize,
    format: &str,
) -> Result<Volume, VirtError> {
    rules::check_format(format)?;
    rules::check_size(size)?;
    let pool = pool(connection, name.pool())?;
    must_be_free(&pool, name)?;
    let volume = StorageVol::create_xml(&pool, &render_volume(name.file(), size, format), 0)
        .map_err(|error| errors::volume(name.as_str(), "creation").error(error))?;
    read(name.pool(), &volume)
}

/// libvirt answers with an error about the file for one, and with one about the volume for another.
fn must_be_free(pool: &StoragePool, name: &VolumeName) -> Result<(), VirtError> {
    match lookup(pool, name.as_str()) {
        Ok(_) => Err(VirtError::Exists {
            kind: rules::VOLUME,
            name: name.to_string(),
        }),
        Err(VirtError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes it without asking who uses it.
pub(crate) fn remove(connection: &Connect, name: &str) -> Result<(), VirtError> {
    let volume = lookup(&pool(connection, VolumeName::split(name).0)?, name)?;
    volume
        .delete(0)
        .map_err(|error| errors::volume(name, "deletion").error(error))
}

pub(crate) fn delete(connection: &Connect, name: &VolumeName) -> Result<(), VirtError> {
    let pool = pool(connection, name.pool())?;
    let volume = lookup(&pool, name.as_str())?;
    must_be_unused(connection, name)?;
    volume
        .delete(0)
        .map_err(|error| errors::volume(name.as_str(), "deletion").error(error))
}

/// # Errors
/// [`VirtError::Conflict`] names the machine that has it.
pub(crate) fn must_be_unused(connection: &Connect, name: &VolumeName) -> Result<(), VirtError> {
    let path = format!("{}/{}", pool_path(&pool(connection, name.pool())?)?, name.file());
    match machines::others(connection, "")?
        .iter()
        .find(|machine| machine.uses(&path, name.as_str()))
    {
        Some(user) => Err(rules::volume_in_use(name.as_str(), &user.name)),
        None => Ok(()),
    }
}

/// Fills a volume under a name that the node hides, then gives the file its real name: neither a broken upload nor a
/// daemon that is killed leaves half an image where somebody takes it for a whole one. libvirt cannot rename a volume,
/// so the file gets a second link, which also fails, and does not overwrite, when the name was taken meanwhile.
pub(crate) fn upload(
    connection: &Connect,
    name: &VolumeName,
    size: ByteSize,
    chunks: &mut dyn Iterator<Item = UploadChunk>,
) -> Result<Volume, VirtError> {
    rules::check_size(size)?;
    let pool = pool(connection, name.pool())?;
    must_be_free(&pool, name)?;
    let about_pool = |operation| errors::pool(name.pool(), operation);
    let info = pool.get_info().map_err(|error| about_pool("look-up").error(error))?;
    rules::check_room(name.pool(), size, ByteSize(info.available))?;
    let path = pool_path(&pool)?;
    let live = partial::Live::begin(name)?;
    let partial = live.file();
    let about = errors::volume(name.as_str(), "upload");
    // What a daemon that was killed may have left.
    if let Ok(old) = StorageVol::lookup_by_name(&pool, partial) {
        old.delete(0).map_err(|error| about.error(error))?;
    }
    let volume =
        StorageVol::create_xml(&pool, &render_volume(partial, size, "raw"), 0).map_err(|error| about.error(error))?;
    let filled = fill(connection, &volume, name.as_str(), size, chunks).and_then(|()| {
        std::fs::hard_link(format!("{path}/{partial}"), format!("{path}/{}", name.file())).map_err(|error| {
            let name = name.to_string();
            match error.kind() {
                std::io::ErrorKind::AlreadyExists => VirtError::Exists {
                    kind: rules::VOLUME,
                    name,
                },
                _ => VirtError::Failed {
                    operation: format!("naming of volume {name}"),
                    problem: error.to_string(),
                },
            }
        })
    });
    let removed = volume.delete(0).map_err(|error| about.error(error));
    filled?;
    removed?;
    // Now libvirt sees the file, and looks into it for its format.
    pool.refresh(0).map_err(|error| about_pool("refresh").error(error))?;
    read(name.pool(), &lookup(&pool, name.as_str())?)
}

fn fill(
    connection: &Connect,
    volume: &StorageVol,
    name: &str,
    size: ByteSize,
    chunks: &mut dyn Iterator<Item = UploadChunk>,
) -> Result<(), VirtError> {
    let about = errors::volume(name, "upload");
    let stream = Stream::new(connection, 0).map_err(|error| about.error(error))?;
    volume
        .upload(&stream, 0, size.bytes(), 0)
        .map_err(|error| about.error(error))?;
    let sent = send_all(&stream, name, size, chunks);
    match sent {
        // The daemon writes behind our back: only this says that it could.
        Ok(()) => stream.finish().map_err(|error| about.error(error)),
        Err(error) => {
            // The first error is the one to tell.
            let _ = stream.abort();
            Err(error)
        }
    }
}

fn send_all(
    stream: &Stream,
    name: &str,
    size: ByteSize,
    chunks: &mut dyn Iterator<Item = UploadChunk>,
) -> Result<(), VirtError> {
    let mut received = 0_u64;
    for chunk in chunks {
        let chunk = chunk.map_err(|problem| rules::broken_upload(name, &problem))?;
        received = received.saturating_add(chunk.len() as u64);
        if received > size.bytes() {
            break;
        }
        let mut rest = chunk.as_slice();
        while !rest.is_empty() {
            let sent = stream
                .send(rest)
                .map_err(|error| errors::volume(name, "upload").error(error))?;
            rest = rest.get(sent..).unwrap_or_default();
        }
    }
    if received == size.bytes() {
        Ok(())
    } else {
        Err(rules::wrong_length(name, size.bytes(), received))
    }
}
