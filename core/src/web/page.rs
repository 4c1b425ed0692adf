//! The status page.

use super::html::escape;
use super::{PageView, html_response};
use crate::Mood;
use crate::http::form::{Fields, percent_encode};
use crate::http::{Response, Status};
use crate::process::{ProcessInfo, ProcessState};
use crate::rpc::{COMPATIBLE_VERSION, label};
use alloc::{format, string::String, vec::Vec};

/// States in the order of the summary: what needs attention first.
const SUMMARY: [ProcessState; 8] = [
    ProcessState::Fatal,
    ProcessState::Backoff,
    ProcessState::Unknown,
    ProcessState::Exited,
    ProcessState::Starting,
    ProcessState::Stopping,
    ProcessState::Running,
    ProcessState::Stopped,
];

/// The status page, with the message and the filter of its query.
pub(crate) fn page(view: &PageView, fields: &Fields) -> Response {
    let mut body = String::with_capacity(4096 + view.processes.len() * 1200);
    let title = escape(&view.identifier);
    body.push_str(&format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} – status</title>\n\
         <link rel=\"stylesheet\" href=\"/static/visor.css\">\n\
         <link rel=\"icon\" href=\"/static/icon.svg\" type=\"image/svg+xml\">\n\
         <script src=\"/static/page.js\" defer></script>\n</head>\n<body data-page=\"status\">\n\
         <a class=\"skip\" href=\"#processes\">Skip to the processes</a>\n"
    ));
    header(&mut body, view);
    let message = fields.get("message").unwrap_or("");
    body.push_str(&format!(
        "<p id=\"message\" class=\"message{}\" role=\"status\" aria-live=\"polite\">{}</p>\n",
        if is_error(message) { " bad" } else { "" },
        escape(message)
    ));
    body.push_str("<main>\n");
    toolbar(&mut body, view, fields);
    table(&mut body, view, fields);
    body.push_str(&format!(
        "</main>\n<footer><span>visor {}, compatible with Supervisor {COMPATIBLE_VERSION}</span>\
         <span>pid {}</span><a href=\"/mainlogtail\">daemon's log</a></footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        view.pid
    ));
    html_response(Status::Ok, body)
}

fn is_error(message: &str) -> bool {
    ["ERROR", "unexpected", "No such"]
        .iter()
        .any(|start| message.starts_with(start))
}

fn header(body: &mut String, view: &PageView) {
    body.push_str(&format!(
        "<header>\n<h1>{}</h1>\n<span id=\"mood\" class=\"mood{}\">{}</span>\n\
         <span id=\"live\" class=\"live\" hidden>live</span>\n\
         <button type=\"button\" id=\"theme\" class=\"quiet\" hidden>Theme: system</button>\n</header>\n",
        escape(&view.identifier),
        if view.mood == Mood::Running { "" } else { " ending" },
        view.mood.name().to_lowercase(),
    ));
}

fn toolbar(body: &mut String, view: &PageView, fields: &Fields) {
    let (text, state) = filter(fields);
    body.push_str(&format!(
        "<div class=\"bar\">\n<form id=\"filter\" method=\"get\" action=\"/\" role=\"search\">\n\
         <label for=\"filter-text\">Filter</label>\n\
         <input id=\"filter-text\" name=\"filter\" type=\"search\" value=\"{}\" \
         placeholder=\"name or state\" autocomplete=\"off\">\n",
        escape(text)
    ));
    body.push_str("<label for=\"filter-state\" class=\"off-screen\">State</label>\n<select id=\"filter-state\" name=\"state\">\n<option value=\"\">any state</option>\n");
    for known in SUMMARY {
        let name = known.name();
        let selected = if state.eq_ignore_ascii_case(name) {
            " selected"
        } else {
            ""
        };
        let count = view.processes.iter().filter(|p| p.state == known).count();
        body.push_str(&format!(
            "<option value=\"{}\"{selected} data-state=\"{name}\">{} ({count})</option>\n",
            name.to_lowercase(),
            name.to_lowercase()
        ));
    }
    body.push_str("</select>\n<button type=\"submit\" class=\"quiet\">Apply</button>\n</form>\n");
    summary(body, view);
    body.push_str(
        "<form method=\"post\" action=\"/\" class=\"actions all\" data-what=\"all processes\">\n",
    );
    token(body, view);
    for (action, text, warn) in [
        ("startall", "Start all", ""),
        ("restartall", "Restart all", "Restart all processes?"),
        ("stopall", "Stop all", "Stop all processes?"),
        (
            "clearall",
            "Clear all logs",
            "Clear the logs of all processes?",
        ),
    ] {
        let confirm = if warn.is_empty() {
            String::new()
        } else {
            format!(" data-confirm=\"{warn}\"")
        };
        body.push_str(&format!(
            "<button name=\"action\" value=\"{action}\"{confirm}>{text}</button>\n"
        ));
    }
    body.push_str("<button name=\"action\" value=\"refresh\" class=\"quiet\">Refresh</button>\n</form>\n</div>\n");
}

fn summary(body: &mut String, view: &PageView) {
    body.push_str("<p id=\"summary\" class=\"summary\">");
    for state in SUMMARY {
        let count = view.processes.iter().filter(|p| p.state == state).count();
        if count > 0 {
            let name = state.name().to_lowercase();
            body.push_str(&format!(
                "<a class=\"state {name}\" href=\"/?state={name}\">{count} {name}</a> "
            ));
        }
    }
    body.push_str("</p>\n");
}

fn token(body: &mut String, view: &PageView) {
    body.push_str(&format!(
        "<input type=\"hidden\" name=\"token\" value=\"{}\">\n",
        view.token
    ));
}

fn filter(fields: &Fields) -> (&str, &str) {
    (
        fields.get("filter").unwrap_or("").trim(),
        fields.get("state").unwrap_or("").trim(),
    )
}

fn is_shown(info: &ProcessInfo, text: &str, state: &str) -> bool {
    let name = label(&info.group, &info.name).to_lowercase();
    let text = text.to_lowercase();
    let has_text = name.contains(&text) || info.state.name().to_lowercase().contains(&text);
    has_text && (state.is_empty() || info.state.name().eq_ignore_ascii_case(state))
}

fn table(body: &mut String, view: &PageView, fields: &Fields) {
    let (text, state) = filter(fields);
    body.push_str(
        "<table id=\"processes\">\n<caption class=\"off-screen\">Processes</caption>\n<thead><tr>\
         <th scope=\"col\">State</th><th scope=\"col\">Name</th><th scope=\"col\">Description</th>\
         <th scope=\"col\">Actions</th></tr></thead>\n",
    );
    let shown: Vec<&ProcessInfo> = view.processes.iter().collect();
    for group in shown.chunk_by(|a, b| a.group == b.group) {
        let any = group.iter().any(|info| is_shown(info, text, state));
        body.push_str(if any { "<tbody>\n" } else { "<tbody hidden>\n" });
        let is_group = match group {
            [one] => one.group != one.name,
            _ => true,
        };
        if is_group && let Some(first) = group.first() {
            group_row(body, view, &first.group, group.len());
        }
        for info in group {
            row(body, view, info, is_group, is_shown(info, text, state));
        }
        body.push_str("</tbody>\n");
    }
    body.push_str("</table>\n");
    if view.processes.is_empty() {
        body.push_str("<p class=\"empty\">No programs are configured.</p>\n");
    }
    body.push_str("<p id=\"none\" class=\"empty\" hidden>No process matches the filter.</p>\n");
}

fn group_row(body: &mut String, view: &PageView, group: &str, count: usize) {
    let name = escape(group);
    let plural = if count == 1 { "process" } else { "processes" };
    body.push_str(&format!(
        "<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"3\">{name} <span class=\"count\">{count} {plural}</span></th>\
         <td><form method=\"post\" action=\"/\" class=\"actions\" data-what=\"group {name}\">\n"
    ));
    token(body, view);
    body.push_str(&format!(
        "<input type=\"hidden\" name=\"group\" value=\"{name}\">\n"
    ));
    for (action, text) in [
        ("start", "Start"),
        ("restart", "Restart"),
        ("stop", "Stop"),
        ("clearlog", "Clear logs"),
    ] {
        body.push_str(&format!(
            "<button name=\"action\" value=\"{action}\" aria-label=\"{text} group {name}\">{text}</button>\n"
        ));
    }
    body.push_str("</form></td></tr>\n");
}

fn row(body: &mut String, view: &PageView, info: &ProcessInfo, in_group: bool, shown: bool) {
    let label = label(&info.group, &info.name);
    let (id, name) = (escape(&label), escape(&info.name));
    let state = info.state.name().to_lowercase();
    let link = percent_encode(&label);
    let hidden = if shown { "" } else { " hidden" };
    let class = if in_group { " class=\"member\"" } else { "" };
    body.push_str(&format!(
        "<tr data-id=\"{id}\" data-state=\"{state}\" data-start=\"{}\"{hidden}{class}>\
         <td><span class=\"state {state}\">{state}</span></td>\
         <th scope=\"row\"><a href=\"/tail.html?processname={link}\" title=\"Show the log of {id}\">{name}</a></th>\
         <td class=\"description\">{}</td>\
         <td><form method=\"post\" action=\"/\" class=\"actions\" data-what=\"{id}\">\n",
        info.start,
        escape(&info.description)
    ));
    token(body, view);
    body.push_str(&format!(
        "<input type=\"hidden\" name=\"processname\" value=\"{id}\">\n"
    ));
    let is_up = info.state.is_running();
    for (action, text, off) in [
        (
            "start",
            "Start",
            is_up || info.state == ProcessState::Stopping,
        ),
        ("restart", "Restart", !is_up),
        ("stop", "Stop", !is_up),
        ("clearlog", "Clear log", false),
    ] {
        let disabled = if off { " disabled" } else { "" };
        body.push_str(&format!(
            "<button name=\"action\" value=\"{action}\" aria-label=\"{text} {id}\"{disabled}>{text}</button>\n"
        ));
    }
    body.push_str(&format!(
        "<a class=\"button\" href=\"/tail.html?processname={link}\" aria-label=\"Log of {id}\">Log</a>\n\
         <a class=\"button\" href=\"/tail.html?processname={link}&amp;stream=stderr\" aria-label=\"Error log of {id}\">Errors</a>\n\
         </form></td></tr>\n"
    ));
}
