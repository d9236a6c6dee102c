//! The page's session: a form sends the token once, and a cookie that scripts cannot read carries it from then on.
//!
//! `POST /login {"token":"…"}` answers 204 and the cookie, or 401; `POST /logout` forgets it. The cookie is
//! `SameSite=Strict`, so that no other site can act through it, and a request that carries an `Authorization` of its own ignores it.

use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hopline_model::auth::{Auth, Scope};
use serde::Deserialize;
use std::sync::Arc;

const COOKIE: &str = "hopline_session";
/// A month: the page of a team's own server is not a bank.
const COOKIE_SECONDS: u32 = 30 * 24 * 3600;

#[derive(Clone)]
struct Session {
    auth: Arc<Auth>,
    /// Only over TLS may the cookie say `Secure`.
    secure: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    token: String,
}

pub(crate) fn router(auth: Arc<Auth>, secure: bool) -> Router {
    Router::new().route("/login", post(login)).route("/logout", post(logout)).with_state(Session { auth, secure })
}

async fn login(State(session): State<Session>, Json(sent): Json<Login>) -> Response {
    match session.auth.tenant(Some(&sent.token), None, Scope::Read) {
        // Any bytes fit a cookie as base64.
        Ok(_) => reply(&session, &URL_SAFE_NO_PAD.encode(&sent.token), COOKIE_SECONDS),
        Err(denied) => {
            let problem = serde_json::json!({"title": "not let in", "status": 401, "detail": denied.to_string()});
            (StatusCode::UNAUTHORIZED, [(header::CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response()
        }
    }
}

async fn logout(State(session): State<Session>) -> Response {
    reply(&session, "", 0)
}

fn reply(session: &Session, value: &str, seconds: u32) -> Response {
    let secure = if session.secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, "no-store".into())]).into_response()
}

/// Turns the cookie into the header that the API knows.
pub(crate) async fn cookie_to_bearer(mut request: Request, next: Next) -> Response {
    if !request.headers().contains_key(header::AUTHORIZATION)
        && let Some(token) = request.headers().get_all(header::COOKIE).iter().find_map(|value| token_of(value.to_str().ok()?))
        && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}"))
    {
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    next.run(request).await
}

fn token_of(cookies: &str) -> Option<String> {
    let value = cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
    let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
    String::from_utf8(bytes).ok().filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_cookie_among_others() {
        let made = URL_SAFE_NO_PAD.encode("se;cret=");
        let cases = [
            (format!("a=b; {COOKIE}={made}"), Some("se;cret=")),
            (format!("{COOKIE}={made}"), Some("se;cret=")),
            (format!("{COOKIE}="), None),
            (format!("{COOKIE}=%%"), None),
            (format!("x{COOKIE}={made}"), None),
            ("a=b".into(), None),
        ];
        for (cookies, expect) in cases {
            assert_eq!(token_of(&cookies).as_deref(), expect, "{cookies}");
        }
    }
}
