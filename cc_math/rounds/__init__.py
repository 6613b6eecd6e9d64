"""The mining loop's own logic: seeds, training, thresholds, decisions, the ledger. No Spark."""
