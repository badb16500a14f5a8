//! What has the file read again beside a change of it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::http;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::process::Signal;

use crate::support::{SOON, has_line, last_reload, node, wait_for_config};

const UNCHANGED: &str = "configuration reloaded, nothing changed";

#[test]
fn sighup_reloads() -> Result<()> {
    let mut map = ConfigMap::new(&node("one"))?;
    let mut exporter = Exporter::builder().config_dir(&map).start()?;
    let (_, before) = last_reload(&exporter)?;
    exporter.signal(Signal::HUP)?;
    exporter.wait_for_log(UNCHANGED, SOON)?;
    let (successful, after) = last_reload(&exporter)?;
    ensure!(successful && after > before, "{before}, {after}");

    map.swap(&node("two"))?;
    exporter.signal(Signal::HUP)?;
    wait_for_config(&exporter, "  nodeName: two")
}

#[test]
fn a_post_reloads_and_its_answer_tells_how_that_went() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("config.yaml");
    fs::write(&file, node("one"))?;
    let exporter = Exporter::builder().args([Path::new("--config"), &file]).start()?;
    let answer = exporter.post("/-/reload")?;
    assert_eq!((answer.status, answer.body.trim_end()), (200, UNCHANGED));

    fs::write(&file, node("two"))?;
    assert_eq!(exporter.post("/-/reload")?.status, 200);
    ensure!(
        has_line(&exporter, "  nodeName: two")?,
        "in force when the answer comes"
    );

    fs::write(&file, "interval: soon\n")?;
    let answer = exporter.post("/-/reload")?;
    assert_eq!(answer.status, 422);
    let reason = format!("{}:1: interval: expected a duration", file.display());
    ensure!(answer.body.starts_with(&reason), "{}", answer.body);
    ensure!(
        has_line(&exporter, "  nodeName: two")?,
        "the configuration in force stays"
    );
    Ok(())
}

#[test]
fn a_get_does_not_reload() -> Result<()> {
    let exporter = Exporter::start()?;
    let (_, before) = last_reload(&exporter)?;
    let answer = exporter.get("/-/reload")?;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(last_reload(&exporter)?, (true, before));
    Ok(())
}

/// Others than this host may reload only where debugging is allowed.
#[test]
fn a_post_from_another_host_reloads_only_with_debug_mode() -> Result<()> {
    let (server, client) = (Netns::new("reload-server")?, Netns::new("reload-client")?);
    let pair = Netns::connect(&server, &client)?;
    let mut map = ConfigMap::new("debugMode: false\n")?;
    let exporter = Exporter::builder()
        .config_dir(&map)
        .bind(format!("{}:9102", pair.a.v4))
        .wrap(server.prefix())
        .start()?;
    let address = SocketAddr::new(pair.a.v4.into(), 9102);
    let post = || client.run(|| http::post(address, "/-/reload", ""));
    assert_eq!(post()?.status, 403);
    ensure!(!exporter.log().contains("reloaded"), "{}", exporter.log());

    map.swap("debugMode: true\n")?;
    exporter.wait_for_log("configuration reloaded", SOON)?;
    assert_eq!(post()?.status, 200);
    let entities = client.run(|| http::get(address, "/debug/entities", &[]))?;
    assert_eq!(
        entities.status, 403,
        "the state of the node is for this host only"
    );
    Ok(())
}
