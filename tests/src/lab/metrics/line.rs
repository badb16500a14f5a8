//! The lines of the text format, each for itself.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use super::{Kind, Sample};

/// A line that says something.
#[derive(Debug)]
pub(super) enum Line {
    Help { family: String, text: String },
    Type { family: String, kind: Kind },
    Sample(Sample),
}

impl Line {
    /// Reads a line; none for an empty one and for a comment.
    pub(super) fn parse(line: &str) -> Result<Option<Self>> {
        if line.trim().is_empty() {
            return Ok(None);
        }
        match line.strip_prefix('#') {
            Some(comment) => parse_comment(comment),
            None => parse_sample(line).map(|sample| Some(Self::Sample(sample))),
        }
    }
}

fn parse_comment(comment: &str) -> Result<Option<Line>> {
    let mut words = comment.trim_start().splitn(3, ' ');
    let keyword = words.next().unwrap_or_default();
    if keyword != "HELP" && keyword != "TYPE" {
        return Ok(None);
    }
    let family = words.next().unwrap_or_default().to_owned();
    ensure!(is_metric_name(&family), "{family:?} is no name of a metric");
    let rest = words.next().unwrap_or_default();
    Ok(Some(if keyword == "HELP" {
        Line::Help {
            family,
            text: unescape(rest, false)?,
        }
    } else {
        Line::Type {
            family,
            kind: parse_kind(rest)?,
        }
    }))
}

fn parse_kind(word: &str) -> Result<Kind> {
    Ok(match word {
        "counter" => Kind::Counter,
        "gauge" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        "summary" => Kind::Summary,
        "untyped" => Kind::Untyped,
        _ => bail!("{word:?} is no type of a metric"),
    })
}

fn parse_sample(line: &str) -> Result<Sample> {
    let name_end = line.find(['{', ' ', '\t']).context("a sample without a value")?;
    let (name, rest) = line.split_at(name_end);
    ensure!(is_metric_name(name), "{name:?} is no name of a metric");
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => parse_labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let mut words = rest.split_ascii_whitespace();
    let raw = words.next().context("a sample without a value")?;
    let value = raw.parse().with_context(|| format!("{raw:?} is no value"))?;
    let timestamp = words
        .next()
        .map(|word| word.parse().with_context(|| format!("{word:?} is no timestamp")))
        .transpose()?;
    ensure!(words.next().is_none(), "there is something after the timestamp");
    Ok(Sample {
        name: name.to_owned(),
        labels,
        raw: raw.to_owned(),
        value,
        timestamp,
    })
}

/// Reads labels up to the closing brace; returns them and what comes after it.
fn parse_labels(mut rest: &str) -> Result<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, after) = rest.split_once('=').context("a label without a value")?;
        let name = name.trim_end();
        ensure!(is_label_name(name), "{name:?} is no name of a label");
        let quoted = after
            .trim_start()
            .strip_prefix('"')
            .context("a value without quotes")?;
        let end = closing_quote(quoted).context("a value without its closing quote")?;
        let value = unescape(&quoted[..end], true)?;
        ensure!(
            labels.insert(name.to_owned(), value).is_none(),
            "the label {name} comes twice"
        );
        rest = quoted[end + 1..].trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => ensure!(rest.starts_with('}'), "labels without a comma between them"),
        }
    }
}

/// Where the first quote stands that has no backslash before it.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let found = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        found
    })
}

/// Undoes `\\` and `\n`, and `\"` where `quotes` says so; any other backslash is an error.
fn unescape(text: &str, quotes: bool) -> Result<String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('"') if quotes => '"',
                other => bail!("a backslash before {other:?}"),
            },
            other => other,
        });
    }
    Ok(plain)
}

fn is_metric_name(name: &str) -> bool {
    is_name(name, |byte| byte == b':')
}

fn is_label_name(name: &str) -> bool {
    is_name(name, |_| false)
}

fn is_name(name: &str, also: impl Fn(u8) -> bool) -> bool {
    !name.is_empty()
        && !name.as_bytes()[0].is_ascii_digit()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || also(byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn sample(line: &str) -> Sample {
        let Some(Line::Sample(sample)) = Line::parse(line).unwrap() else {
            panic!("{line} is no sample");
        };
        sample
    }

    #[test]
    fn label_values_are_unescaped() {
        let sample = sample(r#"m{a="quote \" backslash \\ newline \n",b="}, \\",c=""} 1"#);
        assert_eq!(sample.label("a"), Some("quote \" backslash \\ newline \n"));
        assert_eq!(sample.label("b"), Some("}, \\"));
        assert_eq!(sample.label("c"), Some(""));
    }

    #[test]
    fn values_keep_their_text() {
        for (raw, value) in [
            ("1e+06", 1e6),
            ("+Inf", f64::INFINITY),
            ("-Inf", f64::NEG_INFINITY),
        ] {
            let sample = sample(&format!("m {raw}"));
            assert_eq!(sample.raw, raw);
            assert!((sample.value - value).abs() < 1.0 || sample.value.total_cmp(&value).is_eq());
        }
        assert!(sample("m NaN").value.is_nan());
        assert_eq!(sample("m{} 18446744073709551615 -17").timestamp, Some(-17));
    }

    #[test]
    fn space_is_allowed_where_it_may_be() {
        let sample = sample("m{ a = \"1\" , b=\"2\", }\t5");
        assert_eq!(sample.labels.len(), 2);
        assert_eq!(sample.raw, "5");
    }

    #[test]
    fn comments_and_empty_lines_say_nothing() {
        for line in ["", "  ", "# a comment", "#", "# HELPER x"] {
            assert!(Line::parse(line).unwrap().is_none(), "{line}");
        }
    }

    #[test]
    fn help_is_unescaped() {
        let Some(Line::Help { family, text }) = Line::parse(r"# HELP m one\ntwo \\ three").unwrap() else {
            panic!("no HELP");
        };
        assert_eq!((family.as_str(), text.as_str()), ("m", "one\ntwo \\ three"));
    }

    #[test]
    fn what_is_no_line_is_an_error() {
        for line in [
            "m",
            "m ",
            "m x",
            "m 1 x",
            "m 1 2 3",
            "9m 1",
            "m-x 1",
            "{a=\"1\"} 1",
            "m{a} 1",
            "m{a=1} 1",
            "m{a=\"1} 1",
            "m{a=\"1\"b=\"2\"} 1",
            "m{a=\"1\",a=\"2\"} 1",
            "m{a:b=\"1\"} 1",
            "m{a=\"\\t\"} 1",
            "m{a=\"1\"",
            "m{,} 1",
            "# TYPE m",
            "# TYPE m number",
            "# TYPE 9 gauge",
            "# HELP m \\x",
        ] {
            assert!(Line::parse(line).is_err(), "{line}");
        }
    }
}
