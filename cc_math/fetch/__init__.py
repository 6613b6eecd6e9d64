"""Chosen pages alone, out of their WARCs: by byte range, by reading on, or from kept HTML.

``plan`` joins byte ranges, ``records`` reads the wanted records of one WARC, ``kept_html`` takes
them from an `html` table, ``chunk`` is the whole work on one chunk; ``address_list`` and
``index`` find pages by URL or site in Common Crawl's columnar index.
"""
