#![allow(clippy::unwrap_used)]
use super::*;
use crate::cli::Serve;

fn file(text: &str) -> (tempfile::TempDir, Serve) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hopline.toml");
    std::fs::write(&path, text).unwrap();
    (dir, Serve { config: Some(path), ..Serve::default() })
}

/// A later layer wins over an earlier one; what nobody sets keeps its default.
#[test]
fn flags_win_over_file_over_defaults() {
    let (_dir, mut flags) = file("http = \"127.0.0.1:1\"\notlp_http = \"127.0.0.1:2\"\n[storage]\nretention_hours = 24\n");
    flags.http = Some("127.0.0.1:3".into());
    let config = Config::load(&flags).unwrap();
    assert_eq!((config.http.as_str(), config.otlp_http.as_str(), config.otlp_grpc.as_str()), ("127.0.0.1:3", "127.0.0.1:2", "127.0.0.1:4317"));
    assert_eq!(config.storage.retention_hours, 24);
    assert_eq!(config.storage.wal_segment_bytes, 64 << 20);
}

/// A wrong setting is refused in words that name the right one.
#[test]
fn mistakes_are_explained() {
    let cases = [
        ("htp = \"127.0.0.1:1\"", "unknown setting `htp` (from the settings file): did you mean `http`?"),
        ("[storage]\nretention_hour = 1", "did you mean `retention_hours`?"),
        ("[storage]\nretention_hours = \"long\"", "setting `storage.retention_hours`"),
        ("http = \"0.0.0.0:4300\"", "http = 0.0.0.0:4300 is reachable from other machines and no token is set"),
        ("token = \" \"", "an empty token protects nothing"),
        ("[tls]\ncert = \"x\"", "tls.key is not"),
        ("[[auth.tokens]]\ntoken = \"a\"\nscope = [\"read\"]", "did you mean `scopes`?"),
        ("http = ", "TOML"),
    ];
    for (text, expect) in cases {
        let (_dir, flags) = file(text);
        let said = format!("{:#}", Config::load(&flags).unwrap_err());
        assert!(said.contains(expect), "{text:?} says {said:?}, expected {expect:?}");
    }
}

#[test]
fn a_token_opens_other_addresses() {
    let (_dir, flags) = file("http = \"0.0.0.0:4300\"\ntoken = \"secret-1\"");
    let config = Config::load(&flags).unwrap();
    assert!(!config.auth().is_open());
    assert!(!config.to_toml().unwrap().contains("secret-1"), "a secret is never shown");
    let (_dir, flags) = file("http = \"0.0.0.0:4300\"\ninsecure_no_auth = true");
    assert!(Config::load(&flags).is_ok());
}

/// What `--print-config` writes is a settings file.
#[test]
fn printed_settings_are_read_back() {
    let (_dir, flags) = file("");
    let printed = Config::load(&flags).unwrap().to_toml().unwrap();
    let (_dir, flags) = file(&printed);
    assert_eq!(Config::load(&flags).unwrap().to_toml().unwrap(), printed);
}

#[test]
fn data_directory_follows_xdg() {
    let cases = [
        (&[("XDG_DATA_HOME", "/x"), ("HOME", "/h")][..], "/x/hopline"),
        (&[("XDG_DATA_HOME", "relative"), ("HOME", "/h")], "/h/.local/share/hopline"),
        (&[("HOME", "/h")], "/h/.local/share/hopline"),
        (&[], ".hopline"),
    ];
    for (variables, expect) in cases {
        let path = default_data_dir(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()));
        assert_eq!(path, Path::new(expect), "{variables:?}");
    }
}
