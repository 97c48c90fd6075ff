//! Asks the monitoring pages of a nats-server on this machine. Deliberately one exchange a question, and no more of
//! HTTP than these pages speak.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// For one exchange.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The page at a path, as JSON; a server that is not well says so with another status, and in the page.
///
/// # Errors
/// Where there is no answer, or it is no page of JSON.
pub(crate) fn ask(port: u16, path: &str) -> io::Result<Value> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    // By 1.0 the page comes in one piece, and its end is the connection's.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let page = answer.split_once("\r\n\r\n").map_or("", |(_, page)| page);
    serde_json::from_str(page).map_err(io::Error::other)
}
