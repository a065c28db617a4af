//! RFC 6120 §6.3.3: mechanism preferences.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, mechanisms_have_an_order_that_stays, ["6.3.3", "6.4.1"]),
    case!(Should, stronger_mechanisms_come_first, ["6.3.3", "13.9.4"]),
];

/// RFC 6120 §6.3.3, §6.4.1: the server keeps an ordered list of its mechanisms, and offers them in that order: two
/// clients in the same situation see the same.
fn mechanisms_have_an_order_that_stays(subject: &Subject) {
    let lists = [(); 4].map(|()| subject.secure().1.mechanisms());
    assert!(!lists[0].is_empty(), "no mechanisms");
    for list in &lists {
        assert_eq!(*list, lists[0]);
    }
}

/// RFC 6120 §6.3.3, §13.9.4, §13.8.3: the order is that of strength: what is bound to TLS before what is not, and what
/// shows the password, or asks for none, after what does not.
fn stronger_mechanisms_come_first(subject: &Subject) {
    let (romeo, features) = subject.secure();
    let mechanisms = features.mechanisms();
    romeo.notes(&format!("{mechanisms:?}"));
    let place = |name: &str| mechanisms.iter().position(|mechanism| mechanism == name);
    for plus in mechanisms.iter().filter(|name| name.ends_with("-PLUS")) {
        let bare = plus.trim_end_matches("-PLUS");
        assert!(place(bare).is_none_or(|place_of_bare| Some(place_of_bare) > place(plus)), "{bare} before {plus}");
    }
    for weak in ["PLAIN", "LOGIN", "ANONYMOUS"] {
        let Some(place_of_weak) = place(weak) else { continue };
        let stronger = mechanisms.iter().enumerate().filter(|(_, name)| name.starts_with("SCRAM-"));
        for (place, name) in stronger {
            assert!(place < place_of_weak, "{weak} before {name}");
        }
    }
}
