//! Another address: every test has a network namespace of its own, and with it all ports.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::http;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::process::Signal;
use kubeskoop_exporter_tests::lab::wait::eventually;

use crate::support::SOON;

const HERE: &str = "127.0.0.1:9200";
/// Within this time a listener that was closed is gone.
const FREED: Duration = Duration::from_secs(10);

/// An exporter that listens at [`HERE`], as its file says.
struct Lab {
    exporter: Exporter,
    map: ConfigMap,
    netns: Netns,
}

impl Lab {
    fn new(tag: &str) -> Result<Self> {
        let netns = Netns::new(tag)?;
        let map = ConfigMap::new(&format!("address: {HERE}\n"))?;
        let exporter = Exporter::builder()
            .without_bind()
            .config_dir(&map)
            .wrap(netns.prefix())
            .start()?;
        let lab = Self { exporter, map, netns };
        lab.is_served(HERE)?;
        Ok(lab)
    }

    /// Changes the address and waits until the log has `outcome`.
    fn change(&mut self, address: &str, outcome: &str) -> Result<()> {
        let position = self.exporter.log_position();
        self.map.swap(&format!("address: '{address}'\n"))?;
        self.exporter.wait_for_log_after(position, outcome, SOON)
    }

    fn is_served(&self, address: &str) -> Result<()> {
        self.has_reloaded(address, true)
    }

    /// Somebody answers, and says whether the last reload was successful.
    fn has_reloaded(&self, address: &str, successful: bool) -> Result<()> {
        let address: SocketAddr = address.parse()?;
        let body = self.netns.run(|| http::get(address, "/metrics", &[]))?.body;
        let line = format!(
            "\nkubeskoop_exporter_config_last_reload_successful {}\n",
            u8::from(successful)
        );
        ensure!(body.contains(&line), "{address}: not {line}");
        Ok(())
    }

    fn is_refused(&self, address: &str) -> Result<()> {
        ensure!(!self.is_open(address)?, "{address} is still listened on");
        Ok(())
    }

    fn is_open(&self, address: &str) -> Result<bool> {
        let address: SocketAddr = address.parse()?;
        self.netns.run(|| Ok(TcpStream::connect(address).is_ok()))
    }

    /// Frees an address. A child that another test has just forked may keep it open until it has
    /// become the program it is to be.
    fn free(&self, listener: TcpListener, address: &str) -> Result<()> {
        drop(listener);
        eventually(FREED, || Ok(!self.is_open(address)?)).with_context(|| format!("{address} is not free"))
    }

    fn occupy(&self, address: &str) -> Result<TcpListener> {
        self.netns
            .run(|| TcpListener::bind(address).with_context(|| format!("cannot listen on {address}")))
    }
}

#[test]
fn another_port_is_served_instead_of_the_old_one() -> Result<()> {
    let mut lab = Lab::new("port")?;
    lab.change("127.0.0.1:9300", "listening on http://127.0.0.1:9300/metrics")?;
    lab.is_served("127.0.0.1:9300")?;
    lab.is_refused(HERE)?;
    lab.change(HERE, "listening on http://127.0.0.1:9200/metrics")?;
    lab.is_served(HERE)?;
    lab.is_refused("127.0.0.1:9300")
}

#[test]
fn a_port_that_is_taken_leaves_the_old_one_served_until_it_is_free() -> Result<()> {
    let mut lab = Lab::new("taken")?;
    let other = lab.occupy("127.0.0.1:9300")?;
    lab.change(
        "127.0.0.1:9300",
        "reload failed, the configuration in force stays: cannot listen on 127.0.0.1:9300: Address already in use",
    )?;
    lab.has_reloaded(HERE, false)?;
    let log = lab.exporter.log();
    ensure!(log.contains("choose another address with --bind"), "{log}");

    lab.free(other, "127.0.0.1:9300")?;
    lab.exporter.signal(Signal::HUP)?;
    lab.exporter
        .wait_for_log("listening on http://127.0.0.1:9300/metrics", SOON)?;
    lab.is_served("127.0.0.1:9300")?;
    lab.is_refused(HERE)
}

/// Nobody can listen on one port of one address and of all addresses at once.
#[test]
fn one_address_and_all_addresses_of_a_port_replace_each_other() -> Result<()> {
    let mut lab = Lab::new("overlap")?;
    lab.change(":9200", "listening on http://localhost:9200/metrics")?;
    lab.is_served(HERE)?;
    lab.is_served("[::1]:9200")?;
    lab.change(HERE, "listening on http://127.0.0.1:9200/metrics")?;
    lab.is_served(HERE)?;
    lab.is_refused("[::1]:9200")
}

#[test]
fn where_the_old_address_had_to_be_closed_it_is_served_again_when_the_new_one_is_taken() -> Result<()> {
    let mut lab = Lab::new("restore")?;
    let other = lab.occupy("127.0.0.2:9200")?;
    lab.change(":9200", "reload failed")?;
    lab.has_reloaded(HERE, false)?;
    lab.is_refused("127.0.0.3:9200")?;
    lab.free(other, "127.0.0.2:9200")?;
    lab.exporter.signal(Signal::HUP)?;
    lab.exporter
        .wait_for_log("listening on http://localhost:9200/metrics", SOON)?;
    lab.is_served("127.0.0.3:9200")
}

#[test]
fn an_address_of_another_host_leaves_the_old_one_served() -> Result<()> {
    let mut lab = Lab::new("foreign")?;
    lab.change(":9200", "listening on http://localhost:9200/metrics")?;
    lab.change(
        "192.0.2.1:9200",
        "cannot listen on 192.0.2.1:9200: Cannot assign requested address (os error 99); no device of this host",
    )?;
    lab.has_reloaded(HERE, false)?;
    lab.change(":9200", "configuration reloaded, nothing changed")?;
    lab.is_served(HERE)
}

#[test]
fn a_socket_file_takes_turns_with_a_port() -> Result<()> {
    let mut lab = Lab::new("socket")?;
    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("exporter.sock");
    let url = format!("unix://{}", socket.display());
    lab.change(&url, &format!("listening on {url}"))?;
    assert_eq!(get(&socket)?, 200);
    lab.is_refused(HERE)?;
    lab.change(HERE, "listening on http://127.0.0.1:9200/metrics")?;
    lab.is_served(HERE)?;
    ensure!(!socket.exists(), "the file is left behind");
    Ok(())
}

/// The file that is to go elsewhere keeps all else that it says from taking effect too.
#[test]
fn a_file_whose_address_cannot_be_had_takes_no_effect_at_all() -> Result<()> {
    let mut lab = Lab::new("whole")?;
    lab.map
        .swap("address: 192.0.2.1:9200\nverbose: true\ndebugMode: true\n")?;
    lab.exporter.wait_for_log("reload failed", SOON)?;
    let here = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 9200);
    let config = lab.netns.run(|| http::get(here, "/config", &[]))?.body;
    for line in [
        "address: 127.0.0.1:9200\n",
        "verbose: false\n",
        "debugMode: false\n",
    ] {
        ensure!(config.contains(line), "{config}");
    }
    Ok(())
}

fn get(socket: &Path) -> Result<u16> {
    Ok(http::get_unix(socket, "/metrics", &[])?.status)
}
