//! Picks free loopback ports and keeps them between runs. It deliberately cannot reserve one: between
//! the look and the server's bind another program may take it, so starts try again.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files;

/// Below the ranges from which Linux and macOS number outgoing connections, so that a stopped
/// server's port is not taken by somebody's connection before the server is back.
const RANGE: std::ops::Range<u16> = 21_000..30_000;

/// How many ports are looked at before giving up.
const LOOKS: usize = 500;

/// The ports of one data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    pub(crate) postgres: u16,
    pub(crate) nats: u16,
    pub(crate) nats_monitor: u16,
}

impl Ports {
    /// Those written by an earlier run where they are still free, and free ones for the others.
    pub(crate) fn load_or_pick(file: &Path) -> Result<Self, Error> {
        // A damaged file costs nothing but the old numbers: it is replaced below.
        let kept: Option<Self> =
            files::read_if_there(file)?.and_then(|text| serde_json::from_str(&text).ok());
        let keep = |port: Option<u16>| match port {
            Some(port) if is_free(port).is_ok() => Ok(port),
            _ => pick_free(),
        };
        let ports = Self {
            postgres: keep(kept.map(|ports| ports.postgres))?,
            nats: keep(kept.map(|ports| ports.nats))?,
            nats_monitor: keep(kept.map(|ports| ports.nats_monitor))?,
        };
        ports.save(file)?;
        Ok(ports)
    }

    /// Writes them for the next run.
    pub(crate) fn save(&self, file: &Path) -> Result<(), Error> {
        let text = format!(
            "{{\"postgres\":{},\"nats\":{},\"nats_monitor\":{}}}\n",
            self.postgres, self.nats, self.nats_monitor
        );
        files::write_private(file, &text)
    }
}

/// A port of 127.0.0.1 on which nobody listens at this moment.
///
/// # Errors
/// [`Error::NoPort`] when hundreds are taken.
pub(crate) fn pick_free() -> Result<u16, Error> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..LOOKS {
        let port = rand::rng().random_range(RANGE);
        match is_free(port) {
            Ok(()) => return Ok(port),
            Err(error) => last = error,
        }
    }
    Err(Error::NoPort { source: last })
}

/// Whether the port can be listened on at this moment.
pub(crate) fn is_free(port: u16) -> io::Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_stay_and_taken_ones_are_replaced() -> Result<(), Box<dyn std::error::Error>> {
        let dir = std::env::temp_dir().join(format!("valutai-ports-{}", files::random_hex(8)));
        files::make_private_dir(&dir)?;
        let file = dir.join("ports.json");
        let first = Ports::load_or_pick(&file)?;
        assert_eq!(Ports::load_or_pick(&file)?, first);
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first.nats))?;
        let second = Ports::load_or_pick(&file)?;
        assert_eq!(second.postgres, first.postgres);
        assert_ne!(second.nats, first.nats);
        std::fs::write(&file, "not json")?;
        Ports::load_or_pick(&file)?;
        files::remove_tree(&dir)?;
        Ok(())
    }
}
