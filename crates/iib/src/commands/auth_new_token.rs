//! `iib auth new-token`: a token for the user, its hash for the service.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use server::{TokenHash, UserName};

use crate::cli::OutputFormat;
use crate::cli::auth::NewTokenArgs;
use crate::terminal;

/// Makes a token and prints it, which is the one time that anybody sees it.
pub(crate) fn run(args: &NewTokenArgs) -> anyhow::Result<()> {
    let token = server::new_token()?;
    let text = match args.output {
        OutputFormat::Text => text(&args.user, &token),
        OutputFormat::Json => json!({
            "user": args.user.as_str(),
            "token": token.expose_secret(),
            "sha256": TokenHash::of(&token).to_string(),
        })
        .to_string(),
    };
    terminal::print(&text);
    Ok(())
}

fn text(user: &UserName, token: &SecretString) -> String {
    format!(
        "The token for `{user}`, to be sent as `Authorization: Bearer TOKEN`; it is shown this once:\n\n  {}\n\n\
         For the service's configuration:\n\n{}",
        token.expose_secret(),
        entry(user, TokenHash::of(token)),
    )
}

/// The table of the configuration file.
fn entry(user: &UserName, hash: TokenHash) -> String {
    // A name has no control characters, and then both languages escape alike.
    let user = json!(user.as_str());
    format!("[[auth.tokens]]\nuser = {user}\nsha256 = \"{hash}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_entry_is_understood_as_it_is_printed() {
        for name in [
            "alice",
            "svc/host@EXAMPLE.TEST",
            r#"o"brien \ söhne 'x' # y"#,
        ] {
            let user: UserName = name.parse().unwrap();
            let token = server::new_token().unwrap();
            let text = text(&user, &token);
            assert!(text.contains(token.expose_secret()));
            let (_, entry) = text.split_once("configuration:").unwrap();
            assert!(!entry.contains(token.expose_secret()), "{entry}");
            let config: Config = toml::from_str(entry).unwrap();
            let known = config.auth.for_server().unwrap().tokens;
            assert_eq!(known.len(), 1);
            assert_eq!(known[0].user, user);
            assert_eq!(known[0].hash, TokenHash::of(&token));
        }
    }
}
