//! Calls to identity providers, with bounds: where to, how long, how much. Deliberately without redirects and
//! without a proxy: what an operator named is called, and nothing else on a provider's word.

use std::{pin::Pin, time::Duration};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, url::Url};

use crate::domain::provider::may_go_to;

/// Longest wait for a connection, and for a whole answer.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// Most bytes of an answer; key sets and lists of addresses have some thousand.
const LONGEST_ANSWER: usize = 512 * 1024;

/// Why a call was not made, or has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The address is none that a provider may name.
    #[error("it names {0}, where this service does not go")]
    NotThere(String),
    /// It was not reached, or broke off.
    #[error("it cannot be reached")]
    Transport(#[from] reqwest::Error),
    /// Its answer is too long.
    #[error("its answer has more than {LONGEST_ANSWER} bytes")]
    TooLong,
}

/// Calls one provider.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    home: Url,
}

impl Http {
    /// For the provider at an address.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(home: Url) -> Result<Self, CallError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // Calls are few, and a code that was lost with an idle connection cannot be sent twice.
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECTED_WITHIN)
            .timeout(ANSWERED_WITHIN)
            // GitHub refuses calls without one.
            .user_agent(concat!("ValutAI/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, home })
    }

    /// Makes one call.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, CallError> {
        let request = reqwest::Request::try_from(request)?;
        if !may_go_to(&self.home, request.url()) {
            return Err(CallError::NotThere(
                request.url().origin().ascii_serialization(),
            ));
        }
        let mut reply = self.client.execute(request).await?;
        let mut body = Vec::new();
        while let Some(part) = reply.chunk().await? {
            if body.len() + part.len() > LONGEST_ANSWER {
                return Err(CallError::TooLong);
            }
            body.extend_from_slice(&part);
        }
        let mut answer = HttpResponse::new(body);
        *answer.status_mut() = reply.status();
        *answer.headers_mut() = reply.headers().clone();
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, CallError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}
