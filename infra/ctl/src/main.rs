//! The operator's command line.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use ctl::cli;
use ctl::failure::Exit;
use ctl::out::print;
use ctl::world::Named;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let answer = match cli::parse(&args) {
        Ok(cli) => {
            let stack = cli.stack.clone();
            ctl::run(&cli, &Named { stack }, &mut io::stdin(), &mut io::stdout()).await
        }
        Err(answer) => answer,
    };
    // Where one cannot be written, the other says why.
    let stdout = print(&mut io::stdout(), &answer.stdout);
    let stderr = print(&mut io::stderr(), &answer.stderr);
    match stdout.and(stderr) {
        Ok(_) => ExitCode::from(answer.exit as u8),
        Err(_) => ExitCode::from(Exit::Failed as u8),
    }
}
