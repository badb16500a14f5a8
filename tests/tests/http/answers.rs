//! Paths, methods and header fields.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::Metrics;

use crate::raw::exchange;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

#[test]
fn metrics_come_in_the_text_format() -> Result<()> {
    let exporter = Exporter::start()?;
    for accept in ["*/*", "text/plain;version=0.0.4", "application/openmetrics-text"] {
        let answer = exporter.get_with("/metrics", &[("Accept", accept)])?;
        assert_eq!(answer.status, 200, "{accept}");
        assert_eq!(answer.header("content-type"), Some(TEXT_FORMAT), "{accept}");
        Metrics::parse(&answer.body)?;
    }
    Ok(())
}

#[test]
fn a_query_limits_the_probes() -> Result<()> {
    let exporter = Exporter::start()?;
    for (query, expected) in [
        ("", &["tcp", "udp", "tcpext", "sock"][..]),
        ("?probe=tcp", &["tcp"]),
        ("?probe=tcp&probe=udp", &["tcp", "udp"]),
        ("?x=1&probe=UDP", &["udp"]),
        ("?probe=rdma", &[]),
    ] {
        let probes = probes(&exporter.scrape_path(&format!("/metrics{query}"))?);
        let expected: BTreeSet<_> = expected.iter().map(ToString::to_string).collect();
        ensure!(
            if query.is_empty() {
                probes.is_superset(&expected)
            } else {
                probes == expected
            },
            "{query:?} gives {probes:?}"
        );
    }
    Ok(())
}

#[test]
fn a_query_for_a_probe_that_does_not_exist_says_so() -> Result<()> {
    let exporter = Exporter::start()?;
    for (query, name) in [("probe=tpc", "\"tpc\""), ("probe=tcp&probe=", "\"\"")] {
        let answer = exporter.get(&format!("/metrics?{query}"))?;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.body, format!("there is no probe {name}\n"));
    }
    Ok(())
}

/// Probes that have series, by the second word of their names.
fn probes(metrics: &Metrics) -> BTreeSet<String> {
    let names = metrics.families().iter().map(|family| &family.name);
    names
        .filter_map(|name| name.strip_prefix("kubeskoop_")?.split('_').next())
        .filter(|probe| *probe != "exporter")
        .map(str::to_owned)
        .collect()
}

#[test]
fn head_gives_the_header_alone() -> Result<()> {
    let exporter = Exporter::start()?;
    for path in ["/metrics", "/status", "/healthz", "/"] {
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = exchange(exporter.addr()?, &request)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no end of the header")?;
        ensure!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {head}");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: u64 = length.context("no content-length")?.parse()?;
        ensure!(length > 0 && body.is_empty(), "{path}: {answer}");
    }
    Ok(())
}

#[test]
fn paths_that_do_not_exist_are_not_found() -> Result<()> {
    let exporter = Exporter::start()?;
    for path in [
        "/nothing",
        "/metrics/",
        "//metrics",
        "/debug/entities",
        "/debug/pprof/profile",
        "/%6detrics",
        "/../etc/passwd",
    ] {
        let answer = exporter.get(path)?;
        assert_eq!(answer.status, 404, "{path}");
    }
    Ok(())
}

#[test]
fn other_methods_are_not_allowed() -> Result<()> {
    let exporter = Exporter::start()?;
    let answer = exporter.post("/metrics")?;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
    for method in ["PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        let request = format!("{method} /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = exchange(exporter.addr()?, &request)?;
        ensure!(answer.starts_with("HTTP/1.1 405 "), "{method}: {answer}");
        ensure!(answer.contains("\r\nallow: GET, HEAD\r\n"), "{method}: {answer}");
    }
    Ok(())
}

#[test]
fn what_is_no_request_is_refused_and_costs_nobody_else() -> Result<()> {
    let exporter = Exporter::start()?;
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(200));
    for (request, status) in [
        ("hello\r\n\r\n", "400"),
        ("GET\r\n\r\n", "400"),
        ("GET /metrics HTTP/9.9\r\n\r\n", "400"),
        ("GET /metrics HTTP/1.1\r\nX : 1\r\n\r\n", "400"),
        ("\0\0\0\0", "400"),
        (&long, "431"),
        (&many, "431"),
    ] {
        let answer = exchange(exporter.addr()?, request)?;
        let expected = format!("HTTP/1.1 {status} ");
        ensure!(answer.starts_with(&expected), "{request:.40?}: {answer}");
        exporter.scrape()?;
    }
    Ok(())
}

#[test]
fn an_old_client_is_answered() -> Result<()> {
    let exporter = Exporter::start()?;
    let answer = exchange(exporter.addr()?, "GET /healthz HTTP/1.0\r\n\r\n")?;
    ensure!(
        answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"),
        "{answer}"
    );
    Ok(())
}

#[test]
fn the_first_page_links_all_others() -> Result<()> {
    let exporter = Exporter::start()?;
    let page = exporter.get("/")?;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let links: Vec<_> = page
        .body
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(links, ["metrics", "status", "config", "healthz", "readyz"]);
    for link in links {
        assert_eq!(exporter.get(&format!("/{link}"))?.status, 200, "{link}");
    }
    Ok(())
}
