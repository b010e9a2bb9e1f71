//! What must hold when all has ended.

use std::collections::BTreeSet;

use anyhow::Context as _;
use builder::{Builder, BuilderConfig};
use oci::{Credentials, ImageName};
use serde_json::Value;

use super::scene::{Effect, Scene, Sent, is_serial, user};

/// What does not hold.
pub(super) async fn judge(scene: &Scene, sent: &[Sent]) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for number in 0..scene.users() {
        let mut own = Vec::new();
        for one in sent.iter().filter(|one| one.user == number) {
            own.push((one, scene.request(one.id).await?));
        }
        for (one, request) in &own {
            check_end(one, request, &mut wrong);
        }
        let overwriting: Vec<&(&Sent, Value)> = own
            .iter()
            .filter(|(one, _)| one.effect != Effect::Nothing)
            .collect();
        check_chain(&overwriting, &mut wrong);
        if is_serial(number) {
            // A request that overwrites nothing goes to the default queue.
            check_order(&overwriting, &mut wrong)?;
        }
        check_packages(scene, number, &overwriting, &mut wrong).await?;
    }
    Ok(wrong)
}

fn check_end(one: &Sent, request: &Value, wrong: &mut Vec<String>) {
    let history = request["state_history"].as_array();
    let ends = history.into_iter().flatten();
    let ends = ends.filter(|entry| entry["state"] != "in_progress").count();
    if request["state"] != "complete" || ends != 1 {
        wrong.push(format!("request {} ended {ends} times: {request}", one.id));
    }
}

/// Each is built upon the one before: nothing was lost in between, and nothing was done twice.
fn check_chain(requests: &[&(&Sent, Value)], wrong: &mut Vec<String>) {
    for pair in requests.windows(2) {
        let [(before, first), (after, second)] = pair else {
            continue;
        };
        if first["index_image_resolved"] != second["from_index_resolved"] {
            wrong.push(format!(
                "request {} starts from {} and not from the result of request {}, {}",
                after.id, second["from_index_resolved"], before.id, first["index_image_resolved"]
            ));
        }
    }
}

/// None begins before the one before it has ended.
fn check_order(requests: &[&(&Sent, Value)], wrong: &mut Vec<String>) -> anyhow::Result<()> {
    for pair in requests.windows(2) {
        let [(before, first), (after, second)] = pair else {
            continue;
        };
        let ended = first["updated"].as_str().context("it has ended")?;
        let history = second["state_history"].as_array().context("a history")?;
        // Newest first, and the oldest is the submit.
        let begun = history.iter().rev().nth(1);
        let begun = begun.and_then(|entry| entry["updated"].as_str());
        // Times of one form, in UTC: their texts have their order.
        if begun.is_none_or(|begun| begun < ended) {
            wrong.push(format!(
                "request {} began at {begun:?}, before request {} had ended at {ended}",
                after.id, before.id
            ));
        }
    }
    Ok(())
}

/// The index holds what all requests together make of it.
async fn check_packages(
    scene: &Scene,
    number: u32,
    requests: &[&(&Sent, Value)],
    wrong: &mut Vec<String>,
) -> anyhow::Result<()> {
    let mut expected = BTreeSet::from(["seed".to_owned()]);
    for (one, _) in requests {
        match &one.effect {
            Effect::Adds(package) => {
                expected.insert(package.clone());
            }
            Effect::Removes(package) => {
                expected.remove(package);
            }
            Effect::Rewrites | Effect::Nothing => {}
        }
    }
    let work = tempfile::tempdir()?;
    let builder = Builder::new(
        scene.client.clone(),
        Credentials::none(),
        BuilderConfig::new(work.path()),
    );
    let index: ImageName = scene.index(number).parse()?;
    let inspected = builder.inspect(&index).await?;
    let found: BTreeSet<String> = inspected
        .catalog
        .packages
        .iter()
        .map(|package| package.name.clone())
        .collect();
    if found != expected {
        wrong.push(format!(
            "the index of {} holds {found:?}, and should hold {expected:?}",
            user(number)
        ));
    }
    Ok(())
}
