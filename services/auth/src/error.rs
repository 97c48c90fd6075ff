//! What auth refuses, in sentences for the caller. Deliberately vague where precision would tell a
//! stranger who has an account.

use chrono::{DateTime, Utc};
use platform::{Code, Coded};

/// Why auth refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one.
    #[error("\"{0}\" is not an e-mail address: write it like name@example.com")]
    Email(String),
    /// The password is too short or too long.
    #[error("the password has to have {min} to {max} characters")]
    Password {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// The password is one of the commonest, or nearly.
    #[error(
        "this password is among the first that guessers try: take several words that do not belong together, or a password manager's"
    )]
    GuessablePassword,
    /// The organisation's name is missing or too long.
    #[error("the organisation's name has to have 1 to 200 characters on one line")]
    OrganizationName,
    /// The key's name is missing or too long.
    #[error("the name has to have 1 to 100 characters on one line")]
    KeyName,
    /// The key's life is too short or too long.
    #[error("name 1 to {0} days")]
    KeyDays(u32),
    /// The role is missing.
    #[error("name a role: owner, analyst or viewer")]
    Role,
    /// A key was to have a higher role than its maker.
    #[error("a key may have your own role at the most")]
    RoleAbove,
    /// E-mail or password are wrong; which one is not said.
    #[error("e-mail or password is wrong")]
    Credentials,
    /// The password of somebody who is signed in is wrong.
    #[error("the password is wrong")]
    WrongPassword,
    /// The code is wrong, or was used before.
    #[error("the code is wrong, or has been used: wait for the next one")]
    WrongCode,
    /// The account has a second factor.
    #[error("this account has a second factor: send its code, or a recovery code, as totp_code")]
    CodeNeeded,
    /// Too many wrong attempts.
    #[error(
        "too many wrong attempts: try again after {}",
        .0.format("%H:%M UTC")
    )]
    TooManyAttempts(DateTime<Utc>),
    /// The token leads to no open session.
    #[error("the session has ended or never existed: sign in again")]
    Session,
    /// A key was used where a person is needed.
    #[error("this needs a session of a person: sign in, an API key does not do")]
    SessionNeeded,
    /// The person belongs to no organisation.
    #[error("you belong to no organisation any more: ask an owner for an invitation")]
    NoMembership,
    /// The address has an account.
    #[error("this e-mail address has an account already: sign in instead")]
    EmailTaken,
    /// A token of a mail is wrong.
    #[error("the token is wrong, has been used, or has expired: ask for another mail")]
    MailToken,
    /// An invitation is for somebody else, or the address is not confirmed.
    #[error(
        "this invitation is for another address than the confirmed one of your account: confirm your address, or sign in with the invited one"
    )]
    InvitedOther,
    /// The server sends no mail.
    #[error("this server sends no mail: ask its operator to set VALUTAI_MAIL")]
    NoMail,
    /// The server has every address confirmed.
    #[error("this server has every address confirmed: invite the person instead")]
    InviteInstead,
    /// The address is confirmed.
    #[error("the address of this account is confirmed already")]
    VerifiedAlready,
    /// The address is a member's.
    #[error("the person is a member already")]
    MemberAlready,
    /// The last owner was to go.
    #[error(
        "an organisation needs an owner, and this is the last one: make another member owner first"
    )]
    LastOwner,
    /// The name typed is not the organisation's.
    #[error("that is not the organisation's name: type it as `whoami` shows it")]
    OtherName,
    /// The second factor is on.
    #[error("the second factor is on already")]
    TotpOn,
    /// The second factor is off.
    #[error("the second factor is off: begin to set it up first")]
    TotpOff,
    /// The account has no password.
    #[error(
        "this account has no password yet: set one with `valutai auth reset-password --email YOU`, and come back"
    )]
    NoPassword,
    /// The client named an address that a browser is not to be sent to.
    #[error(
        "this redirect URI is not allowed: use one that the operator has listed, or http://127.0.0.1:PORT/callback"
    )]
    RedirectUri,
    /// A flow is not there, or not for whom it was begun.
    #[error("this sign-in has been used, has expired, or was begun elsewhere: begin it again")]
    ProviderFlow,
    /// The provider said no.
    #[error("{0} did not accept it: begin again")]
    ProviderRefused(String),
    /// What the provider said does not hold.
    #[error(
        "the answer of {0} cannot be trusted, so nothing was done: begin again, and tell the operator if it stays so"
    )]
    ProviderAnswer(String),
    /// The provider cannot be reached, or does not make sense.
    #[error("the provider {title}: {problem}")]
    Provider {
        /// Its name for people.
        title: String,
        /// What happened.
        problem: String,
    },
    /// The provider's address does not count.
    #[error("{0} has not confirmed your e-mail address: confirm it there first")]
    ProviderEmail(String),
    /// The account of the provider belongs to somebody else here.
    #[error("that account of {0} is linked to another account here: unlink it there first")]
    LinkedElsewhere(String),
    /// The account has a link of this provider.
    #[error("this account is linked to {0} already: unlink it first")]
    LinkedAlready(String),
    /// Nothing to sign in with would be left.
    #[error("this is the last way to sign in: set a password or link another provider first")]
    LastWay,
    /// The organisation has no key.
    #[error("there is no such organisation")]
    NoOrganization,
    /// There is no such thing.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// The operator lets nobody read events on NATS.
    #[error(
        "nobody outside reads events on NATS here: ask the operator to set VALUTAI_NATS_CALLOUT_KEY_FILE and VALUTAI_NATS_PUBLIC_URL"
    )]
    NobodyOutside,
    /// There are enough credentials for NATS.
    #[error("there are {0} credentials already: revoke one that is not used")]
    StreamCredentials(usize),
    /// A credential was to begin at no time of the past.
    #[error("from_time has to be a time of the past: leave it out to begin with the next event")]
    StreamStart,
    /// The organisation is not about to be deleted.
    #[error("the organisation is not about to be deleted")]
    NoDeletion,
    /// Hashing failed.
    #[error("the password could not be hashed: {0}")]
    Hashing(String),
    /// The second factor's secret is not usable.
    #[error("the second factor failed: {0}")]
    Totp(String),
    /// A mail could not be written or sent.
    #[error("mail: {0}")]
    Mail(String),
    /// Something below failed.
    #[error(transparent)]
    Platform(#[from] platform::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Platform(error.into())
    }
}

impl Coded for Error {
    fn code(&self) -> Code {
        match self {
            Self::Email(_)
            | Self::Password { .. }
            | Self::GuessablePassword
            | Self::OrganizationName
            | Self::KeyName
            | Self::KeyDays(_)
            | Self::Role
            | Self::RoleAbove
            | Self::WrongPassword
            | Self::WrongCode
            | Self::OtherName
            | Self::RedirectUri
            | Self::ProviderFlow
            | Self::StreamStart
            | Self::MailToken => Code::Invalid,
            Self::Credentials | Self::Session | Self::ProviderAnswer(_) => Code::Unauthenticated,
            Self::TooManyAttempts(_) => Code::Exhausted,
            Self::EmailTaken
            | Self::MemberAlready
            | Self::LinkedElsewhere(_)
            | Self::LinkedAlready(_) => Code::AlreadyExists,
            Self::NoOrganization | Self::Unknown(_) => Code::NotFound,
            Self::CodeNeeded
            | Self::SessionNeeded
            | Self::NoMembership
            | Self::InvitedOther
            | Self::NoMail
            | Self::InviteInstead
            | Self::VerifiedAlready
            | Self::LastOwner
            | Self::TotpOn
            | Self::TotpOff
            | Self::NoPassword
            | Self::ProviderRefused(_)
            | Self::ProviderEmail(_)
            | Self::LastWay
            | Self::NobodyOutside
            | Self::StreamCredentials(_)
            | Self::NoDeletion => Code::FailedPrecondition,
            Self::Provider { .. } => Code::Unavailable,
            Self::Hashing(_) | Self::Totp(_) | Self::Mail(_) => Code::Internal,
            Self::Platform(error) => error.code(),
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        platform::error::to_status(&error)
    }
}
