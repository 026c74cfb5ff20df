//! Web servers on loopback, one that gives a file and one that takes files: QEMU's network leads a node's connections to 10.0.2.2 there.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{listener::Listener, receivers::HOST};

/// Serves until it is dropped.
#[derive(Debug)]
pub struct FileServer {
    listener: Listener,
    name: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FileServer {
    /// Serves this file under its own name, to everybody who asks for anything.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(file: &Path) -> anyhow::Result<Self> {
        let name = file
            .file_name()
            .context("a file has a name")?
            .to_string_lossy()
            .into_owned();
        let file: Arc<PathBuf> = Arc::new(file.to_path_buf());
        let asked = Arc::default();
        let record: Arc<Mutex<Vec<String>>> = Arc::clone(&asked);
        let listener = Listener::start(move |stream| {
            let (file, record) = (Arc::clone(&file), Arc::clone(&record));
            async move { drop(answer(stream, &file, &record).await) }
        });
        Ok(Self {
            listener: listener.await?,
            name,
            asked,
        })
    }

    /// What a node in QEMU's user network fetches.
    pub fn url_from_node(&self) -> String {
        format!("http://{HOST}:{}/{}", self.listener.port(), self.name)
    }

    /// The paths that were asked for so far, in order, with their queries.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(mut stream: TcpStream, file: &Path, record: &Mutex<Vec<String>>) -> anyhow::Result<()> {
    let asked = head(&mut stream).await?;
    record
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(path(&asked).to_owned());
    let mut file = tokio::fs::File::open(file).await?;
    let length = file.metadata().await?.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await?;
    if !asked.starts_with("HEAD ") {
        tokio::io::copy(&mut file, &mut stream).await?;
    }
    stream.shutdown().await?;
    Ok(())
}

/// What came up to the empty line (RFC 9112, section 2.1).
async fn head(stream: &mut TcpStream) -> anyhow::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 1 << 16 {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

/// A file as it was put, whole, with the path that it was put to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    pub path: String,
    pub bytes: Vec<u8>,
}

/// Takes every file that is put to it, until it is dropped.
#[derive(Debug)]
pub struct Inbox {
    listener: Listener,
    came: Arc<Mutex<Vec<Put>>>,
}

impl Inbox {
    /// # Errors
    /// When no port is free.
    pub async fn start() -> anyhow::Result<Self> {
        let came = Arc::default();
        let kept: Arc<Mutex<Vec<Put>>> = Arc::clone(&came);
        let listener = Listener::start(move |stream| {
            let kept = Arc::clone(&kept);
            async move { drop(take(stream, &kept).await) }
        });
        Ok(Self {
            listener: listener.await?,
            came,
        })
    }

    /// What a node in QEMU's user network puts to: `path` begins with `/`.
    pub fn url_from_node(&self, path: &str) -> String {
        format!("http://{HOST}:{}{path}", self.listener.port())
    }

    /// What came whole so far.
    pub fn came(&self) -> Vec<Put> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn take(mut stream: TcpStream, kept: &Mutex<Vec<Put>>) -> anyhow::Result<()> {
    let head = head(&mut stream).await?;
    anyhow::ensure!(head.starts_with("PUT "), "only PUT is taken");
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let length = lines
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .find_map(|(_, value)| value.trim().parse().ok());
    let mut bytes = vec![0; length.context("the length is missing")?];
    stream.read_exact(&mut bytes).await?;
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(Put {
        path: path(&head).to_owned(),
        bytes,
    });
    stream
        .write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .await?;
    stream.shutdown().await?;
    Ok(())
}
