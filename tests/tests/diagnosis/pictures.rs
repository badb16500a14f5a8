//! Pictures of two dashboards for the README: `make screenshots`.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::dashboard::Dashboard;
use kubeskoop_exporter_tests::lab::prometheus::{Prometheus, Setup};
use kubeskoop_exporter_tests::lab::tools::{tool, workspace_root};
use serde_json::{Value, json};

use crate::chosen::{Chosen, values};
use crate::site::{RATE_INTERVAL, Site, server};

/// How long the faults are looked at: more than the windows of the records, less than the faults go on.
const DRAWN: Duration = Duration::from_mins(7);

/// The dashboards, how much of them in rows of their grid, and the pod that is looked at.
const PICTURES: [(&str, u32, &str); 2] = [
    ("kubeskoop-overview", 57, "tomcat"),
    ("kubeskoop-pod", 55, "tomcat"),
];

/// Drawn with what a Prometheus has by then that knows the node of the cluster only.
pub fn are_drawn(site: &Site) -> Result<()> {
    let setup = Setup {
        rules: &site.rules,
        ..Setup::default()
    };
    let prometheus = Prometheus::start(&server()?, setup, &[site.exporter.addr()?])?;
    sleep(DRAWN);
    site.wait_for_all_alerts()?;
    let root = workspace_root()?;
    let dashboards = Dashboard::all_in(&root.join("dashboards"))?;
    let pictures: Vec<Value> = PICTURES
        .iter()
        .map(|(uid, rows, pod)| {
            let pod = site.pods.iter().find(|it| it.fault.pod == *pod).context(*pod)?;
            let dashboard = dashboards.iter().find(|it| it.uid == *uid).context(*uid)?;
            Ok(json!({
                "dashboard": root.join(format!("dashboards/{uid}.json")),
                "file": root.join(format!("docs/images/{uid}.png")),
                "rows": rows,
                "values": values(&prometheus, dashboard, &Chosen::in_cluster(pod))?,
            }))
        })
        .collect::<Result<_>>()?;
    let order = json!({
        "prometheus": format!("http://{}", prometheus.addr()),
        "seconds": DRAWN.as_secs(),
        "interval": RATE_INTERVAL,
        "packages": root.join("target/tools/pictures"),
        "pictures": pictures,
    });
    fs::create_dir_all(root.join("docs/images"))?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("order.json");
    fs::write(&file, order.to_string())?;
    let mut draw = Command::new(tool("node/bin/node")?);
    draw.arg(root.join("tests/pictures/draw.mjs")).arg(file);
    output(&mut draw).map(|_| ())
}
