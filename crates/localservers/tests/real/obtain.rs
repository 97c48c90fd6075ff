//! Obtains both servers with the real package clients into a new cache and starts them. It needs the
//! network once per cache and deliberately does not test the registries.

use std::fs;
use std::time::{Duration, Instant};

use crate::common::{Outcome, fresh_dir, nats_info, postgres_says};
use localservers::{OLDEST_NATS, OLDEST_POSTGRES, Options, Servers, StartOptions, find_or_obtain};

#[test]
fn what_is_not_installed_is_obtained_kept_and_starts() -> Outcome {
    let cache = fresh_dir("cache");
    let options = Options {
        cache_dir: Some(cache.clone()),
        ignore_installed: true,
        ..Options::default()
    };
    let began = Instant::now();
    // Two at a time, as when two test programs meet an empty cache: one obtains, the other waits.
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| find_or_obtain(&options, &mut |_| {}));
        let first = find_or_obtain(&options, &mut |line| println!("{line}"));
        (first, other.join())
    });
    println!("obtained after {:?}", began.elapsed());
    let binaries = first?;
    assert_eq!(second.map_err(|_| "a thread panicked")??, binaries);
    assert!(binaries.postgres_version >= OLDEST_POSTGRES);
    assert!(binaries.nats_version >= OLDEST_NATS);
    assert!(binaries.postgres_bin_dir.starts_with(&cache));
    assert!(binaries.nats_server.starts_with(&cache));

    let began = Instant::now();
    let mut said = Vec::new();
    let again = find_or_obtain(&options, &mut |line| said.push(line.to_owned()))?;
    assert_eq!(again, binaries);
    assert_eq!(said, Vec::<String>::new());
    assert!(began.elapsed() < Duration::from_secs(5));

    let dir = fresh_dir("obtained");
    let start = StartOptions::ephemeral(&dir, std::process::id());
    let servers = Servers::start(&binaries, &start, &mut |line| println!("{line}"))?;
    nats_info(servers.nats_url())?;
    postgres_says(servers.postgres_url(), "select 1")?;
    servers.stop()?;
    assert!(!dir.exists());
    fs::remove_dir_all(&cache)?;
    Ok(())
}
