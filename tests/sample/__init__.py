"""Sources of the sample crawl: sites in TOML, templates in HTML, and what turns them into pages.

Every sentence was written for this project; the sites, their people and their prices are
made up. `python tests/pack_sample.py` packs them into cc_math/data/sample/.
"""
