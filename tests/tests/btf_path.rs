//! Kernels without type information of their own: programs that count by themselves take it from a
//! file, and know namespaces by their inodes where no pass tells their cookies.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::{Builder, Exporter};
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::traffic::udp_to_closed_port;

const OWN: &str = "/sys/kernel/btf/vmlinux";
const DATAGRAMS: u8 = 40;
/// Of each the programs hang on nothing but raw tracepoints.
const PROBES: [&str; 4] = ["packetloss", "tcpretrans", "softirq", "netiftxlat"];

/// An exporter that finds no type information where the kernel has it.
fn without_own_btf(btf_path: &Path) -> Builder {
    let hide = "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"";
    let config = format!(
        "interval: 0\nbtfPath: {}\nmetrics: {{probes: [udp, {}]}}\n",
        btf_path.display(),
        PROBES.join(", ")
    );
    let wrapper = ["unshare", "--mount", "bash", "-c", hide, "bash"];
    Exporter::builder().wrap(wrapper).config(&config)
}

/// Drops in one namespace are counted there, and in no other.
fn drops_are_counted_in_their_namespace(exporter: &Exporter, [lossy, quiet]: [&Netns; 2]) -> Result<()> {
    let drops = |netns: &Netns| -> Result<u64> {
        let scrape = exporter.scrape()?;
        let total = scrape.number("kubeskoop_packetloss_total", &[("netns", netns.name())]);
        total.with_context(|| format!("nothing of {}: {}", netns.name(), exporter.log()))
    };
    ensure!([drops(lossy)?, drops(quiet)?] == [0, 0], "before any");
    lossy.run(|| udp_to_closed_port(SocketAddr::from(([127, 0, 0, 1], 9)), DATAGRAMS.into()))?;
    let counted = [drops(lossy)?, drops(quiet)?];
    ensure!(counted == [DATAGRAMS.into(), 0], "{counted:?}");
    Ok(())
}

#[test]
fn without_btf_of_its_own_a_kernel_is_served_from_a_file() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("types");
    fs::copy(OWN, &file)?;
    // Their names are mounts, of which a mount namespace sees those that were there before it.
    let [lossy, quiet] = [Netns::new("lossy")?, Netns::new("quiet")?];
    let _inhabitants = [lossy.spawn_sleeper()?, quiet.spawn_sleeper()?];
    let exporter = without_own_btf(&file).start()?;
    exporter.scrape()?;
    for probe in PROBES {
        let status = exporter.probe_status(probe)?;
        ensure!(status["state"] == "up" && status["source"] == "bpf", "{status}");
    }
    let udp = exporter.probe_status("udp")?;
    ensure!(udp["state"] == "up" && udp["source"] == "procfs", "{udp}");
    drops_are_counted_in_their_namespace(&exporter, [&lossy, &quiet])
}

#[test]
fn a_directory_is_searched_for_the_kernels_release() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    fs::copy(OWN, directory.path().join(format!("vmlinux-{}", release.trim())))?;
    let exporter = without_own_btf(directory.path()).start()?;
    exporter.scrape()?;
    let status = exporter.probe_status("packetloss")?;
    ensure!(status["state"] == "up", "{status}");
    Ok(())
}

#[test]
fn where_there_is_no_file_either_the_probes_say_where_it_was_looked_for() -> Result<()> {
    let exporter = without_own_btf(Path::new("/nowhere/types")).start()?;
    exporter.scrape()?;
    for probe in PROBES {
        let status = exporter.probe_status(probe)?;
        let reason = status["reason"].as_str().unwrap_or_default();
        ensure!(status["state"] == "failed", "{status}");
        ensure!(
            reason.contains("/nowhere/types") && reason.contains("btfPath"),
            "{reason}"
        );
    }
    let udp = exporter.probe_status("udp")?;
    ensure!(udp["state"] == "up", "{udp}");
    Ok(())
}

#[test]
fn in_a_pid_namespace_drops_are_counted_by_inode() -> Result<()> {
    let wrapper = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let config = "interval: 0\nmetrics: {probes: [packetloss]}\n";
    let exporter = Exporter::builder().wrap(wrapper).config(config).start()?;
    exporter.scrape()?;
    let status = exporter.probe_status("packetloss")?;
    ensure!(status["state"] == "up", "{status}");
    Ok(())
}
