//! What all requests on index images have in common, stage by stage, each stage's result the next one's input.

pub(crate) mod assemble;
pub(crate) mod base;
pub(crate) mod blobs;
pub(crate) mod bundles;
pub(crate) mod guard;
pub(crate) mod prepare;
pub(crate) mod publish;
