//! Volumes: made, filled, and not left behind when that is broken off.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

use insta::assert_snapshot;

use crate::change::interrupt;
use crate::node::Node;
use crate::program;

#[test]
fn volumes_are_made_filled_and_deleted() {
    let node = Node::start();
    let small = node.file("small.img", "hello");
    let empty = node.file("empty.img", "");
    let mut told = String::new();
    for line in [
        "volume create data.qcow2 20G".to_owned(),
        "volume create data.qcow2 20G".to_owned(),
        "volume create zero 0".to_owned(),
        format!("volume upload small {}", small.display()),
        format!("volume upload small {}", small.display()),
        format!("volume upload nothing {}", empty.display()),
        format!("volume upload folder {}", node.dir.path().display()),
        "volume upload gone /nonexistent/file".to_owned(),
        "pool list".to_owned(),
        "volume create data2/data.qcow2 30G".to_owned(),
        "volume create data3/data.qcow2 30G".to_owned(),
        "volume create a/b/c 30G".to_owned(),
        format!("volume upload data2/small {}", small.display()),
        "volume list".to_owned(),
        "volume delete small --yes".to_owned(),
        "volume delete small --yes".to_owned(),
        "volume delete data2/small --yes".to_owned(),
        "vm create --name far --memory 1G --disk data2/far.qcow2,size=2G".to_owned(),
        "volume delete data2/far.qcow2 --yes".to_owned(),
        "vm delete far --volumes --yes".to_owned(),
        "volume list".to_owned(),
    ] {
        let ran = node.corbel(&line);
        let line = line.replace(&node.dir.path().display().to_string(), "[DIR]");
        told.push_str(&format!("$ corbel {line}\n{ran}\n\n"));
    }
    assert_snapshot!(told);
}

#[test]
fn a_large_upload_arrives_whole() {
    let node = Node::start();
    let path = node.path("large.img");
    let file = std::fs::File::create(&path).expect("made");
    file.set_len(48 << 20).expect("sparse");
    let volume = node
        .corbel(&format!("volume upload large {} --json", path.display()))
        .expect(0)
        .json();
    assert_eq!(
        (&volume["capacity"], &volume["format"]),
        (&serde_json::json!(48 << 20), &serde_json::json!("raw"))
    );
}

/// A refusal may come while the body is still on its way: it must be what is told, not the broken pipe behind it.
#[test]
fn a_refused_upload_says_why() {
    let node = Node::start();
    let path = node.path("large.img");
    std::fs::File::create(&path)
        .expect("made")
        .set_len(256 << 20)
        .expect("sparse");
    for _ in 0..5 {
        let ran = node
            .corbel(&format!("volume upload web.qcow2 {}", path.display()))
            .expect(4);
        assert!(ran.err.contains("exists already"), "{ran}");
    }
}

#[test]
fn ctrl_c_calls_an_upload_off() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let socket = home.path().join("api.sock");
    let listener = UnixListener::bind(&socket).expect("bound");
    let path = home.path().join("huge.img");
    std::fs::File::create(&path)
        .expect("made")
        .set_len(1 << 40)
        .expect("sparse");
    let mut command = program::command(home.path());
    command
        .env("CORBEL_SOCKET", &socket)
        .args(["volume", "upload", "huge"])
        .arg(&path);
    let child = program::spawn(&mut command);

    let (mut stream, _) = listener.accept().expect("it connects");
    stream.set_read_timeout(Some(crate::node::PATIENCE)).expect("set");
    let mut head = [0; 1 << 16];
    stream.read_exact(&mut head).expect("the upload has begun");
    assert!(head.starts_with(b"PUT /v1/volumes/huge/content HTTP/1.1\r\n"));
    interrupt(&child);
    let ran = program::ended(child.wait_with_output().expect("it ends")).expect(130);
    assert_eq!(ran.err, "error: interrupted\n");
    // The node sees the connection end, long before the announced size.
    let rest = std::io::copy(&mut stream, &mut std::io::sink());
    assert!(rest.map_or(true, |bytes| bytes < 1 << 40));
    let _ = stream.flush();
}
