//! The reporting service as a process of its own. Deliberately nothing else: see [`reporting::SERVICE`].

fn main() -> std::process::ExitCode {
    platform::service::main(reporting::SERVICE)
}
