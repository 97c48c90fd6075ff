//! Who may call what, read from the option beside each method of the contract. Deliberately no
//! authentication: it judges a caller that somebody else has established.

use std::{collections::BTreeMap, sync::LazyLock};

use prost_reflect::{DescriptorPool, MethodDescriptor, Value};
use tonic::Status;

use crate::{DESCRIPTOR_SET, auth::Role, generated::valutai::access::v1::Access, rpc::Caller};

/// The least right a caller needs.
pub use crate::generated::valutai::access::v1::Access as Right;

/// One method of the contract.
#[derive(Debug, Clone)]
pub struct Method {
    /// Full protobuf name of its service.
    pub service: String,
    /// Its name in the service.
    pub name: String,
    /// The domain whose service answers it, for example `training`.
    pub domain: String,
    /// Who may call it.
    pub right: Right,
    /// The descriptor, with input, output and streaming.
    pub descriptor: MethodDescriptor,
}

impl Method {
    /// Whether request and reply are one message each.
    #[must_use]
    pub fn is_unary(&self) -> bool {
        !self.descriptor.is_client_streaming() && !self.descriptor.is_server_streaming()
    }

    /// Whether it only looks. What only looks is in the audit trail only where the service says so, because
    /// it showed something personal or was an export.
    #[must_use]
    pub fn only_looks(&self) -> bool {
        const VERBS: [&str; 9] = [
            "Authenticate",
            "Compare",
            "Explain",
            "Get",
            "List",
            "Read",
            "VerifyAudit",
            "Watch",
            "WhoAmI",
        ];
        VERBS.iter().any(|verb| self.name.starts_with(verb))
    }

    /// Its name in the audit trail, for example `training.train_model`.
    #[must_use]
    pub fn action(&self) -> String {
        let mut action = format!("{}.", self.domain);
        for (at, letter) in self.name.char_indices() {
            if at > 0 && letter.is_ascii_uppercase() {
                action.push('_');
            }
            action.push(letter.to_ascii_lowercase());
        }
        action
    }

    /// The path of the method in gRPC, `/package.Service/Method`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/{}/{}", self.service, self.name)
    }

    /// Judges a caller.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` without a caller where one is needed, `PERMISSION_DENIED` where the role is
    /// too low. Internal methods pass: the gateway never forwards them; and so do those of operators, which it forwards with
    /// their token alone.
    pub fn authorize(&self, caller: Option<&Caller>) -> Result<(), Status> {
        let needed = match self.right {
            Access::Public | Access::Internal | Access::Operator => return Ok(()),
            Access::Viewer | Access::Unspecified => Role::Viewer,
            Access::Analyst => Role::Analyst,
            Access::Owner => Role::Owner,
        };
        let caller = caller.ok_or_else(|| {
            Status::unauthenticated(
                "sign in first and send the token as \"authorization: Bearer TOKEN\"",
            )
        })?;
        if (caller.role as i32) < (needed as i32) {
            return Err(Status::permission_denied(format!(
                "{} needs the role {}, yours is {}: ask an owner of your organisation",
                self.name,
                role_name(needed),
                role_name(caller.role)
            )));
        }
        Ok(())
    }
}

/// The name of a role as people write it.
#[must_use]
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Analyst => "analyst",
        Role::Viewer => "viewer",
        Role::Unspecified => "none",
    }
}

/// The descriptors of the whole contract.
pub static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(DESCRIPTOR_SET).expect("the build script decoded the same bytes")
});

/// Every method of the contract by its gRPC path.
pub static METHODS: LazyLock<BTreeMap<String, Method>> = LazyLock::new(|| {
    let option = POOL
        .get_extension_by_name("valutai.access.v1.access")
        .expect("the build script found the option");
    POOL.services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|descriptor| {
            let right = match descriptor.options().get_extension(&option).as_ref() {
                Value::EnumNumber(number) => Access::try_from(*number).unwrap_or_default(),
                _ => Access::Unspecified,
            };
            let service = descriptor.parent_service();
            let method = Method {
                service: service.full_name().to_owned(),
                name: descriptor.name().to_owned(),
                domain: domain_of(service.full_name()).to_owned(),
                right,
                descriptor: descriptor.clone(),
            };
            (method.path(), method)
        })
        .collect()
});

/// The domain in a full protobuf name: `training` in `valutai.training.v1.ModelTrained`.
#[must_use]
pub fn domain_of(full_name: &str) -> &str {
    full_name.split('.').nth(1).unwrap_or(full_name)
}
