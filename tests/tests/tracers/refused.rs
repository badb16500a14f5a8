//! Where the kernel refuses BPF, or one program: who depends on it says so, and everybody else serves.

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::{Builder, Exporter};
use kubeskoop_exporter_tests::lab::helper::Helper;
use kubeskoop_exporter_tests::lab::unprivileged::{OpenDirectory, as_nobody};

use crate::support::{OTHERS, TRACERS, config, states};

fn all() -> String {
    config(&[&TRACERS[..], &OTHERS].concat())
}

/// All probes that count by BPF are in this state for this reason, and the others serve.
fn is_refused(builder: Builder, state: &str, why: &str) -> Result<()> {
    let exporter = builder.config(&all()).start()?;
    let metrics = exporter.scrape()?;
    for probe in TRACERS {
        let status = exporter.probe_status(probe)?;
        let reason = status["reason"].as_str().unwrap_or_default();
        ensure!(status["state"] == state && reason.contains(why), "{status}");
        let up = metrics.value("kubeskoop_exporter_probe_up", &[("probe", probe)]);
        // What does not apply is no fault that an alert should tell of.
        let expected = (state == "failed").then_some(0.0);
        ensure!(up == expected, "{probe}: {up:?}");
        let prefix = format!("kubeskoop_{probe}_");
        let mut families = metrics.families().iter();
        ensure!(
            !families.any(|it| it.name.starts_with(&prefix)),
            "{probe} has series"
        );
        let words = |line: &&str| line.contains(&format!("probe=\"{probe}\"")) && line.contains(why);
        let log = exporter.log();
        ensure!(
            log.lines().any(|line| words(&line)),
            "{probe}, {why}, log:\n{log}"
        );
    }
    others_serve(&exporter)
}

fn others_serve(exporter: &Exporter) -> Result<()> {
    let metrics = exporter.scrape()?;
    let states = states(&metrics);
    for probe in OTHERS {
        ensure!(states[probe] == "up", "{states:?}");
    }
    for metric in ["kubeskoop_tcp_insegs", "kubeskoop_udp_noports"] {
        ensure!(metrics.value(metric, &[("netns", "")]).is_some(), "{metric}");
    }
    Ok(())
}

#[test]
fn where_seccomp_forbids_bpf_its_probes_fail_and_the_others_serve() -> Result<()> {
    let without_bpf = Helper::compile("without_bpf")?;
    let builder = Exporter::builder().wrap([without_bpf.program()]);
    is_refused(builder, "failed", "forbidden by seccomp")
}

#[test]
fn without_capabilities_its_probes_name_them_and_the_others_serve() -> Result<()> {
    let open = OpenDirectory::new()?;
    let builder = Exporter::builder().binary(open.program()).wrap(as_nobody());
    is_refused(builder, "failed", "CAP_BPF and CAP_PERFMON are missing")
}

#[test]
fn who_wants_no_bpf_has_probes_that_do_not_apply() -> Result<()> {
    is_refused(
        Exporter::builder().args(["--no-bpf"]),
        "not_applicable",
        "--no-bpf",
    )
}

/// Without the types of its module nothing of virtio can be hooked, if there is such a module at all.
#[test]
fn a_program_that_finds_no_hook_costs_its_own_probe_only() -> Result<()> {
    let hide =
        "types=/sys/kernel/btf/virtio_net; [ ! -e $types ] || mount --bind /dev/null $types; exec \"$@\"";
    let builder = Exporter::builder().wrap(["unshare", "--mount", "bash", "-c", hide, "bash"]);
    let exporter = builder.config(&all()).start()?;
    let all = states(&exporter.scrape()?);
    let state = &all["virtcmdlatency"];
    if state == "up" {
        println!("skipped: it takes a kernel with virtio_net as a module, or without it");
        return Ok(());
    }
    let status = exporter.probe_status("virtcmdlatency")?;
    ensure!(
        state == "not_applicable" && status["reason"].is_string(),
        "{status}"
    );
    for probe in TRACERS.into_iter().filter(|probe| *probe != "virtcmdlatency") {
        ensure!(all[probe] == "up", "{}", exporter.probe_status(probe)?);
    }
    others_serve(&exporter)
}
