//! Volumes of the default pool.

use std::collections::BTreeMap;

use corbel_model::{ByteSize, VolumeName};
use corbel_virt::xml::{parse_pool_path, parse_volume, render_volume};
use corbel_virt::{POOL, UploadChunk, VirtError, Volume, rules};
use virt::connect::Connect;
use virt::error::ErrorNumber;
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;
use virt::stream::Stream;

use crate::{errors, machines};

/// Names that uploads have until they are whole. No [`VolumeName`] begins with a dot, so nobody else's volume is hidden
/// or removed for one.
const PARTIAL: &str = ".corbel-upload-";

pub(crate) fn pool(connection: &Connect) -> Result<StoragePool, VirtError> {
    StoragePool::lookup_by_name(connection, POOL).map_err(|error| errors::pool("look-up").error(error))
}

pub(crate) fn pool_path(pool: &StoragePool) -> Result<String, VirtError> {
    let xml = pool
        .get_xml_desc(0)
        .map_err(|error| errors::pool("definition").error(error))?;
    Ok(parse_pool_path(&xml)?.trim_end_matches('/').to_owned())
}

fn lookup(pool: &StoragePool, name: &str) -> Result<StorageVol, VirtError> {
    let about = errors::volume(name, "look-up");
    about.no_nul(name)?;
    StorageVol::lookup_by_name(pool, name).map_err(|error| about.error(error))
}

fn read(volume: &StorageVol) -> Result<Volume, VirtError> {
    let xml = volume
        .get_xml_desc(0)
        .map_err(|error| errors::volume("(listed)", "definition").error(error))?;
    let mut read = parse_volume(&xml)?;
    // A disk of a machine that runs grows, and only this looks at the file.
    if let Ok(info) = volume.get_info() {
        (read.capacity, read.allocation) = (ByteSize(info.capacity), ByteSize(info.allocation));
    }
    Ok(read)
}

pub(crate) fn list(connection: &Connect) -> Result<Vec<Volume>, VirtError> {
    let volumes = pool(connection)?
        .list_all_volumes(0)
        .map_err(|error| errors::pool("list").error(error))?;
    // One that goes while the list is read is left out.
    let mut list: Vec<_> = volumes.iter().filter_map(|volume| read(volume).ok()).collect();
    list.retain(|volume| !volume.name.starts_with(PARTIAL));
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
    let pool = pool(connection)?;
    must_be_free(&pool, name)?;
    let volume = StorageVol::create_xml(&pool, &render_volume(name.as_str(), size, format), 0)
        .map_err(|error| errors::volume(name.as_str(), "creation").error(error))?;
    read(&volume)
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
    let volume = lookup(&pool(connection)?, name)?;
    volume
        .delete(0)
        .map_err(|error| errors::volume(name, "deletion").error(error))
}

pub(crate) fn delete(connection: &Connect, name: &VolumeName) -> Result<(), VirtError> {
    let pool = pool(connection)?;
    let volume = lookup(&pool, name.as_str())?;
    must_be_unused(connection, &pool, name.as_str())?;
    volume
        .delete(0)
        .map_err(|error| errors::volume(name.as_str(), "deletion").error(error))
}

/// # Errors
/// [`VirtError::Conflict`] names the machine that has it.
pub(crate) fn must_be_unused(connection: &Connect, pool: &StoragePool, name: &str) -> Result<(), VirtError> {
    let path = format!("{}/{name}", pool_path(pool)?);
    match machines::others(connection, "")?
        .iter()
        .find(|machine| machine.uses(&path, name))
    {
        Some(user) => Err(rules::volume_in_use(name, &user.name)),
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
    let pool = pool(connection)?;
    must_be_free(&pool, name)?;
    let info = pool.get_info().map_err(|error| errors::pool("look-up").error(error))?;
    rules::check_room(size, ByteSize(info.available))?;
    let path = pool_path(&pool)?;
    let partial = format!("{PARTIAL}{name}");
    let about = errors::volume(name.as_str(), "upload");
    // What a daemon that was killed may have left.
    if let Ok(old) = lookup(&pool, &partial) {
        old.delete(0).map_err(|error| about.error(error))?;
    }
    let volume =
        StorageVol::create_xml(&pool, &render_volume(&partial, size, "raw"), 0).map_err(|error| about.error(error))?;
    let filled = fill(connection, &volume, name.as_str(), size, chunks).and_then(|()| {
        std::fs::hard_link(format!("{path}/{partial}"), format!("{path}/{name}")).map_err(|error| {
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
    pool.refresh(0).map_err(|error| errors::pool("refresh").error(error))?;
    read(&lookup(&pool, name.as_str())?)
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

/// Removes what uploads left when the daemon was killed.
pub(crate) fn remove_partial(pool: &StoragePool) -> Result<(), VirtError> {
    let failed = |error| errors::pool("cleaning").error(error);
    for volume in pool.list_all_volumes(0).map_err(failed)? {
        let name = volume.get_name().map_err(failed)?;
        if name.starts_with(PARTIAL) {
            match volume.delete(0) {
                Err(error) if error.code() != ErrorNumber::NoStorageVolume => return Err(failed(error)),
                _ => tracing::info!(name, "removed what a broken upload left"),
            }
        }
    }
    Ok(())
}
