//! Submits that have to be refused, and leave nothing behind.

use serde_json::{Value, json};

use super::caller::Body;
use super::dice::Dice;
use super::payloads::{self, ADD_RM_BATCH, REGENERATE_BATCH, TYPES};

/// A submit with what is wrong with it.
pub(super) struct Refused {
    pub(super) path: &'static str,
    pub(super) body: Body,
    pub(super) status: u16,
}

/// One of them. The `mark` is in it, and must not be found in what is stored.
pub(super) fn refused(dice: &mut Dice, mark: String, user: Option<&str>) -> Refused {
    let at = dice.below(TYPES.len());
    let path = TYPES[at];
    let mut body = payloads::valid(dice, path, mark.clone(), user).body;
    let (path, body, status) = match dice.below(9) {
        0 => {
            body["nobody_knows_this"] = 1.into();
            (path, Body::Json(body), 400)
        }
        1 => {
            body["id"] = 5.into();
            (path, Body::Json(body), 400)
        }
        2 => (path, Body::Json(json!({})), 400),
        3 => (path, Body::Json(json!([body])), 400),
        4 => {
            let text = body.to_string();
            let cut = text.get(..text.len() - 1).unwrap_or_default().to_owned();
            (path, Body::Text("application/json", cut), 400)
        }
        5 => (path, Body::Text("text/plain", body.to_string()), 415),
        6 => {
            let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
            let text = format!("{{\"bundles\":{deep}}}");
            (path, Body::Text("application/json", text), 400)
        }
        7 => forbidden(dice, mark, user),
        _ => broken_batch(dice, mark, user),
    };
    Refused { path, body, status }
}

/// A user who overwrites without a token, which nobody without a name is asked for.
fn forbidden(dice: &mut Dice, mark: String, user: Option<&str>) -> (&'static str, Body, u16) {
    let path = dice.one_of(TYPES[0], &[TYPES[1], TYPES[6], TYPES[7]]);
    let mut body = payloads::valid(dice, path, mark, user).body;
    if let Value::Object(body) = &mut body {
        body.remove("overwrite_from_index_token");
    }
    // Without a user it is the value that is wrong.
    let (value, status) = match user {
        Some(_) => (json!(true), 403),
        None => (json!("true"), 400),
    };
    body["overwrite_from_index"] = value;
    (path, Body::Json(body), status)
}

/// A batch with one bad item among good ones.
fn broken_batch(dice: &mut Dice, mark: String, user: Option<&str>) -> (&'static str, Body, u16) {
    let path = dice.one_of(ADD_RM_BATCH, &[REGENERATE_BATCH]);
    let marks = std::iter::repeat_n(mark, 3);
    let (_, mut body) = payloads::batch(dice, path, marks, user);
    body["build_requests"][dice.below(3)] = json!({"operators": 3});
    (path, Body::Json(body), 400)
}
