//! One who lists revoked certificates.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

type Answers = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// Revocation lists and OCSP answers by path, over plain HTTP as everywhere.
pub struct RevocationService {
    base: String,
    answers: Answers,
}

impl RevocationService {
    pub async fn start() -> Self {
        let answers = Answers::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&answers));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, answers }
    }

    /// The URL of an answer that [`says`](Self::says) will give.
    pub fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    pub fn says(&self, name: &str, answer: Vec<u8>) {
        let mut answers = self.answers.lock().unwrap();
        answers.insert(name.to_owned(), answer);
    }
}

/// OCSP requests by GET add to the path.
async fn answer(State(answers): State<Answers>, uri: Uri) -> Response {
    let name = uri.path().split('/').nth(1).unwrap_or_default();
    match answers.lock().unwrap().get(name) {
        Some(answer) => answer.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
