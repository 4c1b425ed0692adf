//! Clients of a transcript: each asks one thing, and goes when it is answered.

use std::collections::BTreeMap;
use visor_core::ConnId;
use visor_core::http::client::{Event, Receiver, request};
use visor_core::xmlrpc::{Message, Value, decode, encode};

#[derive(Default)]
pub(super) struct Clients {
    waiting: BTreeMap<ConnId, Client>,
    next: u64,
}

struct Client {
    method: String,
    receiver: Receiver,
    body: Vec<u8>,
}

impl Clients {
    /// A client that calls a method: its connection, and what it sends.
    pub(super) fn call(&mut self, method: &str, words: &[String]) -> (ConnId, Vec<u8>) {
        self.next += 1;
        let conn = ConnId(self.next);
        let client = Client {
            method: method.to_owned(),
            receiver: Receiver::new(),
            body: Vec::new(),
        };
        self.waiting.insert(conn, client);
        let full = if method.contains('.') {
            method.to_owned()
        } else {
            format!("supervisor.{method}")
        };
        let message = Message::Call {
            method: full,
            params: words.iter().map(|word| value(word)).collect(),
        };
        let document = encode(&message).into_bytes();
        let headers = [("Content-Type", "text/xml"), ("Host", "localhost")];
        (conn, request("POST", "/RPC2", &headers, Some(&document)))
    }

    /// What a client is sent; the answer once it is whole.
    pub(super) fn receive(&mut self, conn: ConnId, data: &[u8]) -> Result<Option<String>, String> {
        let Some(client) = self.waiting.get_mut(&conn) else {
            return Ok(None);
        };
        client.receiver.receive(data);
        loop {
            match client.receiver.next().map_err(|e| format!("{e:?}"))? {
                Some(Event::Head(head)) if head.status != 200 => {
                    let line = format!("answer to {}: status {}", client.method, head.status);
                    return Ok(Some(line));
                }
                Some(Event::Head(_)) => {}
                Some(Event::Body(more)) => client.body.extend(more),
                Some(Event::End) => {
                    let answer = match decode(&client.body).map_err(|e| format!("{e:?}"))? {
                        Message::Response(value) => shown(&value),
                        Message::Fault { code, text } => format!("fault {code}, {text}"),
                        Message::Call { method, .. } => format!("a call of {method}?"),
                    };
                    return Ok(Some(format!("answer to {}: {answer}", client.method)));
                }
                None => return Ok(None),
            }
        }
    }

    /// The connection is closed, by whomever.
    pub(super) fn close(&mut self, conn: ConnId) -> bool {
        self.waiting.remove(&conn).is_some()
    }

    /// The client that waits longest for an answer to this.
    pub(super) fn waiting_for(&self, method: &str) -> Option<ConnId> {
        let mut waiting = self.waiting.iter();
        waiting
            .find(|(_, client)| client.method == method)
            .map(|(conn, _)| *conn)
    }
}

fn value(word: &str) -> Value {
    match word {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => word
            .parse::<i64>()
            .map_or_else(|_| Value::from(word), Value::Int),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Struct(members) => {
            let members = members.iter();
            let members: Vec<String> = members
                .map(|(name, value)| format!("{name}: {}", shown(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Nil => "nothing".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Bool(whether) => whether.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Str(text) | Value::DateTime(text) => format!("{text:?}"),
        Value::Base64(bytes) => bytes.escape_ascii().to_string(),
    }
}
