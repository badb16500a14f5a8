//! Connections of which a test writes and reads every byte, and the exporter's own view.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::http::raw_connect;
use serde_json::Value;

/// A connection that stays open between requests.
#[derive(Debug)]
pub struct KeepAlive {
    stream: BufReader<TcpStream>,
}

impl KeepAlive {
    /// Connects, and sends nothing.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = BufReader::new(raw_connect(address)?);
        Ok(Self { stream })
    }

    /// GETs `path` and returns the status line.
    pub fn get(&mut self, path: &str) -> Result<String> {
        write!(
            self.stream.get_mut(),
            "GET {path} HTTP/1.1\r\nHost: exporter\r\n\r\n"
        )?;
        let mut status = String::new();
        self.stream.read_line(&mut status).context("no status line")?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim_end().parse()?;
            }
            if line.trim_end().is_empty() {
                break;
            }
        }
        let read = (&mut self.stream).take(length).read_to_end(&mut Vec::new())?;
        anyhow::ensure!(read as u64 == length, "{read} bytes came of {length}");
        Ok(status.trim_end().to_owned())
    }

    /// Waits for the server to close the connection; an error if it sends anything instead, or
    /// does nothing for 10 s.
    pub fn wait_for_close(&mut self) -> Result<()> {
        match self.stream.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => anyhow::bail!("it has sent something"),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(()),
            Err(error) => Err(error).context("it is still open"),
        }
    }
}

/// Sends `request` and reads until the server closes the connection.
pub fn exchange(address: SocketAddr, request: &str) -> Result<String> {
    let mut stream = raw_connect(address)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// `/status`.
pub fn status(exporter: &Exporter) -> Result<Value> {
    let body = exporter.get("/status")?.body;
    serde_json::from_str(&body).with_context(|| format!("/status: {body}"))
}

/// How many collections there have been.
pub fn collections(exporter: &Exporter) -> Result<u64> {
    let number = &status(exporter)?["collection"]["number"];
    number.as_u64().with_context(|| format!("the number is {number}"))
}

/// What `/status` says of one probe.
pub fn probe(exporter: &Exporter, name: &str) -> Result<Value> {
    let status = status(exporter)?;
    let mut probes = status["probes"].as_array().into_iter().flatten();
    probes
        .find(|probe| probe["name"] == name)
        .cloned()
        .with_context(|| format!("{name} is not in {status}"))
}
