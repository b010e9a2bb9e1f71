//! `iib catalog validate`.

use anyhow::Context as _;
use catalog::fbc::{Node, Problem};
use serde_json::{Value, json};

use super::load::Source;
use crate::cli::OutputFormat;
use crate::cli::catalog::files::ValidateArgs;
use crate::terminal;

/// Judges the catalog; as text, prints nothing if it is valid.
pub(crate) async fn run(args: ValidateArgs) -> anyhow::Result<()> {
    let source = Source::open_catalog(&args.input, args.profile).await?;
    let input = args.input.input;
    let doing = format!("validating `{input}`");
    let profile = args.profile;
    let judge = move || Ok(source.read(profile)?.validate_as(profile));
    let judged = super::working(&doing, judge).await?;
    if args.output == OutputFormat::Json {
        let problems = judged.as_ref().err().map_or_else(Vec::new, problems);
        let valid = judged.is_ok();
        terminal::print(&json!({ "valid": valid, "problems": problems }).to_string());
        anyhow::ensure!(valid, "the catalog `{input}` is not valid");
        return Ok(());
    }
    judged.with_context(|| format!("the catalog `{input}` is not valid"))
}

/// What is wrong as a tree: each part is `{"text": …, "problems": […]}`.
fn problems(problem: &Problem) -> Vec<Value> {
    match problem {
        Problem::Rules(rules) => rules.packages.iter().map(node).collect(),
        single => vec![json!({ "text": single.to_string(), "problems": [] })],
    }
}

fn node(node: &Node) -> Value {
    let problems: Vec<Value> = node.children.iter().map(self::node).collect();
    json!({ "text": node.text, "problems": problems })
}
