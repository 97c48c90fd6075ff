//! Asks the monitoring pages of a nats-server. Deliberately one exchange a question, and no more of
//! HTTP than these pages speak.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

/// For one exchange.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The page of a server, named as `HOST:PORT`, at a path, as JSON; a server that is not well says so with another status, and
/// in the page. Blocks.
///
/// # Errors
/// Where there is no answer, or it is no page of JSON.
pub fn ask(server: &str, path: &str) -> io::Result<Value> {
    let mut addresses = server.to_socket_addrs()?;
    let address = addresses
        .next()
        .ok_or_else(|| io::Error::other("the name has no address"))?;
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
