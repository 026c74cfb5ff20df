//! What becomes of the memory of a kernel that crashed.

use super::{Text, exact};
use crate::kernel_dump::{KernelDump, Target};

pub(super) fn kernel_dump(text: &mut Text, dump: &KernelDump) {
    if *dump == KernelDump::default() {
        return;
    }
    let KernelDump {
        target,
        memory,
        keep,
        max_size,
    } = dump;
    text.head("[kernel_dump]");
    text.put("target", target.kind().as_str());
    match target {
        Target::Off | Target::Local => {}
        Target::Nfs(place) => text.put("location", place.to_string()),
        Target::Ssh {
            place,
            port,
            host_key,
            key,
        } => {
            text.put("location", place.to_string());
            text.maybe("port", port.map(i64::from));
            text.put("host_key", host_key.as_str());
            text.maybe("ssh_key", key.as_ref().map(|key| key.expose().to_owned()));
        }
    }
    text.maybe("memory", memory.map(exact));
    text.maybe("keep", keep.map(i64::from));
    text.maybe("max_size", max_size.map(exact));
}
