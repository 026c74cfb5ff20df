//! Programs that end well, badly, late and never.

use super::*;

#[test]
fn a_failure_says_what_was_run_and_what_it_said() {
    let error = Program::new("sh")
        .args(["-c", "echo no room >&2; exit 3"])
        .run(&Cancel::new())
        .expect_err("exit 3");
    let text = error.to_string();
    assert!(
        text.contains("no room") && text.contains("exit status: 3") && text.contains("sh -c"),
        "{text}"
    );
}

#[test]
fn one_program_reads_what_another_writes() {
    let (reader, writer) = io::pipe().expect("a pipe");
    let first = Program::new("sh")
        .args(["-c", "echo through; echo a pipe"])
        .stdout_pipe(writer);
    let first = std::thread::spawn(move || first.run(&Cancel::new()).map(|_| ()));
    let second = Program::new("cat")
        .stdin_pipe(reader)
        .run(&Cancel::new())
        .expect("it ends");
    assert_eq!(second.text(), "through\na pipe\n");
    first.join().expect("no panic").expect("it ends, too");
}

#[test]
fn a_missing_program_is_named() {
    let error = Program::new("corbel-no-such-program")
        .run(&Cancel::new())
        .expect_err("missing");
    assert_eq!(
        error.to_string(),
        "corbel-no-such-program is not installed (or not in PATH)"
    );
}

#[test]
fn output_is_collected_and_lines_are_handed_over() {
    let mut seen = Vec::new();
    let program = Program::new("sh").args(["-c", "echo out; echo one >&2; echo two >&2"]);
    let output = program
        .run_with(&Cancel::new(), |line| seen.push(line.to_owned()))
        .expect("runs");
    assert_eq!(output.text(), "out\n");
    assert_eq!(seen, ["one", "two"]);
}

#[test]
fn what_is_left_in_the_background_is_not_waited_for() {
    let program = Program::new("sh")
        .args(["-c", "sleep 100 & echo $! >&2"])
        .inherit_stdout();
    let output = program.run(&Cancel::new()).expect("runs");
    assert!(output.stdout.is_empty());
    let left = output.stderr_tail.parse().ok().and_then(Pid::from_raw);
    rustix::process::kill_process(left.expect("a number"), Signal::KILL).expect("it still runs");
}

#[test]
fn deadline_and_cancel_end_the_whole_group() {
    let program = Program::new("sh")
        .args(["-c", "sleep 100 & wait"])
        .deadline(Duration::from_millis(100));
    assert!(matches!(
        program.run(&Cancel::new()),
        Err(ProgramError::Deadline { .. })
    ));
    let cancel = Cancel::new();
    cancel.cancel();
    let program = Program::new("sleep").arg("100");
    assert!(matches!(program.run(&cancel), Err(ProgramError::Cancelled { .. })));
}
