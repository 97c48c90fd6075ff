//! The auth service alone, called as a gateway calls it, with the mail that it leaves in a folder.

use std::{fs, net::IpAddr};

use platform::{config::Accounts, rpc::NatsTransport};
use proto::{
    auth::{
        AuthenticateRequest, SignInRequest, SignInResponse, SignUpRequest, SignUpResponse,
        auth_nats::Client,
    },
    rpc::{Caller, Context},
};
use testkit::{TestResult, World, eventually};
use tonic::{Code, Status};
use uuid::Uuid;

pub const PASSWORD: &str = "a password of the test";

pub struct Auth {
    pub world: World,
    pub client: Client<NatsTransport>,
}

impl Auth {
    pub async fn start() -> TestResult<Self> {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Accounts)) -> TestResult<Self> {
        let mut world = World::new(&[auth::SERVICE]).await?;
        change(&mut world.launch.accounts);
        world.start().await?;
        let client = Client(NatsTransport::new(world.bus().await?));
        Ok(Self { world, client })
    }

    pub async fn sign_up(&self, name: &str) -> TestResult<SignUpResponse> {
        let request = SignUpRequest {
            email: format!("{name}@example.com"),
            password: PASSWORD.to_owned(),
            organization_name: format!("{name} Ltd"),
        };
        Ok(self.client.sign_up(&anybody(), request).await?)
    }

    pub async fn sign_in(&self, name: &str, password: &str) -> Result<SignInResponse, Status> {
        self.sign_in_by(&anybody(), name, password, "").await
    }

    pub async fn sign_in_by(
        &self,
        context: &Context,
        name: &str,
        password: &str,
        code: &str,
    ) -> Result<SignInResponse, Status> {
        let request = SignInRequest {
            email: format!("{name}@example.com"),
            password: password.to_owned(),
            totp_code: code.to_owned(),
        };
        self.client.sign_in(context, request).await
    }

    /// The context that a gateway makes of a token.
    pub async fn with(&self, token: &str) -> Result<Context, Status> {
        let request = AuthenticateRequest {
            token: token.to_owned(),
        };
        let found = self.client.authenticate(&anybody(), request).await?;
        let id = |text: &str| Uuid::try_parse(text).unwrap_or_default();
        Ok(Context {
            caller: Some(Caller {
                user_id: id(&found.user_id),
                tenant_id: id(&found.organization_id),
                role: found.role(),
                session_id: id(&found.session_id),
            }),
            ..anybody()
        })
    }

    pub async fn is_dead(&self, token: &str) -> bool {
        let refused = self.with(token).await;
        refused.is_err_and(|status| status.code() == Code::Unauthenticated)
    }

    /// Somebody with a confirmed address, signed in.
    pub async fn verified(&self, name: &str) -> TestResult<(SignUpResponse, Context)> {
        let reply = self.sign_up(name).await?;
        let token = self.mailed(name, "Confirm your e-mail").await?;
        self.verify(&token, "").await?;
        let context = self.with(&reply.token).await?;
        Ok((reply, context))
    }

    pub async fn verify(
        &self,
        token: &str,
        password: &str,
    ) -> Result<proto::auth::VerifyEmailResponse, Status> {
        let request = proto::auth::VerifyEmailRequest {
            token: token.to_owned(),
            password: password.to_owned(),
        };
        self.client.verify_email(&anybody(), request).await
    }

    /// The token in the mail to somebody under a subject; the mail is taken out of its folder.
    pub async fn mailed(&self, name: &str, subject: &str) -> TestResult<String> {
        let text = self.mail(name, subject).await?;
        let token = text
            .split_whitespace()
            .find(|word| word.starts_with("vam_"));
        Ok(token.ok_or(format!("no token: {text}"))?.to_owned())
    }

    pub async fn mail(&self, name: &str, subject: &str) -> TestResult<String> {
        let mut found = String::new();
        eventually(&format!("mail to {name}: {subject}"), || {
            let taken = self.take_mail(name, subject);
            if let Some(text) = taken.as_ref().ok().cloned().flatten() {
                found = text;
            }
            async move { Ok(taken?.is_some()) }
        })
        .await?;
        Ok(found)
    }

    fn take_mail(&self, name: &str, subject: &str) -> TestResult<Option<String>> {
        for file in self.mails()? {
            let text = fs::read_to_string(&file)?;
            let is_to = text.contains(&format!("To: {name}@example.com\n"));
            if is_to && text.contains(&format!("Subject: {subject}")) {
                fs::remove_file(file)?;
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// The files of mail that nobody has taken.
    pub fn mails(&self) -> TestResult<Vec<std::path::PathBuf>> {
        let Ok(files) = fs::read_dir(self.world.mail_dir()) else {
            return Ok(Vec::new());
        };
        let mut paths = Vec::new();
        for file in files {
            let path = file?.path();
            if path.extension().is_some_and(|end| end == "txt") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// Waits until no mail is on its way.
    pub async fn all_mail_sent(&self) -> TestResult {
        eventually("all mail is sent", || async {
            let mut admin = self.world.admin().await?;
            let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM auth.mail")
                .fetch_one(&mut admin)
                .await?;
            Ok(waiting == 0)
        })
        .await
    }
}

/// A call from somewhere by nobody.
pub fn anybody() -> Context {
    from("192.0.2.1")
}

pub fn from(address: &str) -> Context {
    Context {
        request_id: "test".to_owned(),
        address: Some(address.parse::<IpAddr>().expect("is an address")),
        user_agent: Some("a test".to_owned()),
        ..Context::default()
    }
}

pub fn code<T>(outcome: Result<T, Status>) -> Code {
    outcome.err().map_or(Code::Ok, |status| status.code())
}
