//! Flags of the command line win over the file, also after it has changed.

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::exporter::Exporter;

use crate::support::{has_line, wait_for_config};

fn config(port: u16, name: &str) -> String {
    format!(
        "address: 127.0.0.1:{port}\n\
         kubernetes:\n  nodeName: {name}\n\
         metrics:\n  probes:\n  - name: tcp\n  - name: udp\n  - name: softnet\n"
    )
}

#[test]
fn bind_wins() -> Result<()> {
    // Ports that need a capability and belong to nobody: to listen there would show.
    let mut map = ConfigMap::new(&config(1, "one"))?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    let endpoint = exporter.endpoint().clone();
    ensure!(has_line(&exporter, "address: 127.0.0.1:0")?);
    map.swap(&config(2, "two"))?;
    wait_for_config(&exporter, "  nodeName: two")?;
    ensure!(has_line(&exporter, "address: 127.0.0.1:0")?);
    assert_eq!(exporter.last_endpoint(), endpoint);
    let log = exporter.log();
    assert_eq!(log.matches("listening on").count(), 1, "{log}");
    Ok(())
}

#[test]
fn without_probe_wins() -> Result<()> {
    let mut map = ConfigMap::new(&config(1, "one"))?;
    let exporter = Exporter::builder()
        .config_dir(&map)
        .args(["--without-probe", "UDP", "--without-probe", "softnet"])
        .start()?;
    assert_eq!(probes(&exporter)?, ["tcp"]);
    map.swap(&config(1, "two"))?;
    wait_for_config(&exporter, "  nodeName: two")?;
    assert_eq!(probes(&exporter)?, ["tcp"]);
    ensure!(!has_line(&exporter, "  - name: udp")?);
    Ok(())
}

fn probes(exporter: &Exporter) -> Result<Vec<String>> {
    let metrics = exporter.scrape()?;
    let probes = metrics.samples("kubeskoop_exporter_probe_up");
    Ok(probes
        .filter_map(|sample| sample.label("probe"))
        .map(str::to_owned)
        .collect())
}
