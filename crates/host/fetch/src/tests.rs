//! Against a server of a few lines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use super::*;

/// Answers each connection with the next text.
fn server(answers: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

fn get(url: &str, limit: u64) -> (Result<u64, FetchError>, Vec<u8>) {
    let mut out = vec![];
    let outcome = fetch(url, limit, &mut out, &mut |_, _| {}, &Cancel::new());
    (outcome, out)
}

fn whole(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_file_comes_whole_and_through_a_redirection() {
    let moved = "HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n".to_owned();
    let base = server(vec![moved, whole("an image")]);
    let (outcome, out) = get(&format!("{base}/here"), 100);
    assert_eq!(outcome.unwrap(), 8);
    assert_eq!(out, b"an image");
}

#[test]
fn what_is_missing_cut_or_too_large_is_said() {
    let missing = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned();
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort".to_owned();
    let base = server(vec![missing, cut, whole("much too much"), "SSH-2.0-x\r\n".to_owned()]);
    let said = |limit| get(&base, limit).0.unwrap_err().to_string();
    assert_eq!(said(100), "127.0.0.1 answered with status 404");
    assert_eq!(said(100), "the connection to 127.0.0.1 broke");
    assert_eq!(
        said(5),
        "127.0.0.1 offers 13 bytes, more than the 5 that there is room for"
    );
    assert_eq!(said(100), "the connection to 127.0.0.1 broke");
}

#[test]
fn redirections_in_a_circle_end() {
    let moved = "HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n".to_owned();
    let base = server(vec![moved; 6]);
    assert_eq!(
        get(&base, 1).0.unwrap_err().to_string(),
        "127.0.0.1 redirects in a circle"
    );
}

#[test]
fn a_fetch_that_is_cancelled_stops() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let outcome = fetch(&url, 1, &mut vec![], &mut |_, _| {}, &cancel);
    assert!(matches!(outcome, Err(FetchError::Cancelled)));
}

#[test]
fn authorities_are_read_from_pem() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("none.crt");
    assert!(matches!(trust(&file), Err(FetchError::Authorities { .. })));
}

/// Takes one request and answers it; what came is sent to the channel.
fn taker(answer: &'static str) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (came, comes) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut text, mut length) = (String::new(), 0);
        while reader.read_line(&mut text).unwrap() > 2 {
            let line = text.lines().last().unwrap_or_default().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        std::io::Read::read_exact(&mut reader, &mut body).unwrap();
        came.send(text + &String::from_utf8_lossy(&body)).unwrap();
        let _ = stream.write_all(answer.as_bytes());
    });
    (format!("http://{address}/in/box"), comes)
}

#[test]
fn a_file_is_sent_whole_with_its_length() {
    let (url, comes) = taker("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n");
    let bytes = Bytes::from("x".repeat(200_000));
    let mut told = vec![];
    let sent = send(
        &url,
        &bytes,
        Duration::from_secs(20),
        &mut |done| told.push(done),
        &Cancel::new(),
    );
    sent.unwrap();
    let came = comes.recv().unwrap();
    assert!(came.starts_with("PUT /in/box HTTP/1.1\r\n"), "{}", &came[..40]);
    assert!(came.ends_with(&"x".repeat(200_000)));
    assert!(told.is_sorted() && told.len() > 1, "{told:?}");
}

#[test]
fn a_server_that_refuses_or_says_nothing_is_told_of() {
    let (url, _comes) = taker("HTTP/1.1 507 Insufficient Storage\r\ncontent-length: 0\r\n\r\n");
    let send = |url: &str, deadline| send(url, &Bytes::from("x"), deadline, &mut |_| {}, &Cancel::new());
    let error = send(&url, Duration::from_secs(20)).unwrap_err();
    assert_eq!(error.to_string(), "127.0.0.1 answered with status 507");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let error = send(&url, Duration::from_millis(100)).unwrap_err();
    assert_eq!(error.to_string(), "127.0.0.1 did not take all of it within 0 s");
}
