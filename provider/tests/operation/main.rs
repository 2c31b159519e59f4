//! The program as its operator sees it: signals, full pipes, files that are none, exit codes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, fcntl_getfl, fcntl_setfl, mkfifoat};
use sealgate_testkit::https::{self, Https};
use sealgate_testkit::loopback::{free_port, http_ok, wait_until};
use serde_json::{Value, json};

/// What everything in these tests ends within.
const SOON: Duration = Duration::from_secs(60);

/// A running `sealgate serve`, which is killed when it is dropped.
struct Serve {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
    admin: u16,
}

/// A configuration, and where it lies.
struct Setup {
    folder: tempfile::TempDir,
    port: u16,
    admin: u16,
}

impl Setup {
    fn new(change: impl FnOnce(&Path, &mut Value)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, admin) = (free_port().unwrap(), free_port().unwrap());
        let mut config = json!({
            "listeners": [{
                "address": format!("127.0.0.1:{port}"),
                "clientAuth": "none",
                "clientCa": null,
            }],
            "admin": {"address": format!("127.0.0.1:{admin}")},
            "audit": {"output": "audit.log"},
        });
        change(folder.path(), &mut config);
        // JSON is YAML.
        std::fs::write(folder.path().join("sealgate.yaml"), config.to_string()).unwrap();
        Self {
            folder,
            port,
            admin,
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealgate"));
        command
            .arg("serve")
            .arg("--config")
            .arg(self.folder.path().join("sealgate.yaml"))
            .arg("--self-signed")
            .arg(self.folder.path().join("tls"))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Starts it, and waits until it is ready.
    fn start(self, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Serve {
        let child = self.command().stdout(stdout).stderr(stderr).spawn();
        let Self {
            folder,
            port,
            admin,
        } = self;
        let child = child.unwrap();
        let serve = Serve {
            child,
            folder,
            port,
            admin,
        };
        wait_until("readiness", SOON, || http_ok(admin, "/readyz")).unwrap();
        serve
    }

    /// How a start fails, and what it says.
    fn fails(&self) -> (Option<i32>, String) {
        let (mut read, write) = pipe().unwrap();
        let mut child = self.command().stderr(write).spawn().unwrap();
        let status = ended(&mut child);
        let mut said = String::new();
        read.read_to_string(&mut said).unwrap();
        (status.code(), said)
    }
}

impl Serve {
    /// How many of so many requests that are refused with a line in the log, and recorded in the
    /// audit log, get an answer.
    fn answers(&self, requests: usize) -> usize {
        let ca = std::fs::read_to_string(self.folder.path().join("tls/ca.crt")).unwrap();
        let tls = https::client_config(&ca, None).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let asking = async {
            let mut client = Https::connect(address, tls).await.unwrap();
            let mut answered = 0;
            for number in 0..requests {
                let broken = format!("{{\"unknown{number}\": 1}}");
                let wrong = json!({"images": ["UPPER"]}).to_string();
                for (body, status) in [(broken, 400), (wrong, 200)] {
                    let answer = client.post("/v1/verify", body);
                    let answer = tokio::time::timeout(SOON, answer).await;
                    assert_eq!(answer.unwrap().unwrap().status().as_u16(), status);
                }
                answered += 1;
            }
            answered
        };
        runtime().block_on(asking)
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.unwrap().success());
    }

    fn metric(&self, name: &str) -> u64 {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.admin));
        let (_, body) = runtime().block_on(https::get(address, "/metrics")).unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let lines = text.lines().filter(|line| line.starts_with(name));
        let counts = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        counts.sum()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        ended(&mut self.child).code()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn ended(child: &mut Child) -> ExitStatus {
    let mut status = None;
    let wait = wait_until("the end of the program", SOON, || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    if wait.is_err() {
        // The test fails; nothing of it stays.
        let _ = child.kill();
    }
    wait.unwrap();
    status.unwrap()
}

/// A pipe that is full, and that nobody reads.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (read, mut write) = pipe().unwrap();
    let flags = fcntl_getfl(&write).unwrap();
    fcntl_setfl(&write, flags | OFlags::NONBLOCK).unwrap();
    while write.write(&[b'x'; 4096]).is_ok() {}
    while write.write(b"x").is_ok() {}
    fcntl_setfl(&write, flags).unwrap();
    (read, write)
}

#[test]
fn standard_error_that_nobody_reads_stops_neither_answers_nor_the_end_f8() {
    let (read, write) = full_pipe();
    let serve = Setup::new(|_, config| config["log"] = json!({"filter": "trace"}));
    let serve = serve.start(Stdio::null(), write);
    assert_eq!(serve.answers(200), 200);
    assert!(http_ok(serve.admin, "/healthz"));
    let repeated = r#"sealgate_log_lost_total{cause="repeated"}"#;
    assert!(serve.metric(repeated) > 0, "warnings are rationed");
    assert_eq!(serve.stop(), Some(0));
    drop(read);
}

#[test]
fn lines_of_the_log_that_are_lost_are_counted_and_said_f8() {
    let (mut read, write) = full_pipe();
    let serve = Setup::new(|_, config| config["log"] = json!({"filter": "trace"}));
    let serve = serve.start(Stdio::null(), write);
    let unread = r#"sealgate_log_lost_total{cause="unread"}"#;
    // Until as many wait as may.
    while serve.metric(unread) == 0 {
        serve.answers(100);
    }
    let reading = std::thread::spawn(move || {
        let mut text = Vec::new();
        read.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    });
    // What is said next finds room again.
    let said = wait_until("room", SOON, || {
        let lost = serve.metric(unread);
        serve.answers(1);
        serve.metric(unread) == lost
    });
    said.unwrap();
    assert_eq!(serve.stop(), Some(0));
    let text = reading.join().unwrap();
    assert!(
        text.contains("standard error was not read fast enough"),
        "{}",
        text.lines().rev().take(5).collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn an_audit_log_that_nobody_reads_does_not_hold_up_the_end_which_says_so_f15() {
    let (read, write) = full_pipe();
    let serve = Setup::new(|_, config| config["audit"] = json!({"output": "stdout"}));
    let (mut log, stderr) = pipe().unwrap();
    let serve = serve.start(write, stderr);
    let said = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).map(|_| text).unwrap()
    });
    assert_eq!(serve.answers(20), 20);
    assert_eq!(serve.stop(), Some(3));
    let text = said.join().unwrap();
    let said = "lines of the audit log are lost: nobody took them lines=20";
    assert!(text.contains(said), "{text}");
    drop(read);
}

#[test]
fn signals_do_what_they_say_and_the_others_nothing_f20() {
    let serve = Setup::new(|_, _| {}).start(Stdio::null(), Stdio::null());
    let lines = |name: &str| std::fs::read_to_string(serve.path(name)).unwrap_or_default();
    let written = |name: &'static str, most: usize| {
        wait_until(name, SOON, || lines(name).lines().count() >= most).unwrap();
    };
    serve.answers(1);
    written("audit.log", 1);
    // As logrotate does.
    std::fs::rename(serve.path("audit.log"), serve.path("audit.log.1")).unwrap();
    serve.signal("HUP");
    wait_until("a new file", SOON, || serve.path("audit.log").exists()).unwrap();
    serve.answers(1);
    written("audit.log", 1);
    for name in ["USR1", "USR2", "PIPE", "HUP"] {
        serve.signal(name);
        serve.answers(1);
    }
    written("audit.log", 5);
    assert_eq!(lines("audit.log.1").lines().count(), 1);
    for line in lines("audit.log").lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    assert_eq!(serve.stop(), Some(0));
}

#[test]
fn every_signal_to_stop_ends_it_in_order_f20() {
    for name in ["INT", "QUIT"] {
        let mut serve = Setup::new(|_, _| {}).start(Stdio::null(), Stdio::null());
        serve.signal(name);
        assert_eq!(ended(&mut serve.child).code(), Some(0), "{name}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once_f15() {
    let serve = Setup::new(|_, config| {
        config["timeouts"] = json!({"shutdownDelay": "1h"});
    });
    let mut serve = serve.start(Stdio::null(), Stdio::null());
    serve.signal("TERM");
    let admin = serve.admin;
    wait_until("its leave", SOON, || !http_ok(admin, "/readyz")).unwrap();
    serve.signal("TERM");
    assert_eq!(ended(&mut serve.child).code(), Some(3));
}

#[test]
fn a_fifo_in_place_of_a_file_is_named_at_the_start_f26_f29() {
    for (field, change) in [
        ("audit log", json!({"audit": {"output": "pipe"}})),
        ("pipe:1", json!({"policies": ["pipe"]})),
        (
            "pipe",
            json!({"trustRoots": [{"name": "corp", "file": "pipe"}]}),
        ),
    ] {
        let setup = Setup::new(|folder, config| {
            mkfifoat(CWD, folder.join("pipe"), Mode::RWXU).unwrap();
            let config = config.as_object_mut().unwrap();
            config.extend(change.as_object().unwrap().clone());
        });
        let (code, said) = setup.fails();
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains(field), "{field} in {said}");
        let expected = "expected a regular file, found a FIFO";
        assert!(said.contains(expected), "{said}");
    }
}
