//! HTTP clients: an ordinary one, and the raw connections that slow clients are made of.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ureq::Agent;

use crate::lab::wait::patience;

/// How long anything may take: longer than the exporter waits for a collection, so that it is the
/// exporter that says so.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest body that is read.
const MAX_BODY: u64 = 256 << 20;

/// An answer of any status.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields by lower case name; repeated ones are joined by `, `.
    pub headers: BTreeMap<String, String>,
    /// The body as text, with U+FFFD for what is not UTF-8.
    pub body: String,
    /// The body as it came, not decompressed.
    pub bytes: Vec<u8>,
}

impl Response {
    /// A header field by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    fn new<'a>(status: u16, fields: impl IntoIterator<Item = (&'a str, String)>, bytes: Vec<u8>) -> Self {
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in fields {
            headers
                .entry(name.to_ascii_lowercase())
                .and_modify(|values| *values = format!("{values}, {value}"))
                .or_insert(value);
        }
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Self {
            status,
            headers,
            body,
            bytes,
        }
    }
}

/// GETs `path` (with its query) on a connection of its own.
///
/// The connection is made on the calling thread, so that [`crate::lab::netns::Netns::run`] decides
/// where. Nothing but the given headers and `Host`, `User-Agent` and `Accept: */*` is sent; bodies
/// are not decompressed, redirects not followed.
pub fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
    let url = format!("http://{address}{path}");
    let mut request = agent().get(&url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.call();
    answer.and_then(read).with_context(|| format!("GET {url}"))
}

/// POSTs `body` to `path` on a connection of its own.
pub fn post(address: SocketAddr, path: &str, body: &str) -> Result<Response> {
    let url = format!("http://{address}{path}");
    let answer = agent().post(&url).send(body);
    answer.and_then(read).with_context(|| format!("POST {url}"))
}

/// POSTs `body`, which is JSON and said to be, to `path` on a connection of its own.
pub fn post_json(address: SocketAddr, path: &str, body: &str) -> Result<Response> {
    let url = format!("http://{address}{path}");
    let answer = agent().post(&url).content_type("application/json").send(body);
    answer.and_then(read).with_context(|| format!("POST {url}"))
}

/// GETs `path` from the server that listens on the socket file `socket`.
pub fn get_unix(socket: &Path, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
    let context = || format!("GET {path} from {}", socket.display());
    let mut stream = UnixStream::connect(socket).with_context(context)?;
    stream.set_read_timeout(Some(patience(TIMEOUT)))?;
    stream.set_write_timeout(Some(patience(TIMEOUT)))?;
    // HTTP/1.0: the answer comes in one piece and ends with the connection.
    let mut request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).with_context(context)?;
    let mut answer = Vec::new();
    stream
        .take(MAX_BODY)
        .read_to_end(&mut answer)
        .with_context(context)?;
    parse(&answer).with_context(context)
}

/// A TCP connection to `address` on which nothing has been sent; its reads and writes time out
/// after 10 s.
pub fn raw_connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, patience(TIMEOUT))
        .with_context(|| format!("cannot connect to {address}"))?;
    stream.set_read_timeout(Some(patience(TIMEOUT)))?;
    stream.set_write_timeout(Some(patience(TIMEOUT)))?;
    Ok(stream)
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(patience(TIMEOUT)))
        .build()
        .into()
}

fn read(answer: ureq::http::Response<ureq::Body>) -> Result<Response, ureq::Error> {
    let (head, mut body) = answer.into_parts();
    let bytes = body.with_config().limit(MAX_BODY).read_to_vec()?;
    let fields = head.headers.iter().map(|(name, value)| {
        (
            name.as_str(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    });
    Ok(Response::new(head.status.as_u16(), fields, bytes))
}

/// An answer that ended with its connection.
fn parse(answer: &[u8]) -> Result<Response> {
    let head_end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .context("the answer has no end of its header")?;
    let head = String::from_utf8_lossy(&answer[..head_end]);
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok())
        .context("the answer has no status")?;
    let fields = lines
        .map(|line| {
            line.split_once(':')
                .map(|(name, value)| (name, value.trim().to_owned()))
        })
        .collect::<Option<Vec<_>>>()
        .context("a header field has no colon")?;
    let response = Response::new(status, fields, answer[head_end + 4..].to_vec());
    if let Some(length) = response.header("content-length")
        && length.parse() != Ok(response.bytes.len())
    {
        bail!("{} bytes came of {length}", response.bytes.len());
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;
    use crate::lab::netns::Netns;

    const NOT_FOUND: &str =
        "HTTP/1.1 404 Not Found\r\nX-One: a\r\nx-one: b\r\nContent-Length: 5\r\n\r\nnone\n";

    /// Reads a request's header and answers with `answer`; returns the header.
    fn serve(mut stream: impl Read + Write, answer: &str) -> String {
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            request.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    }

    fn serve_once(listener: TcpListener, answer: &'static str) -> thread::JoinHandle<String> {
        thread::spawn(move || serve(listener.accept().unwrap().0, answer))
    }

    #[test]
    fn any_status_is_a_response() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = serve_once(listener, NOT_FOUND);
        let response = get(address, "/x?probe=tcp", &[("Accept-Encoding", "gzip")]).unwrap();
        assert_eq!((response.status, response.body.as_str()), (404, "none\n"));
        assert_eq!(response.header("X-ONE"), Some("a, b"));
        let request = server.join().unwrap();
        assert!(request.starts_with("GET /x?probe=tcp HTTP/1.1\r\n"), "{request}");
        assert!(
            request
                .to_ascii_lowercase()
                .contains("\r\naccept-encoding: gzip\r\n"),
            "{request}"
        );
    }

    #[test]
    fn redirects_are_not_followed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = serve_once(
            listener,
            "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
        );
        assert_eq!(post(address, "/-/reload", "").unwrap().status, 302);
        assert!(server.join().unwrap().starts_with("POST /-/reload "));
    }

    #[test]
    fn asks_within_the_namespace_of_the_thread() {
        let netns = Netns::new("http").unwrap();
        let listener = netns.run(|| Ok(TcpListener::bind("[::1]:0")?)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = serve_once(listener, NOT_FOUND);
        assert_eq!(netns.run(|| get(address, "/", &[])).unwrap().status, 404);
        server.join().unwrap();
        assert!(get(address, "/", &[]).is_err(), "another loopback");
    }

    #[test]
    fn talks_to_socket_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || serve(listener.accept().unwrap().0, NOT_FOUND));
        let response = get_unix(&path, "/metrics", &[("Accept", "text/plain")]).unwrap();
        assert_eq!((response.status, response.body.as_str()), (404, "none\n"));
        assert!(server.join().unwrap().contains("\r\nAccept: text/plain\r\n"));
    }

    #[test]
    fn a_body_cut_short_is_an_error() {
        assert!(parse(b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nshort").is_err());
        assert_eq!(parse(b"HTTP/1.0 200 OK\r\n\r\nall").unwrap().body, "all");
    }

    #[test]
    fn a_raw_connection_sends_what_it_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = serve_once(listener, NOT_FOUND);
        let mut stream = raw_connect(address).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n").unwrap();
        stream.write_all(b"\r\n").unwrap();
        assert_eq!(server.join().unwrap(), "GET / HTTP/1.0\r\n\r\n");
    }
}
