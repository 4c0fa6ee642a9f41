//! The fields of the chunked transfer coding, in the words of RFC 9112.

use crate::wire::span::Part::{Framing, Head, Payload};
use crate::wire::span::{Field, Reading};

/// A chunk, or the last chunk with the trailer section behind it.
pub static CHUNK: Field = Field::text(
    Framing,
    "chunk",
    "RFC 9112 §7.1",
    "A piece of content, with its length in front; the last one has none, and a trailer section.",
)
.read(Reading::Fixed);

/// The length of a chunk.
pub static CHUNK_SIZE: Field = Field::text(
    Framing,
    "chunk-size",
    "RFC 9112 §7.1",
    "How many bytes of content follow, in hexadecimal digits; 0 says that none will any more.",
);

/// What may follow the length.
pub static CHUNK_EXT: Field = Field::text(
    Framing,
    "chunk-ext",
    "RFC 9112 §7.1.1",
    "Parameters of this chunk alone, which hardly anybody sends; pushscope drops them.",
);

/// The end of the line with the length.
pub static SIZE_END: Field = Field::text(
    Framing,
    "CRLF",
    "RFC 9112 §7.1",
    "Ends the line with the length: the content begins behind it.",
)
.read(Reading::Fixed);

/// The content.
pub static CHUNK_DATA: Field = Field::text(
    Payload,
    "chunk-data",
    "RFC 9112 §7.1",
    "The content: as many bytes as the length has said, whatever they are.",
);

/// What follows the content.
pub static DATA_END: Field = Field::text(
    Framing,
    "CRLF",
    "RFC 9112 §7.1",
    "Stands behind the content; anything else there says that the length was wrong.",
)
.read(Reading::Fixed);

/// A field behind the content.
pub static TRAILER: Field = Field::text(
    Head,
    "trailer field",
    "RFC 9112 §7.1.2",
    "A field that was not known when the head was sent; pushscope drops it.",
);

/// The end of it all.
pub static TRAILER_END: Field = Field::text(
    Framing,
    "CRLF",
    "RFC 9112 §7.1",
    "The empty line that ends the trailer section, and with it the message.",
)
.read(Reading::Fixed);

/// A byte that cannot stand where it stands.
pub static WRONG: Field = Field::text(
    Framing,
    "unexpected byte",
    "RFC 9112 §7.1",
    "Nothing that begins with this byte may stand here.",
)
.read(Reading::Hex);
