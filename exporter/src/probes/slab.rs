//! The cache that the kernel allocates IPv4 TCP sockets from (`cache_show` in `mm/slab_common.c`).
//! It is the machine's; IPv6 sockets have a cache of their own.

use std::io;

use super::{NodeProbe, NodeView, Probe, ProbeError, ProbeSpec, Rows};
use crate::kernel::procfs::{ProcFs, slab};
use crate::metrics::{Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "slab",
    older_names: &[],
    default: false,
    about: "Kernel memory of IPv4 TCP sockets",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::node(Slab)),
};

const FILE: &str = "slabinfo";
const CACHE: &str = "TCP";
const NO_FILE: &str = "the kernel is built without /proc/slabinfo";
const NO_CACHE: &str =
    "/proc/slabinfo has no line TCP: this kernel has no such cache, or has merged it with another";
const DENIED: &str = "only uid 0 or CAP_DAC_READ_SEARCH may read it";

const METRICS: &[Metric] = &[
    Metric::gauge(
        "kubeskoop_slab_tcpslabobjperslab",
        "count",
        "Objects per slab of the kernel TCP socket cache",
        Source::Other("/proc/slabinfo TCP objperslab"),
    )
    .of_machine(),
    Metric::gauge(
        "kubeskoop_slab_tcpslabpagesperslab",
        "count",
        "Pages per slab of the kernel TCP socket cache",
        Source::Other("/proc/slabinfo TCP pagesperslab"),
    )
    .of_machine(),
    Metric::gauge(
        "kubeskoop_slab_tcpslabobjactive",
        "count",
        "Active objects of the kernel TCP socket cache",
        Source::Other("/proc/slabinfo TCP active_objs"),
    )
    .of_machine(),
    Metric::gauge(
        "kubeskoop_slab_tcpslabobjnum",
        "count",
        "Objects of the kernel TCP socket cache",
        Source::Other("/proc/slabinfo TCP num_objs"),
    )
    .of_machine(),
    Metric::gauge(
        "kubeskoop_slab_tcpslabobjsize",
        "bytes",
        "Bytes per object of the kernel TCP socket cache",
        Source::Other("/proc/slabinfo TCP objsize"),
    )
    .of_machine(),
];

#[derive(Debug)]
struct Slab;

impl NodeProbe for Slab {
    fn source(&self) -> &'static str {
        "procfs"
    }

    fn collect(&mut self, node: &NodeView<'_>, rows: &mut Rows) -> Result<(), ProbeError> {
        let row = read(node.procfs)?;
        // What is the machine's stands in the row of the host, which is the first.
        if let Some(host) = node.entities.host() {
            rows.fill(0, host, |cells| {
                cells.copy_from_slice(&row.map(Some));
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn read(procfs: &ProcFs) -> Result<[u64; METRICS.len()], ProbeError> {
    let failed = |reason: String| ProbeError::Node {
        path: procfs.path(FILE),
        reason,
    };
    let text = procfs.read(FILE).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ProbeError::NotApplicable(NO_FILE.into()),
        io::ErrorKind::PermissionDenied => failed(DENIED.into()),
        _ => failed(error.to_string()),
    })?;
    let cache = slab::read(&text, CACHE)
        .map_err(|error| failed(error.to_string()))?
        .ok_or(ProbeError::NotApplicable(NO_CACHE.into()))?;
    Ok([
        cache.objects_per_slab,
        cache.pages_per_slab,
        cache.active_objects,
        cache.objects,
        cache.object_size,
    ])
}
