//! What keeps a store small and sound.
//!
//! | file | what |
//! |---|---|
//! | `ids` | block numbers, reserved in the catalog before use |
//! | `plan` | what is to be removed, what is to be merged: pure |
//! | `merge` | merges, a task of its own |
//! | `count` | calls by minute of blocks that were sealed without |
//! | `rewrite` | blocks without some rows: deletion by query, what is kept of old days |
//! | `days` | the trace index of each day with many blocks |
//! | `retention` | removes old blocks, in two phases; what would go and when |
//! | `sweep` | files of blocks that were never committed |
//! | `verify` | checksums of everything |
//! | `repair` | damaged side files rebuilt from the rows |
//! | `sizes` | bytes by dataset, service and attribute |
//! | `run` | the task for the rest |

pub(crate) mod count;
pub(crate) mod days;
pub(crate) mod ids;
pub(crate) mod merge;
pub(crate) mod plan;
pub(crate) mod repair;
pub(crate) mod retention;
pub(crate) mod rewrite;
pub(crate) mod run;
pub(crate) mod sizes;
pub(crate) mod sweep;
pub(crate) mod verify;
