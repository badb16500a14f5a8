//! Every probe there is, one line each.

use super::{
    ProbeSpec, conntrack, fd, io, ip, ipvs, kernellatency, netdev, netiftxlat, packetloss, qdisc, slab, sock,
    socketlatency, softirq, softnet, tcp, tcpext, tcpreset, tcpretrans, tcpsummary, udp, virtcmdlatency,
};

/// The probes that are built, the one to keep longest first: past `metrics.maxSeries` whole probes
/// are left out from the end.
pub static PROBES: &[&ProbeSpec] = &[
    &tcp::PROBE,
    &udp::PROBE,
    &tcpext::PROBE,
    &tcpsummary::PROBE,
    &packetloss::PROBE,
    &tcpreset::PROBE,
    &tcpretrans::PROBE,
    &netdev::PROBE,
    &qdisc::PROBE,
    &conntrack::PROBE,
    &sock::PROBE,
    &softnet::PROBE,
    &ip::PROBE,
    &ipvs::PROBE,
    &slab::PROBE,
    &io::PROBE,
    &fd::PROBE,
    &virtcmdlatency::PROBE,
    &softirq::PROBE,
    &netiftxlat::PROBE,
    &socketlatency::PROBE,
    &kernellatency::PROBE,
];

/// Probes that the configuration may name before they are built, with their older names.
const PLANNED: &[(&str, &[&str])] = &[("rdma", &[])];

/// What a name in the configuration stands for.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    /// A probe that can run.
    Built(&'static ProbeSpec),
    /// A probe of the contract that is not built yet; it is accepted and gives nothing.
    Planned(&'static str),
}

/// Finds a probe by its name or an older one, without regard to case.
pub fn find(name: &str) -> Option<Known> {
    let is = |candidate: &&str| candidate.eq_ignore_ascii_case(name);
    let built = PROBES
        .iter()
        .find(|spec| is(&spec.name) || spec.older_names.iter().any(&is));
    let planned = || {
        PLANNED
            .iter()
            .find(|(planned, older)| is(planned) || older.iter().any(&is))
    };
    built
        .map(|spec| Known::Built(spec))
        .or_else(|| planned().map(|(name, _)| Known::Planned(name)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn older_names_and_any_case_find_their_probe() {
        for (name, expected) in [
            ("virtcmdlat", "virtcmdlatency"),
            ("Net_SoftIRQ", "softirq"),
            ("TCP", "tcp"),
        ] {
            let found = match find(name) {
                Some(Known::Built(spec)) => spec.name,
                Some(Known::Planned(name)) => name,
                None => "none",
            };
            assert_eq!(found, expected);
        }
        assert!(find("teapot").is_none());
    }

    #[test]
    fn no_metric_is_declared_twice() {
        let mut names = HashSet::new();
        for metric in PROBES.iter().flat_map(|spec| spec.metrics) {
            assert!(names.insert(metric.name), "{}", metric.name);
        }
    }
}
