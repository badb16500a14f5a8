//! The order that lines of the text format must keep.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context, Result, bail, ensure};

use super::line::Line;
use super::{Family, Kind, Sample};

/// Reads all families; an error names its line.
pub(super) fn families(text: &str) -> Result<Vec<Family>> {
    ensure!(
        text.is_empty() || text.ends_with('\n'),
        "the last line has no end"
    );
    let mut reader = Reader::default();
    for (index, line) in text.split_terminator('\n').enumerate() {
        reader
            .read(line)
            .with_context(|| format!("line {}: {line:?}", index + 1))?;
    }
    reader.end_family()?;
    Ok(reader.families)
}

#[derive(Default)]
struct Reader {
    families: Vec<Family>,
    open: Option<Open>,
    series: HashSet<(String, BTreeMap<String, String>)>,
}

/// The family that lines belong to until another one begins.
struct Open {
    name: String,
    help: Option<String>,
    kind: Option<Kind>,
    samples: Vec<Sample>,
}

impl Reader {
    fn read(&mut self, line: &str) -> Result<()> {
        match Line::parse(line)? {
            None => {}
            Some(Line::Help { family, text }) => {
                let open = self.open(&family)?;
                ensure!(open.samples.is_empty(), "HELP after samples of {family}");
                ensure!(open.help.replace(text).is_none(), "a second HELP of {family}");
            }
            Some(Line::Type { family, kind }) => {
                let open = self.open(&family)?;
                ensure!(open.samples.is_empty(), "TYPE after samples of {family}");
                ensure!(open.kind.replace(kind).is_none(), "a second TYPE of {family}");
            }
            Some(Line::Sample(sample)) => self.add(sample)?,
        }
        Ok(())
    }

    /// The family `name`, begun now unless it is the open one.
    fn open(&mut self, name: &str) -> Result<&mut Open> {
        if self.open.as_ref().is_none_or(|open| open.name != name) {
            self.end_family()?;
            if self.families.iter().any(|family| family.name == name) {
                bail!("{name} goes on after another family has begun");
            }
        }
        Ok(self.open.get_or_insert_with(|| Open {
            name: name.to_owned(),
            help: None,
            kind: None,
            samples: Vec::new(),
        }))
    }

    fn end_family(&mut self) -> Result<()> {
        if let Some(Open {
            name,
            help,
            kind,
            samples,
        }) = self.open.take()
        {
            let kind = kind.with_context(|| format!("{name} has HELP and no TYPE"))?;
            self.families.push(Family {
                name,
                help,
                kind,
                samples,
            });
        }
        Ok(())
    }

    fn add(&mut self, sample: Sample) -> Result<()> {
        let name = &sample.name;
        let Some(open) = self.open.as_mut().filter(|open| {
            open.kind
                .map_or(open.name == *name, |kind| belongs(name, &open.name, kind))
        }) else {
            if let Some(family) = self
                .families
                .iter()
                .find(|family| belongs(name, &family.name, family.kind))
            {
                bail!("a sample of {} after another family has begun", family.name);
            }
            bail!("{name} has no TYPE before it");
        };
        ensure!(open.kind.is_some(), "{name} has no TYPE before it");
        ensure!(
            self.series.insert((name.clone(), sample.labels.clone())),
            "this series of {name} comes twice"
        );
        open.samples.push(sample);
        Ok(())
    }
}

/// Whether a sample of this name is one of the family.
fn belongs(sample: &str, family: &str, kind: Kind) -> bool {
    sample.strip_prefix(family).is_some_and(|suffix| match kind {
        Kind::Histogram => matches!(suffix, "_bucket" | "_sum" | "_count"),
        Kind::Summary => matches!(suffix, "" | "_sum" | "_count"),
        Kind::Counter | Kind::Gauge | Kind::Untyped => suffix.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn error(text: &str) -> String {
        format!("{:#}", families(text).unwrap_err())
    }

    #[test]
    fn nothing_is_no_family() {
        assert!(families("").unwrap().is_empty());
        assert!(families("# only a comment\n\n").unwrap().is_empty());
    }

    #[test]
    fn a_series_comes_once() {
        let text = "# TYPE m gauge\nm{a=\"1\",b=\"2\"} 1\nm{b=\"2\",a=\"1\"} 1\n";
        let error = error(text);
        assert!(
            error.starts_with("line 3: ") && error.contains("comes twice"),
            "{error}"
        );
    }

    #[test]
    fn a_sample_needs_a_type() {
        assert!(error("m 1\n").contains("line 1"));
        assert!(error("# HELP m text\nm 1\n").contains("line 2"));
        assert!(error("# TYPE m gauge\nn 1\n").contains("n has no TYPE"));
        assert!(error("# TYPE m histogram\nm 1\n").contains("m has no TYPE"));
        assert!(error("# TYPE m gauge\nm_count 1\n").contains("m_count has no TYPE"));
        assert!(error("# HELP m text\n").contains("HELP and no TYPE"));
    }

    #[test]
    fn type_and_help_come_once_and_first() {
        assert!(error("# TYPE m gauge\nm 1\n# TYPE m gauge\n").contains("line 3"));
        assert!(error("# TYPE m gauge\nm 1\n# HELP m text\n").contains("HELP after samples"));
        assert!(error("# TYPE m gauge\n# TYPE m gauge\n").contains("second TYPE"));
        assert!(error("# HELP m a\n# HELP m a\n").contains("second HELP"));
    }

    #[test]
    fn families_do_not_interleave() {
        let begun = "# TYPE m gauge\nm{a=\"1\"} 1\n# TYPE n gauge\nn 1\n";
        assert!(error(&format!("{begun}m{{a=\"2\"}} 1\n")).contains("line 5"));
        assert!(error(&format!("{begun}# TYPE m gauge\n")).contains("goes on after another"));
    }

    #[test]
    fn a_last_line_has_an_end() {
        assert!(error("# TYPE m gauge\nm 1").contains("no end"));
    }

    #[test]
    fn histograms_and_summaries_have_more_names() {
        let text = "\
# TYPE h histogram
h_bucket{le=\"+Inf\"} 1
h_sum 1
h_count 1
# TYPE s summary
s{quantile=\"0.5\"} 1
s_sum 1
s_count 1
";
        let families = families(text).unwrap();
        assert_eq!(
            families
                .iter()
                .map(|family| family.samples.len())
                .collect::<Vec<_>>(),
            [3, 3]
        );
    }
}
