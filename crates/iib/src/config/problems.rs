//! Rules that a configuration has to obey beyond the form of its values.

use builder::{BinaryImage, Scope};
use http::HeaderName;
use secrecy::ExposeSecret as _;
use store::Database;

use super::{Config, RegistryHostText, ServerSection};
use crate::service::push_template;
use crate::{broker, request_files, terminal};

impl Config {
    /// What is wrong: the key, and what to do about it.
    pub(crate) fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut problem = |key: String, text: String| problems.push((key, text));
        match &self.build.registry {
            None => problem(
                "build.registry".to_owned(),
                "is missing; name the registry that results are pushed to, such as `registry.example.com`"
                    .to_owned(),
            ),
            Some(RegistryHostText(registry)) => {
                if let Err(error) = push_template(&self.build.image_push_template, registry) {
                    problem(
                        "build.image_push_template".to_owned(),
                        terminal::chain(&error),
                    );
                }
            }
        }
        for (scope, versions) in &self.build.binary_images {
            let key = format!("build.binary_images.{scope}");
            if let Err(error) = scope.parse::<Scope>() {
                problem(key, error.to_string());
                continue;
            }
            for (version, image) in versions {
                if let Err(error) = image.parse::<BinaryImage>() {
                    problem(format!("{key}.{version}"), error.to_string());
                }
            }
        }
        for (position, entry) in self.build.no_ocp_label_allow_list.iter().enumerate() {
            // Every name begins with nothing.
            if entry.is_empty() {
                problem(
                    format!("build.no_ocp_label_allow_list.{position}"),
                    "is empty, which would allow everybody everything; name the beginning of an index's name or a user, or remove it"
                        .to_owned(),
                );
            }
        }
        // Those offered when nothing is said are those there are.
        let modes = ServerSection::default().graph_mode_options;
        for (position, mode) in self.server.graph_mode_options.iter().enumerate() {
            if !modes.contains(mode) {
                problem(
                    format!("server.graph_mode_options.{position}"),
                    format!(
                        "`{mode}` is no graph update mode; choose among {}",
                        modes.join(", ")
                    ),
                );
            }
        }
        if self.server.user_header.parse::<HeaderName>().is_err() {
            problem(
                "server.user_header".to_owned(),
                format!(
                    "`{}` is no name of a header; write one such as `X-Remote-User`",
                    self.server.user_header
                ),
            );
        }
        if let Err(error) = broker::configured(&self.queues) {
            problem("queues".to_owned(), terminal::chain(&error));
        }
        if let Err(error) = broker::choice(self) {
            problem("worker.queues".to_owned(), terminal::chain(&error));
        }
        let database = self.store.database.as_ref();
        if let Some(Err(error)) =
            database.map(|address| address.expose_secret().parse::<Database>())
        {
            problem("store.database".to_owned(), error.to_string());
        }
        problems
    }

    /// What is wrong with what the configuration needs around it: files that it names, variables of the environment.
    pub(crate) async fn problems_of_files(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        if let Some(tls) = &self.server.tls
            && let Err(error) = tls.files().check().await
        {
            let text = terminal::chain(&anyhow::Error::new(error));
            problems.push(("server.tls".to_owned(), text));
        }
        if let Err(error) = request_files::bucket(&self.files) {
            problems.push(("files".to_owned(), terminal::chain(&error)));
        }
        problems
    }
}
