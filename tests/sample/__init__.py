"""Sources of the sample crawl: sites in TOML, templates in HTML, and what turns them into pages."""
