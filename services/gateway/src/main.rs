//! The gateway as a process of its own. Deliberately nothing else: see [`gateway::SERVICE`].

fn main() -> std::process::ExitCode {
    platform::service::main(gateway::SERVICE)
}
