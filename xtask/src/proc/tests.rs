//! Children end when they must, with everything that they started.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Interrupted, Program, quoted};

fn shell(script: &str, stop: &Arc<AtomicBool>) -> Program {
    Program::new("sh", Path::new("/"), Arc::clone(stop)).args(["-c", script])
}

#[test]
fn output_and_status_come_back() {
    let stop = Arc::new(AtomicBool::new(false));
    let (status, text) = shell("echo hello; exit 3", &stop).output().unwrap();
    assert_eq!((status.code(), text.as_str()), (Some(3), "hello\n"));
    assert!(
        shell("exit 3", &stop)
            .run()
            .unwrap_err()
            .to_string()
            .contains("exit status: 3")
    );
}

#[test]
fn a_deadline_ends_the_program() {
    let stop = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let error = shell("sleep 100", &stop)
        .limit(Duration::from_millis(100))
        .run()
        .unwrap_err();
    assert!(error.to_string().contains("took longer"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_interrupt_ends_the_program() {
    let stop = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            stop.store(true, Ordering::SeqCst);
        });
        shell("sleep 100", &stop).run().unwrap_err()
    });
    assert!(error.is::<Interrupted>(), "{error:#}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn nothing_is_started_after_an_interrupt() {
    let stop = Arc::new(AtomicBool::new(true));
    let missing = Program::new("/nonexistent/program", Path::new("/"), stop);
    for error in [missing.run().unwrap_err(), missing.output().unwrap_err()] {
        assert!(error.is::<Interrupted>(), "{error:#}");
    }
}

#[test]
fn what_the_program_started_ends_with_it() {
    let stop = Arc::new(AtomicBool::new(false));
    let file = std::env::temp_dir().join(format!("xtask-proc-{}", std::process::id()));
    let script = format!("sleep 100 & echo $! > {}; wait", file.display());
    shell(&script, &stop)
        .limit(Duration::from_millis(500))
        .run()
        .unwrap_err();
    let grandchild = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    // Gone, or dead and waiting for its new parent to notice.
    let state = std::fs::read_to_string(format!("/proc/{}/stat", grandchild.trim())).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}

#[test]
fn words_are_quoted_only_when_a_shell_would_misread_them() {
    assert_eq!(quoted("--out"), "--out");
    assert_eq!(quoted("-D warnings"), "'-D warnings'");
    assert_eq!(quoted("it's"), r"'it'\''s'");
    assert_eq!(quoted(""), "''");
}
