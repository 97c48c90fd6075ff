//! The names of subjects, streams and consumers. Deliberately the only place that makes them.

use uuid::Uuid;

/// Makes the names of subjects, streams and consumers.
#[derive(Debug, Clone)]
pub struct Subjects {
    prefix: String,
}

impl Subjects {
    /// Names below a prefix.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// Subject of an event, from its protobuf name: `valutai.<tenant>.<domain>.v1.<Event>`.
    #[must_use]
    pub fn event(&self, tenant: &str, full_name: &str) -> String {
        let name = full_name.strip_prefix("valutai.").unwrap_or(full_name);
        format!("{}.{tenant}.{name}", self.prefix)
    }

    /// Subject that matches an event of every tenant.
    #[must_use]
    pub fn event_of_all(&self, full_name: &str) -> String {
        self.event("*", full_name)
    }

    /// Tenant in an event's subject.
    #[must_use]
    pub fn tenant_of(&self, subject: &str) -> Option<Uuid> {
        let rest = subject.strip_prefix(&self.prefix)?.strip_prefix('.')?;
        Uuid::try_parse(rest.split('.').next()?).ok()
    }

    /// The domain of JetStream under which programs outside know these streams.
    #[must_use]
    pub fn jetstream_domain(&self) -> &str {
        &self.prefix
    }

    /// Stream that holds a domain's events.
    #[must_use]
    pub fn stream(&self, domain: &str) -> String {
        format!("{}-{domain}", self.prefix)
    }

    /// Subjects of a domain's stream.
    #[must_use]
    pub fn stream_subjects(&self, domain: &str) -> String {
        format!("{}.*.{domain}.>", self.prefix)
    }

    /// Stream of dead letters.
    #[must_use]
    pub fn dead_stream(&self) -> String {
        format!("{}-dead", self.prefix)
    }

    /// Subject of a consumer's dead letters.
    #[must_use]
    pub fn dead(&self, consumer: &str, event: &str) -> String {
        format!("{}-dead.{consumer}.{event}", self.prefix)
    }

    /// Subject of a call.
    #[must_use]
    pub fn call(&self, domain: &str, method: &str) -> String {
        format!("{}-rpc.{domain}.{method}", self.prefix)
    }
}
