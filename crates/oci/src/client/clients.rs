//! The HTTP clients that requests are sent with: which one carries a request, and when it is made.

use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder};
use tokio::sync::OnceCell;
use url::Url;

use super::address::is_loopback;
use super::config::ClientConfig;
use crate::blocking;
use crate::error::Error;

/// One client for each way that requests go.
///
/// Those that speak TLS are made when the first request needs them: the certificate authorities of the system are hundreds of
/// files, more than a short command reads otherwise, and a registry without TLS needs none of them.
pub(super) struct HttpClients {
    setup: Setup,
    /// Plain HTTP to loopback addresses.
    plain: Client,
    /// TLS to loopback addresses, which no proxy can reach.
    direct: OnceCell<Client>,
    /// All else. Honours the system's proxy settings, and speaks TLS to a proxy if they say so.
    proxied: OnceCell<Client>,
}

/// What all clients have in common.
#[derive(Clone)]
struct Setup {
    user_agent: String,
    connect_timeout: Duration,
    /// To be trusted beside the system's.
    authorities: Vec<Certificate>,
}

impl HttpClients {
    pub(super) fn new(config: &ClientConfig) -> Result<Self, Error> {
        let mut authorities = Vec::new();
        for pem in &config.extra_ca_pem {
            let more = Certificate::from_pem_bundle(pem);
            authorities.extend(more.map_err(refused("an extra certificate authority is not PEM"))?);
        }
        let setup = Setup {
            user_agent: config.user_agent.clone(),
            connect_timeout: config.connect_timeout,
            authorities,
        };
        // Whether authorities can be used shows when a client is made of them; whoever configures some is told now.
        let direct = if setup.authorities.is_empty() {
            OnceCell::new()
        } else {
            OnceCell::new_with(Some(setup.direct()?))
        };
        Ok(Self {
            plain: setup.plain()?,
            direct,
            proxied: OnceCell::new(),
            setup,
        })
    }

    /// The client for requests to `url`.
    pub(super) async fn of(&self, url: &Url) -> Result<&Client, Error> {
        match (is_loopback(url), url.scheme()) {
            (true, "http") => Ok(&self.plain),
            (true, _) => self.once(&self.direct, Setup::direct).await,
            (false, _) => self.once(&self.proxied, Setup::proxied).await,
        }
    }

    /// What `client` holds, made with `build` off the runtime if it holds nothing yet.
    async fn once<'a>(
        &self,
        client: &'a OnceCell<Client>,
        build: fn(&Setup) -> Result<Client, Error>,
    ) -> Result<&'a Client, Error> {
        let make = async || {
            let setup = self.setup.clone();
            blocking::run(move || build(&setup)).await
        };
        client.get_or_try_init(make).await
    }
}

impl Setup {
    fn builder(&self) -> ClientBuilder {
        Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(self.connect_timeout)
            // Redirects are followed by hand, where credentials and plain HTTP are watched.
            .redirect(reqwest::redirect::Policy::none())
    }

    fn plain(&self) -> Result<Client, Error> {
        built(self.builder().no_proxy().tls_certs_only([]))
    }

    fn direct(&self) -> Result<Client, Error> {
        let authorities = self.authorities.clone();
        built(self.builder().no_proxy().tls_certs_merge(authorities))
    }

    fn proxied(&self) -> Result<Client, Error> {
        built(self.builder().tls_certs_merge(self.authorities.clone()))
    }
}

fn built(builder: ClientBuilder) -> Result<Client, Error> {
    builder
        .build()
        .map_err(refused("TLS or the user agent cannot be used"))
}

fn refused(problem: &'static str) -> impl Fn(reqwest::Error) -> Error {
    move |source| Error::Setup { problem, source }
}
