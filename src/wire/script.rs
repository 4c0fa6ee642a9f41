//! The scripts of iframe streaming, a line each: `<script>parent.pushscope.name(json)</script>`.

/// What a script calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call<'b> {
    /// The name of the function, within `parent.pushscope`.
    pub name: &'b [u8],
    /// The one argument that it is given: JSON.
    pub argument: &'b [u8],
}

/// Encodes a line, its end included; `argument` writes the JSON, and what it returns is returned.
pub fn encode<T>(name: &str, into: &mut Vec<u8>, argument: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    into.extend_from_slice(START);
    into.extend_from_slice(name.as_bytes());
    into.push(b'(');
    let told = argument(into);
    into.extend_from_slice(END);
    into.push(b'\n');
    told
}

/// Parses a line, without its end; none when it is no script of ours.
///
/// ```
/// use pushscope::wire::script::parse;
/// use pushscope::wire::script::encode;
/// let mut line = Vec::new();
/// encode("open", &mut line, |json| json.extend_from_slice(b"\"7-2\""));
/// assert_eq!(line, b"<script>parent.pushscope.open(\"7-2\")</script>\n");
/// let call = parse(line.trim_ascii_end()).unwrap();
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
