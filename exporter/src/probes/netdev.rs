//! Counters of network devices, summed per namespace without `lo`.
//!
//! On the host the same bytes pass several devices; [`uplinks`] says which are counted there.

mod uplinks;

use std::time::{Duration, Instant};

use globset::GlobSet;
use rustc_hash::FxHashMap;

use super::{FileProbe, NetnsView, NodeView, Probe, ProbeError, ProbeSpec};
use crate::config::{Args, ConfigError};
use crate::kernel::procfs::dev::{self, DeviceCounters};
use crate::kernel::procfs::{NetFile, NetnsReader, ProcFs};
use crate::metrics::{Metric, Source};
use uplinks::{HostNetns, uplinks};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "netdev",
    older_names: &[],
    default: true,
    about: "Bytes, packets, errors and drops of the network devices",
    args: &[
        (
            "devices.include",
            "patterns (`*`, `?`, `[..]`) of the host's devices to count; without it hardware \
             devices are counted, and on a node that is itself a container the veth, macvlan or \
             ipvlan device with the default route: bridges, bonds, VLANs, tunnels and the host ends \
             of veth pairs carry bytes that one of those counts already",
        ),
        ("devices.exclude", "patterns of the host's devices to leave out"),
    ],
    metrics: METRICS,
    build: |args| Ok(Probe::files(Netdev::new(args)?)),
};

const fn of(column: &'static str) -> Source {
    Source::Column {
        file: NetFile::Dev,
        section: "",
        column,
        ipv6: None,
    }
}

const METRICS: &[Metric] = &[
    Metric::counter(
        "kubeskoop_netdev_rxbytes",
        "bytes",
        "Bytes received by the network devices but lo",
        of("rx bytes"),
    ),
    Metric::counter(
        "kubeskoop_netdev_rxerrors",
        "events",
        "Receive errors reported by the device drivers",
        of("rx errs"),
    ),
    Metric::counter(
        "kubeskoop_netdev_rxpackets",
        "packets",
        "Packets received by the network devices but lo",
        of("rx packets"),
    ),
    Metric::counter(
        "kubeskoop_netdev_rxdropped",
        "packets",
        "Packets the devices dropped on receive",
        of("rx drop"),
    ),
    Metric::counter(
        "kubeskoop_netdev_txbytes",
        "bytes",
        "Bytes sent by the network devices but lo",
        of("tx bytes"),
    ),
    Metric::counter(
        "kubeskoop_netdev_txerrors",
        "events",
        "Transmit errors reported by the device drivers",
        of("tx errs"),
    ),
    Metric::counter(
        "kubeskoop_netdev_txpackets",
        "packets",
        "Packets sent by the network devices but lo",
        of("tx packets"),
    ),
    Metric::counter(
        "kubeskoop_netdev_txdropped",
        "packets",
        "Packets the devices dropped on transmit",
        of("tx drop"),
    ),
];

fn row_of(counters: &DeviceCounters) -> [u64; METRICS.len()] {
    [
        counters.rx_bytes,
        counters.rx_errors,
        counters.rx_packets,
        counters.rx_dropped,
        counters.tx_bytes,
        counters.tx_errors,
        counters.tx_packets,
        counters.tx_dropped,
    ]
}

/// A device may be removed and another made under its name.
const LINKS_AGE: Duration = Duration::from_mins(1);

#[derive(Debug)]
struct Netdev {
    include: Option<GlobSet>,
    exclude: GlobSet,
    host: Option<HostNetns>,
    /// For each device of the host seen so far, whether it is counted.
    counted: FxHashMap<Vec<u8>, bool>,
    asked: Option<Instant>,
}

impl Netdev {
    fn new(args: &Args) -> Result<Self, ConfigError> {
        let devices = args.at("devices")?;
        let include = devices.at("include")?.patterns()?;
        let exclude = devices.at("exclude")?.patterns()?.unwrap_or_default();
        Ok(Self {
            include,
            exclude,
            host: None,
            counted: FxHashMap::default(),
            asked: None,
        })
    }

    /// Looks up what the devices of the host are, if one of them is new or it was long ago.
    fn learn(&mut self, text: &[u8]) -> Result<(), ProbeError> {
        let mut names = Vec::new();
        dev::read(text, |name, _| names.push(name.to_vec())).map_err(ProbeError::parse(NetFile::Dev))?;
        let fresh = self.asked.is_some_and(|asked| asked.elapsed() < LINKS_AGE);
        if fresh && names.iter().all(|name| self.counted.contains_key(name)) {
            return Ok(());
        }
        let shown: Vec<String> = names
            .iter()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect();
        let uplinks = match (&self.include, &self.host) {
            (None, Some(host)) => uplinks(host, &shown),
            _ => Vec::new(),
        };
        self.counted = shown
            .iter()
            .map(|name| {
                let wanted = match &self.include {
                    Some(include) => include.is_match(name),
                    None => uplinks.contains(name),
                };
                let counts = wanted && name != "lo" && !self.exclude.is_match(name);
                (name.clone().into_bytes(), counts)
            })
            .collect();
        self.asked = Some(Instant::now());
        Ok(())
    }
}

impl FileProbe for Netdev {
    fn files(&self) -> &'static [NetFile] {
        &[NetFile::Dev]
    }

    fn prepare(&mut self, node: &NodeView<'_>) -> Result<(), ProbeError> {
        self.host = node.entities.host().map(|host| {
            let task = host.readers.iter().find_map(|reader| match reader {
                NetnsReader::Task(task) => Some(task.clone()),
                NetnsReader::Mount(_) => None,
            });
            HostNetns {
                procfs: ProcFs::clone(node.procfs),
                inode: host.inode,
                task,
            }
        });
        Ok(())
    }

    fn read(&mut self, netns: &NetnsView<'_>, row: &mut [Option<u64>]) -> Result<(), ProbeError> {
        let text = netns.text(NetFile::Dev)?;
        if netns.is_host {
            self.learn(text)?;
        }
        let mut sum = [0_u64; METRICS.len()];
        dev::read(text, |name, counters| {
            let counts = if netns.is_host {
                self.counted.get(name).copied().unwrap_or(false)
            } else {
                name != b"lo"
            };
            if counts {
                for (sum, number) in sum.iter_mut().zip(row_of(&counters)) {
                    *sum = sum.wrapping_add(number);
                }
            }
        })
        .map_err(ProbeError::parse(NetFile::Dev))?;
        row.copy_from_slice(&sum.map(Some));
        Ok(())
    }
}
