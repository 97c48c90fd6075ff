//! Services that start before their servers, and that are told to stop meanwhile.

mod support;

use std::net::SocketAddr;

use platform::{
    config::Secret,
    health::LIVENESS,
    service::{run_until, start},
    shutdown::Shutdown,
};
use support::NOTES;
use testkit::{TestResult, World, eventually};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tonic::transport::Channel;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// A way to a server that throws out who comes while it is closed.
struct Door {
    address: SocketAddr,
    is_open: watch::Sender<bool>,
}

impl Door {
    async fn closed(server: String) -> TestResult<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (is_open, open) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut visitor, _)) = listener.accept().await {
                if *open.borrow()
                    && let Ok(mut inside) = TcpStream::connect(&server).await
                {
                    tokio::spawn(async move {
                        tokio::io::copy_bidirectional(&mut visitor, &mut inside).await
                    });
                }
            }
        });
        Ok(Self { address, is_open })
    }

    fn open(&self) {
        self.is_open.send_replace(true);
    }
}

/// The address in a URL, and the URL by way of a door before that address.
async fn through_a_door(url: &Secret) -> TestResult<(Secret, Door)> {
    let url = url.expose();
    let place = url.rsplit('@').next().unwrap_or_default();
    let address = place
        .split('/')
        .find(|part| part.contains(':') && !part.ends_with(':'));
    let address = address.ok_or("the URL has no address")?;
    let door = Door::closed(address.to_owned()).await?;
    let url = Secret::new(url.replace(address, &door.address.to_string()));
    Ok((url, door))
}

async fn status(address: SocketAddr, service: &str) -> TestResult<ServingStatus> {
    let channel = Channel::from_shared(format!("http://{address}"))?;
    let mut client = HealthClient::new(channel.connect().await?);
    let service = service.to_owned();
    let answer = client.check(HealthCheckRequest { service }).await?;
    Ok(answer.into_inner().status())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_waits_for_its_servers_alive_and_not_ready() -> TestResult {
    let world = World::new(&[NOTES]).await?;
    let mut config = world.launch.config_for(NOTES.name)?;
    let (postgres_url, postgres) = through_a_door(&config.postgres_url).await?;
    let (nats_url, nats) = through_a_door(&config.nats_url).await?;
    (config.postgres_url, config.nats_url) = (postgres_url, nats_url);
    let health = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    config.health_listen = Some(health);
    let shutdown = Shutdown::new();
    let (clock, stop) = (world.clock.clone(), shutdown.clone());
    let starting = tokio::spawn(async move { start(&NOTES, config, clock, stop).await });

    eventually("the service is alive", || async {
        Ok(matches!(
            status(health, LIVENESS).await,
            Ok(ServingStatus::Serving)
        ))
    })
    .await?;
    assert_eq!(status(health, "").await?, ServingStatus::NotServing);
    nats.open();
    assert_eq!(status(health, "").await?, ServingStatus::NotServing);
    postgres.open();
    let running = starting.await??;
    assert_eq!(status(health, "").await?, ServingStatus::Serving);

    shutdown.cancel();
    running.finish().await;
    assert!(status(health, "").await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_waits_ends_when_told() -> TestResult {
    let world = World::new(&[NOTES]).await?;
    let config = world.launch.config_for(NOTES.name)?;
    for is_postgres in [false, true] {
        let mut config = config.clone();
        let url = if is_postgres {
            &mut config.postgres_url
        } else {
            &mut config.nats_url
        };
        let (closed, _door) = through_a_door(url).await?;
        *url = closed;
        let health = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        config.health_listen = Some(health);
        let shutdown = Shutdown::new();
        let (clock, stop) = (world.clock.clone(), shutdown.clone());
        let running = tokio::spawn(async move { run_until(&NOTES, config, clock, stop).await });
        eventually("the service is alive", || async {
            Ok(matches!(
                status(health, LIVENESS).await,
                Ok(ServingStatus::Serving)
            ))
        })
        .await?;
        shutdown.cancel();
        running.await??;
    }
    Ok(())
}
