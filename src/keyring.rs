//! Tokens as an operator gives them: in words, or in files that may change while the server runs.
//!
//! A file has a token a line; what begins with `#`, and what is empty, says nothing. A file that
//! cannot be read, or that has a line that is no token, or that has none at all, is refused as a
//! whole: a rule that says nothing would let in everybody.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::access::{Access, Tokens};
use crate::limits;

/// All tokens of a server, and where they come from.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Keyring {
    /// Those that let change something.
    pub publish: Keys,
    /// Those that let learn something.
    pub subscribe: Keys,
}

/// Tokens that let do the same.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// In words.
    pub said: Vec<String>,
    /// Files of them.
    pub files: Vec<PathBuf>,
}

/// What a keyring has come to.
#[derive(Debug)]
pub struct Opened {
    /// Who may do what.
    pub access: Access,
    /// What somebody should look at, in a sentence each.
    pub warnings: Vec<String>,
}

impl Keyring {
    /// Reads every token anew.
    ///
    /// # Errors
    /// Everything that is wrong with any of them; then none is to be used.
    pub fn open(&self) -> Result<Opened, Vec<KeyError>> {
        let (mut warnings, mut errors) = (Vec::new(), Vec::new());
        let publish = self.publish.open("--publish-token", &mut warnings, &mut errors);
        let subscribe = self.subscribe.open("--subscribe-token", &mut warnings, &mut errors);
        if errors.is_empty() {
            Ok(Opened { access: Access::new(publish, subscribe), warnings })
        } else {
            Err(errors)
        }
    }

    /// Whether any of it may change while the server runs.
    pub const fn has_files(&self) -> bool {
        !self.publish.files.is_empty() || !self.subscribe.files.is_empty()
    }
}

impl Keys {
    fn open(&self, flag: &str, warnings: &mut Vec<String>, errors: &mut Vec<KeyError>) -> Tokens {
        let mut tokens = Tokens::default();
        for (count, token) in (1..).zip(&self.said) {
            match check(token) {
                Ok(()) => tokens.add(token),
                Err(why) => errors.push(KeyError { place: format!("{flag}, no. {count}"), why }),
            }
        }
        for path in &self.files {
            match open_file(path, &mut tokens) {
                Ok(file) if file.permissions().mode() & OTHERS_READ != 0 => {
                    let path = path.display();
                    warnings.push(format!("{path} can be read by other users: chmod 600 {path}"));
                }
                Ok(_) => {}
                Err(mut found) => errors.append(&mut found),
            }
        }
        if tokens.len() > limits::TOKENS_MAX {
            errors.push(KeyError { place: flag.to_owned(), why: Why::TooMany });
        }
        tokens
    }
}

/// A keyring is secrets: not even what is wrong with one shows it.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("publish", &self.publish.files)
            .field("subscribe", &self.subscribe.files)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Why a token, or a file of them, is refused; it never says the token.
#[derive(Debug)]
pub struct KeyError {
    place: String,
    why: Why,
}

#[derive(Debug)]
enum Why {
    /// It is too short, too long, or has a character that no token has.
    Malformed,
    /// The file has no token.
    Empty,
    /// It is no file, but a folder or a pipe.
    NoFile,
    /// The file is longer than any list of tokens may be.
    TooLong,
    /// There are more tokens than may be.
    TooMany,
    /// The file is not UTF-8.
    NotUtf8,
    /// The system says so.
    Unreadable(io::Error),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.place;
        match &self.why {
            Why::Malformed => write!(
                f,
                "{place}: a token is {} to {} of the characters A-Z a-z 0-9 - . _ ~ + /, and = at \
                 its end",
                limits::TOKEN_BYTES_MIN,
                limits::TOKEN_BYTES_MAX
            ),
            Why::Empty => {
                write!(f, "{place}: there is no token in it, which would let in everybody")
            }
            Why::NoFile => write!(f, "{place}: this is no regular file"),
            Why::TooLong => {
                write!(f, "{place}: more than {} bytes", limits::TOKEN_FILE_BYTES_MAX)
            }
            Why::TooMany => write!(f, "{place}: more than {} tokens", limits::TOKENS_MAX),
            Why::NotUtf8 => write!(f, "{place}: this is no text"),
            Why::Unreadable(error) => write!(f, "{place}: {error}"),
        }
    }
}

impl std::error::Error for KeyError {}

/// Adds the tokens of a file.
fn open_file(path: &Path, tokens: &mut Tokens) -> Result<Metadata, Vec<KeyError>> {
    let place = path.display().to_string();
    let refused = |why| vec![KeyError { place: place.clone(), why }];
    // To open a pipe could take for ever otherwise.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = file.map_err(|error| refused(Why::Unreadable(error)))?;
    let about = file.metadata().map_err(|error| refused(Why::Unreadable(error)))?;
    if !about.is_file() {
        return Err(refused(Why::NoFile));
    }
    let content = content(file).map_err(refused)?;
    let lines = (1_u32..).zip(content.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (mut count, mut errors) = (0_u32, Vec::new());
    for (number, line) in lines {
        count += 1;
        match check(line) {
            Ok(()) => tokens.add(line),
            Err(why) => errors.push(KeyError { place: format!("{place}:{number}"), why }),
        }
    }
    if count == 0 {
        errors.push(KeyError { place, why: Why::Empty });
    }
    if errors.is_empty() { Ok(about) } else { Err(errors) }
}

/// All that a file says, however short it claims to be.
fn content(file: impl Read) -> Result<String, Why> {
    let mut content = Vec::new();
    let most = limits::TOKEN_FILE_BYTES_MAX as u64;
    file.take(most + 1).read_to_end(&mut content).map_err(Why::Unreadable)?;
    if content.len() as u64 > most {
        return Err(Why::TooLong);
    }
    String::from_utf8(content).map_err(|_| Why::NotUtf8)
}

/// Whether this can be a token: what RFC 6750 §2.1 calls a b64token, neither short nor long.
fn check(token: &str) -> Result<(), Why> {
    let body = token.trim_end_matches('=');
    let fits = (limits::TOKEN_BYTES_MIN..=limits::TOKEN_BYTES_MAX).contains(&token.len());
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if fits && !body.is_empty() && body.bytes().all(is_part) { Ok(()) } else { Err(Why::Malformed) }
}

/// Read by the group, or by anybody.
const OTHERS_READ: u32 = 0o044;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::access::Right;

    /// A file that is gone when its test is over.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str, content: &[u8], mode: u32) -> Self {
            let name = format!("pushscope-keyring-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            Self(path)
        }

        fn keyring(&self) -> Keyring {
            let publish = Keys { said: Vec::new(), files: vec![self.0.clone()] };
            Keyring { publish, ..Keyring::default() }
        }

        /// What is wrong with it, without its path.
        fn errors(&self) -> Vec<String> {
            let path = self.0.display().to_string();
            let errors = self.keyring().open().unwrap_err();
            errors.iter().map(|error| error.to_string().replace(&path, "f")).collect()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            // It lies in a folder that is emptied now and then.
            let _ = fs::remove_file(&self.0);
        }
    }

    #[test]
    fn a_file_has_a_token_a_line() {
        let content = b"# of the shop\n\n  first-token==  \r\nsecond/token+1\n#third-token\n";
        let scratch = Scratch::new("good", content, 0o600);
        let mut keyring = scratch.keyring();
        keyring.publish.said.push("said-token".to_owned());
        let opened = keyring.open().unwrap();
        assert_eq!(opened.access.tokens(Right::Publish).len(), 3);
        assert_eq!(opened.access.tokens(Right::Subscribe).len(), 0);
        assert_eq!(opened.warnings, [""; 0]);
    }

    /// Such as those of `/proc`: their length is 0.
    #[test]
    fn a_file_is_read_no_further_than_a_list_of_tokens_may_go() {
        assert!(matches!(content(io::repeat(b'#')), Err(Why::TooLong)));
    }

    #[test]
    fn a_file_that_others_read_is_warned_of() {
        let scratch = Scratch::new("open", b"first-token", 0o640);
        let opened = scratch.keyring().open().unwrap();
        assert!(opened.warnings[0].contains("can be read by other users"), "{opened:?}");
    }

    #[test]
    fn what_says_nothing_or_is_malformed_is_refused_and_never_told() {
        let malformed = "a token is 8 to 512 of the characters A-Z a-z 0-9 - . _ ~ + /, and = at \
                         its end";
        let long = "x".repeat(limits::TOKEN_BYTES_MAX + 1);
        let cases: [(&str, Vec<u8>, Vec<String>); 5] = [
            (
                "empty",
                b"# nothing\n\n".to_vec(),
                vec!["f: there is no token in it, which would let in everybody".to_owned()],
            ),
            (
                "malformed",
                format!("good-token\nshort\nnot a token\nsecret\u{1b}[2J\n========\n{long}\n")
                    .into_bytes(),
                (2..=6).map(|line| format!("f:{line}: {malformed}")).collect(),
            ),
            ("bytes", b"good-token\n\xff\n".to_vec(), vec!["f: this is no text".to_owned()]),
            (
                "long",
                vec![b'#'; limits::TOKEN_FILE_BYTES_MAX + 1],
                vec!["f: more than 1048576 bytes".to_owned()],
            ),
            (
                "many",
                (0..=limits::TOKENS_MAX)
                    .map(|n| format!("token-{n:04}\n"))
                    .collect::<String>()
                    .into(),
                vec!["--publish-token: more than 1024 tokens".to_owned()],
            ),
        ];
        for (name, content, expected) in cases {
            assert_eq!(Scratch::new(name, &content, 0o600).errors(), expected, "{name}");
        }
        let keyring = |said: &str, file: &str| Keyring {
            subscribe: Keys { said: vec![said.to_owned()], files: vec![PathBuf::from(file)] },
            ..Keyring::default()
        };
        let errors = keyring("my secret", "/dev").open().unwrap_err();
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                format!("--subscribe-token, no. 1: {malformed}"),
                "/dev: this is no regular file".to_owned()
            ]
        );
        assert!(!format!("{:?}", keyring("my secret", "f")).contains("secret"));
    }
}
