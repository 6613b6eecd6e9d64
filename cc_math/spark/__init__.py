"""The distributed form of every stage. The only place in cc_math that imports pyspark."""
