//! Text and protobuf of one collection are the same families, labels and numbers.

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::{Family, Kind, Metrics, Sample};
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::tools::workspace_root;

use crate::{PROTOBUF, scrape_protobuf};

/// One collection of probes with histograms.
const WITH_HISTOGRAMS: &str = "interval: 1h\nkubernetes:\n  enabled: false\nmetrics:\n  nativeHistograms: NATIVE\n  \
                               probes: [packetloss, tcpreset, softirq, netiftxlat]\n";

/// What text must escape, and what takes several bytes a character.
const ODD: &str = "quote \" backslash \\ line\nend, {brace} ü 网络 \u{1f9ea}";

/// A value whose length takes two bytes.
const LONG: usize = 300;

/// One collection for all scrapes.
const ONE_COLLECTION: &str = "interval: 1h\nkubernetes:\n  enabled: false\n";

#[test]
fn both_formats_say_the_same_of_this_machine() -> Result<()> {
    let _netns = Netns::new("exposition")?;
    let exporter = Exporter::builder().config(ONE_COLLECTION).start()?;
    let families = agree(&exporter)?.families().len();
    ensure!(families > 80, "only {families} families");
    Ok(())
}

#[test]
fn both_formats_say_the_same_of_histograms_with_native_ones_and_without() -> Result<()> {
    let _netns = Netns::new("histograms")?;
    for native in ["true", "false"] {
        let config = WITH_HISTOGRAMS.replace("NATIVE", native);
        let exporter = Exporter::builder().config(&config).start()?;
        let metrics = agree(&exporter)?;
        let name = "kubeskoop_softirq_exec_latency_seconds";
        let family = metrics.family(name).context(name)?;
        ensure!(family.kind == Kind::Histogram, "{:?}", family.kind);
        // 22 bounds, the one that is infinite, sum and count; of two types.
        ensure!(family.samples.len() == 2 * 25, "{:?}", family.samples);
    }
    Ok(())
}

/// Counters up to the largest there are, and labels that are hard to write.
#[test]
fn both_formats_say_the_same_of_odd_labels_and_large_numbers() -> Result<()> {
    let protobuf = agree(&over_fixture()?)?;
    let odd = [("odd", ODD), ("empty", ""), ("k8s_node", ODD)];
    let of_flood = [&odd[..], &[("netns", "aa1a715d3392")]].concat();
    for (name, expected) in [
        ("kubeskoop_tcp_insegs", 18_446_744_073_709_551_616.0),
        ("kubeskoop_tcp_currestab", 9_007_199_254_740_992.0),
        ("kubeskoop_udp_indatagrams", 4.0),
    ] {
        let value = protobuf.value(name, &of_flood).context(name)?;
        ensure!(value.to_bits() == f64::to_bits(expected), "{name} is {value}");
    }
    let long = "x".repeat(LONG);
    let series = protobuf.matching("kubeskoop_tcp_insegs", &[("long", &long)]);
    ensure!(series.len() > 5, "{series:?}");
    Ok(())
}

#[test]
fn nothing_is_escaped_in_protobuf() -> Result<()> {
    let answer = over_fixture()?.get_with("/metrics", &[("Accept", PROTOBUF)])?;
    ensure!(answer.body.contains(ODD), "not as it is: {ODD:?}");
    for escaped in ["\\\"", "\\\\", "\\n"] {
        ensure!(!answer.body.contains(escaped), "{escaped:?}");
    }
    Ok(())
}

/// An exporter of a fixture, with every kind of label value.
fn over_fixture() -> Result<Exporter> {
    let quoted = serde_json::to_string(ODD)?;
    let odd = serde_json::to_string(&format!("odd={ODD}"))?;
    let long = "x".repeat(LONG);
    let config = format!(
        "{ONE_COLLECTION}  nodeName: {quoted}\nverbose: true\nmetrics:\n  \
         additionalLabels: [{odd}, \"empty=\", \"long={long}\"]\n"
    );
    let tree = workspace_root()?.join("tests/fixtures/proc/modern");
    let builder = Exporter::builder().config(&config).env("POD_UID", "");
    builder.args(["--procfs".into(), tree.into_os_string()]).start()
}

/// Compares the two formats and returns what protobuf says.
fn agree(exporter: &Exporter) -> Result<Metrics> {
    let text = exporter.scrape()?;
    let protobuf = scrape_protobuf(exporter, "/metrics")?;
    let (in_text, in_protobuf) = (text.families(), protobuf.families());
    ensure!(
        in_text.len() == in_protobuf.len(),
        "{} families in text, {} in protobuf",
        in_text.len(),
        in_protobuf.len()
    );
    for (text, protobuf) in in_text.iter().zip(in_protobuf) {
        let context = || format!("{} in text, {} in protobuf", text.name, protobuf.name);
        same_family(text, protobuf).with_context(context)?;
    }
    Ok(protobuf)
}

fn same_family(text: &Family, protobuf: &Family) -> Result<()> {
    ensure!(text.name == protobuf.name);
    ensure!(
        text.kind == protobuf.kind,
        "{:?} and {:?}",
        text.kind,
        protobuf.kind
    );
    ensure!(
        text.help == protobuf.help,
        "{:?} and {:?}",
        text.help,
        protobuf.help
    );
    let (in_text, in_protobuf) = (&text.samples, &protobuf.samples);
    ensure!(
        in_text.len() == in_protobuf.len(),
        "{} and {} samples",
        in_text.len(),
        in_protobuf.len()
    );
    for (text, protobuf) in in_text.iter().zip(in_protobuf) {
        ensure!(same_sample(text, protobuf), "{text:?} and {protobuf:?}");
    }
    Ok(())
}

/// What the exporter uses itself changes from scrape to scrape.
fn same_sample(text: &Sample, protobuf: &Sample) -> bool {
    let is_of_process = text.name.starts_with("process_");
    let same_value = text.value.to_bits() == protobuf.value.to_bits();
    same_labels(text, protobuf) && protobuf.timestamp.is_none() && (same_value || is_of_process)
}

/// Text has the bounds of buckets as words, protobuf as numbers.
fn same_labels(text: &Sample, protobuf: &Sample) -> bool {
    let bound = |sample: &Sample| sample.label("le").and_then(|le| le.parse::<f64>().ok());
    let names = text.labels.keys().eq(protobuf.labels.keys());
    let others = |sample: &Sample| {
        sample
            .labels
            .clone()
            .into_iter()
            .filter(|(name, _)| name != "le")
            .collect::<Vec<_>>()
    };
    names && bound(text) == bound(protobuf) && others(text) == others(protobuf)
}
