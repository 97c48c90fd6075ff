//! What a piece of work on one thread costs, as far as the system tells. Deliberately read from
//! `/proc` as it is: where there is none, the figures are absent.

use std::{fs, time::Instant};

use proto::training::Resources;

/// A measurement that has begun on this thread.
#[derive(Debug)]
pub struct Meter {
    begun: Instant,
    cpu_seconds: Option<f64>,
}

impl Meter {
    /// Begins on the current thread, which has to be the one that ends it.
    pub fn begin() -> Self {
        Self {
            begun: Instant::now(),
            cpu_seconds: thread_cpu_seconds(),
        }
    }

    /// What was used since.
    pub fn end(&self) -> Resources {
        Resources {
            wall_seconds: self.begun.elapsed().as_secs_f64(),
            cpu_seconds: thread_cpu_seconds()
                .zip(self.cpu_seconds)
                .map(|(now, before)| now - before),
            peak_memory_bytes: fs::read_to_string("/proc/self/status")
                .ok()
                .and_then(|status| peak_memory_bytes(&status)),
        }
    }
}

fn thread_cpu_seconds() -> Option<f64> {
    cpu_seconds(&fs::read_to_string("/proc/thread-self/schedstat").ok()?)
}

/// The first figure is nanoseconds on a processor.
fn cpu_seconds(schedstat: &str) -> Option<f64> {
    let nanoseconds: u64 = schedstat.split_whitespace().next()?.parse().ok()?;
    // A kernel that does not count writes 0, and a thread that reads this has run.
    (nanoseconds > 0).then(|| std::time::Duration::from_nanos(nanoseconds).as_secs_f64())
}

fn peak_memory_bytes(status: &str) -> Option<i64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_the_kernel_are_read() {
        assert_eq!(cpu_seconds("1500000000 12 3\n"), Some(1.5));
        assert_eq!(cpu_seconds("0 0 0\n"), None);
        assert_eq!(cpu_seconds(""), None);
        let status = "VmPeak:\t  9 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(peak_memory_bytes(status), Some(2 * 1024 * 1024));
        assert_eq!(peak_memory_bytes("VmRSS:\t 1 kB\n"), None);
    }
}
