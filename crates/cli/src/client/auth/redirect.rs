//! Where a browser comes back to from an identity provider: a port of this machine, open for this one sign-in (RFC
//! 8252, section 7.3). Deliberately no browser is started: the address is printed, and opened wherever there is one.

use std::{future::Future, time::Duration};

use percent_encoding::percent_decode_str;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{
    error::{Error, Result},
    text::clean,
};

const PATH: &str = "/callback";
/// The server keeps a sign-in for ten minutes.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Whoever connects says what it wants within this time, and in as many bytes.
const SAID_WITHIN: Duration = Duration::from_secs(5);
const LONGEST_REQUEST: usize = 16 * 1024;

/// What a redirect brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Redirected {
    /// To be exchanged by the server.
    pub code: String,
    /// Who sent the browser, where it says so.
    pub iss: String,
}

/// A port that waits for a browser.
#[derive(Debug)]
pub struct Redirect {
    listener: TcpListener,
    uri: String,
}

impl Redirect {
    /// Listens on a free port of this machine.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn listen() -> Result<Self> {
        let failed = |error| Error::Failed(format!("no port can be listened on: {error}"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Self {
            listener,
            uri: format!("http://127.0.0.1:{port}{PATH}"),
        })
    }

    /// The address that the provider is to send the browser to.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Waits for the browser with this state; whatever else comes is turned away.
    ///
    /// # Errors
    /// Where the provider refused, or nobody came in ten minutes.
    pub async fn wait(self, state: &str) -> Result<Redirected> {
        let answered = timeout(LONGEST_WAIT, self.accept(state)).await;
        answered.map_err(|_| {
            Error::Failed("nobody came back from the provider in ten minutes: begin again".into())
        })?
    }

    async fn accept(&self, state: &str) -> Result<Redirected> {
        loop {
            let (mut stream, _) =
                self.listener.accept().await.map_err(|error| {
                    Error::Failed(format!("the browser cannot come back: {error}"))
                })?;
            // One that says nothing must not keep the others waiting for long.
            let Ok(Some(query)) = timeout(SAID_WITHIN, asked(&mut stream)).await else {
                answer(&mut stream, "404 Not Found", "There is nothing here.").await;
                continue;
            };
            match read(&query, state) {
                Some(Ok(redirected)) => {
                    let said = "Done: you can close this window and go back to the terminal.";
                    answer(&mut stream, "200 OK", said).await;
                    return Ok(redirected);
                }
                Some(Err(problem)) => {
                    answer(
                        &mut stream,
                        "200 OK",
                        "The provider refused: see the terminal.",
                    )
                    .await;
                    return Err(Error::Failed(format!("the provider refused: {problem}")));
                }
                None => {
                    let said = "This is not the sign-in that the terminal waits for.";
                    answer(&mut stream, "400 Bad Request", said).await;
                }
            }
        }
    }
}

/// The query of a request for our path; nothing for any other.
async fn asked(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 2048];
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        head.extend_from_slice(&part[..read]);
        if head.len() > LONGEST_REQUEST {
            return None;
        }
    }
    let head = String::from_utf8(head).ok()?;
    let target = head.strip_prefix("GET ")?.split(' ').next()?;
    let (path, query) = target.split_once('?')?;
    (path == PATH).then(|| query.to_owned())
}

/// A browser that went away has been told nothing, and nothing follows from that.
async fn answer(stream: &mut TcpStream, status: &str, said: &str) {
    let page = format!("<!doctype html><meta charset=utf-8><title>ValutAI</title><p>{said}</p>");
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{page}",
        page.len()
    );
    let _ = stream.write_all(reply.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// What a query says, where it is of our flow.
fn read(query: &str, state: &str) -> Option<std::result::Result<Redirected, String>> {
    let mut redirected = Redirected::default();
    let (mut its_state, mut error, mut description) = (None, None, String::new());
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.replace('+', " ");
        let value = percent_decode_str(&value).decode_utf8_lossy().into_owned();
        match name {
            "state" => its_state = Some(value),
            "code" => redirected.code = value,
            "iss" => redirected.iss = value,
            "error" => error = Some(value),
            "error_description" => description = format!(" ({value})"),
            _ => {}
        }
    }
    if its_state.as_deref() != Some(state) {
        return None;
    }
    Some(match error {
        Some(error) => Err(clean(&format!("{error}{description}"))),
        None => Ok(redirected),
    })
}

/// Sends somebody to a provider and waits for the return; `tell` is given the address to open.
///
/// # Errors
/// What the server, or the provider, refused it with.
pub async fn through_browser<F, B>(
    begin: impl FnOnce(String) -> F,
    tell: impl FnOnce(&str),
) -> Result<(B, Redirected)>
where
    F: Future<Output = Result<B>>,
    B: Beginning,
{
    let redirect = Redirect::listen().await?;
    let begun = begin(redirect.uri().to_owned()).await?;
    tell(begun.authorization_url());
    let redirected = redirect.wait(begun.state()).await?;
    Ok((begun, redirected))
}

/// The answer that begins a flow, of a sign-in or of a link.
pub trait Beginning {
    /// Address to open in a browser.
    fn authorization_url(&self) -> &str;
    /// What the redirect has to bring back.
    fn state(&self) -> &str;
}

impl Beginning for proto::auth::BeginProviderSignInResponse {
    fn authorization_url(&self) -> &str {
        &self.authorization_url
    }

    fn state(&self) -> &str {
        &self.state
    }
}

impl Beginning for proto::auth::BeginProviderLinkResponse {
    fn authorization_url(&self) -> &str {
        &self.authorization_url
    }

    fn state(&self) -> &str {
        &self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_redirect_of_this_flow_counts() {
        let good = read("code=a%2Bb+c&state=s&iss=https%3A%2F%2Fid.example.com", "s");
        let redirected = Redirected {
            code: "a+b c".to_owned(),
            iss: "https://id.example.com".to_owned(),
        };
        assert_eq!(good, Some(Ok(redirected)));
        for other in ["code=a&state=t", "code=a", "", "state=&code=a"] {
            assert_eq!(read(other, "s"), None, "{other}");
        }
        let refused = read(
            "error=access_denied&error_description=no%1B%5B2Jway&state=s",
            "s",
        );
        let problem = refused.expect("is ours").expect_err("is refused");
        assert!(problem.starts_with("access_denied (no"), "{problem}");
        assert!(!problem.contains('\u{1b}'), "{problem}");
    }

    #[tokio::test]
    async fn whatever_else_connects_is_turned_away() {
        let redirect = Redirect::listen().await.expect("listens");
        let address = redirect.listener.local_addr().expect("has one");
        let waiting = tokio::spawn(redirect.wait("the-state"));
        let get = async |target: &str| {
            let mut stream = TcpStream::connect(address).await.expect("connects");
            let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n");
            stream.write_all(request.as_bytes()).await.expect("writes");
            let mut reply = String::new();
            stream.read_to_string(&mut reply).await.expect("reads");
            reply
        };
        assert!(get("/favicon.ico").await.starts_with("HTTP/1.1 404"));
        let forged = get("/callback?code=x&state=other").await;
        assert!(forged.starts_with("HTTP/1.1 400"), "{forged}");
        let ours = get("/callback?code=x&state=the-state").await;
        assert!(ours.starts_with("HTTP/1.1 200"), "{ours}");
        let redirected = waiting.await.expect("ends").expect("came back");
        assert_eq!(redirected.code, "x");
    }
}
