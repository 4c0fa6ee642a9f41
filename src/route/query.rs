//! What the query of a request says, split once for all that an address asks of it.

use std::borrow::Cow;

use crate::wire::target::{Target, TargetError, decode_form};

/// The first value of each parameter, as it was sent.
#[derive(Debug, Default)]
pub(super) struct Query<'b> {
    values: [Option<&'b str>; Parameter::COUNT],
    /// What is wrong with a name: nobody knows what stands there or behind it.
    error: Option<TargetError>,
}

impl<'b> Query<'b> {
    /// Splits the query of a target.
    pub(super) fn of(target: &Target<'b>) -> Self {
        let mut query = Self::default();
        for pair in target.pairs() {
            match pair {
                Ok((name, value)) => query.enter(&name, value),
                Err(error) => {
                    query.error = Some(error);
                    break;
                }
            }
        }
        query
    }

    fn enter(&mut self, name: &str, value: &'b str) {
        if let Some(parameter) = Parameter::named(name) {
            self.values[parameter as usize].get_or_insert(value);
        }
    }

    /// The value of a parameter, decoded.
    ///
    /// # Errors
    /// What is wrong with the value, or with a name if the parameter may stand behind it.
    pub(super) fn value(&self, parameter: Parameter) -> Result<Option<Cow<'b, str>>, TargetError> {
        match (self.values[parameter as usize], self.error) {
            (Some(value), _) => decode_form(value).map(Some),
            (None, Some(error)) => Err(error),
            (None, None) => Ok(None),
        }
    }
}

/// What an address may ask of a query. Whatever else is in it means nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Parameter {
    Since,
    Envelope,
    Timeout,
    Slow,
    Event,
    Message,
    UserId,
    PayId,
    Upto,
    Kernel,
    Own,
}

impl Parameter {
    const COUNT: usize = Self::Own as usize + 1;

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "since" => Self::Since,
            "envelope" => Self::Envelope,
            "timeout" => Self::Timeout,
            "slow" => Self::Slow,
            "event" => Self::Event,
            "message" => Self::Message,
            "userId" => Self::UserId,
            "payid" => Self::PayId,
            "upto" => Self::Upto,
            "kernel" => Self::Kernel,
            "own" => Self::Own,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::QUERY_PAIRS_MAX;

    fn agrees_with_the_target(target: &str) {
        let target = Target::parse(target).unwrap();
        let query = Query::of(&target);
        for (name, parameter) in [("since", Parameter::Since), ("own", Parameter::Own)] {
            assert_eq!(query.value(parameter), target.query(name), "{name} of {target:?}");
        }
    }

    #[test]
    fn pairs_are_looked_at_up_to_the_limit() {
        agrees_with_the_target(&format!("/?{}since=1&own=1", "b&".repeat(QUERY_PAIRS_MAX - 1)));
    }

    proptest! {
        #[test]
        fn a_parameter_is_what_the_target_says_it_is(
            query in "(since|own|s%69nce|sinc|=|=|&|&|\\+|%FF|%zz|%2){0,16}",
        ) {
            agrees_with_the_target("/");
            agrees_with_the_target(&format!("/?{query}"));
        }
    }
}
