//! The way to where a dump goes: a folder of this node, one that a server exports by NFS, or one behind SSH.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use corbel_disk::{MountError, MountFlags, mount};
use corbel_plan::dump::Place;
use corbel_plan::settle::{DUMP_HOSTS_FILE, DUMP_KEY_FILE};
use corbel_sys::{Cancel, Program, ProgramError};
use rustix::mount::UnmountFlags;

use super::{CrashError, kept};

const NFS_PORT: u16 = 2049;
/// The newest first; a server that does not know one says so.
const NFS_VERSIONS: [&str; 3] = ["4.2", "4.1", "4.0"];
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const SSH_LIMIT: Duration = Duration::from_secs(20);
/// statfs(2)
const TMPFS_MAGIC: i64 = 0x0102_1994;
const MOUNT: &str = "/run/corbel/dump-place";
const CORE_LIMIT: Duration = Duration::from_secs(1500);

/// An open way.
#[derive(Debug)]
pub(super) enum Way {
    Folder {
        folder: PathBuf,
        place: String,
        /// Unmounted with it.
        _mount: Option<Mounted>,
    },
    Ssh(Ssh),
}

#[derive(Debug)]
pub(super) struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        // What was written is on the server: close(2) and fsync(2) of NFS say so.
        let _ = rustix::mount::unmount(&self.0, UnmountFlags::DETACH);
        let _ = fs::remove_dir(&self.0);
    }
}

#[derive(Debug)]
pub(super) struct Ssh {
    user: String,
    server: String,
    path: String,
    port: u16,
    place: String,
}

/// Opens the way.
pub(super) fn open(place: &Place) -> Result<Way, CrashError> {
    match place {
        Place::Local => local(),
        Place::Nfs { server, path } => nfs(server, path, place.to_string()),
        Place::Ssh {
            user,
            server,
            path,
            port,
        } => Ok(Way::Ssh(Ssh {
            user: user.clone(),
            server: server.clone(),
            path: path.clone(),
            port: *port,
            place: place.to_string(),
        })),
    }
}

fn local() -> Result<Way, CrashError> {
    let folder = Path::new(kept::FOLDER);
    let data = folder.parent().unwrap_or(folder);
    // Without its partition it is memory, in which nothing stays.
    let is_memory = rustix::fs::statfs(data).map_or(true, |stat| stat.f_type == TMPFS_MAGIC);
    if is_memory {
        return Err(CrashError::NoData);
    }
    Ok(Way::Folder {
        folder: folder.to_owned(),
        place: "this node".to_owned(),
        _mount: None,
    })
}

/// Where the server answers. A mount of one that does not would hang for minutes.
fn reach(server: &str, port: u16, place: &str) -> Result<SocketAddr, CrashError> {
    let unreachable = |source| CrashError::Unreachable {
        place: place.to_owned(),
        source,
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{server} has no address"));
    for address in (server, port).to_socket_addrs().map_err(unreachable)? {
        match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
            Ok(_) => return Ok(address),
            Err(error) => last = error,
        }
    }
    Err(unreachable(last))
}

fn nfs(server: &str, path: &str, place: String) -> Result<Way, CrashError> {
    let address = reach(server, NFS_PORT, &place)?.ip();
    let target = PathBuf::from(format!("{MOUNT}-{}", std::process::id()));
    let write = |source| CrashError::Write {
        place: target.display().to_string(),
        source,
    };
    fs::create_dir_all(&target).map_err(write)?;
    let host = match address.is_ipv6() {
        true => format!("[{address}]"),
        false => address.to_string(),
    };
    let protocol = if address.is_ipv6() { "tcp6" } else { "tcp" };
    let mut refused: Option<MountError> = None;
    for version in NFS_VERSIONS {
        // nfs(5); the kernel wants the address, as it knows no names. Soft: an error after a minute is better than a wait without an end.
        let options = format!("vers={version},addr={address},proto={protocol},soft,timeo=100,retrans=5");
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        match mount(&format!("{host}:{path}"), "nfs4", &target, flags, &options) {
            Ok(()) => {
                return Ok(Way::Folder {
                    folder: target.clone(),
                    place,
                    _mount: Some(Mounted(target)),
                });
            }
            Err(error) => {
                let other_version =
                    error.source.raw_os_error() == Some(rustix::io::Errno::PROTONOSUPPORT.raw_os_error());
                refused = Some(error);
                if !other_version {
                    break;
                }
            }
        }
    }
    let _ = fs::remove_dir(&target);
    match refused {
        Some(source) => Err(CrashError::Mount { place, source }),
        None => Err(CrashError::NoData),
    }
}

impl Way {
    /// Writes a small file and removes it.
    pub(super) fn test(&self) -> Result<(), CrashError> {
        let name = format!(".corbel-test-{}", std::process::id());
        match self {
            Self::Folder { folder, place, .. } => {
                let failed = |source| CrashError::Write {
                    place: place.clone(),
                    source,
                };
                fs::create_dir_all(folder).map_err(failed)?;
                let path = folder.join(name);
                let written = File::create(&path).and_then(|mut file| {
                    file.write_all(b"corbel\n")?;
                    file.sync_all()
                });
                let removed = fs::remove_file(&path);
                written.and(removed).map_err(failed)
            }
            Self::Ssh(ssh) => {
                let file = format!("{}/{name}", ssh.path);
                ssh.run(&format!("mkdir -p {} && echo corbel > {file} && rm {file}", ssh.path))
            }
        }
    }

    /// Makes the folder of a dump and puts the last messages of the kernel there.
    pub(super) fn put_messages(&self, name: &str, messages: &Path) -> Result<(), CrashError> {
        match self {
            Self::Folder { folder, place, .. } => {
                let failed = |source| CrashError::Write {
                    place: place.clone(),
                    source,
                };
                let folder = folder.join(name);
                fs::create_dir_all(&folder).map_err(failed)?;
                fs::copy(messages, folder.join(kept::MESSAGES)).map_err(failed)?;
                Ok(())
            }
            Self::Ssh(ssh) => {
                let folder = format!("{}/{name}", ssh.path);
                let command = format!("mkdir -p {folder} && cat > {folder}/{}", kept::MESSAGES);
                let program = ssh.program(&command, SSH_LIMIT).stdin_file(messages);
                ssh.outcome(program.run(&Cancel::new()))
            }
        }
    }

    /// Saves the memory. Gives how many bytes that took, where it is known.
    pub(super) fn put_core(&self, name: &str) -> Result<u64, CrashError> {
        match self {
            Self::Folder { folder, place, .. } => {
                let path = folder.join(name).join(kept::CORE);
                let saved = makedumpfile().arg(&path).deadline(CORE_LIMIT).run(&Cancel::new());
                if let Err(source) = saved {
                    // A part of it is of no use, and takes the room of those that are.
                    let _ = fs::remove_file(&path);
                    let place = place.clone();
                    return Err(CrashError::Core { place, source });
                }
                Ok(kept::size(&folder.join(name)))
            }
            Self::Ssh(ssh) => ssh.put_core(name).map(|()| 0),
        }
    }
}

/// Compressed, and without pages that are zero, cached, of programs or free (makedumpfile(8), -d).
fn makedumpfile() -> Program {
    Program::new("makedumpfile").args(["-c", "-d", "31", "/proc/vmcore"])
}

impl Ssh {
    fn program(&self, command: &str, limit: Duration) -> Program {
        let option = |name: &str, value: &str| ["-o".to_owned(), format!("{name}={value}")];
        let options = [
            option("BatchMode", "yes"),
            option("StrictHostKeyChecking", "yes"),
            option("UserKnownHostsFile", DUMP_HOSTS_FILE),
            option("GlobalKnownHostsFile", "/dev/null"),
            option("IdentitiesOnly", "yes"),
            option("ConnectTimeout", "10"),
            option("ServerAliveInterval", "15"),
        ];
        Program::new("ssh")
            .args(["-F", "/dev/null", "-i", DUMP_KEY_FILE, "-p", &self.port.to_string()])
            .args(options.concat())
            .args([&format!("{}@{}", self.user, self.server), "--", command])
            .deadline(limit)
    }

    fn run(&self, command: &str) -> Result<(), CrashError> {
        self.outcome(self.program(command, SSH_LIMIT).run(&Cancel::new()))
    }

    /// What ssh said last is why.
    fn outcome<T>(&self, ended: Result<T, ProgramError>) -> Result<(), CrashError> {
        ended.map(|_| ()).map_err(|error| CrashError::Ssh {
            place: self.place.clone(),
            problem: match &error {
                ProgramError::Failed { tail, .. } => {
                    let last = tail.lines().rev().find(|line| !line.trim().is_empty());
                    last.unwrap_or("ssh does not say why").trim().to_owned()
                }
                other => other.to_string(),
            },
        })
    }

    /// In makedumpfile's form for pipes: `makedumpfile -R vmcore < vmcore.flat` makes the usual one of it.
    fn put_core(&self, name: &str) -> Result<(), CrashError> {
        let failed = |source| CrashError::Write {
            place: self.place.clone(),
            source,
        };
        let (reader, writer) = io::pipe().map_err(failed)?;
        let command = format!(
            "cat > {0}/{name}/vmcore.part && mv {0}/{name}/vmcore.part {0}/{name}/vmcore.flat",
            self.path
        );
        let saving = makedumpfile().arg("-F").deadline(CORE_LIMIT).stdout_pipe(writer);
        // Both ends of the pipe must be closed here when their program is over, or the other one waits for ever.
        let saving = thread::spawn(move || saving.run(&Cancel::new()).map(|_| ()));
        let sent = {
            let ssh = self.program(&command, CORE_LIMIT).stdin_pipe(reader);
            ssh.run(&Cancel::new())
        };
        let saved = saving.join().unwrap_or(Ok(()));
        self.outcome(sent)?;
        saved.map_err(|source| CrashError::Core {
            place: self.place.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_tried_and_left_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let way = Way::Folder {
            folder: folder.path().join("dumps"),
            place: "this node".to_owned(),
            _mount: None,
        };
        way.test().expect("it can be written to");
        assert_eq!(fs::read_dir(folder.path().join("dumps")).expect("there").count(), 0);
        let nowhere = Way::Folder {
            folder: "/proc/corbel".into(),
            place: "this node".to_owned(),
            _mount: None,
        };
        let error = nowhere.test().expect_err("it cannot").to_string();
        assert_eq!(error, "nothing can be written to this node");
    }

    #[test]
    fn a_server_that_is_away_is_told_in_one_sentence() {
        // Nobody listens on the port of NFS of this address of the loopback.
        let error = open(&Place::Nfs {
            server: "127.77.0.1".to_owned(),
            path: "/srv".to_owned(),
        })
        .expect_err("nobody is there");
        assert_eq!(error.to_string(), "127.77.0.1:/srv cannot be reached");
    }
}
