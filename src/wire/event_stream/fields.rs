//! The fields of an event stream, in the words of the HTML Standard.

use crate::wire::span::Part::{Framing, Payload};
use crate::wire::span::{Field, Reading};

/// Lines up to an empty one.
pub static EVENT: Field = Field::text(
    Framing,
    "event",
    "HTML §9.2.5",
    "Lines up to an empty one, which dispatches the event if any of them was data.",
)
.read(Reading::Fixed);

/// The mark at the beginning of a stream.
pub static BYTE_ORDER_MARK: Field = Field::text(
    Framing,
    "BOM",
    "HTML §9.2.5",
    "A byte order mark at the very beginning of the stream, which is ignored.",
)
.read(Reading::Fixed);

/// The name of a line that is not ours to know.
pub static NAME: Field = Field::text(
    Framing,
    "field",
    "HTML §9.2.6",
    "The name of a field that no specification knows: the line is ignored.",
);

/// `data`.
pub static DATA_NAME: Field = Field::text(
    Framing,
    "field data",
    "HTML §9.2.6",
    "This line is a line of the event's data; several are joined by LF.",
);

/// `event`.
pub static EVENT_NAME: Field = Field::text(
    Framing,
    "field event",
    "HTML §9.2.6",
    "This line names the event, so that listeners for that name hear it; without it, `message`.",
);

/// `id`.
pub static ID_NAME: Field = Field::text(
    Framing,
    "field id",
    "HTML §9.2.6",
    "This line sets the id that a browser sends back when it reconnects, from the empty line on; \
     with a NUL in it, it is ignored.",
);

/// `retry`.
pub static RETRY_NAME: Field = Field::text(
    Framing,
    "field retry",
    "HTML §9.2.6",
    "This line sets, at once, after how many milliseconds a browser reconnects; what is no number \
     is ignored.",
);

/// What divides name and value.
pub static COLON: Field = Field::text(
    Framing,
    "colon",
    "HTML §9.2.5",
    "Divides a field's name from its value; at the beginning of a line it makes it a comment.",
)
.read(Reading::Fixed);

/// One space behind the colon.
pub static SPACE: Field = Field::text(
    Framing,
    "space",
    "HTML §9.2.5",
    "One space behind the colon does not belong to the value.",
)
.read(Reading::Fixed);

/// A line of the event's data.
pub static DATA: Field =
    Field::text(Payload, "data", "HTML §9.2.6", "A line of the event's data, as it is.");

/// The value of any other field.
pub static VALUE: Field = Field::text(Framing, "value", "HTML §9.2.5", "The value of the field.");

/// What a comment says.
pub static COMMENT: Field = Field::text(
    Framing,
    "comment",
    "HTML §9.2.5",
    "Ignored by every browser: it keeps proxies and firewalls from closing what seems idle.",
);

/// CR, LF or both.
pub static LINE_END: Field =
    Field::text(Framing, "end of line", "HTML §9.2.5", "Ends a line: LF, CR, or CR and LF.")
        .read(Reading::Fixed);

/// An empty line behind data.
pub static DISPATCH: Field = Field::text(
    Framing,
    "empty line",
    "HTML §9.2.6",
    "Dispatches the event: now its listeners hear the data, and its id is the last.",
)
.read(Reading::Fixed);

/// An empty line behind lines of which none was data.
pub static NO_EVENT: Field = Field::text(
    Framing,
    "empty line",
    "HTML §9.2.6",
    "No line was data, so there is nothing to dispatch; an id is the last from here on.",
)
.read(Reading::Fixed);
