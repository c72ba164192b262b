//! Pages of a few sentences, which need no script.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::asset::address;
use crate::server::{escaped, html};

/// A page with a heading and paragraphs, all of it text, and where to go from there.
pub(crate) fn page(
    prefix: &str,
    status: StatusCode,
    title: &str,
    paragraphs: &[&str],
    links: &[(&str, &str)],
) -> Response {
    let prefix = &escaped(prefix);
    let paragraphs: String = paragraphs.iter().map(|text| format!("<p>{}</p>\n", escaped(text))).collect();
    let links: String = links
        .iter()
        .map(|(path, text)| format!("<li><a href=\"{prefix}{}\">{}</a></li>\n", escaped(path), escaped(text)))
        .collect();
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title} · taskq</title>\n\
         <link rel=\"icon\" type=\"image/svg+xml\" href=\"{icon}\">\n\
         <link rel=\"stylesheet\" href=\"{tokens}\">\n<link rel=\"stylesheet\" href=\"{base}\">\n\
         </head>\n<body class=\"plain\">\n<main>\n<h1>{title}</h1>\n{paragraphs}<ul>\n{links}</ul>\n</main>\n</body>\n</html>\n",
        title = escaped(title),
        icon = address(prefix, "icon.svg"),
        tokens = address(prefix, "style/token.css"),
        base = address(prefix, "style/base.css"),
    );
    let mut response = html(text).into_response();
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn what_is_said_stays_text() {
        let evil = "<img src=x onerror=alert(1)>";
        let page = page("", StatusCode::NOT_FOUND, evil, &[evil], &[("/", evil)]);
        assert_eq!(page.status(), StatusCode::NOT_FOUND);
        let text = String::from_utf8(to_bytes(page.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap();
        assert!(!text.contains("<img") && text.matches("&lt;img").count() == 4, "{text}");
    }
}
