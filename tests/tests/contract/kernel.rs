//! What the running kernel counts, by the names it shows in `/proc/net`; of what BPF programs count,
//! whether they are up.

use std::path::Path;

use anyhow::{Context, Result, bail};
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::proc::{Counters, ProcNet};

use crate::table::Row;

/// Whether the running kernel counts what a metric of a built probe is made from.
///
/// The metrics carry the kernel's names in lower case, without underscores.
pub fn counts(net: &ProcNet<'_>, metrics: &Metrics, row: &Row) -> Result<bool> {
    let column = row
        .name
        .strip_prefix(&format!("kubeskoop_{}_", row.probe))
        .with_context(|| format!("{} is not named after its probe", row.name))?;
    Ok(match row.probe.as_str() {
        // Columns without a name, and numbers without a file, which every kernel has.
        "netdev" | "softnet" | "qdisc" | "tcpsummary" | "fd" => true,
        "io" => Path::new("/proc/self/io").exists(),
        "tcp" => has(&net.snmp()?, "Tcp", column),
        "udp" => has(&net.snmp()?, "Udp", column),
        "ip" => has(&net.snmp()?, "Ip", column),
        "tcpext" => has(&net.netstat()?, "TcpExt", column),
        "sock" => has(&net.sockstat()?, "TCP", column),
        "conntrack" => tracks(net, column)?,
        "ipvs" => Path::new("/proc/self/net/ip_vs_stats").exists(),
        "slab" => has_slab("TCP"),
        // What packets are lost by cannot be known beforehand.
        "packetloss" if row.is_by_reason() => metrics.family(&row.name).is_some(),
        "packetloss" | "tcpreset" | "tcpretrans" | "softirq" | "netiftxlat" | "socketlatency"
        | "kernellatency" | "virtcmdlatency" => is_up(metrics, &row.probe),
        probe => bail!("{probe} is no probe that is built"),
    })
}

/// What each kernel has to hang a probe on is under test elsewhere.
fn is_up(metrics: &Metrics, probe: &str) -> bool {
    metrics.value("kubeskoop_exporter_probe_up", &[("probe", probe)]) == Some(1.0)
}

/// A kernel without connection tracking has no file of it.
fn tracks(net: &ProcNet<'_>, column: &str) -> Result<bool> {
    if !Path::new("/proc/self/net/stat/nf_conntrack").exists() {
        return Ok(false);
    }
    Ok(match column {
        "maxentries" => Path::new("/proc/sys/net/netfilter/nf_conntrack_max").exists(),
        "error" => has(&net.conntrack()?, "nf_conntrack", "icmperror"),
        column => has(&net.conntrack()?, "nf_conntrack", column),
    })
}

/// Whether the memory of a kind of kernel objects is accounted by itself.
fn has_slab(name: &str) -> bool {
    let slabs = std::fs::read_to_string("/proc/slabinfo").unwrap_or_default();
    slabs.lines().any(|line| line.split(' ').next() == Some(name))
}

fn has(counters: &Counters, group: &str, column: &str) -> bool {
    counters
        .iter()
        .any(|(of, name, _)| of == group && name.to_lowercase().replace('_', "") == column)
}
