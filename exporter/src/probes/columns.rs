//! The reader of probes that are nothing but a table: each metric is a column of a counter file.

use super::{FileProbe, NetnsView, ProbeError};
use crate::kernel::procfs::NetFile;
use crate::kernel::procfs::pairs::Pairs;
use crate::kernel::procfs::table::Section;
use crate::metrics::{Metric, Source};

/// Reads the columns that a table of metrics names, and adds the IPv6 counters beside them.
#[derive(Debug)]
pub struct ColumnProbe {
    files: &'static [NetFile],
    file: NetFile,
    section: Section,
    ipv6: Option<(NetFile, Pairs)>,
}

impl ColumnProbe {
    /// A reader of `metrics`, which all come from one section of `files[0]` and, if there is a
    /// second file, have their IPv6 twins there.
    pub fn new(files: &'static [NetFile], section: &'static str, metrics: &[Metric]) -> Self {
        let mut columns = Vec::new();
        let mut twins = Vec::new();
        for (slot, metric) in metrics.iter().enumerate() {
            if let Source::Column { column, ipv6, .. } = metric.source {
                columns.push((column, slot));
                twins.extend(ipv6.map(|(_, name)| (name, slot)));
            }
        }
        let ipv6 = files.get(1).map(|file| (*file, Pairs::new(twins)));
        Self {
            files,
            file: files[0],
            section: Section::new(section, columns),
            ipv6,
        }
    }
}

impl FileProbe for ColumnProbe {
    fn files(&self) -> &'static [NetFile] {
        self.files
    }

    fn read(&mut self, netns: &NetnsView<'_>, row: &mut [Option<u64>]) -> Result<(), ProbeError> {
        self.section
            .read(netns.text(self.file)?, row)
            .map_err(ProbeError::parse(self.file))?;
        // Without IPv6 in the kernel, or with it disabled, there is no second file.
        if let Some((file, pairs)) = &self.ipv6
            && let Some(text) = netns.optional_text(*file)?
        {
            pairs.read_lines(text, row).map_err(ProbeError::parse(*file))?;
        }
        Ok(())
    }
}
