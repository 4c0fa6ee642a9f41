//! A blocking client of everything that the server speaks, on the codecs that serve.
//!
//! ```no_run
//! use pushscope::client::{Address, Connection, Item, PublishOptions, Subscription};
//! use pushscope::client::{SubscribeOptions, publish};
//! use pushscope::id::Kind;
//!
//! # fn main() -> Result<(), pushscope::client::ClientError> {
//! let address = Address::parse("http://127.0.0.1:7777")?;
//! let options = SubscribeOptions::default();
//! let mut news = Subscription::open(&address, "news", Kind::Sse, Some("all"), options)?;
//!
//! let mut connection = Connection::open(&address)?;
//! let published = publish(&mut connection, "news", b"hello", &PublishOptions::default())?;
//!
//! while let Some(item) = news.next(None)? {
//!     if let Item::Message(message) = item {
//!         assert_eq!(message.id, published.id);
//!         break;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A subscription is one loop over six clients: [`poll`], [`long_poll`], [`iframe`],
//! [`xhr_stream`], [`sse`] and [`websocket`]. Each is a question and the way its answer is read,
//! written in one [`mould`] and without a socket, so that they can be read side by side, and
//! beside the mechanisms of the server. What they share stands in [`connection`] (bytes) and in
//! [`subscription`] (cursors, and coming back after a loss).

mod address;
pub mod connection;
mod error;
pub mod iframe;
pub mod ledger;
mod lines;
pub mod long_poll;
pub(crate) mod mech;
pub mod mould;
pub mod poll;
mod publish;
pub mod sse;
pub mod subscription;
pub mod websocket;
pub mod xhr_stream;

pub use address::{Address, AddressError};
pub use connection::Connection;
pub use error::{ClientError, Refused};
pub use ledger::{Ledger, StatementOptions};
pub use mould::Item;
pub use publish::{PublishOptions, Published, publish};
pub use subscription::{Resume, SubscribeOptions, Subscription};
