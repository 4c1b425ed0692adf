//! From a request to what answers it.

use super::jobs::{Job, excerpt};
use crate::http::form::Fields;
use crate::http::{Method, Request, Response, Status};
use crate::rpc::log_file;
use crate::supervisor::Supervisor;
use crate::web::{self, Asked, Guarded};
use crate::xmlrpc::{DecodeError, Decoder, Limits, Message};
use crate::{ConnId, LogId, LogLevel, Now, ReadRange, Stream};
use alloc::string::String;

impl Supervisor {
    /// Answers a request, or begins to.
    pub(super) fn route(&mut self, now: Now, conn: ConnId, request: &Request) {
        let path = request.path();
        if path.starts_with("/RPC2") {
            self.route_rpc(now, conn, request);
            return;
        }
        let status = match (request.method, path.as_str()) {
            (Method::Other | Method::Put, _) => Status::BadRequest,
            (Method::Get, "/" | "/index.html") => {
                self.route_page(now, conn, request);
                return;
            }
            (Method::Post, "/" | "/index.html") => {
                self.route_form(now, conn, request);
                return;
            }
            (Method::Get, "/tail.html") => {
                self.route_tail_page(now, conn, request);
                return;
            }
            (Method::Get, "/events") => {
                self.begin_watch(now, conn);
                return;
            }
            (Method::Get, path) if is_tail(path) => {
                self.route_tail(now, conn, path, request);
                return;
            }
            (Method::Head, path) if is_tail(path) => Status::BadRequest,
            (Method::Get | Method::Head, path) => match web::asset(path) {
                Some(asset) => {
                    let known = request.headers.get("if-none-match");
                    self.respond(now, conn, &asset.response(known));
                    return;
                }
                None => Status::NotFound,
            },
            (Method::Post, _) => Status::NotFound,
        };
        self.respond(now, conn, &Response::error(status));
    }

    fn route_rpc(&mut self, now: Now, conn: ConnId, request: &Request) {
        if request.method != Method::Post {
            self.respond(now, conn, &Response::error(Status::BadRequest));
            return;
        }
        // A form of another site can send any text, XML too, with the browser's credentials.
        if !Guarded::of(request).is_same_site() {
            self.respond(now, conn, &Response::error(Status::Forbidden));
            return;
        }
        let mut decoder = Decoder::new(Limits::default());
        let message = decoder.feed(&request.body).and_then(|()| decoder.finish());
        match message {
            Ok(Message::Call { method, params }) => self.call(now, conn, method, params),
            Ok(Message::Response(_) | Message::Fault { .. }) => {
                self.refuse_rpc(now, conn, request, &DecodeError::NoMethodName);
            }
            Err(error) => self.refuse_rpc(now, conn, request, &error),
        }
    }

    fn refuse_rpc(&mut self, now: Now, conn: ConnId, request: &Request, error: &DecodeError) {
        let data = excerpt(&request.body);
        self.log(
            now,
            LogLevel::Error,
            format_args!("XML-RPC request data {data} is invalid: {error}"),
        );
        self.respond(now, conn, &Response::error(Status::BadRequest));
    }

    /// The page, or by its query an action for scripts.
    fn route_page(&mut self, now: Now, conn: ConnId, request: &Request) {
        let fields = Fields::parse(request.query());
        match Asked::by_get(&fields, request, now) {
            Ok(None) => {
                let response = web::page(&self.page_view(now), &fields);
                self.respond(now, conn, &response);
            }
            Ok(Some(asked)) => self.begin_deed(now, conn, asked),
            Err(response) => self.respond(now, conn, &response),
        }
    }

    /// An action from the page's forms.
    fn route_form(&mut self, now: Now, conn: ConnId, request: &Request) {
        let fields = Fields::parse(&String::from_utf8_lossy(&request.body));
        match Asked::by_post(&fields, request, now, &web::token(&self.boot.seed)) {
            Ok(asked) => self.begin_deed(now, conn, asked),
            Err(response) => self.respond(now, conn, &response),
        }
    }

    fn route_tail_page(&mut self, now: Now, conn: ConnId, request: &Request) {
        let page = web::TailPage::asked(&Fields::parse(request.query()));
        let path = match &page.name {
            Some(name) => match self.named_process(name) {
                Ok(process) => Ok(log_file(process, page.stream).map(String::from)),
                Err(fault) => Err(fault.text()),
            },
            None => Err(String::from("No process name found")),
        };
        match path {
            Ok(Some(path)) => {
                let range = ReadRange::Last { length: page.limit };
                self.read_log(conn, path, range);
                self.work(conn, Job::TailPage(page));
            }
            Ok(None) => {
                let response = page.response(self.identifier(), Err("This log is not kept."));
                self.respond(now, conn, &response);
            }
            Err(text) => {
                let text = alloc::format!("ERROR: {text}");
                let response = page.response(self.identifier(), Err(&text));
                self.respond(now, conn, &response);
            }
        }
    }

    /// `/logtail/NAME`, `/logtail/NAME/stdout`, `/mainlogtail`.
    fn route_tail(&mut self, now: Now, conn: ConnId, path: &str, request: &Request) {
        let fields = Fields::parse(request.query());
        let found = if path == "/mainlogtail" {
            let file = self.activity.file();
            file.map(|file| (LogId::Activity, String::from(file.path())))
        } else {
            self.tailed(path.strip_prefix("/logtail/").unwrap_or(""))
        };
        match found {
            Some((log, path)) => self.begin_follow(conn, log, path, fields.get("limit")),
            None => self.respond(now, conn, &Response::error(Status::NotFound)),
        }
    }

    fn tailed(&self, target: &str) -> Option<(LogId, String)> {
        let (name, stream) = match target.split_once('/') {
            None | Some((_, "" | "stdout")) => (target.split('/').next()?, Stream::Stdout),
            Some((name, "stderr")) => (name, Stream::Stderr),
            Some(_) => return None,
        };
        let process = self.named_process(name).ok()?;
        let path = String::from(log_file(process, stream)?);
        Some((LogId::Child(process.id, stream), path))
    }
}

fn is_tail(path: &str) -> bool {
    path == "/mainlogtail" || path.starts_with("/logtail/")
}
