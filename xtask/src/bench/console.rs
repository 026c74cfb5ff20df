//! What the console's list of machines costs: from a key to the redrawn page with 1,000 of them against 10, and the memory with 1,000.
//! The console runs in a terminal that script(1) provides, its node is the sim.

use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use anyhow::Context as _;

use super::{Measure, median};
use crate::context::Context;

/// Machines of the two nodes; three more are the sim's own.
const FEW: u32 = 7;
const MANY: u32 = 997;
const KEYS: usize = 101;
const ENTER: &[u8] = b"\r";
const DOWN: &[u8] = b"\x1b[B";
const UP: &[u8] = b"\x1b[A";
/// A screen that has said nothing for so long is painted.
const QUIET: Duration = Duration::from_millis(60);
const LIMIT: Duration = Duration::from_secs(20);

/// Runs the case `console-list`.
pub(super) fn list(context: &Context) -> anyhow::Result<Vec<Measure>> {
    context
        .cargo(&["build", "--release", "--locked"])
        .args(["--package", "corbel-console", "--package", "corbel-node-sim"])
        .run()?;
    let programs = context.target().join("release");
    let folder = context.build().join("bench");
    std::fs::create_dir_all(&folder)?;
    let mut few = Session::open(&programs, &folder, FEW)?;
    let mut many = Session::open(&programs, &folder, MANY)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for turn in 0..KEYS {
        let key = if turn % 2 == 0 { DOWN } else { UP };
        theirs.push(few.press(key)?.as_secs_f64() * 1000.0);
        ours.push(many.press(key)?.as_secs_f64() * 1000.0);
    }
    let memory = many.memory()?;
    let samples = vec![
        median(&ours).context("no key was pressed")?,
        median(&theirs).context("no key was pressed")?,
    ];
    Ok(vec![
        Measure {
            what: "key to redrawn page, 1,000 VMs against 10".to_owned(),
            value: samples[0] / samples[1],
            unit: "x".to_owned(),
            must: 2.0,
            aim: 1.2,
            samples,
        },
        Measure {
            what: "memory of the console, 1,000 VMs listed".to_owned(),
            value: memory,
            unit: "MiB".to_owned(),
            must: 16.0,
            aim: 8.0,
            samples: Vec::new(),
        },
    ])
}

/// A sim and the console in front of it, on the page of machines. Both end with it.
struct Session {
    sim: Child,
    terminal: Child,
    keys: ChildStdin,
    sent: Receiver<()>,
}

impl Session {
    fn open(programs: &Path, folder: &Path, machines: u32) -> anyhow::Result<Self> {
        let socket = folder.join(format!("console-{machines}.sock"));
        // Of a run that was ended from outside.
        let _ = std::fs::remove_file(&socket);
        #[allow(clippy::disallowed_methods)] // it serves while we measure
        let sim = Command::new(programs.join("corbel-node-sim"))
            .arg("--socket")
            .arg(&socket)
            .args(["--installed", "--password", "bench", "--vms", &machines.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start corbel-node-sim")?;
        let sim = Guard(Some(sim));
        wait_for(&socket)?;
        let console = programs.join("corbel-console");
        let line = format!("exec {} --unlocked --socket {}", console.display(), socket.display());
        #[allow(clippy::disallowed_methods)] // it is typed at while we measure
        let terminal = Command::new("script")
            .args(["-qfec", &line, "/dev/null"])
            .env("TERM", "linux")
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start script, of Debian's package bsdutils")?;
        let mut terminal = Guard(Some(terminal));
        let child = terminal.0.as_mut().context("it was started")?;
        let keys = child.stdin.take().context("it has a standard input")?;
        let mut out = child.stdout.take().context("it has a standard output")?;
        let (send, sent) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while let Ok(1..) = out.read(&mut buffer) {
                if send.send(()).is_err() {
                    return;
                }
            }
        });
        let (Some(sim), Some(terminal)) = (sim.keep(), terminal.keep()) else {
            anyhow::bail!("they were started");
        };
        let mut session = Self {
            sim,
            terminal,
            keys,
            sent,
        };
        session.first()?;
        for _ in 0..2 {
            session.press(ENTER)?;
        }
        Ok(session)
    }

    /// Until the first page stands.
    fn first(&mut self) -> anyhow::Result<()> {
        self.sent.recv_timeout(LIMIT).context("the console paints nothing")?;
        self.settle()
    }

    /// From the key to the first bytes of the screen's answer; then until it is painted.
    fn press(&mut self, key: &[u8]) -> anyhow::Result<Duration> {
        let start = Instant::now();
        self.keys.write_all(key)?;
        self.keys.flush()?;
        self.sent
            .recv_timeout(LIMIT)
            .context("the console does not answer a key")?;
        let taken = start.elapsed();
        self.settle()?;
        Ok(taken)
    }

    fn settle(&mut self) -> anyhow::Result<()> {
        loop {
            match self.sent.recv_timeout(QUIET) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the console ended"),
            }
        }
    }

    /// Proportional set size of the console in MiB (proc_pid_smaps(5)).
    fn memory(&self) -> anyhow::Result<f64> {
        let script = self.terminal.id();
        let children = std::fs::read_to_string(format!("/proc/{script}/task/{script}/children"))?;
        let console = children.split_whitespace().next().context("script has no child")?;
        let rollup = std::fs::read_to_string(format!("/proc/{console}/smaps_rollup"))?;
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib: f64 = pss
            .context("no Pss in smaps_rollup")?
            .trim()
            .trim_end_matches(" kB")
            .parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // script(1) ends its terminal, and with that the console, when it is ended itself.
        for child in [&mut self.terminal, &mut self.sim] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Ends a process that was started for a session that did not come to be.
struct Guard(Option<Child>);

impl Guard {
    fn keep(mut self) -> Option<Child> {
        self.0.take()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn wait_for(socket: &Path) -> anyhow::Result<()> {
    let start = Instant::now();
    while !socket.exists() {
        anyhow::ensure!(start.elapsed() < LIMIT, "{} does not appear", socket.display());
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
