//! The command line.

mod check_config;
mod docs;
mod list;
mod logging;
mod serve;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Address, ConfigError, Overrides};
use crate::kernel::procfs::ProcFs;
use crate::metrics::own::{REVISION, RUSTC, VERSION};

/// A configuration or command line that cannot be put in force.
const EXIT_CONFIG: u8 = 2;

/// What the kernel's network stack does to every pod of this node, for Prometheus.
#[derive(Debug, Parser)]
#[command(name = "kubeskoop-exporter", version = VERSION, args_conflicts_with_subcommands = false)]
#[command(
    after_help = "Exit status: 0 ended as asked, 1 failed while running, 2 command line or configuration not valid."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    common: Common,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
struct Common {
    /// Configuration file [default: /etc/config/config.yaml if it exists, else built-in defaults]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, wins over the file: `host:port`, `[v6]:port`, `:port` or `unix:///path`
    #[arg(long, global = true, value_name = "ADDR")]
    bind: Option<Address>,
    /// Does not run a probe, whatever the file says; can be given several times
    #[arg(long, global = true, value_name = "NAME")]
    without_probe: Vec<String>,
    /// Uses no BPF: everything is read from files, which costs more
    #[arg(long, global = true)]
    no_bpf: bool,
    /// Where the proc filesystem of the host is mounted
    #[arg(long, global = true, value_name = "DIR", default_value = "/proc")]
    procfs: PathBuf,
    /// Form of the log on standard error
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the exporter (also without a command)
    Serve,
    /// Says what is wrong with a configuration file, and prints what would be in force
    CheckConfig {
        /// The file
        file: PathBuf,
    },
    /// Lists what there is on this node
    List {
        /// What to list
        #[arg(value_enum)]
        what: list::What,
        /// As a table or as JSON
        #[arg(long, short, value_enum, default_value_t = list::Output::Table)]
        output: list::Output,
    },
    /// Prints what was built
    Version,
    /// Prints a page of the documentation
    #[command(hide = true)]
    Docs {
        /// The page
        #[arg(value_enum)]
        page: docs::Page,
    },
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let common = &cli.common;
    let done = match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(common),
        Command::CheckConfig { file } => check_config::check(&file, common),
        Command::List { what, output } => list::list(what, output, common),
        Command::Version => print(&format!("kubeskoop-exporter {VERSION} ({REVISION}, {RUSTC})\n")),
        Command::Docs { page } => print(&docs::page(page)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kubeskoop-exporter: {error:#}");
            let is_config = error.downcast_ref::<ConfigError>().is_some();
            if is_config {
                ExitCode::from(EXIT_CONFIG)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

impl Common {
    fn overrides(&self) -> Overrides {
        Overrides {
            bind: self.bind.clone(),
            without_probes: self.without_probe.clone(),
            node_name: node_name(),
        }
    }

    fn proc_fs(&self) -> Result<ProcFs, ConfigError> {
        let is_proc = self.procfs.join("1").is_dir() || self.procfs.join("self").exists();
        if is_proc {
            return Ok(ProcFs::at(&self.procfs));
        }
        let reason = format!("no proc filesystem is mounted at {}", self.procfs.display());
        Err(ConfigError::new(0, "--procfs", reason))
    }
}

/// UID of the pod the exporter runs in, from the downward API.
fn own_pod() -> Option<String> {
    std::env::var("POD_UID").ok().filter(|uid| !uid.is_empty())
}

fn node_name() -> String {
    let of_environment = ["NODE_NAME", "INSPECTOR_NODENAME"];
    let named = of_environment
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    named.unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
}

/// Writes to standard output; a reader that has gone is no error.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
