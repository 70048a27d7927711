//! `--trace`: every record as a line of JSON.

use super::output::PartialFile;
use crate::record::{Observer, Record, What, kind_of};
use anyhow::Result;
use serde_json::{Value as Json, json};
use std::cell::RefCell;
use std::fmt::Debug;
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;

/// A trace file in the making, shared between the observer and the command.
#[derive(Clone)]
pub(super) struct Trace(Rc<RefCell<Inner>>);

struct Inner {
    file: PartialFile,
    /// The first failure to write, after which nothing more is written.
    failed: Option<io::Error>,
}

impl Trace {
    pub(super) fn create(path: &Path) -> Result<Trace> {
        Ok(Trace(Rc::new(RefCell::new(Inner { file: PartialFile::create(path)?, failed: None }))))
    }

    /// Puts the finished file in its place.
    pub(super) fn finish(&self) -> Result<()> {
        let mut inner = self.0.borrow_mut();
        match inner.failed.take() {
            Some(error) => Err(anyhow::Error::new(error).context(inner.file.describe())),
            None => inner.file.finish(),
        }
    }
}

impl<M: Debug> Observer<M> for Trace {
    fn observe(&mut self, record: Record<'_, M>) {
        let mut inner = self.0.borrow_mut();
        if inner.failed.is_none()
            && let Err(error) = writeln!(inner.file, "{}", line(record))
        {
            inner.failed = Some(error);
        }
    }
}

fn line<M: Debug>(record: Record<'_, M>) -> Json {
    let mut fields = match record.what {
        What::Added { node, name, client } => {
            json!({"event": "added", "node": node, "name": name, "client": client})
        }
        What::Started { node } => json!({"event": "started", "node": node}),
        What::Sent { address, message } => {
            json!({"event": "sent", "message": address.to_string(), "kind": kind_of(message), "text": format!("{message:?}")})
        }
        What::Duplicated { address } => json!({"event": "duplicated", "message": address.to_string()}),
        What::Dropped { address, copy, reason, .. } => {
            let reason = format!("{reason:?}").to_lowercase();
            json!({"event": "dropped", "message": address.to_string(), "copy": copy, "reason": reason})
        }
        What::Delivered { address, copy, .. } => {
            json!({"event": "delivered", "message": address.to_string(), "copy": copy})
        }
        What::Fired { node, timer } => json!({"event": "fired", "node": node, "timer": format!("{timer:?}")}),
        What::Syncing { node, writes } => json!({"event": "syncing", "node": node, "writes": writes}),
        What::Synced { node } => json!({"event": "synced", "node": node}),
        What::Fault { fault, lost_writes, lost_state } => {
            json!({"event": "fault", "fault": fault, "text": fault.to_string(), "lost_writes": lost_writes, "lost_state": lost_state})
        }
        What::Waits { node } => json!({"event": "waits", "node": node}),
        What::Misled { node, by_timer } => json!({"event": "misled", "node": node, "by_timer": by_timer}),
        What::Slowed { address } => json!({"event": "slowed", "message": address.to_string()}),
        What::Noted { node, text } => json!({"event": "noted", "node": node, "text": text}),
        What::Gauge { node, name, value } => {
            json!({"event": "gauge", "node": node, "name": name, "value": value})
        }
        What::Invoked { client, operation, value } => {
            json!({"event": "invoked", "client": client, "operation": operation, "value": format!("{value:?}")})
        }
        What::Responded { client, operation, outcome, value } => {
            json!({"event": "responded", "client": client, "operation": operation, "outcome": outcome, "value": format!("{value:?}")})
        }
    };
    fields["nanoseconds"] = json!(record.time.as_nanoseconds());
    fields
}
