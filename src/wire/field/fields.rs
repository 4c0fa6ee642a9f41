//! The parts of heads, in the words of RFC 9112.

use crate::wire::span::Part::Head;
use crate::wire::span::{Field, Reading};

/// The head of a request.
pub static REQUEST: Field = Field::text(
    Head,
    "request head",
    "RFC 9112 §2.1",
    "What the client wants, in lines: a request line, field lines, an empty line.",
)
.read(Reading::Fixed);

/// The head of a response.
pub static RESPONSE: Field = Field::text(
    Head,
    "response head",
    "RFC 9112 §2.1",
    "What the server answers, in lines: a status line, field lines, an empty line.",
)
.read(Reading::Fixed);

/// An empty line where a request is expected.
pub static EMPTY_LINE: Field = Field::text(
    Head,
    "empty line",
    "RFC 9112 §2.2",
    "Left over by a client that ends its content with a line too much: it is skipped.",
)
.read(Reading::Fixed);

/// The method.
pub static METHOD: Field = Field::text(
    Head,
    "method",
    "RFC 9110 §9",
    "What is to be done: GET reads, POST hands something over.",
);

/// The target.
pub static TARGET: Field = Field::text(
    Head,
    "request-target",
    "RFC 9112 §3.2",
    "What it is to be done with: a path, and behind `?` a query.",
);

/// The version.
pub static VERSION: Field =
    Field::text(Head, "HTTP-version", "RFC 9112 §2.3", "The version that the sender speaks.");

/// The status.
pub static STATUS: Field = Field::text(
    Head,
    "status-code",
    "RFC 9110 §15",
    "What has become of the request: 1xx goes on, 2xx done, 3xx elsewhere, 4xx your mistake, \
     5xx ours.",
);

/// The words behind the status.
pub static REASON: Field = Field::text(
    Head,
    "reason-phrase",
    "RFC 9112 §4",
    "The same in words, for people: programs do not read it.",
);

/// A space that divides.
pub static SPACE: Field =
    Field::text(Head, "SP", "RFC 9112 §3", "One space between the parts of the request line.")
        .read(Reading::Fixed);

/// A space that divides, in an answer.
pub static STATUS_SPACE: Field =
    Field::text(Head, "SP", "RFC 9112 §4", "One space between the parts of the status line.")
        .read(Reading::Fixed);

/// The name of a field.
pub static NAME: Field = Field::text(
    Head,
    "field-name",
    "RFC 9110 §5.1",
    "The field's name: upper and lower case are the same.",
);

/// What divides name and value.
pub static COLON: Field = Field::text(
    Head,
    "colon",
    "RFC 9112 §5.1",
    "Divides name and value; white space before it is refused.",
)
.read(Reading::Fixed);

/// White space around a value.
pub static OWS: Field =
    Field::text(Head, "OWS", "RFC 9110 §5.6.3", "White space that does not belong to the value.")
        .read(Reading::Fixed);

/// The value of a field.
pub static VALUE: Field = Field::text(Head, "field-value", "RFC 9110 §5.5", "The field's value.");

/// The end of a line.
pub static LINE_END: Field =
    Field::text(Head, "CRLF", "RFC 9112 §2.1", "Ends the line.").read(Reading::Fixed);

/// The end of the head.
pub static HEAD_END: Field = Field::text(
    Head,
    "CRLF",
    "RFC 9112 §2.1",
    "The empty line that ends the head; behind it comes content, the next head, or, after \
     a 101, another protocol.",
)
.read(Reading::Fixed);
