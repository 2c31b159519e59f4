//! A program that does not serve fails its suite soon, in its own words.

use std::process::Command;
use std::time::{Duration, Instant};

use sealgate_tests::e2e::{E2eError, Process, free_port, http_ok};
use sealgate_tests::tools::{self, ToolError};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn a_program_that_dies_at_its_start_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let mut earlier = Process::start("server", &mut shell("echo earlier"), folder.path()).unwrap();
    earlier
        .ready(Duration::from_secs(60), || false)
        .unwrap_err();

    let script = "echo listen tcp :2112: bind: address already in use >&2; exit 3";
    let mut process = Process::start("server", &mut shell(script), folder.path()).unwrap();
    let began = Instant::now();
    let failed = process.ready(Duration::from_secs(600), || http_ok(port, "/ping"));
    assert!(began.elapsed() < Duration::from_secs(60));
    let error = failed.unwrap_err();
    assert!(matches!(error, E2eError::Ended { .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains("server ended with exit status: 3"), "{said}");
    assert!(said.contains("address already in use"), "{said}");
    assert!(!said.contains("earlier"), "{said}");
}

#[test]
fn a_program_that_never_listens_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let mut command = shell("echo waiting for the moon; exec sleep 600");
    let mut process = Process::start("server", &mut command, folder.path()).unwrap();
    let failed = process.ready(Duration::from_millis(500), || http_ok(port, "/ping"));
    let error = failed.unwrap_err();
    assert!(matches!(error, E2eError::NotReady { .. }), "{error}");
    assert!(
        error.to_string().contains("waiting for the moon"),
        "{error}"
    );
}

#[test]
fn a_program_that_never_ends_is_killed() {
    let limit = Duration::from_millis(500);
    let mut command = shell("echo still at it >&2; exec sleep 600");
    let error = tools::output(&mut command, "", limit).unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, ToolError::Endless { .. }), "{said}");
    assert!(
        said.contains("had not ended after 500ms") && said.contains("still at it"),
        "{said}"
    );
}

#[test]
fn a_program_is_given_its_input_and_its_failure_is_told() {
    let limit = Duration::from_secs(60);
    let echoed = tools::output(&mut Command::new("cat"), "to and fro", limit).unwrap();
    assert_eq!(echoed.stdout, b"to and fro");
    let error = tools::run(&mut shell("echo no such image >&2; exit 1")).unwrap_err();
    assert!(error.to_string().contains("no such image"), "{error}");
}

#[test]
fn no_port_is_given_twice() {
    let ports: Vec<_> = (0..64).map(|_| free_port().unwrap()).collect();
    let distinct: std::collections::BTreeSet<_> = ports.iter().collect();
    assert_eq!(distinct.len(), ports.len());
}
