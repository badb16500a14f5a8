//! Which form of an answer the client prefers (RFC 9110, section 12.5).

use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName};

use crate::server::exposition::Format;

/// How exactly a media range names what it names; the more exact one counts.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Exactness {
    /// `*/*`
    Anything,
    /// `text/*`
    OfType,
    /// `text/plain`
    Named,
}

/// The format to answer in: protobuf if the client names it and prefers it, else text.
///
/// Nothing is refused: a client that accepts neither is answered in text too. Of two formats with
/// the same quality it is the one that is named, and of two named ones text.
pub fn format(headers: &HeaderMap) -> Format {
    let protobuf = elements(headers, &ACCEPT)
        .filter(Element::is_protobuf)
        .map(|range| (range.quality, Exactness::Named))
        .reduce(larger);
    let text = elements(headers, &ACCEPT)
        .filter_map(|range| Some((range.exactness_for_text()?, range.quality)))
        .reduce(larger)
        .map(|(exactness, quality)| (quality, exactness));
    let is_acceptable = |(quality, _): &(f32, Exactness)| *quality > 0.0;
    if protobuf.filter(is_acceptable) > text.filter(is_acceptable) {
        Format::Protobuf
    } else {
        Format::Text
    }
}

/// Whether the answer may be compressed.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    elements(headers, &ACCEPT_ENCODING)
        .any(|coding| coding.name.eq_ignore_ascii_case("gzip") && coding.quality > 0.0)
}

fn larger<T: PartialOrd>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

/// One of the things a client accepts: a media range or a coding.
#[derive(Debug)]
struct Element<'h> {
    name: &'h str,
    parameters: &'h str,
    /// From 0, not acceptable, to 1.
    quality: f32,
}

/// The elements of all fields of a name. Those that are not understood are passed over, and so are
/// the pieces of a quoted string with a comma in it: nothing that is served has one.
fn elements<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = Element<'h>> {
    let values = headers.get_all(name).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(Element::parse)
}

impl<'h> Element<'h> {
    fn parse(text: &'h str) -> Option<Self> {
        let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
        let mut element = Self {
            name: name.trim(),
            parameters,
            quality: 1.0,
        };
        if let Some(quality) = element.parameter("q") {
            let quality = quality.parse().ok();
            element.quality = quality.filter(|it| (0.0..=1.0).contains(it))?;
        }
        Some(element)
    }

    fn parameter(&self, name: &str) -> Option<&'h str> {
        let mut parameters = self.parameters.split(';').filter_map(|it| it.split_once('='));
        let (_, value) = parameters.find(|(it, _)| it.trim().eq_ignore_ascii_case(name))?;
        Some(value.trim().trim_matches('"'))
    }

    /// Whether it is protobuf, and in the one encoding of it that is served.
    fn is_protobuf(&self) -> bool {
        self.name.eq_ignore_ascii_case("application/vnd.google.protobuf")
            && self.parameter("proto") == Some("io.prometheus.client.MetricFamily")
            && self.parameter("encoding") == Some("delimited")
    }

    /// How exactly it means text, if it does, and if the version that is served will do.
    fn exactness_for_text(&self) -> Option<Exactness> {
        let exactness = match self.name.to_ascii_lowercase().as_str() {
            "*/*" => Exactness::Anything,
            "text/*" => Exactness::OfType,
            "text/plain" => Exactness::Named,
            _ => return None,
        };
        let is_served = self.parameter("version").is_none_or(|it| it == "0.0.4");
        is_served.then_some(exactness)
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::Format::{Protobuf, Text};
    use super::*;

    const NAME: &str = "application/vnd.google.protobuf";
    const DELIMITED: &str =
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| HeaderValue::from_str(value).unwrap());
        values.map(|value| (name.clone(), value)).collect()
    }

    fn check(accept: &str, expected: Format) {
        assert_eq!(format(&headers(&ACCEPT, &[accept])), expected, "{accept}");
    }

    #[test]
    fn prometheus_is_served_what_it_prefers() {
        for (accept, expected) in [
            // 2.42
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Text,
            ),
            // 2.42 with native histograms
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                 application/openmetrics-text;version=1.0.0;q=0.8,\
                 application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Protobuf,
            ),
            // 3
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Text,
            ),
            // 3 with native histograms
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
                 application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                Protobuf,
            ),
            // 3 with scrape_protocols: [PrometheusText0.0.4, PrometheusProto]
            (
                "text/plain;version=0.0.4;q=0.6,application/vnd.google.protobuf;\
                 proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5,*/*;q=0.4",
                Text,
            ),
            // 3 with scrape_protocols: [PrometheusProto]
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
                 */*;q=0.5",
                Protobuf,
            ),
        ] {
            check(accept, expected);
        }
    }

    #[test]
    fn whoever_does_not_name_protobuf_is_served_text() {
        assert_eq!(format(&HeaderMap::new()), Text);
        for accept in [
            "",
            "*/*",
            "text/plain",
            "application/*",
            "application/json",
            "application/openmetrics-text;version=1.0.0",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            ",;,q=1,=",
        ] {
            check(accept, Text);
        }
    }

    #[test]
    fn only_delimited_families_are_served() {
        for parameters in [
            "",
            ";encoding=delimited",
            ";proto=io.prometheus.client.MetricFamily",
            ";proto=io.prometheus.client.MetricFamily;encoding=text",
            ";proto=io.prometheus.client.MetricFamily;encoding=compact-text",
            ";proto=io.prometheus.write.v2.Request;encoding=delimited",
        ] {
            check(&format!("{NAME}{parameters}"), Text);
        }
    }

    #[test]
    fn spelling_does_not_matter_where_the_standard_says_so() {
        for accept in [
            "APPLICATION/vnd.Google.protobuf; Encoding=delimited ;PROTO=\"io.prometheus.client.MetricFamily\"",
            "application/vnd.google.protobuf ; proto = io.prometheus.client.MetricFamily; encoding=delimited; Q=0.001",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=x",
        ] {
            check(accept, Protobuf);
        }
    }

    #[test]
    fn quality_decides_then_who_is_named_then_text() {
        for (others, expected) in [
            ("*/*", Protobuf),
            ("text/*", Protobuf),
            ("text/plain", Text),
            ("text/plain;version=0.0.4", Text),
            ("text/plain;version=1.0.0", Protobuf),
            ("text/plain;q=0.9", Protobuf),
            ("text/plain;q=0", Protobuf),
            // What names text exactly counts, not the range that it is part of.
            ("text/plain;q=0.5,*/*;q=1", Protobuf),
        ] {
            check(&format!("{DELIMITED},{others}"), expected);
            check(&format!("{others},{DELIMITED}"), expected);
        }
        for (quality, expected) in [
            ("1", Protobuf),
            ("1.000", Protobuf),
            ("0.501", Protobuf),
            ("0.5", Text),
            ("0.499", Text),
            ("0", Text),
            ("0.000", Text),
            // What is no weight is not understood.
            ("", Text),
            ("2", Text),
            ("-1", Text),
            ("nan", Text),
            ("inf", Text),
            ("x", Text),
        ] {
            check(&format!("text/plain;q=0.5,{DELIMITED};q={quality}"), expected);
        }
        check(&format!("{DELIMITED};q=0"), Text);
        check(&format!("{DELIMITED};q=0.1"), Protobuf);
    }

    #[test]
    fn fields_of_one_name_are_one_list() {
        let accept = |values: &[&str]| format(&headers(&ACCEPT, values));
        assert_eq!(accept(&["text/plain;q=0.5", DELIMITED]), Protobuf);
        assert_eq!(accept(&["text/plain;q=0.5", &format!("{DELIMITED};q=0.4")]), Text);
    }

    #[test]
    fn gzip_is_used_where_it_is_accepted() {
        let accepts = |value: &str| accepts_gzip(&headers(&ACCEPT_ENCODING, &[value]));
        assert!(accepts("gzip"));
        assert!(accepts("deflate, GZIP;q=0.5"));
        assert!(accepts("br, gzip ; q=1"));
        assert!(!accepts("gzip;q=0"));
        assert!(!accepts("identity"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
