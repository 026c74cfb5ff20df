//! A running QEMU as a value: when it is dropped, the process is gone, and should our own process die first, the kernel
//! ends QEMU for us.

use std::{
    fs::File,
    io::{self, Write as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::{
    Accel, accel,
    qmp::Qmp,
    serial::Serial,
    spec::{self, Firmware, MachineSpec, Medium, Place},
    wait::until,
};

/// How long QEMU may take until it listens at its control socket.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Another program may take a port between our look and QEMU's start.
const TRIES: usize = 3;

/// A machine that runs, or ran.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    place: Place,
    serial: Serial,
    started: Instant,
}

impl Machine {
    /// Starts the machine with its files in `folder`.
    ///
    /// # Errors
    /// When a file cannot be made, QEMU is missing, or it does not start; then with what it said.
    pub async fn start(spec: &MachineSpec, folder: &Path, accel: Accel) -> anyhow::Result<Self> {
        for _ in 1..TRIES {
            match Self::try_start(spec, folder, accel).await {
                Err(error) if format!("{error:#}").contains("host forwarding rule") => {}
                other => return other,
            }
        }
        Self::try_start(spec, folder, accel).await
    }

    async fn try_start(spec: &MachineSpec, folder: &Path, accel: Accel) -> anyhow::Result<Self> {
        let [api_port, ssh_port] = free_ports()?;
        let place = Place {
            folder: folder.to_path_buf(),
            api_port,
            ssh_port,
        };
        prepare(spec, &place)?;
        let talk = folder.join("qemu.log");
        let log = File::create(&talk).with_context(|| format!("cannot make {}", talk.display()))?;
        // setpriv asks the kernel to kill QEMU when we die, however we die; then it becomes QEMU, with the same process id.
        #[allow(clippy::disallowed_methods)] // e2e may not use the host room
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(accel::qemu())
            .args(spec::arguments(spec, &place, accel))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start QEMU")?;
        let serial = Serial::new(place.serial_log(), place.serial_socket());
        let mut machine = Self {
            child,
            place,
            serial,
            started: Instant::now(),
        };
        let answered = until("QEMU to answer", START_LIMIT, async || {
            if let Some(status) = machine.ended()? {
                let said = std::fs::read_to_string(&talk).unwrap_or_default();
                bail!("QEMU ended at once with {status}: {}", said.trim());
            }
            Ok(machine.qmp().ok())
        });
        answered.await?;
        Ok(machine)
    }

    /// Its control socket.
    ///
    /// # Errors
    /// When QEMU does not answer.
    pub fn qmp(&self) -> anyhow::Result<Qmp> {
        Qmp::connect(&self.place.qmp_socket())
    }

    /// Its first serial port.
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// Its files and ports.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// When QEMU was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// QEMU's exit status when it has ended: a machine that resets ends.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits until the serial port has printed this, in order.
    ///
    /// # Errors
    /// When it did not within `limit`, or the machine ended before; with the last lines and where the log is.
    pub async fn wait_for_serial(&mut self, text: &str, limit: Duration) -> anyhow::Result<()> {
        let what = format!("the serial port to print {text:?}");
        let printed = until(&what, limit, async || {
            if self.serial.text().contains(text) {
                return Ok(Some(()));
            }
            self.still_running()?;
            Ok(None)
        });
        let printed = printed.await;
        printed.with_context(|| self.evidence())
    }

    /// An error when QEMU has ended.
    ///
    /// # Errors
    /// See above.
    pub fn still_running(&mut self) -> anyhow::Result<()> {
        match self.ended()? {
            Some(status) => bail!("the machine ended ({status})"),
            None => Ok(()),
        }
    }

    /// For messages: the last lines of the serial port and where everything is.
    pub fn evidence(&self) -> String {
        format!(
            "logs are in {}; the serial port ended with\n{}\n",
            self.place.folder.display(),
            self.serial.tail()
        )
    }

    /// Ends QEMU and waits until it is gone.
    pub fn stop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.stop();
        // Big and of no use afterwards.
        let _ = std::fs::remove_file(self.place.initrd());
    }
}

/// Makes the files that the command line names.
fn prepare(spec: &MachineSpec, place: &Place) -> anyhow::Result<()> {
    let variables = spec.variables(place);
    if spec.firmware == Firmware::Uefi && !(spec.variables.is_some() && variables.exists()) {
        let copied = std::fs::copy(spec::OVMF_VARIABLES, &variables);
        copied.with_context(|| format!("cannot copy {} (Debian's package ovmf has it)", spec::OVMF_VARIABLES))?;
    }
    if let Medium::Network(netboot) = &spec.medium {
        let mut joined = File::create(place.initrd())?;
        for initrd in &netboot.initrds {
            let mut part = File::open(initrd).with_context(|| format!("cannot open {}", initrd.display()))?;
            let length = io::copy(&mut part, &mut joined)?;
            // Boot loaders lay each file at such a boundary, and the kernel counts on it.
            joined.write_all(&[0; 4][..usize::try_from(length.wrapping_neg() % 4)?])?;
        }
    }
    Ok(())
}

/// Two ports of 127.0.0.1 that nobody listens at.
pub(crate) fn free_ports() -> anyhow::Result<[u16; 2]> {
    // Both are held until both are known, so that they differ.
    let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    Ok([listeners[0].local_addr()?.port(), listeners[1].local_addr()?.port()])
}
