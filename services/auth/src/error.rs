//! What auth refuses, in sentences for the caller. Deliberately vague where precision would tell a
//! stranger who has an account.

use platform::{Code, Coded};

/// Why auth refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one.
    #[error("\"{0}\" is not an e-mail address: write it like name@example.com")]
    Email(String),
    /// The password is too weak.
    #[error("the password has to have {min} to {max} characters")]
    Password {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// The organisation's name is missing or too long.
    #[error("the organisation's name has to have 1 to 200 characters")]
    OrganizationName,
    /// The role is missing.
    #[error("name a role: owner, analyst or viewer")]
    Role,
    /// E-mail or password are wrong; which one is not said.
    #[error("e-mail or password is wrong")]
    Credentials,
    /// The token leads to no open session.
    #[error("the session has ended or never existed: sign in again")]
    Session,
    /// The address has an account.
    #[error("this e-mail address has an account already: sign in instead")]
    EmailTaken,
    /// The organisation has no key.
    #[error("there is no such organisation")]
    NoOrganization,
    /// Hashing failed.
    #[error("the password could not be hashed: {0}")]
    Hashing(String),
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
            Self::Email(_) | Self::Password { .. } | Self::OrganizationName | Self::Role => {
                Code::Invalid
            }
            Self::Credentials | Self::Session => Code::Unauthenticated,
            Self::EmailTaken => Code::AlreadyExists,
            Self::NoOrganization => Code::NotFound,
            Self::Hashing(_) => Code::Internal,
            Self::Platform(error) => error.code(),
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        platform::error::to_status(&error)
    }
}
