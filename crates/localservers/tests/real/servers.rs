//! Starts real servers and looks at what is left when they stop, are killed, or lose their owner. It
//! deliberately tests neither Postgres nor NATS beyond that they answer and keep what they are told.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{
    Outcome, Owner, eventually, fresh_dir, nats_info, postgres_says, processes_of, runs,
};
use localservers::{
    Cluster, Error, Options, Servers, StartOptions, find_or_obtain, shared_for_run,
};

fn say(line: &str) {
    println!("{line}");
}

#[test]
fn a_durable_pair_starts_keeps_its_data_and_address_and_stops() -> Outcome {
    let binaries = find_or_obtain(&Options::default(), &mut say)?;
    let dir = fresh_dir("durable");
    let options = StartOptions::durable(&dir);

    let began = Instant::now();
    let servers = Servers::start(&binaries, &options, &mut say)?;
    println!("first start: {:?}", began.elapsed());
    assert!(nats_info(servers.nats_url())?.contains("\"jetstream\":true"));
    assert!(nats_info(servers.nats_url())?.contains("\"max_payload\":4194304"));
    postgres_says(servers.postgres_url(), "create table kept (n int)")?;
    if let Some(answer) = postgres_says(servers.postgres_url(), "show server_encoding")? {
        assert_eq!(answer, "UTF8");
        let durable = postgres_says(servers.postgres_url(), "show fsync")?;
        assert_eq!(durable.as_deref(), Some("on"));
    }
    let addresses = (
        servers.postgres_url().to_owned(),
        servers.nats_url().to_owned(),
    );
    let pids = [servers.postgres_pid(), servers.nats_pid()];
    for secret in ["postgres.password", "nats.password", "nats.conf"] {
        assert_eq!(
            fs::metadata(dir.join(secret))?.mode() & 0o077,
            0,
            "{secret}"
        );
    }
    servers.stop()?;
    assert!(pids.into_iter().flatten().all(|pid| !runs(pid)));
    assert_eq!(processes_of(&dir)?, Vec::<String>::new());

    let began = Instant::now();
    let servers = Servers::start(&binaries, &options, &mut say)?;
    println!("second start: {:?}", began.elapsed());
    assert_eq!(
        addresses,
        (
            servers.postgres_url().to_owned(),
            servers.nats_url().to_owned()
        )
    );
    postgres_says(servers.postgres_url(), "select n from kept")?;
    servers.stop()?;
    fs::remove_dir_all(&dir)?;
    Ok(())
}

#[test]
fn the_end_of_the_owner_ends_the_servers_and_removes_the_data() -> Outcome {
    let dir = fresh_dir("owner");
    let mut owner = Owner::start()?;
    let start = StartOptions::ephemeral(&dir, owner.id());
    let servers = Servers::obtain_and_start(&Options::default(), &start, &mut say)?;
    let pids = [servers.postgres_pid(), servers.nats_pid()];
    // Dropping is not stopping when somebody else is the owner.
    let (postgres, nats) = (
        servers.postgres_url().to_owned(),
        servers.nats_url().to_owned(),
    );
    drop(servers);
    postgres_says(&postgres, "select 1")?;
    nats_info(&nats)?;
    owner.end()?;
    let began = Instant::now();
    assert!(
        eventually(Duration::from_secs(15), || !pids
            .into_iter()
            .flatten()
            .any(runs)),
        "the servers outlived their owner"
    );
    assert!(
        eventually(Duration::from_secs(15), || processes_of(&dir)
            .is_ok_and(|left| left.is_empty())),
        "left: {:?}",
        processes_of(&dir)
    );
    println!("all gone after {:?}", began.elapsed());
    assert!(!dir.exists());
    Ok(())
}

#[test]
fn dropping_the_servers_of_this_process_stops_them() -> Outcome {
    let dir = fresh_dir("drop");
    let start = StartOptions::ephemeral(&dir, std::process::id());
    let servers = Servers::obtain_and_start(&Options::default(), &start, &mut say)?;
    let pids = [servers.postgres_pid(), servers.nats_pid()];
    drop(servers);
    assert!(
        eventually(Duration::from_secs(15), || {
            !pids.into_iter().flatten().any(runs) && !dir.exists()
        }),
        "left: {:?}",
        processes_of(&dir)
    );
    Ok(())
}

#[test]
fn what_a_killed_keeper_left_behind_is_stopped_by_the_next_start() -> Outcome {
    let binaries = find_or_obtain(&Options::default(), &mut say)?;
    let dir = fresh_dir("leftover");
    let mut options = StartOptions::durable(&dir);
    options.durable = false;
    let servers = Servers::start(&binaries, &options, &mut say)?;
    let old = [servers.postgres_pid(), servers.nats_pid()];
    let keeper = processes_of(&dir)?
        .into_iter()
        .find(|line| line.contains("keeper.sh"))
        .ok_or("no keeper")?;
    let keeper_pid = keeper.split_whitespace().next().ok_or("no pid")?;
    let kill = format!("kill -KILL {keeper_pid}");
    assert!(Command::new("sh").args(["-c", &kill]).status()?.success());
    drop(servers);
    assert!(old.into_iter().flatten().all(runs));

    let mut said = String::new();
    let servers = Servers::start(&binaries, &options, &mut |line| said.push_str(line))?;
    assert!(said.contains("left by an earlier run"), "{said}");
    assert!(!old.into_iter().flatten().any(runs));
    postgres_says(servers.postgres_url(), "select 1")?;
    servers.stop()?;
    fs::remove_dir_all(&dir)?;
    Ok(())
}

#[test]
fn nats_can_be_killed_and_comes_back_at_the_same_address() -> Outcome {
    let dir = fresh_dir("restart");
    let mut start = StartOptions::ephemeral(&dir, std::process::id());
    start.postgres_url = Some("postgres://elsewhere/postgres".to_owned());
    let mut servers = Servers::obtain_and_start(&Options::default(), &start, &mut say)?;
    assert_eq!(servers.postgres_url(), "postgres://elsewhere/postgres");
    assert_eq!(servers.postgres_pid(), None);
    let (url, pid) = (servers.nats_url().to_owned(), servers.nats_pid());
    servers.kill_nats()?;
    assert!(nats_info(&url).is_err());
    servers.restart_nats()?;
    nats_info(&url)?;
    assert_ne!(servers.nats_pid(), pid);
    servers.restart_nats()?;
    assert_eq!(servers.nats_url(), url);
    nats_info(&url)?;
    servers.stop()?;
    assert!(!dir.exists());
    Ok(())
}

#[test]
fn servers_given_by_address_are_left_alone() -> Outcome {
    let mut start = StartOptions::durable("/nowhere/at/all");
    start.postgres_url = Some("postgres://a/b".to_owned());
    start.nats_url = Some("nats://a".to_owned());
    let mut servers = Servers::obtain_and_start(&Options::default(), &start, &mut say)?;
    assert!(matches!(servers.restart_nats(), Err(Error::NotOurs { .. })));
    assert_eq!(servers.nats_monitor_url(), None);
    servers.stop()?;
    Ok(())
}

#[test]
fn a_folder_with_other_things_is_never_removed() -> Outcome {
    let dir = fresh_dir("foreign");
    fs::create_dir(&dir)?;
    fs::write(dir.join("thesis.txt"), "years of work")?;
    let start = StartOptions::ephemeral(&dir, std::process::id());
    let refused = Servers::obtain_and_start(&Options::default(), &start, &mut say);
    assert!(matches!(refused, Err(Error::NotEphemeral { .. })));
    assert!(dir.join("thesis.txt").exists());
    fs::remove_dir_all(&dir)?;
    Ok(())
}

#[test]
fn a_folder_in_use_is_refused_at_once_and_one_of_another_version_too() -> Outcome {
    let mut binaries = find_or_obtain(&Options::default(), &mut say)?;
    let dir = fresh_dir("inuse");
    let mut owner = Owner::start()?;
    let mut start = StartOptions::durable(&dir);
    (start.owner_pid, start.durable) = (owner.id(), false);
    let servers = Servers::start(&binaries, &start, &mut say)?;
    let began = Instant::now();
    start.owner_pid = std::process::id();
    let refused = Servers::start(&binaries, &start, &mut say);
    assert!(matches!(refused, Err(Error::DataDirInUse { .. })));
    assert!(began.elapsed() < Duration::from_secs(5));
    postgres_says(servers.postgres_url(), "select 1")?;
    servers.stop()?;
    owner.end()?;

    binaries.postgres_version.major += 1;
    let refused = Servers::start(&binaries, &start, &mut say);
    assert!(matches!(refused, Err(Error::OtherPostgresVersion { .. })));
    assert_eq!(processes_of(&dir)?, Vec::<String>::new());
    fs::remove_dir_all(&dir)?;
    Ok(())
}

#[test]
fn threads_and_processes_of_one_run_share_one_pair() -> Outcome {
    let began = Instant::now();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| shared_for_run(&Options::default(), &mut say)))
            .collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    println!("four threads had them after {:?}", began.elapsed());
    let first = shared_for_run(&Options::default(), &mut say)?;
    for answer in answers {
        assert_eq!(answer.map_err(|_| "a thread panicked")??, first);
    }
    let began = Instant::now();
    shared_for_run(&Options::default(), &mut say)?;
    println!("a later caller waits {:?}", began.elapsed());
    postgres_says(&first.postgres_url, "select 1")?;
    nats_info(&first.nats_url)?;
    assert_eq!(first.owner_pid, std::os::unix::process::parent_id());
    Ok(())
}

/// The run inside the run: its "cargo" is a shell, whose end must end the pair of that run. Without
/// the variable, as in every ordinary run, this test is the outer one.
#[test]
fn a_killed_test_run_leaves_nothing_and_holds_no_pipe() -> Outcome {
    const INNER: &str = "VALUTAI_LOCALSERVERS_INNER";
    if std::env::var_os(INNER).is_some() {
        let shared = shared_for_run(&Options::default(), &mut |_| {})?;
        println!("PIDS {} {}", shared.postgres_pid, shared.nats_pid);
        return Ok(());
    }
    let name = "servers::a_killed_test_run_leaves_nothing_and_holds_no_pipe";
    let script = format!("\"$1\" --exact {name} --nocapture; echo finished");
    // Reading to the end of the pipe only ends if neither server nor keeper holds it.
    let output = Command::new("sh")
        .args(["-c", &script, "sh"])
        .arg(std::env::current_exe()?)
        .env(INNER, "1")
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(text.contains("finished"), "{text}");
    let at = text.find("PIDS ").ok_or_else(|| text.clone())?;
    let pids: Vec<u32> = text[at + 5..]
        .split_whitespace()
        .take(2)
        .filter_map(|word| word.parse().ok())
        .collect();
    assert_eq!(pids.len(), 2, "{text}");
    assert!(
        eventually(Duration::from_secs(15), || !pids
            .iter()
            .any(|pid| runs(*pid))),
        "{pids:?} outlived their run"
    );
    Ok(())
}

#[test]
fn a_cluster_goes_on_without_any_one_of_its_servers() -> Outcome {
    let dir = fresh_dir("cluster");
    let mut start = StartOptions::durable(&dir);
    // What Postgres does is shown above.
    start.postgres_url = Some("postgres://nobody@127.0.0.1:1/none".to_owned());
    let mut cluster = Cluster::obtain_and_start(&Options::default(), &start, 3, &mut say)?;
    let urls: Vec<String> = cluster
        .servers()
        .iter()
        .map(|server| server.nats_url().to_owned())
        .collect();
    let leader = cluster.leader().ok_or("a healthy cluster has a leader")?;
    cluster.kill_nats(leader)?;
    assert!(nats_info(&urls[leader]).is_err());
    // Another one takes over, which the two that are left agree on.
    assert!(
        eventually(Duration::from_secs(60), || {
            cluster.leader().is_some_and(|now| now != leader)
        }),
        "nobody leads"
    );
    cluster.restart_nats(leader)?;
    for (url, server) in urls.iter().zip(cluster.servers()) {
        assert_eq!(url, server.nats_url());
        assert!(nats_info(url)?.contains("\"cluster\":\"valutai\""));
    }
    cluster.stop()?;
    assert_eq!(processes_of(&dir)?, Vec::<String>::new());
    fs::remove_dir_all(&dir)?;
    Ok(())
}
