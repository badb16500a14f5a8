//! Many connections that do nothing.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::raw::KeepAlive;

const IDLE: usize = 1000;
/// Beyond it the exporter closes connections, if it may open twice as many files.
const MOST_CONNECTIONS: usize = 2048;
const OK: &str = "HTTP/1.1 200 OK";

#[test]
fn a_thousand_idle_connections_do_not_hold_up_others() -> Result<()> {
    raise_own_limit()?;
    let exporter = Exporter::start()?;
    let mut idle = connections(exporter.addr()?, IDLE)?;
    for _ in 0..20 {
        exporter.scrape()?;
    }
    // They were idle, not forgotten.
    for index in [0, IDLE / 2, IDLE - 1] {
        assert_eq!(idle[index].get("/healthz")?, OK);
    }
    Ok(())
}

/// The room is taken from those that have been idle longest.
#[test]
fn beyond_the_most_connections_the_longest_idle_one_makes_room() -> Result<()> {
    raise_own_limit()?;
    let exporter = Exporter::start()?;
    let metrics = exporter.scrape()?;
    let files = metrics.samples("process_max_fds").next();
    let files: usize = files.context("no process_max_fds")?.raw.parse()?;
    let most = MOST_CONNECTIONS.min(files / 2);

    let mut used = KeepAlive::connect(exporter.addr()?)?;
    assert_eq!(used.get("/healthz")?, OK);
    let mut idle = connections(exporter.addr()?, most / 2)?;
    assert_eq!(used.get("/healthz")?, OK);
    idle.extend(connections(exporter.addr()?, most / 2 + 100)?);
    for number in 0..20 {
        exporter.scrape().with_context(|| format!("scrape {number}"))?;
    }

    assert_eq!(used.get("/healthz")?, OK, "it was idle for less time than others");
    for (number, gone) in idle.iter_mut().take(100).enumerate() {
        gone.wait_for_close()
            .with_context(|| format!("idle connection {number}"))?;
    }
    let last = idle.last_mut().context("no connection")?;
    assert_eq!(last.get("/healthz")?, OK);
    Ok(())
}

fn connections(address: SocketAddr, count: usize) -> Result<Vec<KeepAlive>> {
    (0..count)
        .map(|number| KeepAlive::connect(address).with_context(|| format!("connection {number}")))
        .collect()
}

/// The connections have an end in this process too.
fn raise_own_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )?;
    let raised = getrlimit(Resource::Nofile).current;
    ensure!(
        raised.is_none_or(|files| files >= 4096),
        "the limit of open files is {raised:?}: this test needs 4096"
    );
    Ok(())
}
