//! The tokens of `explore` and `replay`.

use crate::explore::{read_begun_token, read_token, token};

/// A token that is read is written as one of the same order.
pub(super) fn tokens(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let whole = read_token(text);
    let begun = read_begun_token(text);
    if let Ok((scenario, order)) = &whole {
        let written = token(scenario, order);
        let (again, same) = read_token(&written).expect("what was written");
        assert_eq!((token(&again, &same), &same), (written, order));
        assert!(begun.is_ok(), "a whole order has begun");
    }
    if let Ok((scenario, order, walked)) = &begun {
        assert!(walked.steps.len() >= order.len());
        let written = token(scenario, order);
        let (_, same, _) = read_begun_token(&written).expect("what was written");
        assert_eq!(&same, order);
    }
}
