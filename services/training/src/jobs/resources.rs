//! What a training costs: time, processors, memory; and its manners towards the rest of the machine.
//! Deliberately nothing where the system does not tell: absent figures are better than wrong ones.

use std::{collections::HashMap, fs, time::Instant};

use proto::training::Resources;
use rustix::{
    process::setpriority_process,
    time::{ClockId, clock_gettime},
};

/// Name of the thread that trains; the threads that it starts are called the same.
pub const THREAD: &str = "training";
/// How far a training stands back behind whoever answers calls.
const NICENESS: i32 = 10;

/// A measurement that has begun.
#[derive(Debug)]
pub struct Meter {
    begun: Instant,
    cpu: Option<Cpu>,
}

/// Processor seconds of the process, and of each of its living threads that does not train.
#[derive(Debug)]
struct Cpu {
    process: f64,
    others: HashMap<String, f64>,
}

/// Lowers the priority of the calling thread and of all that it starts from now on.
pub fn stand_back() {
    if let Err(error) = setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "the priority of a training could not be lowered");
    }
}

impl Meter {
    /// Begins, on the thread that trains.
    pub fn begin() -> Self {
        // Makes the highest memory so far the present one; where it cannot, the figure is that of the
        // whole life of the process.
        if let Err(error) = fs::write("/proc/self/clear_refs", "5") {
            tracing::debug!(%error, "the highest memory so far is that of the process");
        }
        Self {
            begun: Instant::now(),
            cpu: Cpu::now(),
        }
    }

    /// What was used since.
    pub fn end(&self) -> Resources {
        Resources {
            wall_seconds: self.begun.elapsed().as_secs_f64(),
            cpu_seconds: self
                .cpu
                .as_ref()
                .zip(Cpu::now())
                .map(|(before, now)| now.since(before)),
            peak_memory_bytes: fs::read_to_string("/proc/self/status")
                .ok()
                .and_then(|status| peak_memory_bytes(&status)),
        }
    }
}

impl Cpu {
    fn now() -> Option<Self> {
        let mut others = HashMap::new();
        for entry in fs::read_dir("/proc/self/task").ok()?.flatten() {
            // A thread may end meanwhile.
            let read = |file: &str| fs::read_to_string(entry.path().join(file)).ok();
            let Some((name, times)) = read("comm").zip(read("schedstat")) else {
                continue;
            };
            if name.trim() != THREAD {
                let id = entry.file_name().to_string_lossy().into_owned();
                others.insert(id, cpu_seconds(&times)?);
            }
        }
        let process = clock_gettime(ClockId::ProcessCPUTime);
        Some(Self {
            process: process.tv_sec as f64 + process.tv_nsec as f64 / 1e9,
            others,
        })
    }

    /// Seconds of the threads that train: those of the process without those of the others. Others that
    /// began and ended in between are not told apart.
    fn since(&self, before: &Self) -> f64 {
        let others: f64 = self
            .others
            .iter()
            .map(|(id, now)| now - before.others.get(id).copied().unwrap_or(0.0))
            .sum();
        (self.process - before.process - others).max(0.0)
    }
}

/// The first figure is nanoseconds on a processor.
fn cpu_seconds(schedstat: &str) -> Option<f64> {
    let nanoseconds: u64 = schedstat.split_whitespace().next()?.parse().ok()?;
    Some(std::time::Duration::from_nanos(nanoseconds).as_secs_f64())
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
        assert_eq!(cpu_seconds(""), None);
        let status = "VmPeak:\t  9 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(peak_memory_bytes(status), Some(2 * 1024 * 1024));
        assert_eq!(peak_memory_bytes("VmRSS:\t 1 kB\n"), None);
    }

    /// Works for as long as a tenth of a second of a processor, by the thread's own clock.
    fn work() {
        let now = || {
            let spent = clock_gettime(ClockId::ThreadCPUTime);
            spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
        };
        let begun = now();
        while now() - begun < 0.1 {}
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn all_threads_of_a_training_count_and_no_others() {
        let other = std::thread::spawn(|| {
            work();
            std::thread::park();
        });
        let training = std::thread::Builder::new().name(THREAD.to_owned());
        let used = training
            .spawn(|| {
                let meter = Meter::begin();
                std::thread::scope(|scope| {
                    scope.spawn(work);
                    scope.spawn(work);
                });
                work();
                meter.end()
            })
            .unwrap()
            .join()
            .unwrap();
        let cpu = used.cpu_seconds.unwrap();
        other.thread().unpark();
        other.join().unwrap();
        // Two threads that ended and this one worked; other tests may begin and end threads meanwhile.
        assert!(cpu >= 0.29, "{cpu}");
        assert!(used.peak_memory_bytes.unwrap() > 0);
    }
}
