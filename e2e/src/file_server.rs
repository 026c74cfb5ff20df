//! A web server with one file, on loopback: QEMU's network leads a node's connections to 10.0.2.2 there.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the host is called in QEMU's user network (qemu(1), `-netdev user`).
const HOST: &str = "10.0.2.2";

/// Serves until it is dropped.
#[derive(Debug)]
pub struct FileServer {
    port: u16,
    name: String,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl FileServer {
    /// Serves this file under its own name, to everybody who asks for anything.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(file: &Path) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port is free")?;
        let port = listener.local_addr()?.port();
        let name = file
            .file_name()
            .context("a file has a name")?
            .to_string_lossy()
            .into_owned();
        let file: Arc<PathBuf> = Arc::new(file.to_path_buf());
        let asked = Arc::default();
        let record: Arc<Mutex<Vec<String>>> = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let file = Arc::clone(&file);
                let record = Arc::clone(&record);
                // Who hangs up early is the node's business.
                tokio::spawn(async move { drop(answer(stream, &file, &record).await) });
            }
        });
        Ok(Self {
            port,
            name,
            asked,
            task,
        })
    }

    /// What a node in QEMU's user network fetches.
    pub fn url_from_node(&self) -> String {
        format!("http://{HOST}:{}/{}", self.port, self.name)
    }

    /// The paths that were asked for so far, in order, with their queries.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, file: &Path, record: &Mutex<Vec<String>>) -> anyhow::Result<()> {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") && asked.len() < 1 << 16 {
        asked.push(stream.read_u8().await?);
    }
    let path = String::from_utf8_lossy(&asked)
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    record.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    let mut file = tokio::fs::File::open(file).await?;
    let length = file.metadata().await?.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    if !asked.starts_with(b"HEAD ") {
        tokio::io::copy(&mut file, &mut stream).await?;
    }
    stream.shutdown().await?;
    Ok(())
}
