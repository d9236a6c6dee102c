//! What keeps a store small and sound.
//!
//! | file | what |
//! |---|---|
//! | `ids` | block numbers, reserved in the catalog before use |
//! | `plan` | what is to be removed: pure |
//! | `retention` | removes it, in two phases |
//! | `run` | the task |

pub(crate) mod ids;
pub(crate) mod plan;
pub(crate) mod retention;
pub(crate) mod run;
