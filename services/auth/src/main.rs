//! The auth service as a process of its own. Deliberately nothing else: see [`auth::SERVICE`].

fn main() -> std::process::ExitCode {
    platform::service::main(auth::SERVICE)
}
