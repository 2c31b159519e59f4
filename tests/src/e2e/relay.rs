//! A relay in front of a server that counts the connections it passes on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::E2eError;

/// A running relay. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct Relay {
    /// Where it listens, on loopback.
    pub port: u16,
    connections: Arc<AtomicUsize>,
    _server: JoinSet<()>,
}

impl Relay {
    /// Starts one to a port of loopback.
    ///
    /// # Errors
    /// If there is no port.
    pub async fn start(target: u16) -> Result<Self, E2eError> {
        let listen = async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let port = listener.local_addr()?.port();
            Ok::<_, io::Error>((listener, port))
        };
        let (listener, port) = listen.await.map_err(E2eError::io("listen"))?;
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                open.spawn(pass_on(stream, target));
            }
        });
        Ok(Self {
            port,
            connections,
            _server: server,
        })
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn pass_on(mut client: TcpStream, target: u16) {
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, target));
    // Where the server is gone, the client sees its connection end.
    if let Ok(mut server) = TcpStream::connect(target).await {
        copy_bidirectional(&mut client, &mut server).await.ok();
    }
}
