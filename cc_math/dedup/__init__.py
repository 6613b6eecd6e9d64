"""Deduplication as plain functions on NumPy arrays, without Spark.

Owns the reference algorithms: word shingles and their exact overlap (:mod:`.shingles`),
MinHash signatures and LSH bands (:mod:`.minhash`), candidate pairs and the choice of
survivors (:mod:`.clusters`), passages repeated within a document or a site
(:mod:`.passages`). Reads and writes nothing; :mod:`cc_math.spark` distributes them.

The trade: LSH proposes generously and every proposed pair is verified by the exact overlap
of its shingles, so a false band match costs time and never a document. Choosing survivors
is left to ``compose``, which knows the documents that pass its other rules.
"""
