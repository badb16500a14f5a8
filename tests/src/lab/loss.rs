//! What the exporter says of dropped packets.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

use crate::lab::metrics::{Metrics, Sample};

/// Packets by reason.
pub type Drops = BTreeMap<String, u64>;

/// The numbers of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Packets that somebody misses.
    pub total: u64,
    /// Of those, dropped by a firewall.
    pub netfilter: u64,
    /// Of those, well-formed ones.
    pub abnormal: u64,
    /// All that were freed unread.
    pub drops: Drops,
}

impl Loss {
    /// What a scrape says of a namespace.
    pub fn of(scrape: &Metrics, netns: &str) -> Result<Self> {
        let labels = [("netns", netns)];
        let number = |metric: &str| {
            let name = format!("kubeskoop_packetloss_{metric}");
            let samples = scrape.matching(&name, &labels);
            let [sample] = samples[..] else {
                anyhow::bail!("{} samples of {name} in {netns:?}", samples.len());
            };
            whole(sample)
        };
        Ok(Self {
            total: number("total")?,
            netfilter: number("netfilter")?,
            abnormal: number("abnormal")?,
            drops: by_reason(&scrape.matching("kubeskoop_packetloss_drops_total", &labels))?,
        })
    }

    /// `count` packets that nobody misses.
    pub fn routine(reason: &str, count: u64) -> Self {
        let drops = [(reason.to_owned(), count)];
        Self {
            drops: drops.into_iter().filter(|(_, count)| *count > 0).collect(),
            ..Self::default()
        }
    }

    /// `count` packets that this host dropped.
    pub fn abnormal(reason: &str, count: u64) -> Self {
        Self {
            total: count,
            abnormal: count,
            ..Self::routine(reason, count)
        }
    }

    /// `count` packets that a firewall dropped.
    pub fn netfilter(count: u64) -> Self {
        Self {
            netfilter: count,
            ..Self::abnormal("NETFILTER_DROP", count)
        }
    }

    /// By how much it is more than it was before.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            total: self.total - before.total,
            netfilter: self.netfilter - before.netfilter,
            abnormal: self.abnormal - before.abnormal,
            drops: growth(&self.drops, &before.drops),
        }
    }

    /// How many packets were dropped for a reason.
    pub fn count(&self, reason: &str) -> u64 {
        self.drops.get(reason).copied().unwrap_or(0)
    }
}

/// What a scrape says of packets that belong to no namespace.
pub fn unattributed(scrape: &Metrics) -> Result<Drops> {
    by_reason(&scrape.matching("kubeskoop_packetloss_unattributed_total", &[]))
}

/// The reasons that have grown, and by how much.
pub fn growth(after: &Drops, before: &Drops) -> Drops {
    let grown = |(reason, count): (&String, &u64)| {
        let more = count - before.get(reason).unwrap_or(&0);
        (more > 0).then(|| (reason.clone(), more))
    };
    after.iter().filter_map(grown).collect()
}

/// Whether the running kernel knows a reason.
pub fn kernel_has_reason(reason: &str) -> Result<bool> {
    let types = fs::read("/sys/kernel/btf/vmlinux").context("the kernel's types")?;
    let name = format!("\0SKB_DROP_REASON_{reason}\0");
    Ok(types.windows(name.len()).any(|window| window == name.as_bytes()))
}

fn by_reason(samples: &[&Sample]) -> Result<Drops> {
    let reason = |sample: &&Sample| {
        let reason = sample.label("reason").context("a drop without a reason")?;
        Ok((reason.to_owned(), whole(sample)?))
    };
    samples.iter().map(reason).collect()
}

fn whole(sample: &Sample) -> Result<u64> {
    let raw = &sample.raw;
    raw.parse().with_context(|| format!("{} is {raw}", sample.name))
}
