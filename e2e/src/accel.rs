//! How QEMU runs the node's processor. That `/dev/kvm` opens proves nothing: on some hosts no ordinary kernel runs under it.
//! So the image's own kernel is started, and KVM is used only when it speaks within seconds.

use std::{
    ffi::OsString,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::{Image, talk};

/// An ordinary kernel prints its first line in well under a second where KVM works.
const PROOF_LIMIT: Duration = Duration::from_secs(5);
/// The first line of every kernel.
const FIRST_WORDS: &str = "Linux version";

/// KVM or emulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accel {
    Kvm,
    /// Emulation, which includes AMD's virtualization: KVM works inside the node.
    Tcg,
}

impl Accel {
    /// `kvm` and `tcg` as they are, `auto` by trying. `logs` gets what the trial printed.
    ///
    /// # Errors
    /// When the choice is none of these, or KVM was asked for and cannot carry a node.
    pub fn choose(choice: &str, image: &Image, logs: &Path) -> anyhow::Result<Self> {
        let refusal = match choice {
            "tcg" => return Ok(Self::Tcg),
            "kvm" | "auto" => match image.netboot() {
                Ok(netboot) => refusal(&netboot.kernel, logs)?,
                Err(error) => Some(format!("there is no kernel to try it with: {error}")),
            },
            _ => bail!("no such acceleration: {choice}; there are auto, kvm and tcg"),
        };
        match refusal {
            None => Ok(Self::Kvm),
            Some(reason) if choice == "kvm" => bail!("KVM cannot be used here: {reason}"),
            Some(reason) => {
                talk::talk(&format!("emulating the processor, which is slow: {reason}"));
                Ok(Self::Tcg)
            }
        }
    }

    /// QEMU's options.
    pub fn arguments(self) -> &'static str {
        match self {
            Self::Kvm => "-accel kvm -cpu host",
            Self::Tcg => "-accel tcg,thread=multi -cpu max",
        }
    }

    /// How many times longer than on a bare machine things may take.
    pub fn patience(self) -> u32 {
        match self {
            Self::Kvm => 1,
            Self::Tcg => 4,
        }
    }
}

/// Why KVM cannot carry a node, or `None` when it can.
fn refusal(kernel: &Path, logs: &Path) -> anyhow::Result<Option<String>> {
    if let Err(error) = std::fs::File::options().read(true).write(true).open("/dev/kvm") {
        return Ok(Some(format!("/dev/kvm does not open: {error}")));
    }
    let nested = ["kvm_intel", "kvm_amd"].iter().any(|module| {
        let parameter = format!("/sys/module/{module}/parameters/nested");
        std::fs::read_to_string(parameter).is_ok_and(|value| matches!(value.trim(), "Y" | "1"))
    });
    if !nested {
        return Ok(Some(
            "the host's KVM does not nest, so the node would have none for its VMs".to_owned(),
        ));
    }
    if kernel_speaks(kernel, logs)? {
        return Ok(None);
    }
    Ok(Some(format!(
        "/dev/kvm opens, but a kernel under it prints nothing in {} s",
        PROOF_LIMIT.as_secs()
    )))
}

/// The QEMU to start: what `CORBEL_QEMU` names (`cargo xtask` sets it), else the host's.
pub(crate) fn qemu() -> OsString {
    std::env::var_os("CORBEL_QEMU").unwrap_or_else(|| "qemu-system-x86_64".into())
}

/// Starts the kernel under KVM until it speaks or the time is over.
fn kernel_speaks(kernel: &Path, logs: &Path) -> anyhow::Result<bool> {
    let log = logs.join("kvm-trial.log");
    #[allow(clippy::disallowed_methods)] // e2e may not use the host room
    let mut child = Command::new(qemu())
        .args(
            "-nodefaults -no-user-config -no-reboot -display none -machine q35 -accel kvm -cpu host -m 256".split(' '),
        )
        .args(["-append", "console=ttyS0 earlyprintk=serial,ttyS0 panic=-1", "-kernel"])
        .arg(kernel)
        .arg("-serial")
        .arg(format!("file:{}", log.display()))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start QEMU")?;
    let start = Instant::now();
    let spoke = loop {
        if std::fs::read(&log).is_ok_and(|text| String::from_utf8_lossy(&text).contains(FIRST_WORDS)) {
            break true;
        }
        if start.elapsed() > PROOF_LIMIT || child.try_wait()?.is_some() {
            break false;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    end(&mut child)?;
    Ok(spoke)
}

fn end(child: &mut Child) -> anyhow::Result<()> {
    // It may have ended by itself, which is as good.
    let _ = child.kill();
    child.wait()?;
    Ok(())
}
