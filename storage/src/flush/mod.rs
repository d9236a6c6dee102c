//! From live rows to blocks.
//!
//! | file | what |
//! |---|---|
//! | `due` | which tables are to be sealed now: pure |
//! | `run` | the task: seals what is due, in the order that loses nothing |

pub(crate) mod due;
pub(crate) mod run;
