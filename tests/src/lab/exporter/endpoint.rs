//! Where an exporter listens.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Result;

use crate::lab::http::{self, Response};

/// An address of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// An address to connect to: loopback where the exporter listens on all.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

impl Endpoint {
    /// GETs `path` from the exporter.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
        match self {
            Self::Tcp(address) => http::get(*address, path, headers),
            Self::Unix(socket) => http::get_unix(socket, path, headers),
        }
    }

    /// The last one that a log tells of, in a line that has come whole.
    pub fn last_in(log: &str) -> Option<Self> {
        log.split_inclusive('\n')
            .rev()
            .filter(|line| line.ends_with('\n'))
            .find_map(Self::in_line)
    }

    /// Reads `listening on http://ADDRESS/metrics` or `listening on unix:///path`, alone or within
    /// a line of JSON.
    fn in_line(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once("listening on ")?;
        let url = rest.split(|end: char| end.is_whitespace() || end == '"').next()?;
        if let Some(path) = url.strip_prefix("unix://") {
            return Some(Self::Unix(path.into()));
        }
        let (scheme, rest) = url.split_once("://")?;
        let address = rest
            .strip_suffix("/metrics")
            .filter(|_| matches!(scheme, "http" | "https"))?;
        address.parse().ok().map(|address| Self::Tcp(reachable(address)))
    }
}

fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn tcp(address: &str) -> Endpoint {
        Endpoint::Tcp(address.parse().unwrap())
    }

    #[test]
    fn is_read_from_the_log() {
        let last = Endpoint::last_in;
        let log = "INFO starting\nINFO server: listening on http://127.0.0.1:43215/metrics\nmore\n";
        assert_eq!(last(log), Some(tcp("127.0.0.1:43215")));
        let json = "{\"message\":\"listening on http://[::1]:80/metrics\",\"level\":\"INFO\"}\n";
        assert_eq!(last(json), Some(tcp("[::1]:80")));
        let moved = "listening on http://0.0.0.0:1/metrics\nlistening on http://[::]:2/metrics\n";
        assert_eq!(last(moved), Some(tcp("[::1]:2")));
        let socket = "listening on unix:///run/ksk.sock\n";
        assert_eq!(last(socket), Some(Endpoint::Unix("/run/ksk.sock".into())));
    }

    #[test]
    fn half_a_line_is_not_read() {
        assert_eq!(Endpoint::last_in("listening on http://127.0.0.1:4"), None);
        assert_eq!(Endpoint::last_in("listening on unix:///run/ks"), None);
        assert_eq!(Endpoint::last_in("not listening on anything\n"), None);
    }
}
