//! Each exit status, as promised by `--help`, with its whole output.

use std::process::Stdio;

use corbel_virt::VirtError;
use insta::assert_snapshot;

use crate::node::Node;
use crate::program;

#[test]
fn every_status_has_its_case() {
    let node = Node::start();
    node.fake.fail_on(
        "show_vm",
        VirtError::Failed {
            operation: "show web".into(),
            problem: "it broke".into(),
        },
    );
    let mut told = String::new();
    for line in [
        "vm show web",
        "vm create --name x --disk x.qcow2,size=big",
        "vm frobnicate",
        "vm show nobody",
        "vm start nobody",
        "vm start web",
        "vm create --name web",
        "vm create --name x --memory 1M",
        "vm create --name -x",
        "vm create --name x --disk absent.qcow2",
        "volume delete web.qcow2 --yes",
        "vm console build",
        "--socket /nonexistent/api.sock vm list",
        "--node 127.0.0.1:1 vm list",
        "--node 127.0.0.1:1 --fingerprint sha256:00 vm list",
        "--node 127.0.0.1:1 --ca /nonexistent/ca.pem vm list",
        "vm show nobody --json",
        "--node 127.0.0.1:1 vm list --json",
    ] {
        told.push_str(&format!("$ corbel {line}\n{}\n\n", node.corbel(line)));
    }
    assert_snapshot!(told);
}

#[test]
fn a_node_without_its_hypervisor_is_degraded() {
    let node = Node::start();
    node.fake.set_unavailable(Some("libvirtd is gone"));
    // Which of the two ways the node learned of it decides the sentence, but not its end.
    let ran = node.corbel("vm list").expect(7);
    assert!(ran.err.ends_with("libvirtd is gone\n"), "{ran}");
    let ran = node.corbel("node health").expect(7);
    assert!(
        ran.out.starts_with("degraded: ") && ran.out.ends_with("libvirtd is gone\n") && ran.err.is_empty(),
        "{ran}"
    );
    let ran = node.corbel("node show").expect(0);
    assert!(ran.out.contains("degraded: "), "{ran}");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let node = Node::start();
    for line in [["vm", "list"], ["vm", "--help"], ["completions", "bash"], ["vm", "xml"]] {
        let extra: &[&str] = if line[1] == "xml" { &["web"] } else { &[] };
        let mut child = program::spawn(node.command(&line).args(extra));
        drop(child.stdout.take());
        let ran = program::ended(child.wait_with_output().expect("it ends"));
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{line:?}");
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let node = Node::start();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let mut command = node.command(&["vm", "list"]);
    let output = command.stdout(full).stderr(Stdio::piped()).output().expect("it runs");
    let ran = program::ended(output).expect(1);
    assert!(ran.err.starts_with("error: cannot write to standard output: "), "{ran}");
}

#[test]
fn the_environment_is_read_last() {
    let node = Node::start();
    let ran = program::run(
        node.command(&["vm", "list"])
            .env("CORBEL_SOCKET", "")
            .env("CORBEL_NODE", "a b"),
    );
    assert_eq!(ran.status, 2, "{ran}");
    let ran = program::run(node.command(&["vm", "list"]).env("CORBEL_NODE", "a b"));
    assert_eq!(ran.status, 0, "a socket beats a node of the environment: {ran}");
}
