//! supervisorctl: the client machine of `visor_core::ctl` with sockets and a terminal around it.

mod connect;
mod driver;
mod flags;
mod shell;
mod terminal;

pub(crate) use flags::help;
pub use flags::{FLAGS, Flag};

use driver::Driver;
use flags::{Invocation, Stop};
use std::io::{self, IsTerminal as _, Write as _};
use terminal::Terminal;
use visor_core::ctl::{Ctl, CtlOptions, ServerUrl};

/// Exit status for a command line or a configuration that is wrong.
const USAGE: u8 = 2;
/// Exit status when nothing more can be printed, or a URL cannot be used.
const FAILURE: u8 = 1;

/// Runs supervisorctl with this process's command line; returns the exit status.
#[must_use]
pub fn main() -> i32 {
    let mut arguments = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = arguments
        .next()
        .unwrap_or_else(|| String::from("supervisorctl"));
    let arguments: Vec<String> = arguments.collect();
    let status = match flags::read(&program, &arguments) {
        Ok(invocation) => run(&invocation),
        Err(Stop::Help) => write!(io::stdout(), "{}", flags::help(&program)).map(|()| 0),
        Err(Stop::Error(message)) => {
            writeln!(io::stderr(), "Error: {message}\nFor help, use {program} -h").map(|()| USAGE)
        }
    };
    // A reader that has gone away has seen enough.
    i32::from(status.unwrap_or(FAILURE))
}

fn run(invocation: &Invocation) -> io::Result<u8> {
    let config = &invocation.config;
    let server = match ServerUrl::parse(&config.serverurl) {
        Ok(server) => server,
        Err(error) => {
            writeln!(io::stdout(), "error: {error}; check serverurl")?;
            return Ok(FAILURE);
        }
    };
    let shell = invocation.words.is_empty();
    let mut ctl = Ctl::new(CtlOptions {
        username: config.username.clone().unwrap_or_default(),
        password: config.password.clone().unwrap_or_default(),
        shell,
        json: invocation.json,
        colour: Terminal::output_is_terminal() && colours_are_wanted(),
        progress: io::stderr().is_terminal(),
        ..CtlOptions::new(server)
    });
    let mut driver = Driver::new(Terminal::new()?);
    match invocation.words.split_first() {
        None => {
            let history = config.history_file.as_deref();
            shell::run(driver, &mut ctl, &config.prompt, history)?;
            Ok(0)
        }
        Some((word, rest)) if word == "__complete" => {
            for candidate in driver.complete(&mut ctl, &rest.join(" ")) {
                driver.terminal.print(&candidate)?;
            }
            Ok(0)
        }
        Some(_) => Ok(driver.run(&mut ctl, &invocation.words.join(" "))?.status),
    }
}

/// By the conventions of <https://no-color.org> and of terminals that cannot.
fn colours_are_wanted() -> bool {
    let none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    !none && !dumb
}
