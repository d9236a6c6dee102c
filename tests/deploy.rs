//! The files under `deploy/` have the right shape: settings are read by the binary itself, pipelines name what is defined.

use crate::harness::{binary, root};
use serde_yaml_ng::Value;
use std::path::PathBuf;
use std::process::Command;

fn file(name: &str) -> (PathBuf, String) {
    let path = root().join("deploy").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (path, text)
}

#[test]
fn sample_settings_are_settings() {
    let (path, text) = file("config/hopline.toml");
    let run = |path: &std::path::Path| {
        Command::new(binary()).args(["serve", "--print-config", "--config"]).arg(path).env_remove("HOPLINE_TOKEN").output().unwrap()
    };
    let output = run(&path);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // What is commented out as an example must be valid too.
    let mut whole = String::new();
    for line in text.lines() {
        let bare = line.strip_prefix("# ").filter(|bare| bare.starts_with('[') || bare.contains(" = ")).unwrap_or(line);
        whole.push_str(bare);
        whole.push('\n');
    }
    let dir = tempfile::tempdir().unwrap();
    let full = dir.path().join("full.toml");
    std::fs::write(&full, whole.replace("\"/var/lib/hopline\"", "\"data\"")).unwrap();
    let output = run(&full);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Every receiver, processor, exporter and extension in use is defined, everything defined is used, and data ends at Hopline's port.
#[test]
fn collector_configurations_hang_together() {
    for name in ["collector/host.yaml", "collector/kubernetes.yaml"] {
        let yaml: Value = serde_yaml_ng::from_str(&file(name).1).unwrap();
        let names = |value: &Value| value.as_sequence().into_iter().flatten().map(|name| name.as_str().unwrap().to_string()).collect::<Vec<_>>();
        let mut used: Vec<(&str, String)> = names(&yaml["service"]["extensions"]).into_iter().map(|name| ("extensions", name)).collect();
        let pipelines = yaml["service"]["pipelines"].as_mapping().unwrap();
        for (signal, pipeline) in pipelines {
            assert!(["traces", "logs", "metrics"].contains(&signal.as_str().unwrap()), "{name}: {signal:?}");
            for kind in ["receivers", "processors", "exporters"] {
                used.extend(names(&pipeline[kind]).into_iter().map(|name| (kind, name)));
            }
        }
        for (kind, part) in &used {
            assert!(!yaml[*kind][part.as_str()].is_null(), "{name}: {kind}.{part} is used and not defined");
        }
        for kind in ["receivers", "processors", "exporters", "extensions"] {
            for part in yaml[kind].as_mapping().unwrap().keys() {
                let part = part.as_str().unwrap();
                assert!(used.iter().any(|(of, used)| *of == kind && used == part), "{name}: {kind}.{part} is defined and not used");
            }
        }
        assert!(yaml["exporters"]["otlphttp"]["endpoint"].as_str().unwrap().ends_with(":4318"), "{name}");
    }
}

#[test]
fn compose_and_unit_name_real_things() {
    let yaml: Value = serde_yaml_ng::from_str(&file("compose.yaml").1).unwrap();
    let services = yaml["services"].as_mapping().unwrap();
    for (name, service) in services {
        let dockerfile =
            root().join("deploy").join(service["build"]["context"].as_str().unwrap()).join(service["build"]["dockerfile"].as_str().unwrap());
        assert!(dockerfile.exists(), "{name:?}: {}", dockerfile.display());
        for needed in service["depends_on"].as_sequence().into_iter().flatten() {
            assert!(services.contains_key(needed), "{needed:?}");
        }
        // A compose command must be one the binary has.
        if let Some(command) = service["command"].as_sequence() {
            let output = Command::new(binary()).arg(command[0].as_str().unwrap()).arg("--help").output().unwrap();
            assert!(output.status.success(), "{command:?}");
            let help = String::from_utf8_lossy(&output.stdout).into_owned();
            for flag in command.iter().filter_map(Value::as_str).filter(|word| word.starts_with("--")) {
                assert!(help.contains(flag), "{flag} is no flag of {command:?}");
            }
        }
    }
    let (_, dockerfile) = file("Dockerfile");
    assert!(dockerfile.lines().any(|line| line.starts_with("USER ") && !line.contains("root")), "the container must not run as root");
    for variable in dockerfile.split_whitespace().filter_map(|word| word.strip_prefix("HOPLINE_")).filter_map(|word| word.split_once('=')) {
        let output = Command::new(binary())
            .args(["serve", "--print-config"])
            .env(format!("HOPLINE_{}", variable.0), variable.1)
            .env("HOPLINE_TOKEN", "t")
            .output()
            .unwrap();
        assert!(output.status.success(), "HOPLINE_{}: {}", variable.0, String::from_utf8_lossy(&output.stderr));
    }
    let (_, unit) = file("systemd/hopline.service");
    for section in ["[Unit]", "[Service]", "[Install]"] {
        assert!(unit.contains(section), "{section}");
    }
    assert!(unit.contains("hopline serve --config") && unit.contains("DynamicUser=yes"));
}
