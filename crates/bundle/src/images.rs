//! The images a bundle names (index database specification, 2.5).

use std::collections::BTreeSet;

use catalog::json::Value;

use crate::csv::{self, Csv};
use crate::{Problem, shape};

/// The bundle's own image, those of its deployments, and the related ones it lists.
pub(crate) fn related(csv: &Csv, path: &str) -> Result<BTreeSet<String>, Problem> {
    let mut images = BTreeSet::from([path.to_owned()]);
    let install = shape::path(&csv.spec, &["install"], csv::PLACE)?.unwrap_or(&Value::Null);
    if shape::text(
        install.field("strategy"),
        "spec.install.strategy",
        csv::PLACE,
    )? == "deployment"
    {
        let strategy = shape::path(install, &["spec"], csv::PLACE)?.unwrap_or(&Value::Null);
        let field = "spec.install.spec.deployments";
        for deployment in shape::list(strategy.field("deployments"), field, csv::PLACE)? {
            let pod = shape::path(deployment, &["spec", "template", "spec"], csv::PLACE)?
                .unwrap_or(&Value::Null);
            for containers in ["containers", "initContainers"] {
                add(
                    &mut images,
                    pod.field(containers),
                    &format!("{field}[].spec.template.spec.{containers}"),
                )?;
            }
        }
    }
    add(
        &mut images,
        csv.spec.get("relatedImages"),
        "spec.relatedImages",
    )?;
    Ok(images)
}

/// Adds the `image` of each item; an item without one adds the empty text.
fn add(images: &mut BTreeSet<String>, items: Option<&Value>, field: &str) -> Result<(), Problem> {
    for item in shape::list(items, field, csv::PLACE)? {
        let item =
            shape::mapping(Some(item), &format!("{field}[]"), csv::PLACE)?.unwrap_or(&Value::Null);
        images.insert(shape::text(
            item.field("image"),
            &format!("{field}[].image"),
            csv::PLACE,
        )?);
    }
    Ok(())
}
