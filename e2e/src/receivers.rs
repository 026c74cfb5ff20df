//! What a node sends to, on loopback: QEMU's network leads its connections to 10.0.2.2 there. A server of syslog and one of
//! collectd's network protocol, which see what is on the wire; [`crate::servers`] has the ones that people use.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpStream, UdpSocket},
    task::JoinHandle,
};

use crate::listener::Listener;

/// What the host is called in QEMU's user network (qemu(1), `-netdev user`).
pub const HOST: &str = "10.0.2.2";

type Shared<T> = Arc<Mutex<Vec<T>>>;

/// Keeps every message until it is dropped.
#[derive(Debug)]
pub struct SyslogReceiver {
    listener: Listener,
    /// A stream for each connection.
    streams: Shared<Vec<u8>>,
}

impl SyslogReceiver {
    /// Over TCP.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> anyhow::Result<Self> {
        let streams = Shared::default();
        let kept = Arc::clone(&streams);
        let listener = Listener::start(move |stream| {
            let kept = Arc::clone(&kept);
            async move { keep(stream, &kept).await }
        });
        Ok(Self {
            listener: listener.await?,
            streams,
        })
    }

    /// The port that a node connects to at [`HOST`].
    pub fn port(&self) -> u16 {
        self.listener.port()
    }

    /// Whole messages so far.
    pub fn messages(&self) -> Vec<String> {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.iter().flat_map(|stream| counted(stream)).collect()
    }
}

async fn keep(mut stream: TcpStream, streams: &Shared<Vec<u8>>) {
    let number = {
        let mut streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.push(Vec::new());
        streams.len() - 1
    };
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let mut streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams[number].extend_from_slice(&buffer[..length]);
    }
}

/// Messages with their length before them (RFC 6587, 3.4.1); what is not whole yet is left out.
fn counted(mut stream: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(blank) = stream.iter().position(|byte| *byte == b' ') {
        let length = std::str::from_utf8(&stream[..blank])
            .ok()
            .and_then(|text| text.parse().ok());
        let rest = &stream[blank + 1..];
        let Some((message, behind)) = length.and_then(|length: usize| rest.split_at_checked(length)) else {
            break;
        };
        found.push(String::from_utf8_lossy(message).into_owned());
        stream = behind;
    }
    found
}

/// Keeps every packet until it is dropped.
#[derive(Debug)]
pub struct FigureReceiver {
    port: u16,
    packets: Shared<Vec<u8>>,
    task: JoinHandle<()>,
}

impl FigureReceiver {
    /// # Errors
    /// When no port is free.
    pub async fn start() -> anyhow::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.context("no port is free")?;
        let port = socket.local_addr()?.port();
        let packets = Shared::default();
        let kept: Shared<Vec<u8>> = Arc::clone(&packets);
        let task = tokio::spawn(async move {
            let mut buffer = vec![0; 1 << 16];
            while let Ok((length, _)) = socket.recv_from(&mut buffer).await {
                let packet = buffer[..length].to_vec();
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(packet);
            }
        });
        Ok(Self { port, packets, task })
    }

    /// The port that a node sends to at [`HOST`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Packets so far.
    pub fn packets(&self) -> Vec<Vec<u8>> {
        self.packets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FigureReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who a figure is of, as far as a packet in the clear tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figure {
    pub host: String,
    pub plugin: String,
    pub instance: String,
    pub kind: String,
}

/// The parts of a packet by collectd's binary protocol: type, length with these four bytes, content. `None` for what is none.
fn parts(mut packet: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    let mut found = Vec::new();
    while let [a, b, c, d, ..] = *packet {
        let (kind, length) = (u16::from_be_bytes([a, b]), usize::from(u16::from_be_bytes([c, d])));
        let (part, behind) = packet.split_at_checked(length)?;
        found.push((kind, part.get(4..)?));
        packet = behind;
    }
    packet.is_empty().then_some(found)
}

/// The figures in a packet; none where it is encrypted.
pub fn figures(packet: &[u8]) -> Vec<Figure> {
    let mut now = Figure::default();
    let mut found = Vec::new();
    for (kind, content) in parts(packet).unwrap_or_default() {
        let text = String::from_utf8_lossy(content).trim_end_matches('\0').to_owned();
        match kind {
            0x0000 => now.host = text,
            0x0002 => now.plugin = text,
            0x0003 => now.instance = text,
            0x0004 => now.kind = text,
            0x0006 => found.push(now.clone()),
            _ => {}
        }
    }
    found
}

/// Whose encrypted packet it is; `None` where it is not encrypted.
pub fn encrypted_by(packet: &[u8]) -> Option<String> {
    let found = parts(packet)?;
    let (0x0210, content) = found.first()? else { return None };
    let (length, rest) = content.split_at_checked(2)?;
    let user = rest.get(..usize::from(u16::from_be_bytes([length[0], length[1]])))?;
    Some(String::from_utf8_lossy(user).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_by_their_length() {
        assert_eq!(counted(b"5 <1>ab3 x y10 half"), ["<1>ab", "x y"]);
        assert!(counted(b"").is_empty() && counted(b"x y").is_empty());
    }

    fn part(kind: u16, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len() + 4).expect("short");
        [&kind.to_be_bytes(), &length.to_be_bytes(), content].concat()
    }

    #[test]
    fn packets_are_read_as_collectd_writes_them() {
        let packet = [
            part(0, b"beam\0"),
            part(8, &[0; 8]),
            part(2, b"virt\0"),
            part(3, b"counted\0"),
            part(4, b"virt_cpu_total\0"),
            part(6, &[0; 11]),
            part(4, b"memory\0"),
            part(6, &[0; 11]),
        ]
        .concat();
        let found = figures(&packet);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (
                found[1].host.as_str(),
                found[1].instance.as_str(),
                found[1].kind.as_str()
            ),
            ("beam", "counted", "memory")
        );
        // The beginning of one of a real collectd 5.12.
        let head = [0x00, 0x05, b'n', b'o', b'd', b'e', b'1', 0x93, 0xa4, 0xd8];
        let secret = part(0x0210, &[&head[..], &[7; 60]].concat());
        assert_eq!(encrypted_by(&secret).as_deref(), Some("node1"));
        assert!(figures(&secret).is_empty() && encrypted_by(&packet).is_none());
        assert!(figures(&[0, 0, 0, 99, 1]).is_empty() && figures(&[0, 6, 0, 0]).is_empty());
    }

    #[tokio::test]
    async fn a_stream_is_kept_as_it_comes() {
        use tokio::io::AsyncWriteExt as _;
        let receiver = SyslogReceiver::start().await.expect("a port");
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", receiver.port()))
            .await
            .expect("connected");
        stream.write_all(b"2 ab").await.expect("written");
        let limit = std::time::Duration::from_secs(5);
        let came = crate::until("the message", limit, async || {
            Ok((receiver.messages() == ["ab"]).then_some(()))
        });
        came.await.expect("there");
    }
}
