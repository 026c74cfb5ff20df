//! Support bundles on the real machine: its files and programs, its secrets, and the disk, folder or server that a bundle goes to.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use corbel_agent::bundle::{KEPT, Origin, PART_LIMIT, end_of, is_file_name};
use corbel_agent::security::{Facts, parse_efi_flag, parse_lockdown};
use corbel_agent::{Bundle, Destination, Piece, Removable, SystemError};
use corbel_disk::{MountFlags, mount, unmount};
use corbel_fetch::{FetchError, send};
use corbel_layout::signature::Signature;
use corbel_model::ByteSize;
use corbel_model::seed::take_secrets;
use corbel_plan::install::Disk;
use corbel_plan::settle::{SEED_FILE, WORDS_FILE};
use corbel_progress::{Event, Outcome, Sink, Unit};
use corbel_settle::store::ConfigStore;
use corbel_sys::{Cancel, Program, chain, read_limited, write_atomic};

use super::{LIMIT, disks, failed, refused};

const FOLDER: &str = "/data/support";
/// Left over for everything else that writes to `/data`.
const RESERVE: u64 = 64 << 20;
/// Where a removable disk is mounted while a bundle is written to it.
const MOUNT: &str = "/run/corbel/support";
/// For one program.
const DEADLINE: Duration = Duration::from_secs(30);
/// For a server to take a bundle.
const SEND: Duration = Duration::from_secs(600);
/// File systems that the kernel of the image writes, by the names of mount(8).
const FILE_SYSTEMS: [&str; 2] = ["vfat", "ext4"];
const STEP: &str = "deliver";
/// The folder of efivarfs, and the vendor of the variables of the specification (UEFI 2.10, section 3.3).
const VARIABLES: &str = "/sys/firmware/efi/efivars";
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// The end of a file, however long it is: logs grow while they are read, and files of `/proc` have no length.
fn tail(path: &Path, limit: u64) -> Result<(Vec<u8>, bool), SystemError> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let reading = |error: std::io::Error| failed(&format!("reading {}", path.display()), &error);
    let mut file = std::fs::File::open(path).map_err(reading)?;
    let meta = file.metadata().map_err(reading)?;
    if !meta.is_file() {
        return Err(refused(format!("{} is no file", path.display())));
    }
    let skipped = meta.len().saturating_sub(limit + 1);
    file.seek(SeekFrom::Start(skipped)).map_err(reading)?;
    let mut bytes = Vec::new();
    file.take(2 * limit).read_to_end(&mut bytes).map_err(reading)?;
    let (end, shortened) = end_of(&bytes, limit);
    Ok((end.to_vec(), shortened || skipped > 0))
}

fn piece(name: String, (bytes, shortened): (Vec<u8>, bool)) -> Piece {
    Piece { name, bytes, shortened }
}

pub(super) fn part(origin: Origin, limit: u64, cancel: &Cancel) -> Result<Vec<Piece>, SystemError> {
    match origin {
        Origin::File(path) => Ok(vec![piece(String::new(), tail(Path::new(path), limit)?)]),
        Origin::Folder(path, ending) => {
            let entries = std::fs::read_dir(path).map_err(|error| failed(&format!("reading {path}"), &error))?;
            let mut names: Vec<String> = entries
                .flatten()
                .filter_map(|entry| entry.file_name().into_string().ok())
                .filter(|name| name.ends_with(ending))
                .collect();
            names.sort();
            // One that went away between the listing and the look is no error.
            let read = names.into_iter().filter_map(|name| {
                let read = tail(&Path::new(path).join(&name), limit).ok()?;
                Some(piece(name, read))
            });
            Ok(read.collect())
        }
        Origin::Program([name, args @ ..]) => {
            let run = Program::new(name).args(args).deadline(DEADLINE).run(cancel);
            let output = run.map_err(|error| match cancel.is_cancelled() {
                true => SystemError::Cancelled,
                false => failed(&format!("running {name}"), &error),
            })?;
            let (end, shortened) = end_of(&output.stdout, limit);
            Ok(vec![piece(String::new(), (end.to_vec(), shortened))])
        }
        Origin::Program([]) => Ok(vec![]),
    }
}

/// Of the configuration, of this boot's document and words, and of every account. A file that cannot be read has none that could be named.
pub(super) fn secrets() -> Vec<String> {
    let text =
        |path: &str| String::from_utf8_lossy(&read_limited(Path::new(path), LIMIT).unwrap_or_default()).into_owned();
    let mut found = Vec::new();
    let mut add = |secrets: corbel_model::secret::Secrets| {
        found.extend(secrets.admin_password.map(|hash| hash.expose().to_owned()));
        found.extend(secrets.collectd_password.map(|password| password.expose().to_owned()));
        found.extend(
            secrets
                .iscsi_passwords
                .into_values()
                .map(|password| password.expose().to_owned()),
        );
        found.extend(secrets.dump_key.map(|key| key.expose().to_owned()));
        found.extend(secrets.tls_key.map(|key| key.expose().to_owned()));
    };
    if let Ok(Some(current)) = ConfigStore::new("/config").current() {
        add(current.secrets);
    }
    for path in [SEED_FILE, "/run/corbel/seed.toml"] {
        if let Ok((_, secrets)) = take_secrets(&text(path)) {
            add(secrets);
        }
    }
    let shadow = text("/etc/shadow");
    let hashes = shadow.lines().filter_map(|line| line.split(':').nth(1));
    found.extend(hashes.filter(|hash| hash.len() > 12).map(str::to_owned));
    let words = text(WORDS_FILE) + " " + &text("/proc/cmdline");
    let values = words.split_whitespace().filter_map(|word| {
        let (key, value) = word.split_once('=')?;
        matches!(key, "adminpw" | "rootpw").then(|| value.trim_matches('"').to_owned())
    });
    found.extend(values);
    // Tokens are kept as their SHA-256, which the file of the API's clients has in quotes.
    let access = text("/etc/corbel/access.toml");
    let is_hash = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    found.extend(access.split('"').filter(is_hash).map(str::to_owned));
    found
}

/// File systems of removable disks that nobody uses.
pub(super) fn removables() -> Result<Vec<Removable>, SystemError> {
    let observed = disks::observe()?;
    let mut found = Vec::new();
    for disk in &observed.disks {
        let usb = disk.removable || disk.bus.is_some_and(|bus| bus.name() == "usb");
        let medium = observed.medium.as_deref() == Some(disk.name.as_str());
        let used = !disk.mounts.is_empty() || !disk.holders.is_empty() || disk.installed.is_some();
        if usb && !medium && !used && !disk.read_only && disk.failing.is_none() {
            found.extend(file_systems(disk));
        }
    }
    found.sort_by(|a, b| a.device.cmp(&b.device));
    Ok(found)
}

fn file_systems(disk: &Disk) -> Vec<Removable> {
    let size = |device: &str| {
        let part = disk.partitions.iter().find(|part| part.path == device);
        ByteSize(part.map_or(disk.bytes, |part| part.bytes))
    };
    let of = |(device, signature): (&str, &Signature)| match signature {
        Signature::FileSystem { name, label } if FILE_SYSTEMS.contains(name) => Some(Removable {
            device: device.to_owned(),
            file_system: (*name).to_owned(),
            label: label.clone(),
            model: disk.model.clone(),
            size: size(device),
        }),
        _ => None,
    };
    disk.contents().filter_map(of).collect()
}

fn removable(device: &str) -> Result<Removable, SystemError> {
    let found = removables()?.into_iter().find(|removable| removable.device == device);
    found.ok_or_else(|| {
        SystemError::NotFound(format!(
            "{device} does not exist as a file system (vfat or ext4) of a removable disk that nothing else uses"
        ))
    })
}

pub(super) fn check(to: &Destination) -> Result<(), SystemError> {
    match to {
        Destination::Node => {
            std::fs::create_dir_all(FOLDER).map_err(|error| failed("making /data/support", &error))?;
            room(Path::new(FOLDER), RESERVE, "/data")
        }
        Destination::Disk(device) => removable(device).map(drop),
        Destination::Url(url) => corbel_fetch::check(url).map_err(|error| refused(error.to_string())),
    }
}

/// Whether so many bytes and some more fit there.
fn room(folder: &Path, bytes: u64, what: &str) -> Result<(), SystemError> {
    let room =
        rustix::fs::statvfs(folder).map_err(|error| failed(&format!("asking for the room in {what}"), &error))?;
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    match free < bytes {
        true => Err(SystemError::NoRoom(format!(
            "the bundle does not fit: {what} has room for {}, and {} are needed",
            ByteSize(free),
            ByteSize(bytes)
        ))),
        false => Ok(()),
    }
}

pub(super) fn bundles() -> Result<Vec<Bundle>, SystemError> {
    let folder = Path::new(FOLDER);
    if !folder.exists() {
        return Ok(vec![]);
    }
    let entries = std::fs::read_dir(folder).map_err(|error| failed("reading /data/support", &error))?;
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok().filter(|name| is_file_name(name))?;
            let meta = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            let size = ByteSize(meta.len());
            Some((meta.modified().ok(), Bundle { name, size }))
        })
        .collect();
    found.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    Ok(found.into_iter().map(|(_, bundle)| bundle).collect())
}

/// A name that leads nowhere else.
fn place(name: &str) -> Result<PathBuf, SystemError> {
    let path = Path::new(FOLDER).join(name);
    match is_file_name(name) && path.is_file() {
        true => Ok(path),
        false => Err(SystemError::NotFound(format!("the bundle {name:?} does not exist"))),
    }
}

pub(super) fn read(name: &str) -> Result<Vec<u8>, SystemError> {
    let path = place(name)?;
    // As large as a bundle can be.
    read_limited(&path, 16 * PART_LIMIT).map_err(|error| failed("reading the bundle", &error))
}

pub(super) fn remove(name: &str) -> Result<(), SystemError> {
    std::fs::remove_file(place(name)?).map_err(|error| failed("removing the bundle", &error))
}

/// Mounted as long as it lives. Only [`Mounted::close`] says whether all of it has reached the disk.
struct Mounted;

impl Mounted {
    fn open(removable: &Removable) -> Result<Self, SystemError> {
        let folder = Path::new(MOUNT);
        std::fs::create_dir_all(folder).map_err(|error| failed("making /run/corbel/support", &error))?;
        let flags = MountFlags::NOEXEC | MountFlags::NOSUID | MountFlags::NODEV;
        // The masks leave exactly the mode that the file is given: FAT keeps no other (Linux, fs/fat/file.c, fat_sanitize_mode).
        // An error on somebody's stick is no reason to stop the machine, whatever the file system says of itself.
        let options = match removable.file_system.as_str() {
            "vfat" => "fmask=0177,dmask=0077,errors=remount-ro",
            _ => "errors=remount-ro",
        };
        let mounted = mount(&removable.device, &removable.file_system, folder, flags, options);
        mounted.map_err(|error| failed("mounting the disk", &error))?;
        Ok(Self)
    }

    fn close(self) -> Result<(), SystemError> {
        std::mem::forget(self);
        unmount(Path::new(MOUNT)).map_err(|error| failed("unmounting the disk", &error))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Something failed before, and that is what is told.
        let _ = unmount(Path::new(MOUNT));
    }
}

/// The step of a delivery, whose beginning and end are told.
pub(super) fn deliver(
    name: &str,
    bytes: &[u8],
    to: &Destination,
    sink: &dyn Sink,
    cancel: &Cancel,
) -> Result<String, SystemError> {
    let started = Instant::now();
    sink.event(Event::StepStarted {
        step: STEP.to_owned(),
        title: "Write the bundle".to_owned(),
    });
    if cancel.is_cancelled() {
        return Err(SystemError::Cancelled);
    }
    let length = bytes.len() as u64;
    let progress = |done| {
        sink.event(Event::StepProgress {
            step: STEP.to_owned(),
            done,
            total: Some(length),
            unit: Unit::Bytes,
        });
    };
    progress(0);
    let place = match to {
        Destination::Node => keep(name, bytes)?,
        Destination::Disk(device) => to_disk(name, bytes, device)?,
        Destination::Url(url) => to_url(bytes, url, &progress, cancel)?,
    };
    progress(length);
    sink.event(Event::StepFinished {
        step: STEP.to_owned(),
        outcome: Outcome::Done,
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    Ok(place)
}

fn keep(name: &str, bytes: &[u8]) -> Result<String, SystemError> {
    let folder = Path::new(FOLDER);
    std::fs::create_dir_all(folder).map_err(|error| failed("making /data/support", &error))?;
    room(folder, bytes.len() as u64 + RESERVE, "/data")?;
    let path = folder.join(name);
    write_atomic(&path, bytes, 0o600).map_err(|error| failed("writing the bundle", &error))?;
    // Only once the new one is there: what cannot be written costs no older one.
    let all = bundles()?;
    for bundle in all.iter().take(all.len().saturating_sub(KEPT)) {
        remove(&bundle.name)?;
    }
    Ok(format!("{FOLDER} of this node"))
}

fn to_disk(name: &str, bytes: &[u8], device: &str) -> Result<String, SystemError> {
    let removable = removable(device)?;
    let mounted = Mounted::open(&removable)?;
    let what = match &removable.label {
        Some(label) => format!("{device} ({label})"),
        None => device.to_owned(),
    };
    room(Path::new(MOUNT), bytes.len() as u64 + (1 << 16), &what)?;
    let path = Path::new(MOUNT).join(name);
    // To a temporary name, flushed, renamed.
    write_atomic(&path, bytes, 0o600).map_err(|error| failed("writing the bundle", &error))?;
    mounted.close()?;
    Ok(format!("{what}, which can be pulled out"))
}

fn to_url(bytes: &[u8], url: &str, progress: &dyn Fn(u64), cancel: &Cancel) -> Result<String, SystemError> {
    let sent = send(url, &bytes.to_vec().into(), SEND, &mut |done| progress(done), cancel);
    sent.map_err(|error| match error {
        FetchError::Cancelled => SystemError::Cancelled,
        FetchError::Url(_) => refused(error.to_string()),
        error => SystemError::Failed {
            operation: "sending the bundle".to_owned(),
            problem: chain(&error),
        },
    })?;
    // The host alone: path and query may let somebody in.
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    Ok(format!("the hands of {host}"))
}

pub(super) fn protection() -> Facts {
    let text = |path: &str| read_limited(Path::new(path), 4096).ok();
    let words = |path: &str| text(path).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    let flag = |name: &str| text(&format!("{VARIABLES}/{name}-{GLOBAL}")).and_then(|bytes| parse_efi_flag(&bytes));
    Facts {
        secure_boot: flag("SecureBoot"),
        setup_mode: flag("SetupMode"),
        tpm: words("/sys/class/tpm/tpm0/tpm_version_major").and_then(|version| version.parse().ok()),
        lockdown: words("/sys/kernel/security/lockdown").and_then(|state| parse_lockdown(&state)),
        ..Facts::default()
    }
}
