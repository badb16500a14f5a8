//! The ways in which a file is changed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Result;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::process::Signal;

use crate::support::{SOON, node, node_label, wait_for_config};

#[test]
fn a_file_that_is_written_anew_takes_effect() -> Result<()> {
    each_write_takes_effect(|file, yaml| Ok(fs::write(file, yaml)?))
}

/// As editors do it: a new file takes the name of the old one.
#[test]
fn a_file_that_is_replaced_takes_effect() -> Result<()> {
    each_write_takes_effect(|file, yaml| {
        let new = file.with_extension("new");
        fs::write(&new, yaml)?;
        Ok(fs::rename(new, file)?)
    })
}

/// As other editors do it: the old file moves out of the way first.
#[test]
fn a_file_that_is_moved_away_and_made_anew_takes_effect() -> Result<()> {
    each_write_takes_effect(|file, yaml| {
        fs::rename(file, file.with_extension("bak"))?;
        Ok(fs::write(file, yaml)?)
    })
}

/// The directory of the link is another one than that of the file.
#[test]
fn a_file_behind_a_link_takes_effect_when_it_changes_and_when_the_link_does() -> Result<()> {
    let (links, files) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let link = links.path().join("config.yaml");
    let target = files.path().join("one.yaml");
    fs::write(&target, node("zero"))?;
    symlink(&target, &link)?;
    let exporter = start(&link)?;
    fs::write(&target, node("one"))?;
    wait_for_config(&exporter, "  nodeName: one")?;

    let other = files.path().join("two.yaml");
    fs::write(&other, node("two"))?;
    let new = links.path().join("new");
    symlink(&other, &new)?;
    fs::rename(&new, &link)?;
    wait_for_config(&exporter, "  nodeName: two")?;
    fs::write(&other, node("three"))?;
    wait_for_config(&exporter, "  nodeName: three")
}

/// As the shell has it: `--config <(template)`.
#[test]
fn a_pipe_is_read_once_and_stays_in_force() -> Result<()> {
    let mut exporter = Exporter::builder()
        .wrap([
            "bash",
            "-c",
            "exec \"$@\" --config <(sleep 0.2; echo 'interval: 7s')",
            "bash",
        ])
        .start()?;
    wait_for_config(&exporter, "interval: 7s")?;
    exporter.signal(Signal::HUP)?;
    exporter.wait_for_log("it is no regular file", SOON)?;
    wait_for_config(&exporter, "interval: 7s")
}

fn each_write_takes_effect(write: impl Fn(&Path, &str) -> Result<()>) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("config.yaml");
    fs::write(&file, node("zero"))?;
    let exporter = start(&file)?;
    for name in ["one", "two", "three"] {
        write(&file, &node(name))?;
        wait_for_config(&exporter, &format!("  nodeName: {name}"))?;
        assert_eq!(node_label(&exporter)?, name);
    }
    Ok(())
}

fn start(file: &Path) -> Result<Exporter> {
    Exporter::builder().args([Path::new("--config"), file]).start()
}
