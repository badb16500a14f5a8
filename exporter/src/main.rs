//! The program.

fn main() -> std::process::ExitCode {
    kubeskoop_exporter::cli::main()
}
