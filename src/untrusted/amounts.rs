//! Amounts, as people and commands write them.

use crate::bank::{Amount, AmountText, Balance, signed_minor};

/// What is read as an amount is written as the same amount, in every way in which it can be read.
pub(super) fn amounts(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let rounded = Amount::rounded_up(text);
    let balance = text.parse::<Balance>();
    let amount = text.parse::<Amount>();
    if let Ok(amount) = amount {
        let written = amount.to_string();
        assert_eq!(written.parse(), Ok(amount));
        assert_eq!(balance, Ok(Balance::from(amount)));
        let rounded = rounded.expect("what is exact can be rounded");
        assert_eq!((rounded.amount, rounded.is_exact), (Some(amount), true));
    }
    if let Ok(balance) = balance {
        assert!(balance.minor() >= 0);
        assert_eq!(balance.to_string().parse(), Ok(balance));
        let text = text.parse::<AmountText>().expect("a decimal");
        assert_eq!(
            (text.balance(), text.amount().ok()),
            (Ok(balance), amount.ok())
        );
    }
    if let Ok(rounded) = rounded {
        let minor = rounded.amount.map_or(0, Amount::minor);
        assert!(minor >= 0 && (rounded.is_exact || minor > 0));
    }
    if let Ok(minor) = signed_minor(text)
        && let Ok(minor) = i64::try_from(minor)
    {
        let written = Balance::new(minor).to_string();
        assert_eq!(signed_minor(&written), Ok(i128::from(minor)));
    }
}
