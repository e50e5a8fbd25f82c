//! The operator's command line.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use ctl::cli;
use ctl::failure::Exit;
use ctl::world::Named;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let answer = match cli::parse(&args) {
        Ok(cli) => {
            let stack = cli.stack.clone();
            ctl::run(&cli, &Named { stack }, &mut io::stdin()).await
        }
        Err(answer) => answer,
    };
    let printed =
        print(&mut io::stdout(), &answer.stdout).and_then(|()| print(&mut io::stderr(), &answer.stderr));
    match printed {
        Ok(()) => ExitCode::from(answer.exit as u8),
        Err(_) => ExitCode::from(Exit::Failed as u8),
    }
}

/// Writes it all; a reader that has seen enough, as `head` does, is no failure.
fn print(to: &mut dyn Write, text: &str) -> io::Result<()> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
