//! What is answered at once: publishing, asking, counting.

use std::sync::Arc;

use serde_json::json;

use crate::answer::{Answer, JSON, Manner, TEXT, census_json};
use crate::clock::Now;
use crate::envelopes::Envelopes;
use crate::event::Payload;
use crate::fault::Fault;
use crate::hub::{Draft, Hub, Receipt, Upto};
use crate::id::{Census, Id, Since};
use crate::limits;
use crate::mech::sse::ORDER_FINISH;
use crate::route::{Announced, Call};
use crate::wire::date::Date;
use crate::wire::json;

/// What a call may look at and change.
#[derive(Debug)]
pub struct Api<'a> {
    /// The channels.
    pub hub: &'a mut Hub,
    /// Who is connected.
    pub online: Census,
    /// The time, read anew: the delay of what is published counts from it.
    pub now: Now,
    /// The same, as a field value.
    pub date: &'a Date,
    /// Whether the server is about to leave.
    pub mode: Mode,
}

/// Whether the server takes new work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// It does.
    Serving,
    /// It is about to leave.
    Draining,
}

impl Api<'_> {
    /// Answers a call whose content has come whole.
    ///
    /// # Errors
    /// Why not.
    pub fn answer(
        &mut self,
        call: Call,
        content: Vec<u8>,
        manner: &Manner,
    ) -> Result<Answer, Fault> {
        match call {
            Call::Publish { channel, name, content: announced } => payload(content, announced)
                .and_then(|payload| self.publish(&channel, Draft { name, payload }))
                .map(|receipt| self.published(&channel, receipt, manner)),
            Call::ArticlePublish(channel, message) => {
                let message =
                    message.unwrap_or_else(|| format!("I updated at {}", self.date.as_str()));
                self.publish(&channel, text(&message)).map(|_| self.success(manner))
            }
            Call::SocketPublish(channel, message) => {
                self.publish(&channel, text(&message)).map(|_| self.success(manner))
            }
            Call::Payback(order) => self.pay_back(&order).map(|()| self.success(manner)),
            Call::Info(channel) => self.info(&channel, manner),
            // Telling the subscribers is the engine's part.
            Call::Delete(channel) => self.delete(&channel, manner),
            Call::Count(channel) => self.count(&channel, manner),
            Call::MarkRead(channel, upto) => self.mark_read(&channel, upto, manner),
            Call::Received(channel) => {
                Ok(manner.json(200, self.date, &self.hub.received().of(&channel)))
            }
            Call::Online => Ok(self.online(manner)),
            Call::Envelopes(channel, id) => self.envelopes(&channel, id, manner),
            // Reading the ledger is the engine's part: it knows every connection.
            Call::Read(_) => Err(Fault::NotFound),
            Call::Live => Ok(manner.whole(200, self.date, TEXT, b"ok\n")),
            Call::Ready if self.mode == Mode::Draining => Err(Fault::Draining),
            Call::Ready => Ok(manner.whole(200, self.date, TEXT, b"ok\n")),
        }
    }

    fn envelopes(&mut self, channel: &str, id: Id, manner: &Manner) -> Result<Answer, Fault> {
        let key = self.hub.known(channel, self.now)?.ok_or(Fault::ChannelUnknown)?;
        let before = Since::Id(Id { offset: id.offset.saturating_sub(1), ..id });
        let batch = self.hub.replay(key, before, self.now).ok_or(Fault::ChannelUnknown)?;
        let event = batch.events.first().filter(|event| event.id == id);
        let event = event.ok_or(Fault::MessageUnknown)?;
        if event.payload.bytes().len() > limits::ENVELOPES_BYTES_MAX {
            return Err(Fault::EnvelopesRefused);
        }
        Ok(manner.json(200, self.date, &Envelopes::of(event, self.date)))
    }

    fn publish(&mut self, channel: &str, draft: Draft) -> Result<Receipt, Fault> {
        let key = self.hub.channel_named(channel, self.now)?;
        Ok(self.hub.publish(key, draft, self.now)?)
    }

    fn published(&self, channel: &str, receipt: Receipt, manner: &Manner) -> Answer {
        let status = if receipt.subscribers.total() > 0 { 201 } else { 202 };
        let mut content = Vec::with_capacity(ANSWER_BYTES_USUAL + channel.len());
        let Receipt { id, bytes, subscribers } = receipt;
        json::encode_published(id, channel, bytes, &subscribers, &mut content);
        manner.whole(status, self.date, JSON, &content)
    }

    fn pay_back(&mut self, order: &str) -> Result<(), Fault> {
        self.publish(order, text("User payment succeeded"))?;
        let name = Some(Arc::from(ORDER_FINISH));
        self.publish(order, Draft { name, ..text("ha-ha") }).map(|_| ())
    }

    fn success(&self, manner: &Manner) -> Answer {
        manner.whole(200, self.date, TEXT, b"success")
    }

    fn info(&mut self, channel: &str, manner: &Manner) -> Result<Answer, Fault> {
        let key = self.hub.known(channel, self.now)?;
        let found = key.and_then(|key| self.hub.channel(key));
        let id = |offset: Option<u64>| {
            let epoch = found.map(|found| found.log().cursor().epoch);
            epoch.zip(offset).map(|(epoch, offset)| format!("{epoch}-{offset}"))
        };
        let newest = found.map(|found| found.log().cursor().offset).filter(|newest| *newest > 0);
        let oldest = found.and_then(|found| found.log().oldest()).map(|event| event.id.offset);
        let answer = json!({
            "channel": channel,
            "messages": found.map_or(0, |found| found.log().len()),
            "bytes": found.map_or(0, |found| found.log().bytes()),
            "oldest": id(oldest),
            "newest": id(newest),
            "subscribers": found.map(|found| census_json(&found.census())).unwrap_or_default(),
            "unread": found.map_or(0, |found| found.unread()),
            "received": self.hub.received().of(channel).len(),
        });
        Ok(manner.json(200, self.date, &answer))
    }

    fn delete(&mut self, channel: &str, manner: &Manner) -> Result<Answer, Fault> {
        let key = self.hub.known(channel, self.now)?.ok_or(Fault::ChannelUnknown)?;
        self.hub.delete(key, self.now)?;
        Ok(manner.json(200, self.date, &json!({ "channel": channel, "deleted": true })))
    }

    fn count(&mut self, channel: &str, manner: &Manner) -> Result<Answer, Fault> {
        let key = self.hub.known(channel, self.now)?;
        let found = key.and_then(|key| self.hub.channel(key));
        Ok(self.counted(found.map_or(0, |found| found.unread()), manner))
    }

    fn mark_read(&mut self, channel: &str, upto: Upto, manner: &Manner) -> Result<Answer, Fault> {
        let unread = match self.hub.known(channel, self.now)? {
            Some(key) => self.hub.mark_read(key, upto, self.now)?,
            None => 0,
        };
        Ok(self.counted(unread, manner))
    }

    fn counted(&self, unread: u64, manner: &Manner) -> Answer {
        manner.json(200, self.date, &json!({ "code": 200, "data": unread }))
    }

    fn online(&self, manner: &Manner) -> Answer {
        let by = census_json(&self.online);
        manner.json(200, self.date, &json!({ "online": self.online.total(), "by": by }))
    }
}

fn text(text: &str) -> Draft {
    Draft { name: None, payload: Payload::Text(Arc::from(text)) }
}

/// The content as what it was announced to be; it is taken whole or refused.
fn payload(content: Vec<u8>, announced: Announced) -> Result<Payload, Fault> {
    if announced == Announced::Binary {
        return Ok(Payload::Binary(content.into()));
    }
    match (String::from_utf8(content), announced) {
        (Ok(text), _) => Ok(Payload::Text(text.into())),
        (Err(bytes), Announced::Unsaid) => Ok(Payload::Binary(bytes.into_bytes().into())),
        (Err(_), _) => Err(Fault::TextNotUtf8),
    }
}

/// Bytes that the answer to a publisher seldom exceeds, but for the channel's name.
const ANSWER_BYTES_USUAL: usize = 128;
