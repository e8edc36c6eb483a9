//! The flags of a command, which are made once it is known that it is the one that was asked for.

use clap::builder::Resettable;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

use super::help::under_its_heading;

/// What one command takes. All commands together have some hundreds of flags; to make them all would take
/// longer than most commands do beside their ledger.
pub(super) struct Flags<T>(pub(super) T);

impl<T: Args> Args for Flags<T> {
    fn augment_args(command: Command) -> Command {
        command.defer(with_flags::<T>)
    }

    fn augment_args_for_update(command: Command) -> Command {
        command.defer(with_flags::<T>)
    }
}

impl<T: FromArgMatches> FromArgMatches for Flags<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(Flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// The command with its flags. What is said of their type is not what the command does.
fn with_flags<T: Args>(command: Command) -> Command {
    let (about, long) = (command.get_about(), command.get_long_about());
    let (about, long) = (about.cloned(), long.cloned());
    T::augment_args(command)
        .mut_args(under_its_heading)
        .about(Resettable::from(about))
        .long_about(Resettable::from(long))
}
