//! swtpm's protocol from the client's side: bare commands and responses on a data channel, TCP or Unix, and a control channel beside it
//! (swtpm's `tpm_ioctl.h`).
//!
//! A response may come in any number of pieces, and its header says how long it is; one that claims less than a header or more than any TPM sends
//! is refused.

use anyhow::{Context, Result, bail, ensure};
use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// Longest time for one command.
const LIMIT: Duration = Duration::from_secs(60);
/// Size of a response header: tag, size, code.
const HEADER: usize = 10;
/// More than any TPM sends.
const MAX_RESPONSE: usize = 1 << 16;
/// CMD_STOP.
const STOP: [u8; 4] = [0, 0, 0, 0x0E];
/// CMD_INIT, with no flag set.
const INIT: [u8; 8] = [0, 0, 0, 2, 0, 0, 0, 0];
/// CMD_GET_TPMESTABLISHED.
const GET_TPMESTABLISHED: [u8; 4] = [0, 0, 0, 4];
/// CMD_SET_LOCALITY.
const SET_LOCALITY: u32 = 5;
/// CMD_HASH_START.
const HASH_START: u32 = 6;
/// CMD_HASH_DATA.
const HASH_DATA: u32 = 7;
/// CMD_HASH_END.
const HASH_END: u32 = 8;
/// CMD_RESET_TPMESTABLISHED.
const RESET_TPMESTABLISHED: u32 = 0x0B;

trait Stream: Read + Write + Send {}
impl Stream for TcpStream {}
impl Stream for UnixStream {}

/// A data channel.
pub struct Connection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects to a socket file.
    pub fn unix(path: &Path) -> Result<Self> {
        let stream = connect(path)?;
        Ok(Self::over(Box::new(stream)))
    }

    /// Connects over TCP.
    pub fn tcp(address: impl ToSocketAddrs) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self::over(Box::new(stream)))
    }

    fn over(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            buffer: vec![0; MAX_RESPONSE],
        }
    }

    /// Sends a command and waits for the whole response.
    pub fn exchange(&mut self, command: &[u8]) -> Result<Vec<u8>> {
        self.stream.write_all(command).context("the command is not taken")?;
        let mut got = 0;
        let mut size = HEADER;
        while got < size {
            // One read takes a response that comes in one piece: a bench should not time more system calls than it has to.
            let read = self.stream.read(&mut self.buffer[got..]).context("no response")?;
            ensure!(read > 0, "the connection ended before the response did");
            got += read;
            if got >= HEADER {
                let field = [self.buffer[2], self.buffer[3], self.buffer[4], self.buffer[5]];
                size = u32::from_be_bytes(field) as usize;
                ensure!(
                    (HEADER..=MAX_RESPONSE).contains(&size),
                    "a response claims {size} bytes"
                );
            }
        }
        ensure!(got == size, "{got} bytes came for a response of {size}");
        Ok(self.buffer[..size].to_vec())
    }
}

/// A control channel.
pub struct Control(UnixStream);

impl Control {
    /// Connects to a socket file.
    pub fn unix(path: &Path) -> Result<Self> {
        connect(path).map(Self)
    }

    /// Switches the TPM off and on.
    pub fn power_cycle(&mut self) -> Result<()> {
        self.request(&STOP).context("CMD_STOP")?;
        self.request(&INIT).context("CMD_INIT")
    }

    /// The locality that the commands after this come from.
    pub fn set_locality(&mut self, locality: u8) -> Result<()> {
        let request = [&SET_LOCALITY.to_be_bytes()[..], &[locality]].concat();
        self.request(&request).context("CMD_SET_LOCALITY")
    }

    /// _TPM_Hash_Start, _TPM_Hash_Data for each piece, _TPM_Hash_End.
    pub fn measure(&mut self, pieces: &[&[u8]]) -> Result<()> {
        self.request(&HASH_START.to_be_bytes()).context("CMD_HASH_START")?;
        for piece in pieces {
            let length = u32::try_from(piece.len()).context("a piece is too long")?;
            let request = [&HASH_DATA.to_be_bytes()[..], &length.to_be_bytes(), piece].concat();
            self.request(&request).context("CMD_HASH_DATA")?;
        }
        self.request(&HASH_END.to_be_bytes()).context("CMD_HASH_END")
    }

    /// tpmEstablishment.
    pub fn is_established(&mut self) -> Result<bool> {
        self.request(&GET_TPMESTABLISHED).context("CMD_GET_TPMESTABLISHED")?;
        let mut rest = [0; 4];
        self.0.read_exact(&mut rest)?;
        match rest {
            [bit @ 0..=1, 0, 0, 0] => Ok(bit == 1),
            other => bail!("CMD_GET_TPMESTABLISHED: {other:02x?} after the result"),
        }
    }

    /// Resets tpmEstablishment from a locality.
    pub fn reset_established(&mut self, locality: u8) -> Result<()> {
        let request = [&RESET_TPMESTABLISHED.to_be_bytes()[..], &[locality]].concat();
        self.request(&request).context("CMD_RESET_TPMESTABLISHED")
    }

    fn request(&mut self, request: &[u8]) -> Result<()> {
        self.0.write_all(request)?;
        let mut word = [0; 4];
        self.0.read_exact(&mut word)?;
        ensure!(word == [0; 4], "refused with {:#x}", u32::from_be_bytes(word));
        Ok(())
    }
}

fn connect(path: &Path) -> Result<UnixStream> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(LIMIT))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        net::TcpListener,
        os::unix::net::UnixListener,
        thread::{self, JoinHandle},
    };

    const COMMAND: [u8; 12] = [0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7B, 0, 2];

    /// A peer that takes one command and answers with these pieces.
    fn answer(mut stream: impl Write + Read + Send + 'static, pieces: Vec<Vec<u8>>) -> JoinHandle<()> {
        thread::spawn(move || {
            let mut command = [0; COMMAND.len()];
            stream.read_exact(&mut command).expect("a command");
            assert_eq!(command, COMMAND);
            for piece in pieces {
                stream.write_all(&piece).expect("sent");
                thread::sleep(Duration::from_millis(10));
            }
        })
    }

    fn answered_in(pieces: &[&[u8]]) -> Result<Vec<u8>> {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let peer = answer(theirs, pieces.iter().map(|piece| piece.to_vec()).collect());
        let response = Connection::over(Box::new(ours)).exchange(&COMMAND);
        peer.join().expect("the peer is content");
        response
    }

    #[test]
    fn response_in_pieces_is_put_together() {
        let whole = [0x80, 1, 0, 0, 0, 14, 0, 0, 0, 0, 0, 2, 7, 9];
        for at in 1..whole.len() {
            let (first, second) = whole.split_at(at);
            assert_eq!(answered_in(&[first, second]).expect("a response"), whole);
        }
    }

    #[test]
    fn response_of_another_size_than_it_says_is_refused() {
        let cases: [&[u8]; 4] = [
            &[0x80, 1, 0, 0, 0, 10, 0, 0, 0, 0, 5],
            &[0x80, 1, 0, 0, 0, 9, 0, 0, 0, 0],
            &[0x80, 1, 0, 1, 0, 1, 0, 0, 0, 0],
            &[0x80, 1, 0, 0, 0, 11, 0, 0, 0, 0],
        ];
        for bytes in cases {
            assert!(answered_in(&[bytes]).is_err(), "{}", hex::encode(bytes));
        }
    }

    #[test]
    fn both_kinds_of_sockets_carry_a_command() {
        let response = vec![0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0];
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut tcp = Connection::tcp(listener.local_addr().expect("an address")).expect("a connection");
        let peer = answer(listener.accept().expect("accepted").0, vec![response.clone()]);
        assert_eq!(tcp.exchange(&COMMAND).expect("a response"), response);
        peer.join().expect("the peer is content");

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).expect("a socket");
        let mut unix = Connection::unix(&path).expect("a connection");
        let peer = answer(listener.accept().expect("accepted").0, vec![response.clone()]);
        assert_eq!(unix.exchange(&COMMAND).expect("a response"), response);
        peer.join().expect("the peer is content");
    }
}
