//! The examples of README.md, run as they stand there: the blocks after `<!-- test: name -->`, in order, by a shell.
//!
//! Only the addresses are replaced by those of the test's own server.

use crate::harness::{Server, binary, root};
use std::process::Command;

#[test]
fn examples_work_as_written() {
    let server = Server::start();
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut found = Vec::new();
    for part in text.split("<!-- test: ").skip(1) {
        let (name, rest) = part.split_once(" -->").unwrap();
        let block = rest.split("```sh\n").nth(1).and_then(|block| block.split("```").next()).unwrap();
        let script = block.replace("http://127.0.0.1:4318", &server.otlp_http()).replace("http://127.0.0.1:4300", &server.http());
        let folder = binary().parent().unwrap().to_path_buf();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
        let output =
            Command::new("bash").args(["-euo", "pipefail", "-c", &script]).env("PATH", path).env("HOPLINE_ENDPOINT", server.http()).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{name}:\n{script}\n{said}");
        match name {
            "send" => assert_eq!(said.trim(), "{}"),
            "find" => assert!(
                said.matches("4bf92f3577b34da6a3ce929d0e0e4736").count() >= 2 && said.contains("card declined") && said.contains("slowest"),
                "{said}"
            ),
            "script" => assert!(said.matches("card declined").count() >= 2, "{said}"),
            other => panic!("no expectation for {other}"),
        }
        found.push(name.to_string());
    }
    assert_eq!(found, ["send", "find", "script"]);
}
