//! The prediction service as a process of its own. Deliberately nothing else: see [`prediction::SERVICE`].

fn main() -> std::process::ExitCode {
    platform::service::main(prediction::SERVICE)
}
