//! A running system, part by part. What one part needs of another that is away is said once, by the part that is away.

use platform::{
    Config,
    config::{ConfigError, Secret},
};

use super::{DoctorArgs, finding::Finding, nats, parts, postgres, settings};
use crate::args::Global;

/// Looks at everything by the settings of a service; never fails, since what cannot be looked at is a finding.
pub async fn examine(
    config: Result<Config, ConfigError>,
    args: &DoctorArgs,
    global: &Global,
) -> Vec<Finding> {
    let mut findings = vec![settings(&config)];
    let config = config.ok();
    let config = config.as_ref();
    let admin = args.servers.postgres_url.as_deref();
    let mut database = postgres::look(admin, config, &mut findings).await;
    if let Some(config) = config {
        parts::keys(config, database.as_mut(), &mut findings).await;
    }
    let nats_url = match &args.operator_nats_url {
        Some(url) => Some(Secret::new(url.as_str())),
        None => config.map(|config| config.nats_url.clone()),
    };
    match nats_url {
        Some(url) => {
            let is_operator = args.operator_nats_url.is_some();
            nats::look(&url, is_operator, config, &mut findings).await;
        }
        None => findings.push(Finding::fault(
            "NATS",
            "no address",
            "give VALUTAI_OPERATOR_NATS_URL, or VALUTAI_NATS_URL as services have it",
        )),
    }
    nats::monitors(&args.nats_monitor, &mut findings).await;
    parts::health(&args.health, &mut findings).await;
    parts::gateway(global, &mut findings).await;
    parts::blobs(args.blob_dir.as_deref(), &mut findings);
    if let Some(config) = config {
        parts::mail(config, &mut findings).await;
    }
    findings
}
