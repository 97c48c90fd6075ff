//! What was killed when, and when it was well again. Deliberately without what callers saw of it: see `figures`.

use std::{fmt, time::Instant};

/// A time that begins with a kill, or with the load, and ends with the next one's beginning.
#[derive(Debug)]
pub struct Span {
    pub(super) what: &'static str,
    pub(super) role: String,
    pub(super) begun: Instant,
    pub(super) healthy: Instant,
}

impl Span {
    /// The time without a kill.
    #[must_use]
    pub fn calm(begun: Instant) -> Self {
        Self {
            what: "nothing",
            role: String::new(),
            begun,
            healthy: begun,
        }
    }

    /// Now something is killed.
    #[must_use]
    pub fn begin(what: &'static str, role: String) -> Self {
        Self {
            role,
            ..Self::calm(Instant::now())
        }
        .of(what)
    }

    pub(super) fn of(self, what: &'static str) -> Self {
        Self { what, ..self }
    }

    /// Now it is well again.
    #[must_use]
    pub fn healthy(self) -> Self {
        Self {
            healthy: Instant::now(),
            ..self
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = (self.healthy - self.begun).as_secs_f64();
        write!(f, "{} killed, healthy after {seconds:.1} s", self.what)?;
        match self.role.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", self.role),
        }
    }
}
