//! Several nats-servers as one cluster beside one Postgres, for tests and benchmarks of what happens when one of them is killed.
//! Deliberately several [`Servers`], each with a folder and a keeper of its own: what holds for one holds for each.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::Error;
use crate::files;
use crate::monitor;
use crate::options::{NatsMember, Options, StartOptions};
use crate::ports;
use crate::servers::Servers;

/// Reading streams back after a crash takes a while, and so does catching up with the others.
const HEALTHY_LIMIT: Duration = Duration::from_secs(120);

/// Between two looks at a server that is catching up, which gives no sign when it has.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Running nats-servers and a Postgres.
#[derive(Debug)]
pub struct Cluster {
    /// The first has the Postgres.
    servers: Vec<Servers>,
    names: Vec<String>,
}

impl Cluster {
    /// Finds or obtains the programs and starts so many nats-servers and a Postgres below the data folder; waits until the
    /// cluster has a leader and every server is healthy. One server is no cluster, and may be a given one.
    ///
    /// # Errors
    /// Those of [`Servers::obtain_and_start`]; [`Error::NotStarted`] where the servers do not become a cluster. Nothing is
    /// left running.
    pub fn obtain_and_start(
        options: &Options,
        start: &StartOptions,
        servers: usize,
        report: &mut dyn FnMut(&str),
    ) -> Result<Self, Error> {
        let mut cluster = Self {
            servers: Vec::new(),
            names: Vec::new(),
        };
        let members = if servers > 1 {
            members(servers)?
        } else {
            Vec::new()
        };
        if members.is_empty() {
            cluster
                .servers
                .push(Servers::obtain_and_start(options, start, report)?);
        }
        for member in members {
            let mut of_member = start.clone();
            of_member.data_dir = start.data_dir.join(&member.name);
            if let Some(first) = cluster.servers.first() {
                of_member.postgres_url = Some(first.postgres_url().to_owned());
            }
            cluster.names.push(member.name.clone());
            of_member.nats_member = Some(member);
            cluster
                .servers
                .push(Servers::obtain_and_start(options, &of_member, report)?);
        }
        for at in 0..cluster.names.len() {
            cluster.until_healthy(at)?;
        }
        Ok(cluster)
    }

    /// The servers: a Postgres in the first, a nats-server in each.
    #[must_use]
    pub fn servers(&self) -> &[Servers] {
        &self.servers
    }

    /// Kills the nats-server at a place as a power cut would, and leaves it so until [`Cluster::restart_nats`].
    ///
    /// # Errors
    /// Those of [`Servers::kill_nats`].
    pub fn kill_nats(&mut self, at: usize) -> Result<(), Error> {
        self.servers[at].kill_nats()
    }

    /// Starts it again on its ports and store, and waits until it is healthy: in touch with the leader, and as far as the
    /// others in every stream and consumer that it has a copy of.
    ///
    /// # Errors
    /// Those of [`Servers::restart_nats`]; [`Error::NotStarted`] where it does not catch up.
    pub fn restart_nats(&mut self, at: usize) -> Result<(), Error> {
        self.servers[at].restart_nats()?;
        self.until_healthy(at)
    }

    /// The place of the server that leads the cluster; `None` while there is none.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        let page = self.page("/jsz")?;
        self.place(&page["meta_cluster"]["leader"])
    }

    /// The streams with the places of those that lead them, as far as they are led.
    #[must_use]
    pub fn stream_leaders(&self) -> Vec<(String, usize)> {
        let Some(page) = self.page("/jsz?accounts=true&streams=true") else {
            return Vec::new();
        };
        let accounts = page["account_details"].as_array().into_iter().flatten();
        let streams = accounts.flat_map(|account| account["stream_detail"].as_array().into_iter());
        streams
            .flatten()
            .filter_map(|stream| {
                let name = stream["name"].as_str()?.to_owned();
                Some((name, self.place(&stream["cluster"]["leader"])?))
            })
            .collect()
    }

    /// Stops all of them and waits for it.
    ///
    /// # Errors
    /// The first of those of [`Servers::stop`].
    pub fn stop(self) -> Result<(), Error> {
        let stopped: Vec<_> = self.servers.into_iter().map(Servers::stop).collect();
        stopped.into_iter().collect()
    }

    /// A page of the first server that answers.
    fn page(&self, path: &str) -> Option<Value> {
        let mut ports = self.servers.iter().filter_map(Servers::nats_monitor_port);
        ports.find_map(|port| monitor::ask(&format!("127.0.0.1:{port}"), path).ok())
    }

    fn place(&self, name: &Value) -> Option<usize> {
        let name = name.as_str()?;
        self.names.iter().position(|known| known == name)
    }

    fn until_healthy(&self, at: usize) -> Result<(), Error> {
        let servers = &self.servers[at];
        let Some(port) = servers.nats_monitor_port() else {
            return Ok(());
        };
        let deadline = Instant::now() + HEALTHY_LIMIT;
        loop {
            let reason = match monitor::ask(&format!("127.0.0.1:{port}"), "/healthz") {
                Ok(page) if page["status"] == "ok" => return Ok(()),
                Ok(page) => page["error"].as_str().unwrap_or("unhealthy").to_owned(),
                Err(error) => error.to_string(),
            };
            if Instant::now() > deadline {
                return Err(Error::NotStarted {
                    what: "nats-server",
                    reason,
                    log: servers.nats_log(),
                });
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

fn members(servers: usize) -> Result<Vec<NatsMember>, Error> {
    let ports = (0..servers)
        .map(|_| ports::pick_free())
        .collect::<Result<Vec<_>, _>>()?;
    // A letter first, since nats-server takes what looks like a number for one.
    let password = format!("p{}", files::random_hex(16));
    let system = files::random_hex(4);
    let member = |(at, port): (usize, &u16)| NatsMember {
        name: format!("nats-{}-{system}", at + 1),
        port: *port,
        ports: ports.clone(),
        password: password.clone(),
    };
    Ok(ports.iter().enumerate().map(member).collect())
}
