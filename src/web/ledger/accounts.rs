//! Which accounts of a ledger a page asks to see.

use crate::bank::Name;
use crate::web::request::WebRequest;

/// The accounts that are seen: the first of those that this leaves, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::web) struct AccountChoice {
    /// How their names begin.
    prefix: Option<Name>,
    /// Behind which one they come.
    after: Option<Name>,
}

/// Why a choice leaves no account.
#[derive(Debug, thiserror::Error)]
pub(in crate::web) enum AccountChoiceError {
    #[error("no name of an account begins like this: it has letters, digits and `. _ : -`")]
    Prefix,
    #[error("this is no name of an account")]
    After,
}

impl AccountChoice {
    /// What the page has put behind the path, where a name stands as it is.
    pub(in crate::web) fn of(request: &WebRequest) -> Result<Self, AccountChoiceError> {
        let prefix = request.queried("prefix").map(Name::user).transpose();
        let after = request.queried("after").map(Name::any).transpose();
        Ok(AccountChoice {
            prefix: prefix.map_err(|_| AccountChoiceError::Prefix)?,
            after: after.map_err(|_| AccountChoiceError::After)?,
        })
    }

    /// The words of the command that lists them.
    pub(super) fn words(&self) -> Vec<String> {
        let flags = [("prefix", &self.prefix), ("after", &self.after)];
        let flags = flags
            .into_iter()
            .filter_map(|(flag, name)| name.as_ref().map(|name| format!("--{flag}={name}")));
        [String::from("balance")].into_iter().chain(flags).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(query: &str) -> Result<String, String> {
        let request = WebRequest {
            query: query.to_string(),
            ..WebRequest::default()
        };
        let choice = AccountChoice::of(&request).map_err(|error| error.to_string())?;
        Ok(choice.words().join(" "))
    }

    #[test]
    fn a_query_becomes_flags_of_the_command_and_nothing_else() {
        assert_eq!(words("").as_deref(), Ok("balance"));
        assert_eq!(
            words("prefix=team:a&after=@world").as_deref(),
            Ok("balance --prefix=team:a --after=@world")
        );
        for none in [
            "prefix=",
            "prefix=-x",
            "prefix=@",
            "prefix=a%20b",
            "after=",
            "after=a b",
        ] {
            assert!(words(none).is_err(), "{none}");
        }
    }
}
