//! A unix socket in place of a port.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::{Builder, Endpoint, Exporter};
use kubeskoop_exporter_tests::lab::process::Signal;
use tempfile::TempDir;

fn place() -> Result<(TempDir, PathBuf)> {
    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("exporter.sock");
    Ok((directory, socket))
}

fn exporter_at(socket: &Path) -> Builder {
    Exporter::builder().bind(format!("unix://{}", socket.display()))
}

#[test]
fn it_is_served_and_removed_at_the_end() -> Result<()> {
    let (_directory, socket) = place()?;
    let mut exporter = exporter_at(&socket).start()?;
    assert_eq!(*exporter.endpoint(), Endpoint::Unix(socket.clone()));
    ensure!(exporter.scrape()?.family("kubeskoop_tcp_insegs").is_some());
    let (ended, _) = exporter.terminate()?;
    ensure!(ended.success(), "{ended}");
    ensure!(!socket.exists(), "the file is left behind");
    Ok(())
}

#[test]
fn one_left_behind_by_a_process_that_was_killed_is_replaced() -> Result<()> {
    let (_directory, socket) = place()?;
    let mut killed = exporter_at(&socket).start()?;
    killed.signal(Signal::KILL)?;
    drop(killed);
    ensure!(socket.exists(), "nobody could remove it");
    let exporter = exporter_at(&socket).start()?;
    exporter.scrape()?;
    Ok(())
}

#[test]
fn one_that_somebody_listens_on_is_left_alone() -> Result<()> {
    let (_directory, socket) = place()?;
    let listener = UnixListener::bind(&socket)?;
    let error = start_fails(&socket)?;
    ensure!(error.contains("another process listens there"), "{error}");
    std::os::unix::net::UnixStream::connect(&socket).context("it was replaced")?;
    drop(listener);
    Ok(())
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() -> Result<()> {
    let (_directory, socket) = place()?;
    fs::write(&socket, "precious")?;
    let error = start_fails(&socket)?;
    ensure!(error.contains("no socket"), "{error}");
    assert_eq!(fs::read_to_string(&socket)?, "precious");
    Ok(())
}

fn start_fails(socket: &Path) -> Result<String> {
    let error = exporter_at(socket).start().err().context("it has started")?;
    let text = format!("{error:#}");
    ensure!(text.contains("exit status: 1"), "{text}");
    ensure!(
        text.contains(&format!("cannot listen on unix://{}", socket.display())),
        "{text}"
    );
    Ok(text)
}
