//! The API server of the tests answers as a real one does, and goes wrong as it is told.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::apiserver::{ApiServer, Fault, InCluster, Kind, Kubeconfig, PodObject};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::http::{self, Response};
use kubeskoop_exporter_tests::lab::wait::{eventually, patience};
use serde_json::Value;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const PODS: &str = "/api/v1/pods?fieldSelector=spec.nodeName%3Dworker";
const SOON: Duration = Duration::from_secs(5);
/// How long a client waits for all of a watch.
const PATIENCE: Duration = Duration::from_secs(3);

fn get(server: &ApiServer, path: &str) -> Result<Response> {
    let token = format!("Bearer {}", server.token());
    http::get(server.addr(), path, &[("Authorization", &token)])
}

/// The answer's status and JSON.
fn ask(server: &ApiServer, more: &str) -> Result<(u16, Value)> {
    let answer = get(server, &format!("{PODS}{more}"))?;
    let json = serde_json::from_str(&answer.body).context(answer.body)?;
    Ok((answer.status, json))
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    let names = items.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap());
    names.collect()
}

fn pod(name: &str) -> PodObject {
    PodObject::new("default", name).node("worker")
}

/// An open watch.
struct Watch(Lines<BufReader<ureq::BodyReader<'static>>>);

impl Watch {
    fn open(server: &ApiServer, more: &str) -> Result<Self> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_recv_body(Some(patience(PATIENCE)))
            .build()
            .into();
        let url = format!("{}{PODS}&watch=true&allowWatchBookmarks=true{more}", server.url());
        let token = format!("Bearer {}", server.token());
        let answer = agent.get(url).header("Authorization", token).call()?;
        Ok(Self(BufReader::new(answer.into_body().into_reader()).lines()))
    }

    /// Type and object of the next event; none at a clean end.
    fn next(&mut self) -> Result<Option<(String, Value)>> {
        let Some(line) = self.0.next().transpose()? else {
            return Ok(None);
        };
        let mut event: Value = serde_json::from_str(&line).context(line)?;
        let object = event["object"].take();
        Ok(Some((
            event["type"].as_str().context("no type")?.to_owned(),
            object,
        )))
    }

    fn expect(&mut self, kind: &str, name: &str) -> Result<()> {
        let (seen, object) = self.next()?.context("the watch has ended")?;
        ensure!(
            seen == kind && object["metadata"]["name"] == name,
            "{seen}: {object}"
        );
        Ok(())
    }
}

fn since(server: &ApiServer) -> String {
    format!("&resourceVersion={}", server.revision())
}

#[test]
fn a_list_has_the_pods_of_the_node_and_of_no_other() -> Result<()> {
    let server = ApiServer::start()?;
    for name in ["a", "b", "c"] {
        server.add(&pod(name));
    }
    server.add(&pod("elsewhere").node("other"));
    let (status, list) = ask(&server, "&resourceVersion=0&limit=1")?;
    assert_eq!((status, names(&list)), (200, vec!["a", "b", "c"]));
    let (_, first) = ask(&server, "&limit=2")?;
    let go_on = first["metadata"]["continue"].as_str().unwrap();
    let (_, second) = ask(&server, &format!("&limit=2&continue={go_on}"))?;
    assert_eq!((names(&first), names(&second)), (vec!["a", "b"], vec!["c"]));
    assert_eq!(
        second["metadata"]["resourceVersion"],
        server.revision().to_string()
    );
    assert_eq!(ask(&server, "&resourceVersion=999999")?.0, 504);
    server.inject(Fault::GoneContinue);
    assert_eq!(ask(&server, &format!("&limit=2&continue={go_on}"))?.0, 410);
    let size = list["items"][0].to_string().len();
    assert!((7_000..13_000).contains(&size), "a pod of {size} bytes");
    Ok(())
}

#[test]
fn what_goes_beyond_the_rights_is_refused_and_recorded() -> Result<()> {
    let server = ApiServer::start()?;
    assert_eq!(get(&server, "/api/v1/pods")?.status, 403);
    assert_eq!(get(&server, "/api/v1/namespaces/x/secrets")?.status, 403);
    assert_eq!(http::get(server.addr(), PODS, &[])?.status, 401);
    assert_eq!(
        ask(&server, "&watch=true&sendInitialEvents=true")?.1["reason"],
        "Invalid"
    );
    let seen = server.requests();
    let seen: Vec<_> = seen
        .iter()
        .map(|it| (it.kind, it.has_authorization, it.status))
        .collect();
    let expected = [
        (Kind::List, true, Some(403)),
        (Kind::Other, true, Some(403)),
        (Kind::List, false, Some(401)),
        (Kind::Watch, true, Some(422)),
    ];
    assert_eq!(seen, expected);
    server.accept_tokens(&["another"]);
    assert_eq!(ask(&server, "")?.1["kind"], "Status");
    Ok(())
}

#[test]
fn a_watch_has_every_change_since_its_revision() -> Result<()> {
    let server = ApiServer::start()?;
    let (one, two) = (pod("one"), pod("two").node(""));
    let before = since(&server);
    server.add(&one);
    server.add(&two);
    let mut watch = Watch::open(&server, &before)?;
    watch.expect("ADDED", "one")?;
    server.update(&two.clone().node("worker"));
    watch.expect("ADDED", "two")?;
    server.add(&pod("elsewhere").node("other"));
    server.update(&one.clone().label("app", "x"));
    watch.expect("MODIFIED", "one")?;
    server.delete(&two)?;
    watch.expect("DELETED", "two")?;
    server.bookmark();
    let (kind, object) = watch.next()?.context("no bookmark")?;
    assert_eq!(kind, "BOOKMARK");
    assert_eq!(
        object["metadata"]["resourceVersion"],
        server.revision().to_string()
    );
    assert_eq!(server.open_watches(), 1);
    drop(watch);
    eventually(SOON, || Ok(server.open_watches() == 0))?;

    let mut new = Watch::open(&server, "&timeoutSeconds=1")?;
    new.expect("ADDED", "one")?;
    assert_eq!(new.next()?.context("no bookmark at the end")?.0, "BOOKMARK");
    assert!(new.next()?.is_none());

    server.compact();
    let (kind, status) = Watch::open(&server, &before)?.next()?.unwrap();
    assert_eq!((kind.as_str(), &status["code"]), ("ERROR", &410.into()));
    Ok(())
}

#[test]
fn faults_of_watches_meet_open_and_new_ones() -> Result<()> {
    let server = ApiServer::start()?;
    let open = || Watch::open(&server, &since(&server));

    let mut watch = open()?;
    server.inject(Fault::GoneEvent);
    assert_eq!(watch.next()?.unwrap().1["code"], 410);
    assert!(watch.next()?.is_none());

    server.heal();
    let mut watch = open()?;
    server.inject(Fault::CutInEvent);
    assert!(watch.next().is_err());
    assert!(open()?.next().is_err());

    server.heal();
    let mut watch = open()?;
    server.inject(Fault::WatchAnswer(500));
    assert!(watch.next()?.is_none(), "a clean end");
    assert!(open().is_err());
    assert_eq!(ask(&server, "")?.0, 200);

    server.heal();
    let mut watch = open()?;
    server.inject(Fault::UnknownEvent);
    assert_eq!(watch.next()?.unwrap().0, "SURPRISE");
    server.add(&pod("after"));
    watch.expect("ADDED", "after")?;

    server.inject(Fault::Garbage);
    assert!(watch.next().is_err());
    assert!(ask(&server, "").is_err());

    server.heal();
    let mut watch = open()?;
    server.inject(Fault::Late(Duration::from_millis(300)));
    let changed = Instant::now();
    server.add(&pod("late"));
    assert_eq!(names(&ask(&server, "")?.1), ["after", "late"]);
    watch.expect("ADDED", "late")?;
    assert!(changed.elapsed() >= Duration::from_millis(300));
    Ok(())
}

#[test]
fn what_hangs_stays_so_and_what_is_new_is_served() -> Result<()> {
    let server = ApiServer::start()?;
    let mut watch = Watch::open(&server, &since(&server))?;
    server.inject(Fault::HungWatch);
    sleep(Duration::from_millis(50));
    server.heal();
    let mut healthy = Watch::open(&server, &since(&server))?;
    server.add(&pod("new"));
    healthy.expect("ADDED", "new")?;
    let started = Instant::now();
    assert!(watch.next().is_err());
    assert!(started.elapsed() > Duration::from_secs(1), "the client gave up");

    let before = server.attempts().len();
    let mut hung = TcpStream::connect(server.addr())?;
    eventually(SOON, || Ok(server.attempts().len() > before))?;
    server.inject(Fault::HalfOpen);
    write!(hung, "GET {PODS} HTTP/1.1\r\nHost: x\r\n\r\n")?;
    server.heal();
    hung.set_read_timeout(Some(Duration::from_millis(200)))?;
    let error = hung.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(ask(&server, "")?.0, 200);
    Ok(())
}

#[test]
fn one_that_is_away_comes_back_on_its_port() -> Result<()> {
    let server = ApiServer::start()?;
    let mut watch = Watch::open(&server, &since(&server))?;
    server.inject(Fault::Away);
    assert!(watch.next().is_err(), "it is cut off");
    eventually(SOON, || Ok(TcpStream::connect(server.addr()).is_err()))?;
    server.heal();
    eventually(SOON, || Ok(ask(&server, "").is_ok()))?;

    let before = server.attempts().len();
    server.inject(Fault::Resets);
    eventually(SOON, || Ok(ask(&server, "").is_err()))?;
    assert!(server.attempts().len() > before);
    server.inject(Fault::Answer(429));
    let answer = get(&server, PODS)?;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    assert!(answer.body.contains("\"retryAfterSeconds\":1"), "{}", answer.body);
    Ok(())
}

#[test]
fn slow_answers_come_whole_and_bytes_are_counted() -> Result<()> {
    let server = ApiServer::start()?;
    server.add(&pod("slow"));
    server.inject(Fault::Drip(1000, Duration::from_millis(20)));
    let started = Instant::now();
    let (_, list) = ask(&server, "")?;
    assert_eq!(names(&list), ["slow"]);
    assert!(started.elapsed() > Duration::from_millis(100));
    let (lists, watches) = (server.traffic(Kind::List), server.traffic(Kind::Watch));
    assert!(
        lists.sent > 7_000 && (100..1_000).contains(&lists.received),
        "{lists:?}"
    );
    assert_eq!((watches.sent, watches.received), (0, 0));
    Ok(())
}

#[test]
fn with_tls_it_is_trusted_by_its_authority() -> Result<()> {
    let server = ApiServer::start_tls()?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(
        server.authority().unwrap().as_bytes(),
    )?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), ServerName::try_from("127.0.0.1")?)?;
    let mut stream = StreamOwned::new(client, TcpStream::connect(server.addr())?);
    write!(
        stream,
        "GET {PODS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    Ok(())
}

#[test]
fn the_files_of_a_service_account_are_there_for_one_process_alone() -> Result<()> {
    let server = ApiServer::start_tls()?;
    let account = InCluster::of(&server)?;
    let words = account.prefix();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command.args(["cat", "/var/run/secrets/kubernetes.io/serviceaccount/token"]);
    assert_eq!(output(&mut command)?, server.token());
    let secrets = std::fs::read_dir("/var/run/secrets/kubernetes.io");
    assert!(secrets.is_err(), "nothing of it stays behind");
    let kubeconfig = Kubeconfig::with_token_file(&server)?;
    let text = std::fs::read_to_string(kubeconfig.path())?;
    assert!(text.contains(&server.url()) && !text.contains(server.token()));
    Ok(())
}
