use crate::cause::{Role, failure};
use crate::sample::{sample, trace};
use crate::{Marks, analyse};

/// The error climbs from the database call to the root: one first cause, the others caused by it.
#[test]
fn one_first_cause() {
    let trace = trace(&[
        sample(1, 0, "a", "root", "server", 0.0, 100.0).error(""),
        sample(2, 1, "a", "call", "client", 10.0, 50.0).error("500"),
        sample(3, 2, "b", "work", "server", 15.0, 40.0)
            .error("boom")
            .attribute("exception.type", "KeyError")
            .attribute("exception.message", "no item 3"),
        sample(4, 1, "a", "fine", "internal", 70.0, 5.0),
    ]);
    let analysis = analyse(&trace);
    assert_eq!(analysis.causes.first, [2]);
    assert_eq!(analysis.causes.role(0), Some(Role::CausedBy(2)));
    assert_eq!(analysis.causes.role(2), Some(Role::First));
    assert_eq!(analysis.causes.role(3), None);
    assert!(analysis.tree.marks(2).has(Marks::FIRST_CAUSE) && analysis.tree.marks(0).has(Marks::CAUSED));
    let said = failure(&trace, 2);
    assert_eq!((said.exception_type, said.message), (Some("KeyError"), "no item 3"));
    assert_eq!(failure(&trace, 1).message, "500");
}

/// Two failures side by side: the earlier by corrected clocks is to blame, whatever its own clock says.
#[test]
fn earliest_by_corrected_clocks() {
    let trace = trace(&[
        sample(1, 0, "a", "root", "server", 0.0, 100.0).error(""),
        sample(2, 1, "a", "call", "client", 10.0, 20.0),
        sample(3, 2, "b", "first", "server", 5_012.0, 10.0),
        sample(4, 3, "b", "failed", "internal", 5_014.0, 2.0).error("first"),
        sample(5, 1, "a", "later", "internal", 50.0, 5.0).error("second"),
    ]);
    let analysis = analyse(&trace);
    assert_eq!(analysis.causes.first, [3, 4]);
    assert_eq!(analysis.causes.primary(&trace, &analysis.tree), Some(3));
    assert_eq!(analysis.causes.role(0), Some(Role::CausedBy(3)));
}
