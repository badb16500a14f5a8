//! Where HTTP is served.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Every address of the host, IPv6 and IPv4: `:9102`.
    Any(u16),
    /// One host, by name or address: `host:port`, `[v6]:port`.
    Host(String, u16),
    /// A unix socket: `unix:///path`.
    Unix(PathBuf),
}

/// What an address looks like.
pub const EXPECTED: &str = "host:port, [v6]:port, :port or unix:///path";

impl Default for Address {
    fn default() -> Self {
        Self::Any(9102)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected {EXPECTED}, found {text:?}");
        if let Some(path) = text.strip_prefix("unix://") {
            let is_absolute = path.starts_with('/') && path.len() > 1;
            return if is_absolute {
                Ok(Self::Unix(path.into()))
            } else {
                Err(expected())
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
        let port = port.parse().map_err(|_| expected())?;
        let host = match host.strip_prefix('[') {
            Some(v6) => {
                let v6 = v6.strip_suffix(']').ok_or_else(expected)?;
                v6.parse::<std::net::Ipv6Addr>().map_err(|_| expected())?;
                v6
            }
            None if host.contains(':') || host.contains(char::is_whitespace) => return Err(expected()),
            None => host,
        };
        Ok(if host.is_empty() {
            Self::Any(port)
        } else {
            Self::Host(host.to_owned(), port)
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(port) => write!(f, ":{port}"),
            Self::Host(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_alike() {
        for text in [
            ":9102",
            "127.0.0.1:80",
            "localhost:0",
            "[::1]:9102",
            "unix:///run/exporter.sock",
        ] {
            assert_eq!(
                text.parse::<Address>().map(|it| it.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "9102",
            "host",
            ":70000",
            "::1:9102",
            "[::1]",
            "[host]:1",
            "unix://",
            "unix://run/x",
            "a b:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
