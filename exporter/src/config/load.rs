//! From the text of a file to a configuration that can be put in force.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cursor::Cursor;
use super::document::{self, Node};
use super::{
    AdditionalLabel, Address, Args, Config, ConfigError, Kubernetes, Loaded, ProbeConfig, Warning, keys,
    older,
};
use crate::kernel::bpf::{Settings, Way};
use crate::probes::catalogue::{self, Known};

const LONGEST_INTERVAL: Duration = Duration::from_hours(1);
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
const DEFAULT_MAX_SERIES: u64 = 200_000;
const MOST_SERIES: u64 = 100_000_000;

/// Where the file is, unless `--config` names another.
pub fn default_path() -> &'static Path {
    Path::new("/etc/config/config.yaml")
}

/// What the command line and the environment say; the command line wins over the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--bind`.
    pub bind: Option<Address>,
    /// `--without-probe`.
    pub without_probes: Vec<String>,
    /// The node name of the environment, else the host name.
    pub node_name: String,
}

/// Loads the file at `path`, or the default path, or without either the embedded defaults.
///
/// # Errors
/// A file that was named is missing, or a file is not a configuration.
pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Loaded, ConfigError> {
    let file = path.unwrap_or(default_path());
    match std::fs::read_to_string(file) {
        Ok(text) => {
            let mut loaded = parse(&text, overrides).map_err(|mut error| {
                error.file = Some(file.to_owned());
                error
            })?;
            loaded.file = Some(file.to_owned());
            Ok(loaded)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && path.is_none() => parse("", overrides),
        Err(error) => Err(ConfigError {
            file: Some(file.to_owned()),
            ..ConfigError::new(0, "", format!("cannot be read: {error}"))
        }),
    }
}

/// Reads the text of a configuration file.
///
/// # Errors
/// It is not YAML, or a value is not what it must be.
pub fn parse(text: &str, overrides: &Overrides) -> Result<Loaded, ConfigError> {
    let document = document::read(text)?;
    let mut reader = Reader {
        warnings: keys::unknown(&document),
        notes: Vec::new(),
    };
    let mut config = reader.config(&document, overrides)?;
    apply(overrides, &mut config)?;
    reader.warnings.sort_by_key(|warning| warning.line);
    Ok(Loaded {
        config,
        file: None::<PathBuf>,
        warnings: reader.warnings,
        notes: reader.notes,
    })
}

struct Reader {
    warnings: Vec<Warning>,
    notes: Vec<String>,
}

impl Reader {
    fn config(&mut self, document: &Node, overrides: &Overrides) -> Result<Config, ConfigError> {
        let root = Cursor::root(document);
        let (older, warnings) = older::Older::read(&root)?;
        self.warnings.extend(warnings);
        let metrics = root.at("metrics")?;
        let probes = metrics.at("probes")?;
        let probes = if probes.is_some() {
            probes
        } else {
            older.probes.clone()
        };
        refuse_protection(&root)?;
        self.note_what_is_ignored(&root)?;
        let max_series = metrics
            .at("maxSeries")?
            .integer(1..=MOST_SERIES)?
            .unwrap_or(DEFAULT_MAX_SERIES);
        Ok(Config {
            debug_mode: root.at("debugMode")?.boolean()?.unwrap_or(false),
            address: self.address(&root)?.or(older.address).unwrap_or_default(),
            interval: root
                .at("interval")?
                .duration(LONGEST_INTERVAL)?
                .or(older.interval.duration(LONGEST_INTERVAL)?)
                .unwrap_or(DEFAULT_INTERVAL),
            verbose: root
                .at("verbose")?
                .boolean()?
                .or(older.verbose.boolean()?)
                .unwrap_or(false),
            probes: self.probes(&probes)?,
            additional_labels: additional_labels(&metrics.at("additionalLabels")?)?,
            max_series: usize::try_from(max_series).unwrap_or(usize::MAX),
            kubernetes: kubernetes(&root.at("kubernetes")?.at("enabled")?)?,
            node_name: root
                .at("kubernetes")?
                .at("nodeName")?
                .text()?
                // Templates write "" where nobody has named the node.
                .filter(|name| !name.is_empty())
                .map_or_else(|| overrides.node_name.clone(), str::to_owned),
            native_histograms: metrics.at("nativeHistograms")?.boolean()?.unwrap_or(false),
            bpf: bpf(&root)?,
        })
    }

    fn address(&mut self, root: &Cursor<'_>) -> Result<Option<Address>, ConfigError> {
        let (address, older) = (root.at("address")?, root.at("port")?);
        let of_port = port(&older)?;
        let Some(text) = address.text()? else {
            return Ok(of_port);
        };
        if of_port.is_some() {
            self.warn(&older, "port has no effect: address is given".into());
        }
        text.parse()
            .map(Some)
            .map_err(|reason: String| address.error(reason))
    }

    /// The probes of a list, or the default ones, in the order of the catalogue.
    fn probes(&mut self, list: &Cursor<'_>) -> Result<Vec<ProbeConfig>, ConfigError> {
        let mut probes: Vec<ProbeConfig> = Vec::new();
        match list.items()? {
            None => {
                let default = catalogue::PROBES.iter().filter(|spec| spec.default);
                probes.extend(default.map(|spec| ProbeConfig {
                    spec,
                    args: Args::default(),
                }));
            }
            Some(items) => {
                for item in items {
                    if let Some(probe) = self.probe(&item)? {
                        if probes.iter().any(|other| other.spec.name == probe.spec.name) {
                            self.warn(
                                &item,
                                format!("the probe {} is listed twice; the first counts", probe.spec.name),
                            );
                        } else {
                            probes.push(probe);
                        }
                    }
                }
            }
        }
        let position = |name: &str| catalogue::PROBES.iter().position(|spec| spec.name == name);
        probes.sort_by_key(|probe| position(probe.spec.name));
        Ok(probes)
    }

    /// One item: `- name: tcp` with its `args`, or just `- tcp`.
    fn probe(&mut self, item: &Cursor<'_>) -> Result<Option<ProbeConfig>, ConfigError> {
        let (name, args) = if item.is_text() {
            (item.clone(), None)
        } else {
            (item.at("name")?, Some(item.at("args")?))
        };
        let text = name
            .text()?
            .ok_or_else(|| item.expected("a probe: - name: <probe>"))?;
        let spec = match catalogue::find(text) {
            Some(Known::Built(spec)) => spec,
            Some(Known::Planned(_)) => return Ok(None),
            None => {
                self.warn(&name, format!("unknown probe {text:?}; it has no effect"));
                return Ok(None);
            }
        };
        let args = args.map(|args| Args::of(&args)).unwrap_or_default();
        (spec.build)(&args)?;
        if let Some(node) = args.node() {
            let prefix = format!("{}.args", item.path());
            self.warnings.extend(keys::unknown_args(node, &prefix, spec.args));
        }
        Ok(Some(ProbeConfig { spec, args }))
    }

    fn note_what_is_ignored(&mut self, root: &Cursor<'_>) -> Result<(), ConfigError> {
        if root.at("enableController")?.is_some() || root.at("controllerAddr")?.is_some() {
            self.notes.push(
                "enableController and controllerAddr are ignored: this exporter needs no controller".into(),
            );
        }
        let event = root.at("event")?;
        for list in [event.at("probes")?, event.at("sinks")?] {
            if list.items()?.is_some_and(|items| !items.is_empty()) {
                self.warn(
                    &list,
                    format!("{} has no effect: this version sends no events", list.path()),
                );
            }
        }
        Ok(())
    }

    fn warn(&mut self, at: &Cursor<'_>, message: String) {
        self.warnings.push(Warning {
            line: at.line(),
            message,
        });
    }
}

/// The command line wins over the file.
fn apply(overrides: &Overrides, config: &mut Config) -> Result<(), ConfigError> {
    if let Some(bind) = &overrides.bind {
        config.address = bind.clone();
    }
    for name in &overrides.without_probes {
        match catalogue::find(name) {
            Some(Known::Built(spec)) => config.probes.retain(|probe| probe.spec.name != spec.name),
            Some(Known::Planned(_)) => {}
            None => {
                return Err(ConfigError::new(
                    0,
                    "--without-probe",
                    format!("there is no probe {name:?}"),
                ));
            }
        }
    }
    Ok(())
}

/// The older form of an address.
pub(super) fn port(cursor: &Cursor<'_>) -> Result<Option<Address>, ConfigError> {
    let port = cursor.integer(1..=u64::from(u16::MAX))?;
    Ok(port.and_then(|port| u16::try_from(port).ok()).map(Address::Any))
}

fn additional_labels(list: &Cursor<'_>) -> Result<Vec<AdditionalLabel>, ConfigError> {
    let mut labels: Vec<AdditionalLabel> = Vec::new();
    for item in list.items()?.unwrap_or_default() {
        let text = item.text()?.ok_or_else(|| item.expected("label=expression"))?;
        let label = AdditionalLabel::parse(text).map_err(|reason| item.error(reason))?;
        if labels.iter().any(|other| other.name == label.name) {
            return Err(item.error(format!("the label {:?} is given twice", label.name)));
        }
        labels.push(label);
    }
    Ok(labels)
}

fn bpf(root: &Cursor<'_>) -> Result<Settings, ConfigError> {
    let hooks = root.at("bpfHooks")?;
    let way = match hooks.text()? {
        None | Some("auto") => None,
        Some(text) => {
            let way = Way::NAMES.into_iter().find(|(name, _)| *name == text);
            Some(
                way.ok_or_else(|| hooks.expected("auto, fentry, kprobe, tp_btf or raw_tp"))?
                    .1,
            )
        }
    };
    Ok(Settings {
        hooks: way,
        btf_path: root.at("btfPath")?.path_buf()?,
        statistics: root.at("bpfStats")?.boolean()?.unwrap_or(false),
    })
}

fn kubernetes(cursor: &Cursor<'_>) -> Result<Kubernetes, ConfigError> {
    match cursor.text()?.map(str::to_ascii_lowercase).as_deref() {
        None | Some("auto") => Ok(Kubernetes::Auto),
        Some("true") => Ok(Kubernetes::Required),
        Some("false") => Ok(Kubernetes::Off),
        Some(_) => Err(cursor.expected("auto, true or false")),
    }
}

/// To serve in the open what a user asked to protect would be worse than not to start.
fn refuse_protection(root: &Cursor<'_>) -> Result<(), ConfigError> {
    let server = root.at("server")?;
    for protection in [server.at("tls")?, server.at("basicAuth")?] {
        if protection.is_some() {
            return Err(
                protection.error("not supported by this version, which would serve without this protection")
            );
        }
    }
    Ok(())
}
