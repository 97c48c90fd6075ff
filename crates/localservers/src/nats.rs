//! Starts and stops one private nats-server with JetStream. It deliberately makes no stream, and
//! speaks just enough of the protocol to know that its own server is ready.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::Error;
use crate::files;
use crate::options::{NatsMember, NatsOutsiders};
use crate::ports;
use crate::postgres::Place;
use crate::process;

/// The user of every server started here.
const USER: &str = "valutai";

/// Reading a large store back after a crash takes a while.
const START_LIMIT: Duration = Duration::from_secs(120);

/// After each signal of a stop.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// For one exchange with a server on this machine.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// Between two attempts to reach a server that is starting, which gives no sign when it is ready.
const TRY_EVERY: Duration = Duration::from_millis(10);

/// How often other ports are tried when somebody was quicker.
const PORT_ATTEMPTS: usize = 5;

/// Room for an event with its envelope; large things travel as blobs.
const LARGEST_PAYLOAD_BYTES: u32 = 4 * 1024 * 1024;

/// A running nats-server.
#[derive(Debug)]
pub(crate) struct Nats {
    child: Child,
    pub(crate) port: u16,
    pub(crate) monitor_port: u16,
    pub(crate) url: String,
}

/// The file in which nats-server keeps its process id.
pub(crate) fn pid_file(data_dir: &Path) -> PathBuf {
    data_dir.join("nats.pid")
}

/// Starts the server on the ports given, or on others where those are taken and `may_move`.
///
/// # Errors
/// [`Error::NotStarted`] with the end of the log.
pub(crate) fn start(
    program: &Path,
    place: Place<'_>,
    (mut port, mut monitor_port): (u16, u16),
    may_move: bool,
) -> Result<Nats, Error> {
    let password = match place.nats_member {
        Some(member) => member.password.clone(),
        None => files::password(&place.data_dir.join("nats.password"))?,
    };
    let store = place.data_dir.join("nats");
    files::make_private_dir(&store)?;
    place.identity.give(&store)?;
    if let Some(outsiders) = place.nats_outsiders {
        adopt_streams(&store, outsiders)?;
    }
    let log = log_file(place.data_dir);
    files::rotate_log(&log)?;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let name = match place.nats_member {
            Some(member) => member.name.clone(),
            None => format!("valutai-{}", files::random_hex(8)),
        };
        let conf = settings(&name, &password, port, monitor_port, place);
        let said_before = files::size(&log);
        let mut child = launch(program, place, &conf, &log)?;
        match wait_ready(&mut child, port, &name, &password) {
            Ok(()) => {
                return Ok(Nats {
                    child,
                    port,
                    monitor_port,
                    url: format!("nats://{USER}:{password}@127.0.0.1:{port}"),
                });
            }
            Err(reason) => {
                let said = files::log_end(&log, said_before);
                kill_and_collect(&mut child, &log)?;
                let port_taken = said.contains("address already in use");
                if !(port_taken && may_move) || attempts >= PORT_ATTEMPTS {
                    return Err(Error::NotStarted {
                        what: "nats-server",
                        reason: format!("{reason}: {said}"),
                        log,
                    });
                }
                (port, monitor_port) = (ports::pick_free()?, ports::pick_free()?);
            }
        }
    }
}

impl Nats {
    /// The server's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops the server, gently when asked to, and collects it.
    ///
    /// # Errors
    /// [`Error::NotStopped`] when it outlives even a kill.
    pub(crate) fn stop(&mut self, gentle: bool, data_dir: &Path) -> Result<(), Error> {
        let signals: &[&str] = if gentle { &["TERM", "KILL"] } else { &["KILL"] };
        process::end("nats-server", self.pid(), signals, STOP_LIMIT)?;
        let log = log_file(data_dir);
        self.child
            .wait()
            .map(drop)
            .map_err(Error::io("collect the server of", &log))
    }
}

/// Stops a server that an earlier run left behind, as happens when its keeper was killed too.
pub(crate) fn end_leftover(
    program: &Path,
    data_dir: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let name = process::short_name(program);
    let Some(pid) = process::running_in(&pid_file(data_dir), &name) else {
        return Ok(());
    };
    report(&format!(
        "stopping nats-server (process {pid}), left by an earlier run"
    ));
    process::end("nats-server", pid, &["TERM", "KILL"], STOP_LIMIT)
}

fn settings(name: &str, password: &str, port: u16, monitor_port: u16, place: Place<'_>) -> Value {
    let mut jetstream = json!({ "store_dir": place.data_dir.join("nats").to_string_lossy() });
    if place.durable {
        jetstream["sync_interval"] = json!("always");
    }
    let mut users = vec![json!({ "user": USER, "password": password })];
    users.extend(place.nats_users.iter().map(|user| {
        json!({ "user": user.name, "password": user.password, "permissions": user.permissions })
    }));
    let mut settings = json!({
        "server_name": name,
        "listen": format!("127.0.0.1:{port}"),
        "http": format!("127.0.0.1:{monitor_port}"),
        "max_payload": LARGEST_PAYLOAD_BYTES,
        "pid_file": pid_file(place.data_dir).to_string_lossy(),
        "jetstream": jetstream,
    });
    if let Some(member) = place.nats_member {
        settings["cluster"] = cluster(member);
    }
    let Some(outsiders) = place.nats_outsiders else {
        settings["authorization"] = json!({ "users": users });
        return settings;
    };
    let names: Vec<&Value> = users.iter().map(|user| &user["user"]).collect();
    settings["authorization"] = json!({ "auth_callout": {
        "issuer": outsiders.issuer, "account": outsiders.services_account, "auth_users": names,
    }});
    settings["accounts"] = json!({
        outsiders.services_account.as_str(): { "jetstream": "enabled", "users": users, "exports": outsiders.exports },
        outsiders.account.as_str(): { "imports": outsiders.imports },
    });
    settings
}

/// How a server finds the others. Clients are told of none, as in production: they are given every address.
fn cluster(member: &NatsMember) -> Value {
    const ROUTE: &str = "route";
    let password = &member.password;
    let route = |port: &u16| format!("nats://{ROUTE}:{password}@127.0.0.1:{port}");
    json!({
        "name": "valutai",
        "listen": format!("127.0.0.1:{}", member.port),
        "authorization": { "user": ROUTE, "password": password },
        "routes": member.ports.iter().map(route).collect::<Vec<_>>(),
        "no_advertise": true,
    })
}

/// Streams of a folder from before there were accounts are those of the services.
fn adopt_streams(store: &Path, outsiders: &NatsOutsiders) -> Result<(), Error> {
    let accounts = store.join("jetstream");
    let (old, new) = (
        accounts.join("$G"),
        accounts.join(&outsiders.services_account),
    );
    if old.join("streams").is_dir() && !new.exists() {
        fs::rename(&old, &new).map_err(Error::io("rename", &old))?;
    }
    Ok(())
}

fn launch(program: &Path, place: Place<'_>, conf: &Value, log: &Path) -> Result<Child, Error> {
    let conf_file = place.data_dir.join("nats.conf");
    files::write_private(&conf_file, &format!("{conf:#}\n"))?;
    place.identity.give(&conf_file)?;
    let out = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .map_err(Error::io("write", log))?;
    let err = out.try_clone().map_err(Error::io("write", log))?;
    let mut server = Command::new(program);
    place.identity.drop_to_runner(&mut server);
    server
        .arg("--config")
        .arg(&conf_file)
        .process_group(place.group)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(Error::io("run", program))
}

/// Waits until this very server (not another on the same port) answers a ping.
fn wait_ready(child: &mut Child, port: u16, name: &str, password: &str) -> Result<(), String> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        match child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => return Err(format!("it ended with {status}")),
            Err(error) => return Err(format!("it cannot be watched: {error}")),
        }
        match greet(port, password) {
            Ok(found) if found == name => return Ok(()),
            Ok(found) => {
                return Err(format!(
                    "{found} answers on its port; address already in use"
                ));
            }
            Err(error) if Instant::now() >= deadline => {
                return Err(format!("it gave no answer in time: {error}"));
            }
            Err(_) => thread::sleep(TRY_EVERY),
        }
    }
}

/// Connects, logs in, exchanges ping and pong, and gives back the server's name.
pub(crate) fn greet(port: u16, password: &str) -> io::Result<String> {
    let unexpected = |line: &str| io::Error::other(format!("unexpected answer {line:?}"));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    lines.read_line(&mut line)?;
    let info: Value = line
        .strip_prefix("INFO ")
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or_else(|| unexpected(&line))?;
    let login = json!({ "verbose": false, "user": USER, "pass": password });
    write!(stream, "CONNECT {login}\r\nPING\r\n")?;
    line.clear();
    lines.read_line(&mut line)?;
    if line.trim_end() != "PONG" {
        return Err(unexpected(&line));
    }
    Ok(info["server_name"].as_str().unwrap_or_default().to_owned())
}

fn kill_and_collect(child: &mut Child, log: &Path) -> Result<(), Error> {
    // Killing one that has ended by itself is not an error for the standard library either.
    child.kill().map_err(Error::io("end the server of", log))?;
    child
        .wait()
        .map(drop)
        .map_err(Error::io("collect the server of", log))
}

/// Where the server logs.
pub(crate) fn log_file(data_dir: &Path) -> PathBuf {
    data_dir.join("nats.log")
}
