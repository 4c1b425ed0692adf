//! One connection to the server: opened when first needed, kept for the calls of one action.

use super::{Channel, CtlOutput, url::ServerUrl};
use crate::http::client::{Event, Head, ReceiveError, Receiver};
use alloc::{collections::VecDeque, string::String, vec::Vec};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Closed,
    Connecting,
    Open,
}

/// A connection and the response that comes through it.
#[derive(Debug)]
pub(super) struct Link {
    channel: Channel,
    phase: Phase,
    receiver: Receiver,
    request: Vec<u8>,
    /// It has carried a response already, so the server may have closed it since.
    used: bool,
    /// Something of the current response has come.
    answered: bool,
}

/// What became of a piece of news.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum News {
    Head(Head),
    Body(Vec<u8>),
    End,
    /// Nothing until more bytes come.
    Nothing,
    /// The response cannot be read.
    Broken(ReceiveError),
}

impl Link {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel,
            phase: Phase::Closed,
            receiver: Receiver::new(),
            request: Vec::new(),
            used: false,
            answered: false,
        }
    }

    /// Sends a request, over the open connection if there is one.
    pub(super) fn request(
        &mut self,
        request: Vec<u8>,
        url: &ServerUrl,
        outputs: &mut VecDeque<CtlOutput>,
    ) {
        self.answered = false;
        self.request = request;
        if self.phase == Phase::Open {
            outputs.push_back(CtlOutput::Send {
                channel: self.channel,
                bytes: self.request.clone(),
            });
        } else {
            self.connect(url, outputs);
        }
    }

    fn connect(&mut self, url: &ServerUrl, outputs: &mut VecDeque<CtlOutput>) {
        self.phase = Phase::Connecting;
        self.receiver = Receiver::new();
        self.used = false;
        outputs.push_back(CtlOutput::Connect {
            channel: self.channel,
            address: url.address().clone(),
        });
    }

    /// The connection is there: the request follows.
    pub(super) fn connected(&mut self, outputs: &mut VecDeque<CtlOutput>) {
        if self.phase == Phase::Connecting {
            self.phase = Phase::Open;
            outputs.push_back(CtlOutput::Send {
                channel: self.channel,
                bytes: self.request.clone(),
            });
        }
    }

    /// Takes what came. Returns whether the connection is one that is in use.
    pub(super) fn receive(&mut self, data: &[u8]) -> bool {
        if self.phase != Phase::Open {
            return false;
        }
        self.answered |= !data.is_empty();
        self.receiver.receive(data);
        true
    }

    /// The server closed the connection. A connection that was used before and closed without a
    /// word of the response is opened again, once: servers drop connections that were idle.
    /// Returns whether the response can still come.
    pub(super) fn closed(&mut self, url: &ServerUrl, outputs: &mut VecDeque<CtlOutput>) -> bool {
        if self.phase != Phase::Open {
            return true;
        }
        outputs.push_back(CtlOutput::Close(self.channel));
        if self.used && !self.answered {
            self.connect(url, outputs);
            return true;
        }
        self.phase = Phase::Closed;
        self.receiver.close();
        false
    }

    /// The next piece of the response.
    pub(super) fn next(&mut self) -> News {
        match self.receiver.next() {
            Ok(Some(Event::Head(head))) => News::Head(head),
            Ok(Some(Event::Body(bytes))) => News::Body(bytes),
            Ok(Some(Event::End)) => {
                self.used = true;
                News::End
            }
            Ok(None) => News::Nothing,
            Err(error) => News::Broken(error),
        }
    }

    /// After a response: closes the connection if the server will.
    pub(super) fn settle(&mut self, outputs: &mut VecDeque<CtlOutput>) {
        if !self.receiver.keeps_alive() {
            self.close(outputs);
        }
    }

    /// Closes the connection, whatever is under way.
    pub(super) fn close(&mut self, outputs: &mut VecDeque<CtlOutput>) {
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            outputs.push_back(CtlOutput::Close(self.channel));
        }
        self.receiver = Receiver::new();
    }
}

/// The bytes of a GET request, or of a POST if there is a body.
pub(super) fn request_bytes(
    path: &str,
    url: &ServerUrl,
    authorization: Option<&str>,
    body: Option<&[u8]>,
) -> Vec<u8> {
    let host = url.host();
    let mut headers: Vec<(&str, &str)> = Vec::from([
        ("Host", host.as_str()),
        ("User-Agent", concat!("visor/", env!("CARGO_PKG_VERSION"))),
    ]);
    let method = if body.is_some() {
        headers.push(("Content-Type", "text/xml"));
        headers.push(("Accept", "text/xml"));
        "POST"
    } else {
        headers.push(("Accept", "*/*"));
        "GET"
    };
    if let Some(authorization) = authorization {
        headers.push(("Authorization", authorization));
    }
    crate::http::client::request(method, path, &headers, body)
}

/// What follows a log: `/logtail/NAME/CHANNEL`.
pub(super) fn logtail_path(name: &str, channel: &str) -> String {
    alloc::format!(
        "/logtail/{}/{channel}",
        crate::http::form::percent_encode(name)
    )
}
