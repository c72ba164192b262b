//! The one document that all pages are drawn into.

use axum::response::{IntoResponse, Response};

use super::asset::address;
use crate::server::html;

/// The styles, in the order in which they apply.
const STYLES: [&str; 4] = ["style/token.css", "style/base.css", "style/layout.css", "style/part.css"];

/// The document below `prefix`.
pub(super) fn page(prefix: &str) -> Response {
    html(text(prefix)).into_response()
}

fn text(prefix: &str) -> String {
    // The options allow a prefix no character that would need to be escaped here; it is escaped all the same.
    let prefix = &crate::server::escaped(prefix);
    let styles: String =
        STYLES.map(|path| format!("<link rel=\"stylesheet\" href=\"{}\">\n", address(prefix, path))).concat();
    format!(
        "<!doctype html>\n\
         <html lang=\"en\" data-prefix=\"{prefix}\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>taskq</title>\n\
         <link rel=\"icon\" type=\"image/svg+xml\" href=\"{icon}\">\n\
         {styles}\
         <script src=\"{theme}\"></script>\n\
         <script type=\"module\" src=\"{main}\"></script>\n\
         </head>\n\
         <body>\n\
         <div id=\"app\"><p class=\"boot\">Loading the board …</p></div>\n\
         <noscript><p class=\"boot\">The board draws its pages with JavaScript, which is off. <a href=\"{prefix}/status\">The \
         status page</a> and <a href=\"{prefix}/api/v1/openapi.json\">the API</a> work without.</p></noscript>\n\
         </body>\n\
         </html>\n",
        icon = address(prefix, "icon.svg"),
        theme = address(prefix, "theme.js"),
        main = address(prefix, "main.js"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_in_the_document_is_below_the_prefix() {
        let text = text("/ops/board");
        let places: Vec<&str> =
            ["href=\"", "src=\""].iter().flat_map(|mark| text.split(mark).skip(1)).collect();
        assert!(places.len() >= 8);
        assert!(places.iter().all(|place| place.starts_with("/ops/board/")), "{text}");
        assert!(!text.contains("style=") && !text.contains("<script>"), "the policy forbids it");
    }
}
