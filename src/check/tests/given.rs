//! Small histories, written by hand.
