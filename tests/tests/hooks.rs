//! Every probe over hooks, by each kind of hook: it is up wherever the kernel has what it takes, and says
//! in words what the kernel lacks.

use std::collections::HashSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::guest::Guest;
use serde_json::Value;

/// What a probe takes that not every kernel has.
struct Needs {
    probe: &'static str,
    /// Whether it hooks functions wherever it can, not only where the tracepoints are not enough.
    hooks_functions: bool,
    /// Types of a kernel on which it can do without functions; none if it never can.
    without_functions: Option<&'static [&'static str]>,
}

const fn tracepoints(probe: &'static str, types: &'static [&'static str]) -> Needs {
    Needs {
        probe,
        hooks_functions: false,
        without_functions: Some(types),
    }
}

const fn functions(probe: &'static str, without: Option<&'static [&'static str]>) -> Needs {
    Needs {
        probe,
        hooks_functions: true,
        without_functions: without,
    }
}

const SENDMSG: &str = "btf_trace_tcp_sendmsg_locked";
const DATA_READY: &str = "btf_trace_sk_data_ready";
/// The tracepoint of resets has the reason as an argument since that has a type.
const RESET_REASON: &str = "sk_rst_reason";

const PROBES: [Needs; 8] = [
    tracepoints("packetloss", &[]),
    tracepoints("tcpreset", &[RESET_REASON]),
    tracepoints("tcpretrans", &[]),
    tracepoints("softirq", &[]),
    tracepoints("netiftxlat", &[]),
    functions("socketlatency", Some(&[DATA_READY, SENDMSG])),
    functions("kernellatency", Some(&[DATA_READY])),
    functions(VIRTIO_PROBE, None),
];
const VIRTIO_PROBE: &str = "virtcmdlatency";

/// The kinds of hooks by the name of the configuration; of those that hook functions, what is said if the
/// kernel refuses.
const KINDS: [(&str, Option<&str>); 4] = [
    ("fentry", Some("the kernel refuses fentry")),
    ("kprobe", Some("the kernel has no kprobes")),
    ("tp_btf", None),
    ("raw_tp", None),
];

/// Which of the types above the kernel has.
fn types() -> Result<HashSet<&'static str>> {
    let path = "/sys/kernel/btf/vmlinux";
    let types = fs::read(path).context(path)?;
    let strings: HashSet<&[u8]> = types.split(|byte| *byte == 0).collect();
    let all = [SENDMSG, DATA_READY, RESET_REASON];
    Ok(all
        .into_iter()
        .filter(|name| strings.contains(name.as_bytes()))
        .collect())
}

/// What may be said of a probe whose state is `not_applicable`; nothing if it has to be up.
fn excuses(needs: &Needs, refusal: Option<&'static str>, types: &HashSet<&str>) -> Vec<&'static str> {
    let is_there = |names: &[&str]| names.iter().all(|name| types.contains(name));
    let does_without = needs.without_functions.is_some_and(is_there);
    let mut excuses = Vec::new();
    match refusal {
        Some(refusal) if needs.hooks_functions || !does_without => excuses.push(refusal),
        None if !does_without => excuses.extend(["hooks no functions", "this kernel has no tracepoint"]),
        _ => {}
    }
    if needs.probe == VIRTIO_PROBE {
        excuses.push("this kernel has no virtio_net, or its module is not loaded");
    }
    excuses
}

/// The probe is up, or not applicable for a reason that may be.
fn check(status: &Value, excuses: &[&str]) -> Result<()> {
    let reason = status["reason"].as_str().unwrap_or_default();
    if status["state"] == "up" {
        let series = status["series"].as_u64();
        ensure!(status["source"] == "bpf" && series > Some(0), "{status}");
        return Ok(());
    }
    let is_excused = excuses.iter().any(|excuse| reason.contains(excuse));
    ensure!(
        status["state"] == "not_applicable" && is_excused,
        "{status}: neither up nor one of {excuses:?}"
    );
    Ok(())
}

#[test]
fn every_probe_is_up_by_each_kind_of_hooks_or_says_what_the_kernel_lacks() -> Result<()> {
    let guest = Guest::here();
    if let Some(guest) = guest {
        guest.load_module("virtio_net")?;
    }
    let types = types()?;
    let names = PROBES.map(|needs| needs.probe).join(", ");
    for (kind, refusal) in KINDS {
        let exporter = Exporter::builder()
            .config(&format!(
                "interval: 0\nbpfHooks: {kind}\nmetrics: {{probes: [{names}]}}\n"
            ))
            .start()?;
        exporter.wait_for_probes()?;
        for needs in &PROBES {
            // Debian's kernels have all that there is to hook functions.
            let has_all = guest.is_some() && refusal.is_some();
            let excuses = if has_all {
                Vec::new()
            } else {
                excuses(needs, refusal, &types)
            };
            let status = exporter.probe_status(needs.probe)?;
            let reason = status["reason"].as_str().unwrap_or("up");
            println!("{kind:6} {:14} {reason}", needs.probe);
            check(&status, &excuses).with_context(|| format!("bpfHooks: {kind}"))?;
        }
    }
    Ok(())
}
