//! Files that cannot be put in force.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::process::Signal;

use crate::support::{SOON, has_line, last_reload, node, node_label, status, wait_for_config};
use crate::tree::make_pipe;
use kubeskoop_exporter_tests::lab::unprivileged::{OpenDirectory, as_nobody};

/// Each with what the log says after the path of the file.
const BROKEN: [(&str, &str); 6] = [
    ("interval: 1s\nverbose: [true\n", ":3: not valid YAML"),
    (
        "verbose: true\ninterval: soon\n",
        ":2: interval: expected a duration",
    ),
    (
        "metrics:\n  probes: tcp\n",
        ":2: metrics.probes: expected a list, found \"tcp\"",
    ),
    (
        "metrics:\n  additionalLabels:\n  - zone=a\n  - k8s_pod=b\n",
        ":4: metrics.additionalLabels[1]: the label name \"k8s_pod\" is reserved",
    ),
    (
        "verbose: true\nserver:\n  tls:\n    certFile: /a\n",
        ":4: server.tls: not supported",
    ),
    ("verbose: true\nVerbose: false\n", ":2: Verbose: given twice"),
];

#[test]
fn a_broken_file_changes_nothing_and_a_good_one_heals() -> Result<()> {
    let mut map = ConfigMap::new(&node("good-0"))?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    for (number, (yaml, reason)) in BROKEN.into_iter().enumerate() {
        let (successful, before) = last_reload(&exporter)?;
        ensure!(successful, "{yaml:?}: the configuration before is in force");

        let position = exporter.log_position();
        map.swap(yaml)?;
        let reason = format!("{}{reason}", map.path().display());
        exporter.wait_for_log_after(position, &reason, SOON)?;
        assert_eq!(last_reload(&exporter)?, (false, before), "{yaml:?}");
        assert_eq!(node_label(&exporter)?, format!("good-{number}"), "{yaml:?}");
        ensure!(has_line(&exporter, "verbose: false")?, "{yaml:?}");
        let rejected = status(&exporter)?["config"]["rejected"].to_string();
        ensure!(rejected.contains(&reason.replace('"', "\\\"")), "{rejected}");

        let good = format!("good-{}", number + 1);
        map.swap(&node(&good))?;
        wait_for_config(&exporter, &format!("  nodeName: {good}"))?;
        let (successful, after) = last_reload(&exporter)?;
        ensure!(
            successful && after > before,
            "{yaml:?}: {successful}, {before}, {after}"
        );
        ensure!(status(&exporter)?["config"]["rejected"].is_null(), "{yaml:?}");
    }
    Ok(())
}

#[test]
fn an_unknown_key_is_a_warning_and_the_rest_takes_effect() -> Result<()> {
    let mut map = ConfigMap::new(&node("one"))?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    map.swap(&format!("teapot: short\n{}", node("two")))?;
    wait_for_config(&exporter, "  nodeName: two")?;
    let warning = "line 1: unknown key teapot";
    exporter.wait_for_log(warning, SOON)?;
    let status = status(&exporter)?["config"]["warnings"].to_string();
    ensure!(status.contains(warning), "{status}");
    ensure!(last_reload(&exporter)?.0);
    Ok(())
}

#[test]
fn a_file_that_is_deleted_changes_nothing_and_may_come_back() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("config.yaml");
    fs::write(&file, node("one"))?;
    let exporter = start(&file)?;
    let position = exporter.log_position();
    fs::remove_file(&file)?;
    rejected(&exporter, position, "cannot be read: No such file")?;
    fs::write(&file, node("two"))?;
    wait_for_config(&exporter, "  nodeName: two")?;
    ensure!(last_reload(&exporter)?.0);
    Ok(())
}

/// To read a pipe is to wait for a writer, who may never come.
#[test]
fn a_pipe_or_a_directory_in_place_of_the_file_holds_up_nobody() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("config.yaml");
    fs::write(&file, node("one"))?;
    let mut exporter = start(&file)?;

    let pipe = directory.path().join("pipe");
    make_pipe(&pipe)?;
    let position = exporter.log_position();
    fs::rename(&pipe, &file)?;
    rejected(&exporter, position, "config.yaml: it is no regular file")?;

    fs::remove_file(&file)?;
    fs::create_dir(&file)?;
    let position = exporter.log_position();
    exporter.signal(Signal::HUP)?;
    rejected(&exporter, position, "config.yaml: it is no regular file")?;

    let (ended, _) = exporter.terminate()?;
    ensure!(ended.success(), "{ended}");
    Ok(())
}

/// The exporter is not root here, and the owner of the file has closed it.
#[test]
fn a_file_that_may_not_be_read_changes_nothing() -> Result<()> {
    let directory = OpenDirectory::new()?;
    let file = directory.program().with_file_name("config.yaml");
    fs::write(&file, node("one"))?;
    let exporter = Exporter::builder()
        .binary(directory.program())
        .wrap(as_nobody())
        .args([Path::new("--config"), &file])
        .start()?;

    let closed = directory.program().with_file_name("closed");
    fs::write(&closed, node("two"))?;
    fs::set_permissions(&closed, Permissions::from_mode(0o600))?;
    let position = exporter.log_position();
    fs::rename(&closed, &file)?;
    rejected(&exporter, position, "cannot be read: Permission denied")
}

fn start(file: &Path) -> Result<Exporter> {
    Exporter::builder().args([Path::new("--config"), file]).start()
}

/// The log gives the reason after a position, and the first configuration is in force.
fn rejected(exporter: &Exporter, position: usize, reason: &str) -> Result<()> {
    exporter.wait_for_log_after(position, reason, SOON)?;
    assert_eq!(node_label(exporter)?, "one");
    ensure!(!last_reload(exporter)?.0, "the reload counts as successful");
    Ok(())
}
