//! The protobuf format, read with the types that the crate `prometheus` has of it.

mod histogram;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};
use protobuf::{CodedInputStream, SpecialFields};

use super::{Family, Kind, Sample};

/// The value that a metric has in a certain field.
type ValueOf = fn(&Metric) -> Result<Option<f64>>;

/// Reads all families; an error names its family.
pub(super) fn families(bytes: &[u8]) -> Result<Vec<Family>> {
    let mut input = CodedInputStream::from_bytes(bytes);
    let mut families = Vec::new();
    let mut names = BTreeSet::new();
    while !input.eof()? {
        let message: MetricFamily = input
            .read_message()
            .with_context(|| format!("after {} families", families.len()))?;
        let family = family(&message).with_context(|| format!("the family {:?}", message.name()))?;
        ensure!(names.insert(family.name.clone()), "{} comes twice", family.name);
        families.push(family);
    }
    Ok(families)
}

fn family(message: &MetricFamily) -> Result<Family> {
    ensure_known(&message.special_fields)?;
    ensure!(message.has_type(), "no type");
    let name = message.name.clone().filter(|name| !name.is_empty());
    let name = name.context("no name")?;
    ensure!(!message.metric.is_empty(), "no samples");
    let (kind, value): (Kind, Option<ValueOf>) = match message.type_() {
        MetricType::COUNTER => (Kind::Counter, Some(counter)),
        MetricType::GAUGE => (Kind::Gauge, Some(gauge)),
        MetricType::HISTOGRAM => (Kind::Histogram, None),
        other => bail!("{other:?} is not read here"),
    };
    let mut series = BTreeSet::new();
    let mut samples = Vec::new();
    for metric in &message.metric {
        let labels = labels(&metric.label)?;
        ensure_sole_value(metric).with_context(|| format!("{labels:?}"))?;
        ensure!(series.insert(labels.clone()), "{labels:?} comes twice");
        let Some(value) = value else {
            let parts = histogram::samples(&name, &labels, metric);
            samples.extend(parts.with_context(|| format!("{labels:?}"))?);
            continue;
        };
        let value = value(metric)?.with_context(|| format!("{labels:?}: no value of its type"))?;
        samples.push(Sample {
            name: name.clone(),
            labels,
            raw: value.to_string(),
            value,
            timestamp: metric.timestamp_ms,
        });
    }
    Ok(Family {
        name,
        help: message.help.clone(),
        kind,
        samples,
    })
}

fn labels(pairs: &[LabelPair]) -> Result<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    for pair in pairs {
        ensure_known(&pair.special_fields)?;
        let name = pair.name.clone().context("a label without a name")?;
        let value = pair.value.clone().context("a label without a value")?;
        ensure!(labels.insert(name, value).is_none(), "{} twice", pair.name());
    }
    Ok(labels)
}

/// A metric has a value in one field.
fn ensure_sole_value(metric: &Metric) -> Result<()> {
    ensure_known(&metric.special_fields)?;
    let fields = [
        metric.counter.is_some(),
        metric.gauge.is_some(),
        metric.summary.is_some(),
        metric.untyped.is_some(),
        metric.histogram.is_some(),
    ];
    let there = fields.iter().filter(|it| **it).count();
    ensure!(there == 1, "{there} values");
    Ok(())
}

fn counter(metric: &Metric) -> Result<Option<f64>> {
    ensure_known(&metric.counter.special_fields)?;
    Ok(metric.counter.value)
}

fn gauge(metric: &Metric) -> Result<Option<f64>> {
    ensure_known(&metric.gauge.special_fields)?;
    Ok(metric.gauge.value)
}

fn ensure_known(fields: &SpecialFields) -> Result<()> {
    match fields.unknown_fields().iter().next() {
        Some((number, _)) => bail!("an unknown field {number}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use protobuf::{EnumOrUnknown, Message, MessageField};

    use super::*;

    fn message() -> MetricFamily {
        let mut pair = LabelPair::new();
        pair.set_name("k".into());
        pair.set_value("\"\n".into());
        let mut number = prometheus::proto::Counter::new();
        number.set_value(2.5);
        let mut metric = Metric::new();
        metric.label.push(pair);
        metric.counter = MessageField::some(number);
        let mut family = MetricFamily::new();
        family.set_name("m".into());
        family.set_help("M.".into());
        family.type_ = Some(EnumOrUnknown::new(MetricType::COUNTER));
        family.metric.push(metric);
        family
    }

    fn read(messages: &[MetricFamily]) -> Result<Vec<Family>> {
        let mut bytes = Vec::new();
        for message in messages {
            message.write_length_delimited_to_vec(&mut bytes)?;
        }
        families(&bytes)
    }

    fn error(change: impl FnOnce(&mut MetricFamily)) -> String {
        let mut message = message();
        change(&mut message);
        format!("{:#}", read(&[message]).unwrap_err())
    }

    #[test]
    fn families_are_read() {
        let families = read(&[message()]).unwrap();
        let [family] = &families[..] else {
            unreachable!("{families:?}")
        };
        assert_eq!((family.name.as_str(), family.kind), ("m", Kind::Counter));
        assert_eq!(family.help.as_deref(), Some("M."));
        assert_eq!(family.samples[0].label("k"), Some("\"\n"));
        assert_eq!(family.samples[0].raw, "2.5");
        assert!(read(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_not_as_it_should_be_is_an_error() {
        assert!(error(|it| it.type_ = None).contains("no type"));
        assert!(error(|it| it.name = None).contains("no name"));
        assert!(error(|it| it.metric.clear()).contains("no samples"));
        assert!(error(|it| it.set_type(MetricType::GAUGE)).contains("no value of its type"));
        assert!(error(|it| it.set_type(MetricType::HISTOGRAM)).contains("no value of its type"));
        assert!(error(|it| it.set_type(MetricType::SUMMARY)).contains("not read"));
        assert!(error(|it| it.metric[0].counter = MessageField::none()).contains("0 values"));
        assert!(
            error(|it| it.metric[0].gauge = MessageField::some(prometheus::proto::Gauge::new()))
                .contains("2 values")
        );
        assert!(error(|it| it.metric[0].label[0].value = None).contains("without a value"));
        assert!(error(|it| it.metric.push(it.metric[0].clone())).contains("comes twice"));
        let twice = |it: &mut MetricFamily| {
            let pair = it.metric[0].label[0].clone();
            it.metric[0].label.push(pair);
        };
        assert!(error(twice).contains("k twice"));
        let unknown = |it: &mut MetricFamily| {
            let fields = it.metric[0].special_fields.mut_unknown_fields();
            fields.add_varint(9, 1);
        };
        assert!(error(unknown).contains("unknown field 9"));
        assert!(read(&[message(), message()]).is_err());
        assert!(families(&[5, 1]).is_err());
    }
}
