//! A relay between two that speak HTTP, which remembers what they said.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

/// A relay on a port of loopback; new connections are accepted until it is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    said: Arc<Said>,
    ended: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Said {
    requests: Mutex<Vec<u8>>,
    answers: Mutex<Vec<u8>>,
}

impl Relay {
    /// Starts one that passes everything on to `target`.
    pub fn to(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for the relay")?;
        let relay = Self {
            address: listener.local_addr()?,
            said: Arc::default(),
            ended: Arc::default(),
        };
        let (said, ended) = (Arc::clone(&relay.said), Arc::clone(&relay.ended));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                // A client that cannot be connected sees its connection closed.
                let _ = connect(client, target, &said);
            }
        });
        Ok(relay)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The different values that a header field had in requests.
    pub fn requested(&self, field: &str) -> BTreeSet<String> {
        values(&self.said.requests, field)
    }

    /// The different values that a header field had in answers.
    pub fn answered(&self, field: &str) -> BTreeSet<String> {
        values(&self.said.answers, field)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

fn connect(client: TcpStream, target: SocketAddr, said: &Arc<Said>) -> Result<()> {
    let server = TcpStream::connect(target)?;
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let (requests, answers) = (Arc::clone(said), Arc::clone(said));
    thread::spawn(move || pass(from_client, to_server, &requests.requests));
    thread::spawn(move || pass(server, client, &answers.answers));
    Ok(())
}

/// Passes on what one side says until it ends.
fn pass(mut from: TcpStream, mut to: TcpStream, said: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        said.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn values(said: &Mutex<Vec<u8>>, field: &str) -> BTreeSet<String> {
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&said);
    let fields = text.split("\r\n").filter_map(|line| line.split_once(": "));
    fields
        .filter(|(name, _)| name.eq_ignore_ascii_case(field))
        .map(|(_, value)| value.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::{BufRead, BufReader};

    use super::*;
    use crate::lab::http;

    #[test]
    fn what_was_said_is_remembered() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let relay = Relay::to(server.local_addr().unwrap()).unwrap();
        let serving = thread::spawn(move || {
            let (mut client, _) = server.accept().unwrap();
            let lines = BufReader::new(client.try_clone().unwrap()).lines();
            let _header = lines.map_while(Result::ok).find(String::is_empty);
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kind: one\r\n\r\nok";
            client.write_all(answer.as_bytes()).unwrap();
        });
        let answer = http::get(relay.addr(), "/", &[("X-Asked", "this, that")]).unwrap();
        serving.join().unwrap();
        assert_eq!(answer.body, "ok");
        assert_eq!(relay.requested("x-asked"), ["this, that".to_owned()].into());
        assert_eq!(relay.answered("x-kind"), ["one".to_owned()].into());
        assert!(relay.answered("x-asked").is_empty());
    }
}
