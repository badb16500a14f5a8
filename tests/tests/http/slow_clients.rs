//! Clients that take their time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::http::raw_connect;

const SLOW: usize = 20;
/// More answers than the buffers of two sockets hold.
const REQUESTS: usize = 2000;
/// The server waits 20 s for a client to take something, and a loaded machine may be late.
const CUT_OFF: Duration = Duration::from_secs(40);

#[test]
fn clients_that_send_a_byte_a_second_do_not_hold_up_others() -> Result<()> {
    let exporter = Exporter::start()?;
    let address = exporter.addr()?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let slow: Vec<_> = (0..SLOW)
            .map(|_| scope.spawn(|| dribble(address, &done)))
            .collect();
        let scraped = scrape_for_a_while(&exporter);
        done.store(true, Ordering::Relaxed);
        for client in slow {
            let client = client
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            ensure!(client? >= 3, "a client was not as slow as it should be");
        }
        scraped
    })
}

#[test]
fn clients_that_never_read_do_not_hold_up_others() -> Result<()> {
    let exporter = Exporter::start()?;
    exporter.scrape()?;
    let slow: Vec<_> = (0..SLOW)
        .map(|_| ask_and_never_read(exporter.addr()?))
        .collect::<Result<_>>()?;
    scrape_for_a_while(&exporter)?;
    for client in &slow {
        let waiting = client.peek(&mut [0; 1])?;
        ensure!(waiting == 1, "no answer waits to be read");
    }
    Ok(())
}

/// What waits for it must not wait forever: memory and a file of the exporter are held by it.
#[test]
fn a_client_that_takes_nothing_is_cut_off() -> Result<()> {
    let exporter = Exporter::start()?;
    exporter.scrape()?;
    let mut client = ask_and_never_read(exporter.addr()?)?;
    let deadline = Instant::now() + CUT_OFF;
    // A connection that the server has closed refuses what is sent to it.
    while client.write_all(b"\r\n").is_ok() {
        ensure!(Instant::now() < deadline, "it is still open after {CUT_OFF:?}");
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Twenty scrapes within three seconds or, on a loaded machine, longer.
fn scrape_for_a_while(exporter: &Exporter) -> Result<()> {
    for number in 0..20 {
        exporter.scrape().with_context(|| format!("scrape {number}"))?;
        thread::sleep(Duration::from_millis(150));
    }
    Ok(())
}

/// Sends the beginning of a request, byte by byte, until told that it is enough; returns how many.
fn dribble(address: SocketAddr, done: &AtomicBool) -> Result<usize> {
    let mut stream = raw_connect(address)?;
    let request = "GET /metrics HTTP/1.1\r\nHost: exporter\r\nX-Slow: ";
    let bytes = request.bytes().chain(std::iter::repeat(b'x'));
    let mut sent = 0;
    for byte in bytes {
        stream.write_all(&[byte])?;
        sent += 1;
        for _ in 0..20 {
            if done.load(Ordering::Relaxed) {
                return Ok(sent);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(sent)
}

fn ask_and_never_read(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = raw_connect(address)?;
    let requests = "GET /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n".repeat(REQUESTS);
    stream.write_all(requests.as_bytes())?;
    Ok(stream)
}

/// The same many requests are no attack if their answers are taken.
#[test]
fn requests_sent_ahead_are_answered_one_by_one() -> Result<()> {
    let exporter = Exporter::start()?;
    let mut stream = raw_connect(exporter.addr()?)?;
    let requests = "GET /healthz HTTP/1.1\r\nHost: exporter\r\n\r\n".repeat(99);
    stream.write_all(requests.as_bytes())?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: exporter\r\nConnection: close\r\n\r\n")?;
    let mut answers = String::new();
    stream.read_to_string(&mut answers)?;
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 100);
    Ok(())
}
