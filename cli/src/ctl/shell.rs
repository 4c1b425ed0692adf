//! The interactive shell: a line editor on a terminal, plain lines from anything else.

use super::driver::Driver;
use super::terminal::Terminal;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::{DefaultHistory, History as _};
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use std::borrow::Cow;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use visor_core::ctl::{Ctl, CtlOptions, word_start};

/// Lines that are kept in the history.
const HISTORY_LINES: usize = 1000;
/// How long Tab may take.
const COMPLETION_LIMIT: Duration = Duration::from_secs(2);

/// Runs lines until the user leaves. Shows status first, as people expect who type `supervisorctl`.
pub(super) fn run(
    driver: Driver,
    ctl: &mut Ctl,
    prompt: &str,
    history_file: Option<&str>,
) -> io::Result<()> {
    let prompt = format!("{prompt}> ");
    if Terminal::input_is_terminal() && Terminal::output_is_terminal() {
        edited(driver, ctl, &prompt, history_file)
    } else {
        plain(driver, ctl, &prompt)
    }
}

fn plain(mut driver: Driver, ctl: &mut Ctl, prompt: &str) -> io::Result<()> {
    if driver.run(ctl, "status")?.leave {
        return Ok(());
    }
    while let Some(line) = driver.terminal.ask(prompt, false)? {
        if driver.run(ctl, &line)?.leave {
            return Ok(());
        }
    }
    driver.terminal.print("")
}

fn edited(
    driver: Driver,
    ctl: &mut Ctl,
    prompt: &str,
    history_file: Option<&str>,
) -> io::Result<()> {
    let driver = Rc::new(RefCell::new(driver));
    driver.borrow_mut().run(ctl, "status")?;
    let config = Config::builder()
        .max_history_size(HISTORY_LINES)
        .and_then(|config| config.history_ignore_dups(true))
        .map_err(io::Error::other)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor: Editor<Assistant, DefaultHistory> =
        Editor::with_config(config).map_err(io::Error::other)?;
    editor.set_helper(Some(Assistant {
        driver: Rc::clone(&driver),
        options: ctl.options().clone(),
        colour: ctl.options().colour,
    }));
    let mut history = History::open(&mut editor, history_file);
    let editor = Rc::new(RefCell::new(editor));
    let asking = Rc::clone(&editor);
    driver.borrow_mut().terminal.asker = Some(Box::new(move |prompt| {
        asking.borrow_mut().readline(prompt).ok()
    }));
    loop {
        let line = editor.borrow_mut().readline(prompt);
        match line {
            Ok(line) => {
                if !line.trim().is_empty() {
                    history.add(&mut editor.borrow_mut(), &driver, &line)?;
                }
                driver.borrow().terminal.forget_interrupts();
                if driver.borrow_mut().run(ctl, &line)?.leave {
                    return Ok(());
                }
                if let Some(assistant) = editor.borrow_mut().helper_mut() {
                    assistant.options = ctl.options().clone();
                }
            }
            // ^C gives up the line, not the shell.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return driver.borrow_mut().terminal.print(""),
            Err(ReadlineError::Io(error)) => return Err(error),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}

/// The history file: read once, and appended to after each line, so that a shell that is killed has
/// lost nothing and two shells do not overwrite each other.
struct History {
    file: Option<String>,
}

impl History {
    fn open(editor: &mut Editor<Assistant, DefaultHistory>, file: Option<&str>) -> Self {
        if let Some(file) = file {
            // A missing file is the first use; an unreadable one is told at the first append.
            let _first_use = editor.load_history(file);
        }
        Self {
            file: file.map(String::from),
        }
    }

    fn add(
        &mut self,
        editor: &mut Editor<Assistant, DefaultHistory>,
        driver: &RefCell<Driver>,
        line: &str,
    ) -> io::Result<()> {
        let added = editor.add_history_entry(line).unwrap_or(false);
        let Some(file) = self.file.as_ref().filter(|_| added) else {
            return Ok(());
        };
        if let Err(error) = editor.history_mut().append(file.as_ref()) {
            let message = format!("history is not kept: {file}: {error}");
            self.file = None;
            driver.borrow_mut().terminal.print_error(&message)?;
        }
        Ok(())
    }
}

/// Completes with what the server knows at this moment.
struct Assistant {
    driver: Rc<RefCell<Driver>>,
    options: CtlOptions,
    colour: bool,
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let line = line.get(..position).unwrap_or(line);
        let options = CtlOptions {
            shell: false,
            json: false,
            progress: false,
            answer_limit: COMPLETION_LIMIT,
            ..self.options.clone()
        };
        // While a question is asked, there is nothing to complete.
        let found = match self.driver.try_borrow_mut() {
            Ok(mut driver) => driver.complete(&mut Ctl::new(options), line),
            Err(_) => Vec::new(),
        };
        // The only candidate is complete: the next word follows.
        let found = match <[String; 1]>::try_from(found) {
            Ok([only]) => vec![format!("{only} ")],
            Err(found) => found,
        };
        Ok((word_start(line), found))
    }
}

impl Highlighter for Assistant {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(
        &'s self,
        prompt: &'p str,
        _default: bool,
    ) -> Cow<'b, str> {
        if self.colour {
            Cow::Owned(format!("\x1b[1m{prompt}\x1b[0m"))
        } else {
            Cow::Borrowed(prompt)
        }
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Validator for Assistant {}

impl Helper for Assistant {}
