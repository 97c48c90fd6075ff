//! The yardstick: the gateway as it is, before a stand-in of auth that knows one token and answers one open method at
//! once. So the same call, with the same handler behind it, can be made with and without a token, and what is left
//! between the two is what the gateway does for the caller. Deliberately a system of its own beside the measured one:
//! the gateway has no way around the judgement of callers, for benchmarks neither.

use bytes::Bytes;
use platform::{
    Clock, Service, Wiring,
    launch::{Launch, Launched},
};
use prost::Message as _;
use prost_types::Timestamp;
use proto::{
    auth::{AuthenticateResponse, Role},
    rpc::{Context, Dispatch},
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    args::DEFAULT_TIMEOUT,
    client::Connection,
    error::{Error, Result},
};

/// The open method that the stand-in answers with its own bytes.
pub const PATH: &str = "/valutai.auth.v1.AuthService/SignIn";
/// Ends in the year 2100.
const EXPIRES: Timestamp = Timestamp {
    seconds: 4_102_444_800,
    nanos: 0,
};
/// As long as those that auth gives.
const TOKEN: &str = "vas_bench-bench-bench-bench-bench-bench-bench-b";

const SERVICES: [Service; 2] = [
    Service {
        name: "auth",
        migrations: None,
        wire: |_| Box::pin(async { Ok(Wiring::new().rpc(StandIn)) }),
    },
    gateway::SERVICE,
];

struct StandIn;

#[async_trait::async_trait]
impl Dispatch for StandIn {
    fn service(&self) -> &'static str {
        "valutai.auth.v1.AuthService"
    }

    async fn dispatch(&self, method: &str, _: Context, body: Bytes) -> Result<Vec<u8>, Status> {
        match method {
            "SignIn" => Ok(body.into()),
            "Authenticate" => {
                let id = Uuid::from_u128(1).to_string();
                let caller = AuthenticateResponse {
                    user_id: id.clone(),
                    organization_id: id.clone(),
                    role: Role::Owner as i32,
                    session_id: id,
                    expires_at: Some(EXPIRES),
                };
                Ok(caller.encode_to_vec())
            }
            other => Err(Status::unimplemented(other.to_owned())),
        }
    }
}

/// A running gateway with its stand-in.
#[derive(Debug)]
pub struct Probe {
    launched: Launched,
    /// Without a token.
    pub plain: Connection,
    /// With one.
    pub authenticated: Connection,
}

impl Probe {
    /// Starts both on the servers of a launch, under a prefix of their own.
    ///
    /// # Errors
    /// Where one does not start.
    pub async fn start(launch: &Launch) -> Result<Self> {
        let mut launch = launch.clone();
        launch.subject_prefix.push_str("_probe");
        // Users may say and hear what is below the other prefix.
        launch.nats_urls.clear();
        let launched = launch.start(&SERVICES, &Clock::system()).await;
        let launched = launched.map_err(failed)?;
        let endpoint = format!("http://{}", launched.address().map_err(failed)?);
        // A connection each, so that neither waits behind the other.
        let timeout = DEFAULT_TIMEOUT;
        Ok(Self {
            plain: Connection::connect(&endpoint, None, timeout).await?,
            authenticated: Connection::connect(&endpoint, Some(TOKEN), timeout).await?,
            launched,
        })
    }

    /// Ends both.
    pub async fn stop(self) {
        drop((self.plain, self.authenticated));
        self.launched.stop().await;
    }
}

fn failed(error: platform::Error) -> Error {
    Error::Failed(platform::error::chain(&error))
}
