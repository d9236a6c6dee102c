//! What keeps a store small and sound: numbers for blocks, free space, retention, removed files.
//!
//! | file | what |
//! |---|---|
//! | `ids` | block numbers, reserved in the catalog before use |
//! | `run` | the task |

pub(crate) mod ids;
pub(crate) mod run;
