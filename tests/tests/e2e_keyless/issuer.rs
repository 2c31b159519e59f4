//! An OIDC issuer, as a company has one: Fulcio asks it for its keys, and takes its tokens.

use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A running issuer. Dropping it closes its port.
pub struct Issuer {
    pub url: String,
    key: KeyPair,
    _server: JoinSet<()>,
}

impl Issuer {
    pub async fn start() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (metadata, keys) = (metadata(&url).to_string(), keys(&key).to_string());
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(|| async move { json_of(metadata) }),
            )
            .route("/keys", get(|| async move { json_of(keys) }));
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            key,
            _server: server,
        }
    }

    /// A token for whoever has this address, good for ten minutes.
    pub fn token(&self, email: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = now.as_secs();
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": "1"});
        let claims = json!({
            "iss": self.url,
            "aud": "sigstore",
            "sub": email,
            "email": email,
            "email_verified": true,
            "iat": now,
            "exp": now + 600,
        });
        let encode = |part: Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &random,
                signed.as_bytes(),
                &mut signature,
            )
            .unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn json_of(text: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], text)
}

fn metadata(url: &str) -> Value {
    json!({
        "issuer": url,
        "jwks_uri": format!("{url}/keys"),
        "authorization_endpoint": format!("{url}/auth"),
        "token_endpoint": format!("{url}/token"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn keys(key: &KeyPair) -> Value {
    let public = key.public_key();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let modulus = public.modulus();
    let exponent = public.exponent();
    json!({"keys": [{
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "kid": "1",
        "n": number(modulus.big_endian_without_leading_zero()),
        "e": number(exponent.big_endian_without_leading_zero()),
    }]})
}
