// SPDX-License-Identifier: MIT
// What many people would write in Rust: axum's Sse and tokio's broadcast. GET
// subscribes to a channel, POST sends to it. A reader that is more than
// CAPACITY events behind loses the oldest, in silence.
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast::{channel, Sender};
use tokio_stream::{wrappers::BroadcastStream, Stream, StreamExt};

// The docs' own examples have 16 ("channel(16)": docs.rs/tokio, tokio::sync::
// broadcast); more loses less ("Lagging" there).
const CAPACITY: usize = 4096;

#[derive(Default)]
struct Hub {
    channels: Mutex<HashMap<String, Sender<Event>>>,
    count: AtomicU64,
}

impl Hub {
    fn sender(&self, name: String) -> Sender<Event> {
        let mut channels = self.channels.lock().unwrap();
        channels.entry(name).or_insert_with(|| channel(CAPACITY).0).clone()
    }
}

async fn subscribe(
    State(hub): State<Arc<Hub>>,
    Path(name): Path<String>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = BroadcastStream::new(hub.sender(name).subscribe());
    Sse::new(events.filter_map(|event| event.ok().map(Ok)))
}

async fn publish(State(hub): State<Arc<Hub>>, Path(name): Path<String>, body: String) -> StatusCode {
    let number = hub.count.fetch_add(1, Ordering::Relaxed) + 1;
    // The event is encoded here, once: a clone shares its bytes.
    let event = Event::default().id(format!("00000000-0000-8000-8000-{number:012x}")).data(body);
    let _ = hub.sender(name).send(event);
    StatusCode::ACCEPTED
}

#[tokio::main] // "worker_threads … defaults to the number of cpus": docs.rs/tokio, attr.main
async fn main() {
    let port = std::env::args().nth(1).expect("usage: axum-broadcast PORT");
    let app = axum::Router::new()
        .route("/events/{name}", get(subscribe))
        .route("/publish/{name}", post(publish))
        .with_state(Arc::new(Hub::default()));
    // TcpListener::bind has a backlog of 1024: docs.rs/tokio, TcpListener::bind.
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
    // "Set TCP_NODELAY on all accepted connections": docs.rs/axum, serve::ListenerExt::tap_io.
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await.unwrap();
}
