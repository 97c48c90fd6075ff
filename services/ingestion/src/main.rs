//! The ingestion service as a process of its own. Deliberately nothing else: see [`ingestion::SERVICE`].

fn main() -> std::process::ExitCode {
    platform::service::main(ingestion::SERVICE)
}
