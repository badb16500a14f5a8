//! The end of the program.

use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::http::{self, raw_connect};
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::process::Signal;

use crate::raw::KeepAlive;
use crate::tree::Tree;

/// Within this time after SIGTERM the program has ended.
const END: Duration = Duration::from_secs(1);
/// Within this time a collection must begin.
const BEGIN: Duration = Duration::from_secs(10);

fn ends_in_time(exporter: &mut Exporter) -> Result<()> {
    let (ended, taken) = exporter.terminate()?;
    ensure!(ended.success(), "{ended}, log:\n{}", exporter.log());
    ensure!(taken < END, "it has taken {taken:?}");
    Ok(())
}

#[test]
fn sigterm_and_sigint_end_it() -> Result<()> {
    ends_in_time(&mut Exporter::start()?)?;
    let mut exporter = Exporter::start()?;
    exporter.signal(Signal::INT)?;
    let ended = exporter.process().wait(END)?;
    ensure!(ended.success(), "{ended}");
    Ok(())
}

#[test]
fn connections_that_are_kept_alive_do_not_keep_it() -> Result<()> {
    let mut exporter = Exporter::start()?;
    let address = exporter.addr()?;
    let mut connections = (0..50)
        .map(|_| KeepAlive::connect(address))
        .collect::<Result<Vec<_>>>()?;
    for used in connections.iter_mut().take(25) {
        assert_eq!(used.get("/metrics")?, "HTTP/1.1 200 OK");
    }
    ends_in_time(&mut exporter)?;
    connections.iter_mut().try_for_each(KeepAlive::wait_for_close)
}

#[test]
fn requests_that_are_never_finished_do_not_keep_it() -> Result<()> {
    let mut exporter = Exporter::start()?;
    exporter.scrape()?;
    let half = begin(exporter.addr()?, "GET /metrics HTTP/1.1\r\nHo")?;
    let many = "GET /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n".repeat(2000);
    let never_read = begin(exporter.addr()?, &many)?;
    exporter.scrape()?;
    ends_in_time(&mut exporter)?;
    drop((half, never_read));
    Ok(())
}

fn begin(address: SocketAddr, request: &str) -> Result<std::net::TcpStream> {
    let mut stream = raw_connect(address)?;
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}

/// The collection hangs until the test has seen that the program is about to end.
#[test]
fn a_scrape_in_flight_is_finished() -> Result<()> {
    let tree = Tree::new()?;
    let mut exporter = tree.exporter().config("interval: 0\n").start()?;
    let address = exporter.addr()?;
    exporter.wait_for_log("found", BEGIN)?;
    let text = tree.read("dev")?;
    let pipe = tree.block("dev")?;
    let answer = thread::scope(|scope| {
        let scrape = scope.spawn(|| http::get(address, "/metrics", &[]));
        let mut reader = pipe.wait_for_reader(BEGIN)?;
        exporter.signal(Signal::TERM)?;
        exporter.wait_for_log("ending", END)?;
        reader.write_all(&text)?;
        drop(reader);
        scrape
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    assert_eq!(answer.status, 200);
    let metrics = Metrics::parse(&answer.body)?;
    let up = metrics.value("kubeskoop_exporter_probe_up", &[("probe", "netdev")]);
    assert_eq!(up, Some(1.0), "the collection has not waited for the file");
    let ended = exporter.process().wait(END)?;
    ensure!(ended.success(), "{ended}");
    Ok(())
}

#[test]
fn a_file_that_hangs_does_not_keep_it() -> Result<()> {
    let tree = Tree::new()?;
    let mut exporter = tree.exporter().config("interval: 0\n").start()?;
    exporter.wait_for_log("found", BEGIN)?;
    let pipe = tree.block("dev")?;
    let address = exporter.addr()?;
    let mut scraper = begin(address, "GET /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n")?;
    scraper.flush()?;
    let _reader = pipe.wait_for_reader(BEGIN)?;
    ends_in_time(&mut exporter)
}
