//! The `valutai` program: hands over to the library. Deliberately no logic of its own.

fn main() -> std::process::ExitCode {
    valutai::main()
}
