//! `GET /public/{appId}/{path}`: files that WhatsApp fetches, with types, HEAD and ranges; no listing, no way out.

use std::path::Path;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use tower_http::services::ServeDir;

use crate::web::{Applications, Site, answer};

/// The routes below `/public`, one for each application.
pub(super) fn router(applications: &Applications, public: &Path) -> Router<Site> {
    let mut router = Router::new();
    for app in applications.ids() {
        let folder = public.join(app.as_str());
        let files = ServeDir::new(&folder).append_index_html_on_directories(false);
        let inside = Router::new().fallback_service(files).layer(middleware::from_fn(
            move |request: Request, next: Next| guard(folder.clone(), request, next),
        ));
        router = router.nest(&format!("/{app}"), inside);
    }
    router.fallback(answer::not_found)
}

/// Refuses hidden files, and links that lead out of the folder; what is not there looks the same.
async fn guard(folder: std::path::PathBuf, request: Request, next: Next) -> Response {
    let path = percent_encoding::percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned();
    let hidden = path.split(['/', '\\']).any(|segment| segment.starts_with('.'));
    if hidden || path.contains('\0') || !stays_inside(&folder, path.trim_start_matches('/')).await {
        return answer::not_found().await;
    }
    let response = next.run(request).await;
    if response.status() == axum::http::StatusCode::NOT_FOUND { answer::not_found().await } else { response }
}

async fn stays_inside(folder: &Path, path: &str) -> bool {
    let target = folder.join(path);
    let folder = folder.to_owned();
    let look = tokio::task::spawn_blocking(move || {
        let target = target.canonicalize().ok()?;
        Some(target.starts_with(folder.canonicalize().ok()?) && target.is_file())
    });
    matches!(look.await, Ok(Some(true)))
}
