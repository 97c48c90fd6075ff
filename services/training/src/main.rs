//! The training service as a process of its own. Deliberately nothing else: see [`training::SERVICE`].

fn main() -> std::process::ExitCode {
    platform::service::main(training::SERVICE)
}
