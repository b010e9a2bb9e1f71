//! The broker of a service, and what listens to it and feeds it.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, bail};
use queue::{Broker, BrokerUrl, DEFAULT_QUEUE, Inbox, dispatch};
use secrecy::ExposeSecret as _;
use store::{Choice, Store};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use worker::Gate;

use crate::config::{Config, OnUnreachable, QueuesSection, WorkerSection};

/// Requests that have to be handed over before they are answered are left to whoever accepted them for this long. The dispatcher then takes care of what a crash left.
const LEFT_ALONE: Duration = Duration::from_mins(2);

/// The configured broker; nobody has connected to it yet.
pub(crate) fn configured(section: &QueuesSection) -> anyhow::Result<Option<Broker>> {
    let topology = section.topology();
    let Some(address) = &section.broker else {
        if section.on_unreachable == OnUnreachable::Fail {
            bail!("`queues.on_unreachable` is about a broker, which `queues.broker` does not name");
        }
        return Ok(None);
    };
    let topology = topology.context("`queues` cannot be queues of a broker")?;
    let url: BrokerUrl = address
        .expose_secret()
        .parse()
        .context("`queues.broker` is wrong")?;
    Ok(Some(Broker::new(url, topology)))
}

/// Connects and declares the queues. A broker that is away is waited for; one that is configured otherwise is an error.
pub(crate) async fn prepare(broker: &Broker) -> anyhow::Result<()> {
    match broker.prepare().await {
        Ok(()) => Ok(()),
        Err(error) if error.is_misconfiguration() => Err(error).context("`queues` is wrong"),
        Err(error) => {
            let error = anyhow::Error::new(error);
            tracing::warn!(error = %crate::terminal::chain(&error), "the broker is away; the service goes on without it until it is back");
            Ok(())
        }
    }
}

/// Which broker has to take a request before it is answered.
pub(crate) fn hand_over(section: &QueuesSection, broker: Option<&Broker>) -> Option<Broker> {
    match section.on_unreachable {
        OnUnreachable::Wait => None,
        OnUnreachable::Fail => broker.cloned(),
    }
}

/// Which jobs the workers of this process take.
pub(crate) fn choice(config: &Config) -> anyhow::Result<Choice> {
    let queues = &config.worker.queues;
    if queues.is_empty() {
        return Ok(Choice::Any);
    }
    let known = config.queues.queues();
    let unknown = queues
        .iter()
        .find(|queue| *queue != DEFAULT_QUEUE && !known.has(queue));
    if let Some(unknown) = unknown {
        bail!(
            "`worker.queues` names `{unknown}`, which is nobody's queue; the names are `{DEFAULT_QUEUE}` and those in `queues.users`"
        );
    }
    let mut chosen: BTreeSet<_> = queues.iter().cloned().map(Some).collect();
    if chosen.contains(&Some(DEFAULT_QUEUE.to_owned())) {
        chosen.insert(None);
    }
    Ok(Choice::Queues(chosen))
}

/// Starts what feeds the broker, and what listens to it if there are workers to tell; they end with `shutdown`.
pub(crate) fn start(
    broker: &Broker,
    config: &Config,
    store: &Store,
    gate: &Gate,
    tasks: &mut JoinSet<anyhow::Result<()>>,
    shutdown: &CancellationToken,
) -> Option<Inbox> {
    let age = match config.queues.on_unreachable {
        OnUnreachable::Wait => Duration::ZERO,
        OnUnreachable::Fail => LEFT_ALONE,
    };
    let feeding = dispatch(store.clone(), broker.clone(), age, shutdown.clone());
    tasks.spawn(async move {
        feeding.await;
        Ok(())
    });
    let WorkerSection { jobs, queues, .. } = &config.worker;
    if *jobs == 0 {
        return None;
    }
    let slots = u16::try_from(*jobs).unwrap_or(u16::MAX);
    let queues = if queues.is_empty() {
        let known = broker.topology().queues();
        known.map(|(name, _)| name.to_owned()).collect()
    } else {
        queues.clone()
    };
    let inbox = Inbox::new();
    let (listening, broker, stop) = (inbox.clone(), broker.clone(), shutdown.clone());
    let gate = gate.clone();
    tasks.spawn(async move {
        // What a paused process was told of would be kept from others.
        while gate.opens(&stop).await {
            let until = stop.child_token();
            let listen = listening.listen(broker.clone(), queues.clone(), slots, until.clone());
            let mut listen = pin!(listen);
            tokio::select! {
                () = &mut listen => {}
                () = gate.shuts() => {
                    until.cancel();
                    listen.await;
                }
            }
        }
        Ok(())
    });
    Some(inbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_broker_is_named_in_full_or_not_at_all() {
        assert!(configured(&config("").queues).unwrap().is_none());
        for (text, part) in [
            ("[queues]\non_unreachable = 'fail'", "`queues.broker`"),
            ("[queues]\nbroker = 's3cr3t'", "`queues.broker` is wrong"),
            (
                "[queues]\nbroker = 'amqp://mq'\nusers.a = 'dead-letters'",
                "`queues` cannot",
            ),
        ] {
            let error = configured(&config(text).queues).unwrap_err();
            let error = crate::terminal::chain(&error);
            assert!(error.contains(part) && !error.contains("s3cr3t"), "{error}");
        }
        let queues = config("[queues]\nbroker = 'amqp://a:s3cr3t@mq:1'").queues;
        let broker = configured(&queues).unwrap().unwrap();
        assert_eq!(broker.url().to_string(), "amqp://mq:1");
        assert!(hand_over(&queues, Some(&broker)).is_none());
    }

    #[test]
    fn a_worker_takes_from_queues_that_somebody_has() {
        let chosen = |queues: &str| {
            choice(&config(&format!(
                "[queues]\nusers.a = 'alice'\n[worker]\nqueues = {queues}"
            )))
        };
        assert_eq!(chosen("[]").unwrap(), Choice::Any);
        let name = |text: &str| Some(text.to_owned());
        assert_eq!(
            chosen("['alice', 'default']").unwrap(),
            Choice::Queues([None, name("alice"), name("default")].into())
        );
        let error = chosen("['bob']").unwrap_err().to_string();
        assert!(
            error.contains("`bob`") && error.contains("queues.users"),
            "{error}"
        );
    }
}
