//! The scripts of iframe streaming, a line each: `<script>parent.pushscope.name(json)</script>`.

/// What a script calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call<'b> {
    /// The name of the function, within `parent.pushscope`.
    pub name: &'b [u8],
    /// The one argument that it is given: JSON.
    pub argument: &'b [u8],
}

/// Parses a line, without its end; none when it is no script of ours.
///
/// ```
/// use pushscope::wire::script::parse;
/// let call = parse(b"<script>parent.pushscope.open(\"7-2\")</script>").unwrap();
/// assert_eq!((call.name, call.argument), (&b"open"[..], &b"\"7-2\""[..]));
/// ```
pub fn parse(line: &[u8]) -> Option<Call<'_>> {
    let call = line.strip_prefix(START)?.strip_suffix(END)?;
    let at = memchr::memchr(b'(', call)?;
    let (name, argument) = call.split_at_checked(at)?;
    Some(Call { name, argument: argument.get(1..)? })
}

/// What stands before the function's name.
pub const START: &[u8] = b"<script>parent.pushscope.";
/// What stands behind the argument.
pub const END: &[u8] = b")</script>";
