//! `GET /public/{appId}/{path}`: files that WhatsApp fetches, with types, HEAD and ranges; no listing, no way out.

use std::convert::Infallible;
use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use tower::ServiceExt;
use tower_http::services::ServeDir;

use crate::base::AppId;
use crate::web::{Site, answer};

type Names = Result<RawPathParams, RawPathParamsRejection>;

/// What is below `/public/{app}`.
pub(super) fn router() -> Router<Site> {
    Router::new().fallback(serve)
}

/// Serves a file of an application, but for hidden ones and links that lead out of its folder; what is not there looks the
/// same.
async fn serve(State(site): State<Site>, names: Names, request: Request) -> Response<Body> {
    let path = percent_encoding::percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned();
    let hidden = path.split(['/', '\\']).any(|segment| segment.starts_with('.'));
    // One that is not UTF-8 names no application, like any other that is unknown.
    let app =
        names.ok().and_then(|names| AppId::parse(names.iter().find(|(name, _)| *name == "app")?.1).ok());
    let known = app.filter(|app| site.applications.now().get(app).is_some());
    let Some(app) = known.filter(|_| !hidden && !path.contains('\0')) else {
        return answer::not_found().await;
    };
    let folder = site.public_dir.join(app.as_str());
    if !stays_inside(&folder, path.trim_start_matches('/')).await {
        return answer::not_found().await;
    }
    let files = ServeDir::new(&folder).append_index_html_on_directories(false);
    let response = files.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
    if response.status() == StatusCode::NOT_FOUND {
        answer::not_found().await
    } else {
        response.into_response()
    }
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
