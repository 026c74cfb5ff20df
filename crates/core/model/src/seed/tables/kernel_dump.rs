//! The table of what becomes of the memory of a kernel that crashed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::{SshKey, Text};
use crate::ByteSize;
use crate::kernel_dump::{KernelDump, NfsPlace, PrivateKey, SshPlace, Target, TargetKind};
use crate::server::parse_port;

/// Made by `try_from`, so that what does not fit together is refused at its place.
#[derive(Deserialize, Default)]
#[serde(try_from = "KernelDumpTable")]
pub(in crate::seed) struct Dump(pub(super) KernelDump);

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::seed) struct KernelDumpTable {
    /// Where the memory of a kernel that crashed is saved to: `off`, `local` (the data partition of this node), `nfs` or `ssh`. Left out, `off`: nothing is saved, and no memory is set aside.
    #[schemars(extend("examples" = ["local"]))]
    target: Option<Text<TargetKind>>,
    /// The folder on the server: `server:/path` with `nfs`, which is NFS version 4, and `user@server:/path` with `ssh`. A name below it is made for each dump.
    #[schemars(extend("examples" = ["corbel@dumps.example.org:/srv/dumps"]))]
    location: Option<String>,
    /// With `ssh`: the port of the server. Left out, 22.
    #[serde(deserialize_with = "port")]
    #[schemars(with = "Option<u16>", range(min = 1), extend("examples" = [22]))]
    port: Option<u16>,
    /// With `ssh`: the server's public host key, as a line of its `/etc/ssh/ssh_host_*_key.pub`. A server with another one gets nothing.
    #[schemars(extend("examples" = ["ssh-ed25519 AAAA…"]))]
    host_key: Option<Text<SshKey>>,
    /// With `ssh`: the private key of OpenSSH, without a passphrase, that the server lets in. An installed node keeps it apart, in a file that only root can read, and never shows it; left out, the one that is set stays.
    #[schemars(extend("writeOnly" = true))]
    ssh_key: Option<Text<PrivateKey>>,
    /// The memory for the kernel that saves the dump, 128 MiB or more; at most what the node sets aside at its start. Left out, all of that: 192 MiB to 512 MiB, by the memory of the machine.
    #[serde(deserialize_with = "memory")]
    #[schemars(with = "Option<String>", extend("examples" = ["256 MiB"]))]
    memory: Option<ByteSize>,
    /// How many dumps stay on the node, the newest ones, 1 to 50. Left out, 3.
    #[serde(deserialize_with = "keep")]
    #[schemars(with = "Option<u8>", range(min = 1, max = 50), extend("examples" = [3]))]
    keep: Option<u8>,
    /// How much the dumps on the node may take together, 100 MiB or more. Left out, 20 GiB. The newest one stays in any case.
    #[serde(deserialize_with = "max_size")]
    #[schemars(with = "Option<String>", extend("examples" = ["20 GiB"]))]
    max_size: Option<ByteSize>,
}

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let number = i64::deserialize(deserializer)?;
    parse_port(&number.to_string()).map(Some).map_err(D::Error::custom)
}

fn keep<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let fits = u8::try_from(number).ok().filter(|number| (1..=50).contains(number));
    fits.map(Some)
        .ok_or_else(|| D::Error::custom(format!("{number} is out of range: give 1 to 50")))
}

fn at_least<'de, D: Deserializer<'de>>(deserializer: D, least: ByteSize) -> Result<Option<ByteSize>, D::Error> {
    let size = Text::<ByteSize>::deserialize(deserializer)?.0;
    match size >= least {
        true => Ok(Some(size)),
        false => Err(D::Error::custom(format!("{size} is too little: give {least} or more"))),
    }
}

fn memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ByteSize>, D::Error> {
    at_least(deserializer, ByteSize::mib(128))
}

fn max_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ByteSize>, D::Error> {
    at_least(deserializer, ByteSize::mib(100))
}

impl TryFrom<KernelDumpTable> for Dump {
    type Error = String;
    fn try_from(table: KernelDumpTable) -> Result<Self, String> {
        let kind = table.target.map_or(TargetKind::Off, |target| target.0);
        // A place and a key may wait for the day on which the target is switched on again.
        let location = |needed: &str| {
            table
                .location
                .as_deref()
                .ok_or(format!("target = \"{}\" needs {needed}", kind.as_str()))
        };
        let target = match kind {
            TargetKind::Off => Target::Off,
            TargetKind::Local => Target::Local,
            TargetKind::Nfs => {
                let place = location("location, as server:/path")?;
                Target::Nfs(place.parse::<NfsPlace>().map_err(|error| error.to_string())?)
            }
            TargetKind::Ssh => {
                let place = location("location, as user@server:/path")?;
                let host_key = table
                    .host_key
                    .ok_or("target = \"ssh\" needs host_key, by which the server is known")?;
                Target::Ssh {
                    place: place.parse::<SshPlace>().map_err(|error| error.to_string())?,
                    port: table.port,
                    host_key: host_key.0,
                    key: table.ssh_key.map(|key| key.0),
                }
            }
        };
        Ok(Self(KernelDump {
            target,
            memory: table.memory,
            keep: table.keep,
            max_size: table.max_size,
        }))
    }
}
