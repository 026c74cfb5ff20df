//! Answers that no node gives. Each must end in one sentence and its status, soon, in little memory.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use insta::assert_snapshot;

use crate::program::{self, Ran};

/// Runs the program against a server that sends `answer` to whatever it is asked.
fn against(answer: impl FnOnce(&mut UnixStream) + Send + 'static, line: &str) -> Ran {
    let home = tempfile::tempdir().expect("a temporary folder");
    let socket = home.path().join("api.sock");
    let listener = UnixListener::bind(&socket).expect("bound");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it connects");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
            head.push(byte[0]);
        }
        answer(&mut stream);
    });
    let mut command = program::command(home.path());
    let mut ran = program::run(command.env("CORBEL_SOCKET", &socket).args(line.split_whitespace()));
    server.join().expect("served");
    ran.err = ran.err.replace(&home.path().display().to_string(), "[DIR]");
    ran
}

fn text(answer: impl AsRef<[u8]> + Send + 'static) -> impl FnOnce(&mut UnixStream) + Send {
    move |stream| {
        // The program may have seen enough and gone.
        let _ = stream.write_all(answer.as_ref());
    }
}

#[test]
fn hostile_answers_are_told_in_one_sentence() {
    let refusal = |body: &str| format!("HTTP/1.1 409 No\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let cases = [
        ("nothing", String::new()),
        ("not HTTP", "SSH-2.0-OpenSSH_9.2p1\r\n".into()),
        ("not JSON", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".into()),
        (
            "another shape",
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"vms\":17}".into(),
        ),
        ("cut", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"vms\":[".into()),
        (
            "a huge announcement",
            "HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n{".into(),
        ),
        (
            "a strange status",
            "HTTP/1.1 418 Teapot\r\ncontent-length: 2\r\n\r\nno".into(),
        ),
        (
            "a redirect",
            "HTTP/1.1 302 Found\r\nlocation: http://elsewhere/\r\ncontent-length: 0\r\n\r\n".into(),
        ),
        (
            "bare 401",
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n".into(),
        ),
        ("another 409", refusal("busy")),
        (
            "a message that drives the terminal",
            refusal(r#"{"error":{"kind":"conflict","message":"a\u001b[2J\nb","more":1},"more":2}"#),
        ),
        (
            "a kind of a newer node",
            refusal(r#"{"error":{"kind":"tired","message":"come back later"}}"#),
        ),
    ];
    let mut told = String::new();
    for (case, answer) in cases {
        told.push_str(&format!("{case}:\n{}\n\n", against(text(answer), "vm list")));
    }
    assert_snapshot!(told);
}

#[test]
fn an_endless_answer_is_cut_off() {
    let endless = |stream: &mut UnixStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = [&b"10000\r\n"[..], &[b' '; 0x10000], b"\r\n"].concat();
        while stream.write_all(&chunk).is_ok() {}
    };
    let ran = against(endless, "vm list").expect(1);
    assert!(ran.err.contains("larger than 16384 KiB"), "{ran}");
}

#[test]
fn endless_heads_and_events_are_cut_off() {
    let head = |stream: &mut UnixStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"x-again: and again and again and again\r\n").is_ok() {}
    };
    against(head, "vm list").expect(1);
    let event = |stream: &mut UnixStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ");
        while stream.write_all(&[b'x'; 0x10000]).is_ok() {}
    };
    let ran = against(event, "node events").expect(1);
    assert!(ran.err.contains("an event is larger than"), "{ran}");
}

#[test]
fn a_console_must_be_a_websocket() {
    let ran = against(text(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), "vm console web").expect(1);
    assert!(ran.err.contains("no WebSocket"), "{ran}");
    let fake = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: no\r\n\r\n";
    let ran = against(text(fake), "vm console web").expect(1);
    assert!(ran.err.contains("no WebSocket"), "{ran}");
}

#[test]
fn names_cannot_drive_the_terminal() {
    let list = b"HTTP/1.1 200 OK\r\ncontent-length: 128\r\n\r\n{\"vms\":[{\"name\":\"\\u001b]0;x\\u0007\",\"uuid\":\"u\",\"state\":\"dreaming\",\"cpus\":1,\"memory\":0,\"persistent\":true,\"autostart\":false}]}     ";
    let ran = against(text(list), "vm list").expect(0);
    assert!(
        ran.out.contains("unknown") && !ran.out.contains('\x1b') && !ran.out.contains('\x07'),
        "{ran:?}"
    );
}
