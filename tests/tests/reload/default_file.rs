//! The file that is read when no other is named.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;

use crate::support::{SOON, last_reload, node, node_label, status, wait_for_config};

/// Gives a command an empty `/etc` of its own.
const OWN_ETC: [&str; 6] = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    "mount -t tmpfs tmpfs /etc && exec \"$@\"",
    "sh",
];

#[test]
fn without_any_file_the_defaults_hold_and_one_that_appears_takes_effect() -> Result<()> {
    let exporter = Exporter::builder().wrap(OWN_ETC).start()?;
    exporter.wait_for_log("no configuration file, the built-in defaults hold", SOON)?;
    wait_for_config(&exporter, "interval: 5s")?;
    ensure!(status(&exporter)?["config"]["file"].is_null());
    ensure!(last_reload(&exporter)?.0, "the defaults are no failure");

    let directory = etc_of(&exporter).join("config");
    fs::create_dir(&directory)?;
    fs::write(directory.join("config.yaml"), node("appeared"))?;
    wait_for_config(&exporter, "  nodeName: appeared")?;
    let file = &status(&exporter)?["config"]["file"];
    assert_eq!(file.as_str(), Some("/etc/config/config.yaml"));
    Ok(())
}

/// Back to the defaults would be a change that nobody has asked for.
#[test]
fn when_the_file_goes_what_it_said_stays_in_force() -> Result<()> {
    let exporter = Exporter::builder().wrap(OWN_ETC).start()?;
    let directory = etc_of(&exporter).join("config");
    fs::create_dir(&directory)?;
    fs::write(directory.join("config.yaml"), node("one"))?;
    wait_for_config(&exporter, "  nodeName: one")?;

    fs::remove_dir_all(&directory)?;
    exporter.wait_for_log("/etc/config/config.yaml: it is gone", SOON)?;
    assert_eq!(node_label(&exporter)?, "one");
    ensure!(!last_reload(&exporter)?.0);

    fs::create_dir(&directory)?;
    fs::write(directory.join("config.yaml"), node("two"))?;
    wait_for_config(&exporter, "  nodeName: two")?;
    ensure!(last_reload(&exporter)?.0);
    Ok(())
}

fn etc_of(exporter: &Exporter) -> PathBuf {
    format!("/proc/{}/root/etc", exporter.pid()).into()
}
