//! Listening sockets, TCP and Unix, with one thread per connection.
//!
//! Clients are local and may be several at once on every port (systemd opens two connections); none of them can hold up another but by
//! the command that runs.

use anyhow::{Context, Result, bail};
use rustix::net::sockopt::set_tcp_quickack;
use std::{
    fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream, ToSocketAddrs},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
    thread,
};

/// A connection of either kind.
pub trait Stream: Read + Write + Send + AsFd {}
impl Stream for Prompt {}
impl Stream for UnixStream {}

/// A TCP connection that acknowledges what arrives at once.
///
/// Clients of the simulator's protocol send one request in several small writes. Their kernel holds each back until the one before is
/// acknowledged, which ours would do only after 40 ms, because it has nothing to answer yet. The setting does not last, so each read renews it.
struct Prompt(TcpStream);

impl Read for Prompt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        set_tcp_quickack(&self.0, true)?;
        self.0.read(buffer)
    }
}

impl Write for Prompt {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl AsFd for Prompt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A bound socket.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// Unix.
    Unix(UnixListener),
}

impl Listener {
    /// Binds HOST:PORT, or the port after it.
    pub fn tcp(address: &str, next_port: bool) -> Result<Self> {
        let mut address = address
            .to_socket_addrs()
            .with_context(|| format!("'{address}' is not HOST:PORT"))?
            .next()
            .with_context(|| format!("'{address}' has no address"))?;
        if next_port {
            address.set_port(address.port().checked_add(1).context("there is no port after 65535")?);
        }
        Ok(Self::Tcp(
            TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?,
        ))
    }

    /// Binds a socket file; one that a server left behind is replaced, one that is served is not.
    pub fn unix(path: &Path) -> Result<Self> {
        if path.exists() {
            if UnixStream::connect(path).is_ok() {
                bail!("{} is in use", path.display());
            }
            fs::remove_file(path)?;
        }
        Ok(Self::Unix(
            UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?,
        ))
    }

    /// Serves every connection with `serve`, each in a thread of its own, for ever.
    pub fn spawn<F>(self, what: &'static str, serve: F)
    where
        F: Fn(Box<dyn Stream>) -> Result<()> + Clone + Send + 'static,
    {
        thread::spawn(move || {
            loop {
                let accepted: std::io::Result<Box<dyn Stream>> = match &self {
                    Listener::Tcp(listener) => listener.accept().and_then(|(stream, _)| {
                        stream.set_nodelay(true)?;
                        Ok(Box::new(Prompt(stream)) as Box<dyn Stream>)
                    }),
                    Listener::Unix(listener) => {
                        listener.accept().map(|(stream, _)| Box::new(stream) as Box<dyn Stream>)
                    }
                };
                match accepted {
                    Ok(stream) => {
                        let serve = serve.clone();
                        thread::spawn(move || {
                            if let Err(error) = serve(stream) {
                                eprintln!("{what}: connection closed: {error:#}");
                            }
                        });
                    }
                    Err(error) => {
                        eprintln!("{what}: {error}");
                        thread::sleep(std::time::Duration::from_millis(100));
                    }
                }
            }
        });
    }
}

/// Reads exactly N bytes.
pub fn read_array<const N: usize>(stream: &mut (impl Read + ?Sized)) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Reads exactly `size` bytes; the caller has bounded the size.
pub fn read_bytes(stream: &mut (impl Read + ?Sized), size: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
