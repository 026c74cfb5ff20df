//! The program itself: its arguments, its end by a signal, and its size in memory.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use corbel_client::Client;

struct Daemon {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(vms: usize) -> Daemon {
    let folder = tempfile::tempdir().unwrap();
    // Only the program under test is run here, so corbel-sys has nothing to add.
    #[allow(clippy::disallowed_methods)]
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_corbel-node-sim"));
    command
        .arg("--socket")
        .arg(folder.path().join("api.sock"))
        .args(["--listen", "127.0.0.1:0", "--state-dir"]);
    command
        .arg(folder.path())
        .args(["--vms", &vms.to_string()])
        .stderr(Stdio::null());
    Daemon {
        child: command.spawn().unwrap(),
        folder,
    }
}

fn resident_kib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_serves_many_machines_in_little_memory_and_ends_when_asked() {
    let mut daemon = start(1000);
    let client = Client::local(daemon.folder.path().join("api.sock"));
    let limit = Instant::now() + Duration::from_secs(20);
    while client.health().await.is_err() {
        assert!(Instant::now() < limit, "it does not serve");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..20 {
        assert_eq!(client.vms().await.unwrap().len(), 1003);
    }
    // Far above what it takes, and far below what a leak of these lists would take.
    let kib = resident_kib(&daemon.child);
    assert!(kib < 64 * 1024, "{kib} KiB");
    let pid = rustix::process::Pid::from_child(&daemon.child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    assert!(
        client.health().await.is_ok(),
        "being told to read its files again is no reason to end"
    );
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let limit = Instant::now() + Duration::from_secs(6);
    let status = loop {
        if let Some(status) = daemon.child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < limit, "it does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(status.success(), "{status}");
}
